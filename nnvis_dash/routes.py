"""Flask routes for what is too large or too frequent for a callback: images, and typed arrays for the map.

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
from nnvis_dash.analysis.projections.honesty import neighbours_of
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError, NotFound
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


def _binary(*arrays: Any, kind: str = "application/octet-stream", keep: bool = True) -> flask.Response:
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

    @routes.get("/map/<key>/points")
    @answers_or_404
    def points(key: str) -> flask.Response:
        """The map: n sample ids (int32), then n x, then n y (float32)."""
        artifact = services.workspace.artifacts.load(key)
        coordinates = artifact.array("coordinates").astype("<f4")
        ids = artifact.array("sample_ids").astype("<i4")
        return _binary(ids, coordinates[:, 0], coordinates[:, 1])

    @routes.get("/map/<key>/frames")
    @answers_or_404
    def frames(key: str) -> flask.Response:
        """The frames after `?after=`: n ids (int32), then each frame's n x and n y (float32).

        The headers `X-Points` and `X-Frames` give n and the number of frames, `X-Last` the number of the last one.
        """
        after = flask.request.args.get("after", -1, type=int)
        limit = min(flask.request.args.get("limit", 200, type=int), 400)
        parts = services.workspace.artifacts.parts(key)
        names = parts.names()
        numbers = sorted(int(name.removeprefix("frame-")) for name in names if name.startswith("frame-"))
        numbers = [number for number in numbers if number > after][:limit] if "ids" in names else []
        try:
            ids = parts.load("ids")["sample_ids"].astype("<i4") if numbers else np.empty(0, "<i4")
            places = [parts.load(f"frame-{number:06d}")["coordinates"].astype("<f4") for number in numbers]
        except NotFound:  # the projection began anew meanwhile: it has no frames yet
            ids, places, numbers = np.empty(0, "<i4"), [], []
        arrays = [place[:, axis] for place in places for axis in (0, 1)]
        last = numbers[-1] if numbers else after
        response = _binary(ids, *arrays, keep=False)
        response.headers.update({"X-Points": str(len(ids)), "X-Frames": str(len(numbers)), "X-Last": str(last)})
        return response

    @routes.get("/map/<key>/honesty")
    @answers_or_404
    def honesty(key: str) -> flask.Response:
        """How far the map's n points can be believed: n trustworthiness, then n continuity (float32)."""
        artifact = services.workspace.artifacts.load(Request("honesty", {"map": key}).key)
        return _binary(*(artifact.array(name).astype("<f4") for name in ("trustworthiness", "continuity")))

    @routes.get("/map/<key>/neighbours/<int:row>")
    @answers_or_404
    def neighbours(key: str, row: int) -> flask.Response:
        """The rows (int32) of the 10 samples that are nearest in the features to the one of this row, in order."""
        reference = services.workspace.artifacts.load(key).array("reference")
        if row >= len(reference):
            raise NotFound(f"The map has no row {row}", f"It has rows 0 to {len(reference) - 1}.")
        return _binary(neighbours_of(reference, row).astype("<i4"))

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

    @routes.get("/attributes/<dataset>/<model>")
    @answers_or_404
    def attributes(dataset: str, model: str) -> flask.Response:
        """Of all N samples: label, prediction (int32, -1: none), confidence, entropy / log K (f32, NaN: unknown)."""
        card = services.workspace.dataset(dataset).card
        chosen = None if model == "-" else services.workspace.model(model)
        known = chosen is not None and services.index(card.fingerprint, chosen.fingerprint) is not None
        label, prediction, confidence, entropy = services.attributes(card, chosen)
        return _binary(
            label.astype("<i4"),
            prediction.astype("<i4"),
            confidence.astype("<f4"),
            entropy.astype("<f4"),
            keep=known or chosen is None,
        )

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

    @routes.get("/healthz")
    def healthz() -> str:
        """Whether this process answers."""
        return "ok"

    return routes
