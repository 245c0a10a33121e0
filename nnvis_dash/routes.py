"""Flask routes for what is too large or too frequent for a callback: images, attributions, long texts of the state.

Everything here is addressed by content, so the browser may keep it for ever. An unknown name is a 404 without details.
Arrays travel little-endian.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import wraps
from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.errors import NNVisError
from nnvis_dash.figures import heatmap
from nnvis_dash.services import Services
from nnvis_dash.state.ids import decode_ids
from nnvis_dash.state.references import Reference
from nnvis_dash.workspace.artifacts import Artifact
from nnvis_dash.workspace.pixels import encode_png, fit

FOREVER = "private, max-age=31536000, immutable"
LARGEST_SIDE = 1024


def answers_or_404(view: Callable[..., flask.Response]) -> Callable[..., flask.Response]:
    """Turn what a user's address can cause into a 404, the same for what is missing and what is malformed."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> flask.Response:
        try:
            return view(*args, **kwargs)
        except (NNVisError, LookupError):
            flask.abort(404)

    return answer


def binary(*arrays: Any, kind: str = "application/octet-stream", keep: bool = True) -> flask.Response:
    response = flask.Response(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays), mimetype=kind)
    response.headers["Cache-Control"] = FOREVER if keep else "no-store"
    return response


def download(data: bytes, kind: str, name: str, keep: bool = True) -> flask.Response:
    """Return a file to be saved under a name; `keep`: the browser may keep it for ever."""
    response = flask.Response(data, mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = FOREVER if keep else "no-store"
    return response


def _named(artifact: Artifact, ending: str) -> str:
    return f"{artifact.card['method']}-{artifact.card['samples'][0]}-{artifact.key[:8]}.{ending}"


def blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("nnvis", __name__)

    @routes.get("/image/<dataset>/<reference>.png")
    @answers_or_404
    def image(dataset: str, reference: str) -> flask.Response:
        """One image as it is stored, or derived and edited as its reference says.

        `?side=` limits the longer side; with `?fit=` it is as the classifier of that fingerprint gets it.
        """
        pixels = services.picture(dataset, Reference.read(reference))
        if model := flask.request.args.get("fit"):
            card = services.workspace.model(model)
            pixels = fit(pixels, *card.input_shape, card.resize)
        side = min(flask.request.args.get("side", LARGEST_SIDE, type=int), LARGEST_SIDE)
        response = flask.Response(encode_png(pixels, side), mimetype="image/png")
        response.headers["Cache-Control"] = FOREVER
        return response

    @routes.get("/attribution/<key>.png")
    @answers_or_404
    def picture(key: str) -> flask.Response:
        """An attribution's first heatmap as a picture that says how it was made; `?clip=` is the percentile."""
        artifact = services.workspace.artifacts.load(key)
        clip = min(max(flask.request.args.get("clip", 100.0, type=float), 50.0), 100.0)
        values = np.asarray(artifact.array("heatmap")[0])
        signed = heatmap.is_signed(values, METHODS[artifact.card["method"]].traits)
        data = heatmap.exported(values, clip, signed, {**_about(artifact), "clip": clip})
        return download(data, "image/png", _named(artifact, "png"))

    @routes.get("/attribution/<key>.zip")
    @answers_or_404
    def values(key: str) -> flask.Response:
        """An attribution as heatmap.npy and values.npy, with attribution.json: all that they depend on."""
        artifact = services.workspace.artifacts.load(key)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("heatmap", "values"):
                array = io.BytesIO()
                np.save(array, np.asarray(artifact.array(name)), allow_pickle=False)
                archive.writestr(f"{name}.npy", array.getvalue())
            archive.writestr("attribution.json", json.dumps(_about(artifact), indent=1))
        return download(stream.getvalue(), "application/zip", _named(artifact, "zip"))

    def _about(artifact: Artifact) -> dict[str, Any]:
        about = {
            **artifact.card,
            "target": np.asarray(artifact.array("target")).tolist(),
            "probability": np.asarray(artifact.array("probability")).tolist(),
        }
        for kind, cards in (("model", services.workspace.models()), ("dataset", services.workspace.datasets())):
            about |= {f"{kind}_name": card.name for card in cards if card.fingerprint == about[kind]}
        return about

    @routes.post("/texts")
    def texts() -> flask.Response:
        """Keep a large selection on the server; answers with the key that stands for it in the state and in links."""
        if flask.request.mimetype != "application/json":
            flask.abort(415)
        text = flask.request.get_json(silent=True)
        if not isinstance(text, str) or len(text) > 8_000_000:
            flask.abort(400)
        try:
            decode_ids(text)
        except NNVisError:
            flask.abort(400)
        return flask.jsonify(services.workspace.keep_text(text))

    @routes.get("/texts/<key>")
    @answers_or_404
    def text(key: str) -> flask.Response:
        """A large selection that was kept."""
        return flask.jsonify(services.workspace.kept_text(key))

    return routes
