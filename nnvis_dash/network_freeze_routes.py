"""Flask routes for freezing units: the answer without and with them, their exchange file, and what the jobs drew."""

from __future__ import annotations

from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.mutation.campaign import load_campaign
from nnvis_dash.analysis.mutation.frozen import frozen_json, n_frozen, read_frozen, read_ranges
from nnvis_dash.envelope import envelope
from nnvis_dash.errors import ParameterError
from nnvis_dash.posting import answers, body
from nnvis_dash.routes import FOREVER, LARGEST_SIDE, answers_or_404
from nnvis_dash.services import Services
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.state.references import Reference
from nnvis_dash.whatif_routes import most_probable, preview
from nnvis_dash.workspace.pixels import encode_png

DIVERGING = 127  # a change of 1 as it is sent


def network_freeze_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("network_freeze", __name__)

    @routes.post("/network/frozen")
    @answers
    def frozen() -> dict[str, Any]:
        """What a classifier says of an image without and with units frozen: the most probable classes.

        Takes ``{"dataset", "model", "sample" | "derived", "edits", "frozen": {layer: "0-3,7"}}``.
        """
        wanted = body()
        reference = Reference.wanted(wanted)
        if reference is None:
            raise ParameterError("No image is named", "Click a point on the map.")
        card = services.workspace.model(str(wanted.get("model")))
        units = read_ranges(card, wanted.get("frozen") or {})
        asked: dict[str, Any] = {
            "dataset": str(wanted.get("dataset")),
            "image": reference.plain,
            "model": card.fingerprint,
            "frozen": {layer: list(numbers) for layer, numbers in units.items()},
        }
        before, after = np.asarray(services.engine.ask("frozen_answer", asked)["probabilities"])
        return {
            "units": n_frozen(units),
            "image": preview(services, services.workspace.dataset(asked["dataset"]).card, reference),
            "before": int(before.argmax()),
            "after": int(after.argmax()),
            "nothing": bool(after.max() <= 0),
            "entries": [
                {"index": index, "before": float(before[index]), "after": float(after[index])}
                for index in most_probable(after, before)
            ],
        }

    @routes.post("/network/frozen/file")
    @answers
    def file() -> dict[str, Any]:
        """The exchange file of frozen units, as text: takes ``{"model", "frozen"}``."""
        wanted = body()
        card = services.workspace.model(str(wanted.get("model")))
        text = frozen_json(card, read_ranges(card, wanted.get("frozen") or {}))
        return {"name": f"{card.name}-frozen.json", "text": text}

    @routes.post("/network/frozen/read")
    @answers
    def read() -> dict[str, Any]:
        """Frozen units as the state holds them, from an exchange file: takes ``{"model", "text"}``."""
        wanted = body()
        card = services.workspace.model(str(wanted.get("model")))
        units = read_frozen(str(wanted.get("text")), card)
        return {"frozen": {layer: encode_ids(numbers) for layer, numbers in units.items()}, "units": n_frozen(units)}

    @routes.post("/network/campaign")
    @answers
    def campaign() -> Any:
        """The matrix of a campaign, of the classes that have images: takes ``{"key"}``.

        change (U, k) uint8: 127 where accuracy stays, 0 where all of the class is lost, 254 where all is won; classes
        (k,) int32, the outputs they are of; n (k,) int32, their images.
        """
        found = load_campaign(services.workspace.artifacts.load(str(body().get("key"))))
        classes = np.flatnonzero(found.n > 0)
        change = np.round(found.accuracy_change[:, classes] * DIVERGING + DIVERGING).astype(np.uint8)
        return envelope({}, change=change, classes=classes.astype(np.int32), n=found.n[classes].astype(np.int32))

    @routes.get("/network/visualisation/<key>.png")
    @answers_or_404
    def visualisation(key: str) -> flask.Response:
        """An image that excites a unit or a class; `?side=` limits the longer side."""
        pixels = np.asarray(services.workspace.artifacts.load(key).array("image"))
        side = min(flask.request.args.get("side", LARGEST_SIDE, type=int), LARGEST_SIDE)
        response = flask.Response(encode_png(pixels, max(0, side)), mimetype="image/png")
        response.headers["Cache-Control"] = FOREVER
        return response

    return routes
