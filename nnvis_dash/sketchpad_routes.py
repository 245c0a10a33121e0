"""Flask routes for the sketchpad: on which ground to draw, and what every classifier says while somebody does.

A stroke's end waits for these answers, so they go neither through a background job nor onto the disk.
"""

from __future__ import annotations

import base64
from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.sketch import BLACK, WHITE, ground_of, sketched
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.figures import theme
from nnvis_dash.figures.heatmap import data_uri
from nnvis_dash.posting import answers
from nnvis_dash.services import Recent, Services
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.pixels import decode, encode_png

LARGEST = 4 * 2**20  # bytes of a drawing
SIDE = 1024  # pixels of its longer side
TOP = 3  # classes that are listed
LOOKED_AT = 64  # images whose borders say what the ground is

Pixels = Any  # (H, W, C) uint8


def sketchpad_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("sketchpad", __name__)
    grounds = Recent(64)

    @routes.get("/sketchpad/<dataset>")
    @answers
    def pad(dataset: str) -> dict[str, Any]:
        """How a pad for this dataset begins: ``{"ground", "grey"}``; `?models=` are the classifiers."""
        data = services.dataset(dataset)
        places = np.unique(np.linspace(0, len(data) - 1, LOOKED_AT).astype(int))
        ground = grounds.get(data.fingerprint, lambda: ground_of(data.image(int(place)) for place in places))
        model = _first_model(services)
        grey = data.image(0).shape[2] == 1 if model is None else model.input_shape[2] == 1
        return {"ground": "white" if ground == WHITE else "black", "grey": grey}

    @routes.post("/sketchpad/predict")
    @answers
    def predict() -> dict[str, Any]:
        """What classifiers say of the PNG that is sent: the image that they see, and of each its most probable classes.

        Takes `?dataset=&models=&ground=&centre=`, see `drawn`.
        """
        image = drawn(services)
        png = encode_png(image)
        models = [services.workspace.model(name) for name in _models()]
        question = {"png": base64.b64encode(png).decode("ascii"), "models": [card.fingerprint for card in models]}
        said = services.engine.ask("drawing", question)
        card = services.dataset(flask.request.args.get("dataset", "")).card
        found = zip(models, said["probabilities"], said["problems"], strict=True)
        return {
            "image": data_uri(png),
            "answers": [_told(services, card, model, row, problem) for model, row, problem in found],
        }

    return routes


def drawn(services: Services) -> Pixels:
    """Return the drawing that a request carries as the image that is classified.

    The request's body is the pad as a PNG. `?ground=` is black or white, `?models=` the classifiers, the primary one
    first; with `?centre=1` the image has that one's size (else the dataset's, of `?dataset=`), centred as MNIST is. It
    is grey where that one takes grey images.

    Raises
    ------
    ParameterError
        No drawing, an empty one, too large, or another ground.
    DatasetError
        Not a picture.
    """
    length = flask.request.content_length
    if length is None or not 0 < length <= LARGEST:
        raise ParameterError(f"The drawing has {length or 0:,} bytes", f"Send a PNG of 1 to {LARGEST:,} bytes.")
    grounds = {"white": WHITE, "black": BLACK}
    ground = flask.request.args.get("ground", "black")
    if ground not in grounds:
        raise ParameterError(f"The ground is {ground[:40]!r}", "Draw on black or white.")
    drawing = decode(flask.request.get_data(), max_pixels=SIDE * SIDE, name="drawing")
    shape = _shape(services)
    size = shape[:2] if flask.request.args.get("centre") == "1" else None
    return sketched(drawing, grounds[ground], shape[2] == 1, size)


def _shape(services: Services) -> tuple[int, int, int]:
    """Return the shape that a drawing is made for: the primary classifier's, else that of the dataset's images."""
    model = _first_model(services)
    if model is not None:
        return model.input_shape
    data = services.dataset(flask.request.args.get("dataset", ""))
    height, width, channels = data.card.image_shape or data.image(0).shape
    return int(height), int(width), int(channels)


def _first_model(services: Services) -> ModelCard | None:
    """Return the first classifier named that is there."""
    for name in _models():
        try:
            return services.workspace.model(name)
        except NotFound:
            continue
    return None


def _models() -> list[str]:
    return [name for name in flask.request.args.get("models", "").split(",") if name]


def _told(services: Services, card: DatasetCard, model: ModelCard, probabilities: Any, problem: str) -> dict[str, Any]:
    """Return one classifier's answer as the page draws it."""
    told: dict[str, Any] = {"model": model.fingerprint, "name": model.name, "problem": problem, "top": []}
    if probabilities is None:
        return told
    names = services.class_names(card, model)
    colours = theme.class_colours(len(names))
    first = np.argsort(-probabilities[0], kind="stable")[:TOP]
    told["top"] = [
        {"index": int(at), "name": names[at], "probability": float(probabilities[0][at]), "colour": colours[at]}
        for at in first
    ]
    return told
