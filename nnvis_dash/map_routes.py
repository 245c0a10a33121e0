"""Flask routes of the map: its points, the frames of its making, what is known of every sample, sheets of small images.

Everything is addressed by content, so the browser may keep it for ever; arrays travel little-endian and as few bytes as
the eye needs: four bytes a point for its place, one or two for each class.
"""

from __future__ import annotations

from typing import Any

import flask
import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.projections.honesty import neighbours_of
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NotFound
from nnvis_dash.routes import FOREVER, answers_or_404, binary
from nnvis_dash.services import Services
from nnvis_dash.state.ids import decode_ids
from nnvis_dash.types import Floats
from nnvis_dash.workspace.pixels import encode_png

FULL = 65535  # the largest coordinate
UNKNOWN = 65535  # of a share that is not known; a known one is at most UNKNOWN - 1
SHEET = 64  # images on a sheet at most
LARGEST_SIDE = 160  # pixels of an image on a sheet


def map_blueprint(services: Services) -> flask.Blueprint:
    """Return the map's routes over these services."""
    routes = flask.Blueprint("map", __name__)

    @routes.get("/map/<key>/points")
    @answers_or_404
    def points(key: str) -> flask.Response:
        """The map: its number of points n and one more than its last sample N (uint32), then `placed`.

        Where n isn't N, N bits follow: is this sample on the map?
        """
        artifact = services.workspace.artifacts.load(key)
        ids = np.asarray(artifact.array("sample_ids"))
        here = np.zeros(int(ids.max(initial=-1)) + 1, bool)
        here[ids] = True
        sizes = np.array([len(ids), len(here)], "<u4")
        bits = np.packbits(here, bitorder="little") if len(ids) < len(here) else np.empty(0, "u1")
        return binary(sizes, *placed(artifact.array("coordinates")), bits)

    @routes.get("/map/<key>/frames")
    @answers_or_404
    def frames(key: str) -> flask.Response:
        """The frames after `?after=`: n ids (int32), then each frame as `placed`.

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
            places = [parts.load(f"frame-{number:06d}")["coordinates"] for number in numbers]
        except NotFound:  # the projection began anew meanwhile: it has no frames yet
            ids, places, numbers = np.empty(0, "<i4"), [], []
        last = numbers[-1] if numbers else after
        response = binary(ids, *(array for place in places for array in placed(place)), keep=False)
        response.headers.update({"X-Points": str(len(ids)), "X-Frames": str(len(numbers)), "X-Last": str(last)})
        return response

    @routes.get("/map/<key>/honesty")
    @answers_or_404
    def honesty(key: str) -> flask.Response:
        """How far the map's n points can be believed: n trustworthiness, then n continuity (float32)."""
        artifact = services.workspace.artifacts.load(Request("honesty", {"map": key}).key)
        return binary(*(artifact.array(name).astype("<f4") for name in ("trustworthiness", "continuity")))

    @routes.get("/map/<key>/neighbours/<int:row>")
    @answers_or_404
    def neighbours(key: str, row: int) -> flask.Response:
        """The rows (int32) of the 10 samples that are nearest in the features to the one of this row, in order."""
        reference = services.workspace.artifacts.load(key).array("reference")
        if row >= len(reference):
            raise NotFound(f"The map has no row {row}", f"It has rows 0 to {len(reference) - 1}.")
        return binary(neighbours_of(reference, row).astype("<i4"))

    @routes.get("/attributes/<dataset>/<model>")
    @answers_or_404
    def attributes(dataset: str, model: str) -> flask.Response:
        """Of all N samples: label, prediction (`classes`), confidence and entropy / log K (`shares`).

        The header `X-Width` gives the bytes of a class.
        """
        card = services.workspace.dataset(dataset).card
        chosen = None if model == "-" else services.workspace.model(model)
        known = chosen is not None and services.index(card.fingerprint, chosen.fingerprint) is not None
        label, prediction, confidence, entropy = services.attributes(card, chosen)
        width = 1 if max(label.max(initial=-1), prediction.max(initial=-1)) < 255 else 2
        response = binary(
            classes(label, width),
            classes(prediction, width),
            shares(confidence),
            shares(entropy),
            keep=known or chosen is None,
        )
        response.headers["X-Width"] = str(width)
        return response

    @routes.get("/sheet/<dataset>.png")
    @answers_or_404
    def sheet(dataset: str) -> flask.Response:
        """Images of the samples `?ids=` (64 at most) in their order, side by side, each a square of `?side=` pixels."""
        side = min(max(flask.request.args.get("side", 48, type=int), 8), LARGEST_SIDE)
        ids = decode_ids(flask.request.args.get("ids", ""), SHEET)
        if not ids:
            flask.abort(404)
        images = services.dataset(dataset).batch(list(ids), (side, side, 3), "crop")
        response = flask.Response(encode_png(np.concatenate(list(images), axis=1)), mimetype="image/png")
        response.headers["Cache-Control"] = FOREVER
        return response

    return routes


def placed(coordinates: Floats) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return a map's places in four bytes each, and what takes them back.

    Parameters
    ----------
    coordinates : (n, 2) float32

    Returns
    -------
    frame : (3,) little-endian float32
        Least x and y, and the map's unit: a place is ``frame[:2] + frame[2] * points``. The unit is the same along
        both axes, so the map keeps its shape; it is 1 / 65,535 of the longer side.
    points : (n, 2) little-endian uint16
    """
    low = coordinates.min(axis=0) if len(coordinates) else np.zeros(2, np.float32)
    extent = float((coordinates.max(axis=0) - low).max()) if len(coordinates) else 0.0
    unit = extent / FULL if extent > 0 else 1.0
    points = np.round((coordinates.astype(np.float64) - low) / unit).astype("<u2")
    return np.array([*low, unit], "<f4"), points


def classes(numbers: npt.NDArray[np.int32], width: int) -> npt.NDArray[Any]:
    """Return class numbers in one or two bytes each; the largest number stands for -1, no class."""
    return numbers.astype(np.int64).astype("<u2" if width == 2 else "u1")  # -1 wraps to the largest


def shares(values: Floats) -> npt.NDArray[Any]:
    """Return numbers from 0 to 1 in two bytes each, (n,) uint16 of 65,534; 65,535 stands for NaN."""
    known = ~np.isnan(values)
    return np.where(known, np.round(np.where(known, values, 0) * (UNKNOWN - 1)), UNKNOWN).astype("<u2")
