"""Flask routes for the pictures of what the what-if lens computed: addressed by the job, so that browsers keep them.

A response's image at one of its degrees is made when it is looked at; those of attacks and minimal evidence were kept.
Where a classifier's layers part for an adversarial image is asked when that image is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.attacks.rounding import rounded_within
from nnvis_dash.analysis.response import ADVERSARIAL
from nnvis_dash.errors import NNVisError, NotFound
from nnvis_dash.figures import perturbation
from nnvis_dash.routes import FOREVER, LARGEST_SIDE, answers_or_404
from nnvis_dash.services import Services
from nnvis_dash.state.edits import with_degree
from nnvis_dash.state.references import Reference
from nnvis_dash.workspace.pixels import encode_png


def result_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("result", __name__)

    @routes.get("/response/<key>/<int:place>.png")
    @answers_or_404
    def response(key: str, place: int) -> flask.Response:
        """The first image of a response at one of its degrees; `?side=` limits the longer side, in pixels."""
        artifact = services.workspace.artifacts.load(key)
        degree = float(np.asarray(artifact.array("degrees"))[place])
        if artifact.card["name"] == ADVERSARIAL:
            return _picture(_towards(artifact, degree))
        reference = Reference.read(artifact.card["samples"][0])
        edits = with_degree(reference.edits, artifact.card["name"], degree, artifact.card["parameters"])
        varied = Reference(reference.sample, reference.derived, edits)
        return _picture(services.picture(artifact.card["dataset"], varied))

    @routes.get("/attack/<key>/<int:row>/<what>.png")
    @answers_or_404
    def attack(key: str, row: int, what: str) -> flask.Response:
        """One image of an attack: `clean`, `adversarial` or their difference, the `perturbation`."""
        artifact = services.workspace.artifacts.load(key)
        clean, after = (np.asarray(artifact.array(name)[row]) for name in ("clean", "images"))
        drawn: dict[str, Callable[[], Any]] = {
            "clean": lambda: clean,
            "adversarial": lambda: after,
            "perturbation": lambda: perturbation.amplified(clean, after)[0],
        }
        return _picture(drawn[what]())

    @routes.get("/attack/<key>/<int:row>/layers.json")
    @answers_or_404
    def layers(key: str, row: int) -> flask.Response:
        """How far every layer is apart for an image and its adversarial one, as [name, distance] pairs."""
        services.workspace.artifacts.load(key)  # what isn't there costs the engine nothing
        try:
            found = services.engine.ask("parting", {"attack": key, "row": row})
        except NotFound:
            raise
        except NNVisError as error:  # a graph without layers, or no engine now: said in the page
            return flask.jsonify({"problem": str(error)})
        pairs = zip(found["layers"], found["distance"], strict=True)
        response = flask.jsonify(
            {"layers": [[name, float(distance)] for name, distance in pairs], "parts_at": found["parts_at"]}
        )
        response.headers["Cache-Control"] = FOREVER
        return response

    @routes.get("/evidence/<key>/<what>.png")
    @answers_or_404
    def evidence(key: str, what: str) -> flask.Response:
        """The part of an image that keeps the prediction, or what is left without the part that breaks it."""
        artifact = services.workspace.artifacts.load(key)
        image = np.asarray(artifact.array("image"))
        masks = {
            "sufficient": lambda: np.asarray(artifact.array("sufficient")),
            "necessary": lambda: ~np.asarray(artifact.array("necessary")),
        }
        return _picture(perturbation.kept_part(image, masks[what]()))

    return routes


def _towards(artifact: Any, degree: float) -> Any:
    """Return the first image of an adversarial response at a strength in 255ths."""
    clean, direction = (np.asarray(artifact.array(name)) for name in ("clean", "direction"))
    return rounded_within(clean, clean + np.float32(degree) * direction, degree, "linf")[0]


def _picture(pixels: Any) -> flask.Response:
    side = min(flask.request.args.get("side", LARGEST_SIDE, type=int), LARGEST_SIDE)
    response = flask.Response(encode_png(pixels, max(0, side)), mimetype="image/png")
    response.headers["Cache-Control"] = FOREVER
    return response
