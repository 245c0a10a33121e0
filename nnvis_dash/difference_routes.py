"""Flask routes for prediction difference maps: pictures of a map as far as it is, one window of it, and the downloads.

A map that is still being computed has a picture a round, so its address names the round; only what is complete may be
kept by the browser.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.prediction_difference.stored import Stored, sampler_of
from nnvis_dash.analysis.references import batch_of
from nnvis_dash.errors import NotFound
from nnvis_dash.figures import difference, heatmap
from nnvis_dash.routes import FOREVER, answers_or_404, download
from nnvis_dash.services import Recent, Services

SHOWN = 7  # samples of a window that are shown


def difference_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("difference", __name__, url_prefix="/difference")
    samplers = Recent(8)

    def opened(key: str) -> Stored:
        stored = services.difference(key, flask.request.args.get("round", type=int))
        if stored is None:
            raise NotFound(f"There is no map {key!r}", "Ask for it again.")
        return stored

    def fitted(dataset: str, reference: int | str, model: str) -> Any:
        """Return the image as the classifier sees it, (H, W, C) uint8."""
        card = services.workspace.model(model)
        derived = services.workspace.derived
        return batch_of([reference], services.dataset(dataset), derived, card.input_shape, card.resize)[0]

    def clip() -> float:
        return min(max(flask.request.args.get("clip", 100.0, type=float), 50.0), 100.0)

    @routes.get("/image/<dataset>/<reference>/<model>.png")
    @answers_or_404
    def image(dataset: str, reference: str, model: str) -> flask.Response:
        """An image as a classifier sees it, in its size; `?grey=1` as it lies under a map."""
        return _picture(difference.image_picture(fitted(dataset, reference, model), _flag("grey")), True)

    @routes.get("/<key>/maps/<int:readout>.png")
    @answers_or_404
    def picture(key: str, readout: int) -> flask.Response:
        """A map as far as it is; `?what=error` its standard errors, `?over=1` as a layer, `?limit=` or `?clip=`."""
        stored = opened(key)
        if flask.request.args.get("what") == "error":
            errors = np.where(covered(stored), stored.errors[readout], np.nan)
            data = difference.error_picture(errors, _limit(errors, clip()))
        else:
            values = np.where(covered(stored), stored.maps[readout], np.nan)
            data = difference.map_picture(values, _limit(values, clip()), _flag("over"))
        settled = stored.complete and flask.request.args.get("round", -1, type=int) == stored.round
        return _picture(data, settled)

    @routes.get("/<key>/sensitivity.png")
    @answers_or_404
    def sensitivity(key: str) -> flask.Response:
        """An attribution's heatmap drawn as the maps are; `?over=1` as a layer."""
        artifact = services.workspace.artifacts.load(key)
        values = np.asarray(artifact.array("heatmap")[0])
        if not heatmap.is_signed(values, METHODS[artifact.card["method"]].traits):
            values = np.abs(values)
        return _picture(difference.map_picture(values, difference.limit(values, clip()), _flag("over")), True)

    @routes.get("/<key>/window")
    @answers_or_404
    def window(key: str) -> flask.Response:
        """The computed window whose middle is nearest to the pixel `?row=&col=`, of `?readout=`; {} where none is."""
        stored = opened(key)
        readout = flask.request.args.get("readout", 0, type=int)
        found = nearest_window(
            stored,
            readout,
            flask.request.args.get("row", 0, type=int),
            flask.request.args.get("col", 0, type=int),
        )
        answer: dict[str, Any] = {}
        if found is not None:
            i, j = found
            row, col = int(stored.rows[i]), int(stored.cols[j])
            answer = {
                "row": row,
                "col": col,
                "side": int(stored.card["window"]),
                "evidence": _finite(stored.window_values[readout, i, j]),
                "error": _finite(stored.window_errors[readout, i, j]),
                "value": float(stored.readouts[readout]["value"]),
                "without": _finite(stored.without[readout, i, j]),
                "samples": int(stored.counts[i, j]),
                **strip(key, stored, row, col, int(stored.counts[i, j])),
            }
        response = flask.jsonify(answer)
        response.headers["Cache-Control"] = "no-store"
        return response

    def strip(key: str, stored: Stored, row: int, col: int, count: int) -> dict[str, Any]:
        """Draw the window's surroundings as they are and with its first samples in it."""
        card = stored.card
        try:
            sampler = samplers.get(key, lambda: sampler_of(services.workspace, card))
        except NotFound:
            return {"strip": "", "tiles": 0}
        whole = fitted(card["dataset"], card["sample"], card["model"])
        side = int(card["window"])
        n = max(1, min(count, SHOWN))
        whole_steps = -(-n // sampler.step) * sampler.step
        drawn = sampler.draw(np.array([row]), np.array([col]), 0, whole_steps)[0, :n]
        margin = max(2, (int(card["outer"]) - side) // 2)
        top, left = max(0, row - margin), max(0, col - margin)
        around = whole[top : row + side + margin, left : col + side + margin]
        shown = np.repeat(around[None], len(drawn) + 1, axis=0)
        inside = (slice(1, None), slice(row - top, row - top + side), slice(col - left, col - left + side))
        shown[inside] = np.clip(np.round(drawn), 0, 255).astype(np.uint8)
        return {
            "strip": heatmap.data_uri(difference.tiles(shown)),
            "tiles": len(shown),
            "tile": [around.shape[0], around.shape[1]],
        }

    @routes.get("/<key>.png")
    @answers_or_404
    def exported(key: str) -> flask.Response:
        """A map alone as a picture that says how it was made; `?readout=` and `?clip=`."""
        stored = opened(key)
        readout = flask.request.args.get("readout", 0, type=int)
        values = np.asarray(stored.maps[readout])
        strongest = _limit(values, clip())
        about = {**_about(stored), "readout": stored.readouts[readout], "strongest colour": strongest}
        return download(
            difference.map_picture(values, strongest, about=about),
            "image/png",
            _named(stored, key, "png"),
            stored.complete,
        )

    @routes.get("/<key>.npz")
    @answers_or_404
    def arrays(key: str) -> flask.Response:
        """All of a map as arrays, with card.json: all that they depend on."""
        stored = opened(key)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in (
                "maps",
                "errors",
                "rows",
                "cols",
                "window_values",
                "window_errors",
                "without",
                "counts",
            ):
                array = io.BytesIO()
                np.save(array, np.asarray(getattr(stored, name)), allow_pickle=False)
                archive.writestr(f"{name}.npy", array.getvalue())
            archive.writestr("card.json", json.dumps(_about(stored), indent=1))
        return download(stream.getvalue(), "application/octet-stream", _named(stored, key, "npz"), stored.complete)

    @routes.get("/<key>.json")
    @answers_or_404
    def card(key: str) -> flask.Response:
        """All that a map depends on, and how far it is."""
        stored = opened(key)
        text = json.dumps(_about(stored), indent=1)
        return download(text.encode(), "application/json", _named(stored, key, "json"), stored.complete)

    def _about(stored: Stored) -> dict[str, Any]:
        about = {
            "method": "prediction_difference",
            **stored.card,
            "readouts": stored.readouts,
            "complete": stored.complete,
            "round": stored.round,
            "done": stored.done,
            "total": stored.total,
            "seconds_taken": stored.seconds,
        }
        for kind, cards in (("model", services.workspace.models()), ("dataset", services.workspace.datasets())):
            about |= {f"{kind}_name": card.name for card in cards if card.fingerprint == about[kind]}
        return about

    return routes


def covered(stored: Stored) -> Any:
    """Return which pixels lie in a window that has been computed, (H, W) bool."""
    height, width = stored.card["size"]
    side = int(stored.card["window"])
    steps = np.zeros((height + 1, width + 1), np.int32)  # where windows begin and end, summed up below
    at = np.nonzero(np.asarray(stored.counts) > 0)
    rows, cols = np.asarray(stored.rows)[at[0]], np.asarray(stored.cols)[at[1]]
    for down, right, sign in ((0, 0, 1), (side, 0, -1), (0, side, -1), (side, side, 1)):
        np.add.at(steps, (rows + down, cols + right), sign)
    return steps.cumsum(axis=0).cumsum(axis=1)[:height, :width] > 0


def nearest_window(stored: Stored, readout: int, row: int, col: int) -> tuple[int, int] | None:
    """Return the place in the grid of the computed window that holds a pixel and has its middle nearest to it."""
    side = int(stored.card["window"])
    rows, cols = np.asarray(stored.rows), np.asarray(stored.cols)
    across, along = np.abs(rows + (side - 1) / 2 - row), np.abs(cols + (side - 1) / 2 - col)
    distance = across[:, None] ** 2 + along[None, :] ** 2
    holds = (across <= (side - 1) / 2)[:, None] & (along <= (side - 1) / 2)[None, :]
    distance[~holds | ~np.isfinite(stored.window_values[readout])] = np.inf
    if not distance.size or not np.isfinite(distance.min()):
        return None
    i, j = np.unravel_index(int(distance.argmin()), distance.shape)
    return int(i), int(j)


def _flag(name: str) -> bool:
    return flask.request.args.get(name) == "1"


def _limit(values: Any, clip: float) -> float:
    given = flask.request.args.get("limit", 0.0, type=float)
    return given if 0 < given < float("inf") else difference.limit(values, clip)


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _picture(data: bytes, settled: bool) -> flask.Response:
    response = flask.Response(data, mimetype="image/png")
    response.headers["Cache-Control"] = FOREVER if settled else "no-store"
    return response


def _named(stored: Stored, key: str, ending: str) -> str:
    return f"prediction_difference-{stored.card['sample']}-{key[:8]}.{ending}"
