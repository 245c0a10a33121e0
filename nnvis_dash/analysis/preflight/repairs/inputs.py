"""Inputs that aren't images as the rest of NNVis knows them: without a channel axis, or flat."""

from __future__ import annotations

import math
from typing import Any

from nnvis_dash.analysis.preflight.repairs.draft import (
    Draft,
    Entry,
    fresh_name,
    is_sequential,
    layers,
    layers_of,
    made,
    put_behind,
)
from nnvis_dash.analysis.preflight.repairs.structure import input_layers

_SMALLEST_SIDE = 4


def missing_channel(draft: Draft) -> str:
    """(height, width) becomes (height, width, 1), and a Reshape behind the input takes the channel off again."""
    layer = _only_input(draft)
    shape = _shape(layer)
    if layer is None or len(shape) != 2 or not all(isinstance(extent, int) and extent > 1 for extent in shape):
        return ""
    if _takes_sequences(draft.model):
        return ""
    _reshape(draft, layer, [*shape, 1], shape)
    return f"input {shape[0]} × {shape[1]}: a channel axis put behind it"


def flat_images(draft: Draft) -> str:
    """n numbers become the square image that has as many; guessed, for the file doesn't say how they lay."""
    layer = _only_input(draft)
    shape = _shape(layer)
    if layer is None or len(shape) != 1 or not isinstance(shape[0], int):
        return ""
    for channels in (1, 3):
        side = math.isqrt(shape[0] // channels)
        if side >= _SMALLEST_SIDE and side * side * channels == shape[0]:
            _reshape(draft, layer, [side, side, channels], shape)
            return (
                f"input of {shape[0]:,} numbers: taken as an image of {side} × {side} × {channels} "
                "(a guess: rows from the top, each from the left)"
            )
    return ""


def _only_input(draft: Draft) -> Entry | None:
    """Return the input layer of the whole model, if it has exactly one."""
    found = input_layers(draft.model)
    return found[0] if len(found) == 1 else None


def _shape(layer: Entry | None) -> list[Any]:
    shape = layer["config"].get("batch_shape") if layer is not None else None
    return list(shape[1:]) if isinstance(shape, list) else []


def _takes_sequences(model: Entry) -> bool:
    """Whether the first layer with weights reads words rather than pixels."""
    for layer in layers(model):
        if layer["class_name"] == "Embedding":
            return True
        if layer["class_name"].startswith(("Dense", "Conv")):
            return False
    return False


def _reshape(draft: Draft, layer: Entry, outer: list[Any], inner: list[Any]) -> None:
    model = draft.model
    layer["config"]["batch_shape"] = [None, *outer]
    following = layers_of(model)[1] if is_sequential(model) and len(layers_of(model)) > 1 else None
    if following is None or following["class_name"] != "Reshape":  # which takes an image as well
        put_behind(model, layer, made("Reshape", fresh_name(model, "input_reshaped"), target_shape=list(inner)))
    for entry in (model, *layers_of(model)):
        entry.pop("build_config", None)
    if isinstance(model["config"], dict):
        model["config"].pop("build_input_shape", None)
