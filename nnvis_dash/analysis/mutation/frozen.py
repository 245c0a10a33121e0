"""Which units are frozen: checked against a classifier, as masks, as text to exchange, and at work in a graph.

A frozen unit passes zeros on, whatever it found: its layer's output is multiplied by a mask of ones and zeros on its
way to the layers that follow.

Invariant: a layer's own output is recorded before it is masked, so freezing a unit never hides what it answered.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nnvis_dash.analysis.graph import Tensor, Visit
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.state.ids import decode_ids
from nnvis_dash.types import Floats, Layer, ModelCard

HIGHEST = 1_000_000  # units of one layer that are read
LONGEST = 4_000_000  # characters of a file; 30,000 units take 200,000
_FORM = 'Give {"frozen": {"conv2": [0, 7]}}: for each layer the numbers of its units.'


def frozen_units(card: ModelCard, frozen: Mapping[str, Iterable[int]]) -> dict[str, tuple[int, ...]]:
    """Hold frozen units against a classifier.

    Parameters
    ----------
    card : ModelCard
    frozen : mapping of a layer's name to the numbers of its units, from 0
        In any order; a unit may stand there several times, and a layer with none.

    Returns
    -------
    dict
        The layers in the classifier's order; their units ascending, each once; no layer without any.

    Raises
    ------
    NotFound
        No such layer; names those with units.
    ParameterError
        A layer without units, a unit that the layer doesn't have, or anything but whole numbers. A TensorFlow graph
        without layers has nothing to freeze.
    """
    if not isinstance(frozen, Mapping):
        raise ParameterError(f"The frozen units are {_short(frozen)}", 'Give {"layer": [units]}.')
    if frozen and not card.layers:
        raise ParameterError(
            f"The classifier {card.name!r} is a TensorFlow graph without layers, so it has no units to freeze",
            "Add the Keras model itself.",
        )
    found = {layer.name: _numbers(layer, frozen[layer.name]) for layer in card.layers if layer.name in frozen}
    for name in frozen:
        if name not in found:
            raise NotFound.among("layer with units", name, _with_units(card))
        if not getattr(card.layer(name), "n_units", 0):
            raise ParameterError(
                f"The layer {name!r} of {card.name!r} has no units of its own to freeze",
                f"Choose one of: {', '.join(_with_units(card)[:12])}.",
            )
    return {name: units for name, units in found.items() if units}


def read_ranges(card: ModelCard, ranges: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """Read frozen units as the page's state holds them.

    Parameters
    ----------
    card : ModelCard
    ranges : mapping of a layer's name to the numbers of its units, as `state.ids.encode_ids` writes them
        Not trusted.

    Returns
    -------
    dict
        As `frozen_units` gives it.

    Raises
    ------
    NotFound, ParameterError
        As `frozen_units` does.
    StateError
        Text that isn't ranges of numbers.
    """
    if not isinstance(ranges, Mapping):
        raise ParameterError(f"The frozen units are {_short(ranges)}", 'Give {"layer": "0-3,7"}.')
    return frozen_units(card, {name: decode_ids(text, HIGHEST) for name, text in ranges.items()})


def n_frozen(frozen: Mapping[str, Iterable[int]]) -> int:
    """Return how many units are frozen, of what `frozen_units` gave."""
    return sum(len(tuple(units)) for units in frozen.values())


def frozen_json(card: ModelCard, frozen: Mapping[str, Iterable[int]]) -> str:
    """Write frozen units as text to keep and to pass on.

    Returns
    -------
    str
        JSON: ``{"classifier": name, "fingerprint": ..., "frozen": {layer: [units]}}``.

    Raises
    ------
    NotFound, ParameterError
        As `frozen_units` does.
    """
    units = {name: list(numbers) for name, numbers in frozen_units(card, frozen).items()}
    return json.dumps({"classifier": card.name, "fingerprint": card.fingerprint, "frozen": units}, ensure_ascii=False)


def read_frozen(text: str, card: ModelCard) -> dict[str, tuple[int, ...]]:
    """Read what `frozen_json` wrote.

    Parameters
    ----------
    text : str
        Not trusted. Of this classifier, or of any other whose layers and units this one has too.
    card : ModelCard

    Returns
    -------
    dict
        As `frozen_units` gives it.

    Raises
    ------
    ParameterError
        Text of another form, or units that this classifier doesn't have; says of which classifier they are.
    """
    record = _record(text)
    frozen = record.get("frozen")
    if not isinstance(frozen, dict):
        raise ParameterError(f"The frozen units are {_short(frozen)}", _FORM)
    try:
        return frozen_units(card, frozen)
    except (NotFound, ParameterError) as error:
        if record.get("fingerprint") == card.fingerprint or not isinstance(record.get("classifier"), str):
            raise
        raise ParameterError(
            f"The frozen units are those of {_short(record['classifier'])} and don't fit {card.name!r}: {error.what}",
            error.mend,
        ) from None


def mask(card: ModelCard, frozen: Mapping[str, Iterable[int]]) -> dict[str, Floats]:
    """Return what the outputs of layers are multiplied by.

    Returns
    -------
    dict of (n_units,) float32
        0 where a unit is frozen, 1 elsewhere; only layers with a frozen unit, in the classifier's order.

    Raises
    ------
    NotFound, ParameterError
        As `frozen_units` does.
    """
    n_units = {layer.name: layer.n_units for layer in card.layers}
    masks = {}
    for name, units in frozen_units(card, frozen).items():
        masks[name] = np.ones(n_units[name], np.float32)
        masks[name][list(units)] = 0.0
    return masks


def freezing(masks: Mapping[str, Any], inner: Visit | None = None) -> Visit:
    """Return the visit of a graph that freezes units.

    Parameters
    ----------
    masks : mapping of a layer's name to an array or tensor of ones and zeros
        (n_units,), or anything that the layer's output can be multiplied by, such as (N, 1, 1, n_units) for other units
        in each image.
    inner : function (name, tensor) -> tensor, optional
        Sees each layer's own output, before it is masked.

    Returns
    -------
    function (name, tensor) -> tensor
        For `Graph.run` and `Classifier.scores`. Where logits are asked for, the layer that holds the last softmax or
        sigmoid is visited with the values before it: freeze units of that layer only where probabilities are.

    References
    ----------
    Zhang et al., "NeuralVis", 2019, arXiv:1906.00690, Algorithm 1: a layer's output is recorded, then masked.
    """

    def visit(name: str, tensor: Tensor) -> Tensor:
        import tensorflow as tf

        if inner is not None:
            tensor = inner(name, tensor)
        if name not in masks:
            return tensor
        return tf.math.multiply_no_nan(tensor, tf.cast(masks[name], tensor.dtype))  # 0 also of NaN and infinity

    return visit


def _numbers(layer: Layer, units: Any) -> tuple[int, ...]:
    """Return a layer's unit numbers, ascending, each once; ParameterError for what isn't one."""
    if isinstance(units, (str, bytes, Mapping)) or not isinstance(units, Iterable):
        raise ParameterError(
            f"The frozen units of {layer.name!r} are {_short(units)}", "Give a list of whole numbers from 0."
        )
    found = set()
    for entry in units:
        try:
            number = None if isinstance(entry, (bool, np.bool_)) else operator.index(entry)
        except TypeError:
            number = None
        if number is None:
            raise ParameterError(f"A frozen unit of {layer.name!r} is {_short(entry)}", "Give whole numbers from 0.")
        if layer.n_units and not 0 <= number < layer.n_units:
            raise ParameterError(
                f"The layer {layer.name!r} has no unit {_short(number)}",
                f"It has {layer.n_units}: give numbers from 0 to {layer.n_units - 1}.",
            )
        found.add(number)
    return tuple(sorted(found))


def _record(text: str) -> dict[str, Any]:
    """Read an object written as JSON; ParameterError for anything else."""
    if not isinstance(text, str):
        raise ParameterError(f"The frozen units are {_short(text)}, which isn't text", _FORM)
    if len(text) > LONGEST:
        raise ParameterError(f"The frozen units take {len(text)} characters", f"Give {LONGEST} at most.")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise ParameterError("The frozen units aren't JSON", _FORM) from None
    if not isinstance(record, dict):
        raise ParameterError(f"The frozen units are {_short(record)}", _FORM)
    return record


def _with_units(card: ModelCard) -> list[str]:
    return [layer.name for layer in card.layers if layer.n_units]


def _short(value: object) -> str:
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or lists within lists
        return f"a {type(value).__name__} too long to show"
    return shown if len(shown) <= 60 else f"{shown[:56]} ..."
