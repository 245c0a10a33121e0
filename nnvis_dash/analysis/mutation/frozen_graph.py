"""A classifier with frozen units as a classifier: what every analysis takes.

A unit's weights and bias are set to 0 in a copy of its layer where the layer's activation makes 0 of 0: that is the
same as masking its output, gradients and rules for relevance included, and costs nothing. The output of any other layer
(a softmax or sigmoid) goes through a mask.

Invariant: the user's model isn't touched; what isn't frozen shares its weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.card import with_preprocessing
from nnvis_dash.analysis.graph import with_own_weights
from nnvis_dash.analysis.mutation.frozen import frozen_units, mask, n_frozen
from nnvis_dash.state.ids import content_key
from nnvis_dash.types import Floats, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Graph, Step

NOTE = "frozen"  # the card's note on how many units of which layers
# Where a layer's weights end in its units: the weight, and the axis of it (None: both last ones).
_LAST: dict[str, tuple[str, int | None]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Dense"), ("kernel", -1)),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose"), ("kernel", -2)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), ("kernel", None)),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), ("pointwise_kernel", -1)),
}
# Activations that work on each number alone and make 0 of 0.
_ZERO_STAYS = frozenset(
    {
        *("linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "swish", "hard_silu"),
        *("hard_swish", "mish", "tanh", "hard_tanh", "softsign", "soft_shrink", "hard_shrink", "tanh_shrink"),
    }
)


def frozen_classifier(clf: Classifier, frozen: Mapping[str, Iterable[int]]) -> Classifier:
    """Return a classifier in which units are frozen.

    Attributions, attacks, responses and the index take it as any other. Its predictions are those of `mutate`; looked
    at, frozen units answer 0 (those of a layer with a softmax or sigmoid what they would have put out), while `mutate`
    gives each layer's own output before the mask. Every set of units has its own compiled functions, so `mutate` is the
    way to try many.

    Parameters
    ----------
    clf : Classifier
    frozen : mapping of a layer's name to the numbers of its units

    Returns
    -------
    Classifier
        With a name, a fingerprint and a note of its own; `clf` itself where nothing is frozen.

    Raises
    ------
    NotFound, ParameterError
        As `frozen_units` does.
    """
    from nnvis_dash.analysis.classifier import Classifier

    units = frozen_units(clf.card, frozen)
    if not units:
        return clf
    return Classifier(clf.model, frozen_card(clf.card, units), frozen_graph(clf.graph, mask(clf.card, units)))


def frozen_card(card: ModelCard, frozen: Mapping[str, Iterable[int]]) -> ModelCard:
    """Return the card of a classifier in which units are frozen: another name and fingerprint, and a note."""
    units = frozen_units(card, frozen)
    content = content_key(
        "frozen", card.content or card.fingerprint, {name: list(found) for name, found in units.items()}
    )
    said = ", ".join(f"{len(found)} of {name}" for name, found in list(units.items())[:8])
    more = f" and {len(units) - 8} more layers" if len(units) > 8 else ""
    named = replace(card, name=f"{card.name} · {n_frozen(units)} frozen", content=content)
    made = with_preprocessing(named, card.preprocessing, note=card.notes.get("preprocessing", ""))
    return replace(made, notes={**made.notes, NOTE: said + more})


def frozen_graph(graph: Graph, masks: Mapping[str, Floats]) -> Graph:
    """Return a graph in which layers' outputs are multiplied by masks.

    Parameters
    ----------
    graph : Graph
    masks : mapping of a layer's name to (n_units,) ones and zeros
    """
    import keras

    instead: dict[str, Any] = {}
    behind: dict[str, Any] = {}
    for name, values in masks.items():
        step = graph.step(name)
        silenced = _silenced(step, values)
        if silenced is None:
            behind[name] = keras.layers.Rescaling(values, name="frozen", dtype=step.operation.compute_dtype)
        else:
            instead[name] = silenced
    return graph.refitted(instead, behind)


def _silenced(step: Step, values: Floats) -> Any | None:
    """Return a copy of a step's layer whose frozen units have weights of 0; None where that isn't as if masked."""
    layer = step.operation
    activation = getattr(layer, "activation", None)
    known = type(layer).__module__.startswith("keras.") and step.kind in _LAST
    if not known or (activation is not None and getattr(activation, "__name__", "") not in _ZERO_STAYS):
        return None
    name, axis = _LAST[step.kind]
    twin = with_own_weights(layer)
    if twin is None:
        return None
    weight = getattr(twin, name)
    weight.assign(weight * _shaped(values, tuple(weight.shape), axis))
    if getattr(twin, "bias", None) is not None:
        twin.bias.assign(twin.bias * values)
    return twin


def _shaped(values: Floats, shape: tuple[int, ...], axis: int | None) -> Floats:
    """Return one value for each unit, shaped so that it meets that unit's weights."""
    if axis is None:  # depthwise: channel c and multiplier m give the unit c * M + m
        return values.reshape(shape[-2:])
    return np.expand_dims(values, tuple(range(1, -axis)))
