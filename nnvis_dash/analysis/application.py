"""Builds a model of keras.applications around a file that holds only its weights; nothing is downloaded.

What the file doesn't say, its arrays do: the classes, the channels of the images, the width of a MobileNet.
"""

from __future__ import annotations

import json
import math
from typing import Any, TypeAlias

import h5py

from nnvis_dash.analysis.assignment import assign, assign_named, weighted_layers
from nnvis_dash.analysis.preflight.stored import LEGACY, named_paths, node_of
from nnvis_dash.analysis.preflight.weights import Weights
from nnvis_dash.errors import ModelError

Shapes: TypeAlias = dict[str, list[tuple[int, ...]]]  # by layer

_WIDTHS: dict[str, tuple[float, ...]] = {
    "MobileNet": (0.25, 0.5, 0.75, 1.0),  # the smallest first: none is to be larger than the file
    "MobileNetV2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
}
_STRIDE = 32  # of the maps of a VGG, whose first dense layer fixes the size of the images
_MEND = "Name the model that the weights were saved from, or give its architecture as JSON."


def application_model(name: str, model: Any, file: h5py.File) -> Any:
    """Build ``keras.applications.NAME`` with the classes and channels of a file, and put its weights into it.

    Parameters
    ----------
    name : str
        As keras.applications spells it.
    model : keras.Model
        What `built` makes of the name: it says where to look in the file, and is returned if it fits.
    file
        The clean copy of a weights file.

    Returns
    -------
    keras.Model

    Raises
    ------
    ModelError
        The weights are those of another model, or of one without its classes.
    """
    shapes = _shapes(file, model)
    weighted = [layer for layer in model.layers if layer.weights]
    stem = next(layer for layer in weighted if len(layer.weights[0].shape) == 4)
    head = weighted[-1]
    if head.name not in shapes:
        raise ModelError(
            f"The file has no weights for the last layer of a {name}, {head.name!r}: it was saved without the classes "
            "(include_top=False), or from another model",
            _MEND,
        )
    if stem.name not in shapes:
        raise ModelError(f"The weights aren't those of a {name}: there are none for its layer {stem.name!r}", _MEND)
    options: dict[str, Any] = {"classes": shapes[head.name][0][-1]}
    size, channels = _size(name, shapes) or model.input_shape[1], shapes[stem.name][0][-2]
    if (size, channels) != (model.input_shape[1], 3):
        options["input_shape"] = (size, size, channels)
    for width in _WIDTHS.get(name, (1.0,)):
        if not (options == {"classes": 1000} and width == 1.0):
            model = built(name, width, **options)
        if _fits(model, shapes):
            break
    try:
        _fill(model, file)
    except ModelError as error:
        raise ModelError(f"As keras:{name}: {error.what[:1].lower()}{error.what[1:]}", _MEND) from None
    return model


def built(name: str, width: float = 1.0, **options: Any) -> Any:
    """Build a model of keras.applications with random weights."""
    import keras

    if width != 1.0:
        options["alpha"] = width
    return getattr(keras.applications, name)(weights=None, **options)


def _fits(model: Any, shapes: Shapes) -> bool:
    return all(
        {tuple(weight.shape) for weight in layer.weights} <= set(shapes.get(layer.name, []))
        for layer in model.layers
        if layer.weights
    )


def _size(name: str, shapes: Shapes) -> int | None:
    """Return the side of the images that a VGG's first dense layer takes, None for other models."""
    if not name.startswith("VGG") or "fc1" not in shapes:
        return None
    inputs = shapes["fc1"][0][0]
    return _STRIDE * math.isqrt(inputs // 512)


def _shapes(file: h5py.File, model: Any) -> Shapes:
    """Return the shapes of the file's arrays by the model's layers; in order where the names are others."""
    if LEGACY not in file:
        shapes: Shapes = {}
        for path, array in _named(file, model).items():
            shapes.setdefault(path.split("/")[1], []).append(array.shape)
        return shapes
    group = file[LEGACY]
    stored = weighted_layers(group)
    weighted = [layer.name for layer in model.layers if layer.weights]
    names = [entry.name for entry in stored]
    if not set(names) <= set(weighted):
        if len(names) != len(weighted):
            raise ModelError(
                f"The file holds the weights of {len(names):,} layers, which aren't those of keras:{model.name} "
                f"({len(weighted):,} layers)",
                _MEND,
            )
        names = weighted
    return {name: [group[path].shape for _, path in entry.weights] for name, entry in zip(names, stored, strict=True)}


def _named(file: h5py.File, model: Any) -> dict[str, h5py.Dataset]:
    """Return the arrays of a file that numbers the layers of each class, by the model's layers."""
    groups: list[str] = []
    arrays: dict[str, tuple[int, ...]] = {}

    def note(path: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            arrays[f"/{path}"] = entry.shape
        else:
            groups.append(f"/{path}")

    file.visititems(note)
    named = named_paths(Weights(tuple(groups), arrays), node_of(json.loads(model.to_json())))
    return {path: file[full] for path, full in sorted(named.items())}


def _fill(model: Any, file: h5py.File) -> None:
    if LEGACY in file:
        assign(model, file)
    else:
        assign_named(model, _named(file, model))
