"""DeepLIFT, rescale rule: differences from a baseline are handed back, with multipliers instead of gradients.

Each linear layer's multipliers are its weights; an activation's is the slope between its two values, so that in every
layer the contributions add up to the difference of the outputs. Sums and products of two signals are linear in each at
the middle between image and baseline, so they are exact too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.attribution import scores
from nnvis_dash.analysis.attribution.scores import Subject
from nnvis_dash.analysis.graph import Step, Tensor, call
from nnvis_dash.analysis.relevance.parts import Chain, Elementwise, Gate, Linear, Route
from nnvis_dash.analysis.relevance.rules import back, divide, pulled
from nnvis_dash.analysis.relevance.walk import Walk, forward
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

NEAR = 1e-6  # below this difference an activation's slope is its gradient
_LARGEST = frozenset({"MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "MaxPool", "Max"})


def explained(clf: Classifier, about: Subject, output: str, dtype: Any) -> Callable[..., tuple[Any, ...]]:
    """Return (images, targets, baselines float32) -> (contributions (N, h, w, c) as raw, targets, probabilities).

    Raises
    ------
    ParameterError
        A layer on the way without a rule; names it.
    """
    import tensorflow as tf

    exact = about.layer is None and (clf.card.output == "logits" or clf.graph.ending == clf.card.output)

    def explain(raw: Tensor, target: Tensor, begins: Tensor) -> Any:
        walk = Walk.of(clf, about, output)  # inside the graph, which then reads the weights each time that it runs
        _refuse_softmax(walk)
        x, x0 = scores.prepared(clf, raw), scores.prepared(clf, begins)
        values, gradient, found = forward(clf, walk, x, target, output)
        base, gradient0, found0 = forward(clf, walk, x0, found.target, output)
        if output == "logits" or about.layer is not None:
            start = (gradient + gradient0) / 2  # the same, but for a model whose ending can't be taken off
        elif exact and (clf.card.output == "sigmoid" or walk.graph.output_shape[-1] == 1):
            apart = values[walk.end] - base[walk.end]
            rise = (found.value - found0.value)[:, None] * tf.cast(gradient + gradient0 != 0, tf.float32)
            start = tf.where(tf.abs(apart) > NEAR, divide(rise, apart), gradient)
        elif exact:
            start = of_softmax(values[walk.end], base[walk.end], found.target)
        else:
            start = _scaled((gradient + gradient0) / 2, values[walk.end] - base[walk.end], found.value - found0.value)
        multipliers = _back(walk, values, base, start)
        return scores.as_raw(clf, multipliers * (x - x0)), found.target, found.probability

    specs = (clf.signature(dtype), tf.TensorSpec((None,), tf.int32), clf.signature(tf.float32))
    return scores.traced(clf, ("deep_lift", about, output, str(dtype)), explain, *specs)


def of_softmax(z: Tensor, z0: Tensor, target: Tensor) -> Tensor:
    """Return the multipliers (N, K) of the logits for one class's probability.

    The probability is sigmoid(z_c − ln of the sum of exp z_k over the other classes); each of these functions of one
    number gets its slope, so that the multipliers times z − z0 add up to the difference of the probabilities.

    Parameters
    ----------
    z, z0 : (N, K) tensors, K > 1
    target : (N,) int32 tensor
    """
    import tensorflow as tf

    chosen = tf.one_hot(target, z.shape[-1])
    lowered = [tf.where(chosen > 0, -np.inf, given) for given in (z, z0)]
    most = tf.reduce_max(tf.maximum(*lowered), axis=1, keepdims=True)  # so that nothing overflows
    powers, powers0 = (tf.exp(given - most) for given in lowered)
    others, others0 = (tf.reduce_sum(given, axis=1) for given in (powers, powers0))
    log_others, log_others0 = (tf.reduce_logsumexp(given, axis=1) for given in lowered)
    score, score0 = tf.reduce_sum(z * chosen, axis=1) - log_others, tf.reduce_sum(z0 * chosen, axis=1) - log_others0
    outer = _ratio(tf.sigmoid(score) - tf.sigmoid(score0), score - score0, tf.sigmoid(score) * tf.sigmoid(-score))
    middle = _ratio(log_others - log_others0, others - others0, divide(tf.ones_like(others), others))
    inner = _ratio(powers - powers0, z - z0, powers)
    return outer[:, None] * (chosen - middle[:, None] * inner * (1.0 - chosen))


def _ratio(above: Tensor, below: Tensor, gradient: Tensor) -> Tensor:
    """Return a slope; the gradient where two values are the same."""
    import tensorflow as tf

    return tf.where(tf.abs(below) > NEAR, divide(above, below), gradient)


def _scaled(start: Tensor, apart: Tensor, rise: Tensor) -> Tensor:
    """Return multipliers scaled so that they give a rise (N,) in all."""
    import tensorflow as tf

    given = tf.reduce_sum(tf.reshape(start * apart, (tf.shape(start)[0], -1)), axis=1)
    ratio = tf.where(tf.abs(given) > NEAR, divide(rise, given), 1.0)
    return start * tf.reshape(ratio, [-1, *(1 for _ in start.shape[1:])])


def _refuse_softmax(walk: Walk) -> None:
    """Raise ParameterError where a softmax stands on the way: its outputs depend on one another."""
    for step in walk.steps:
        found = walk.parts[step.name]
        if isinstance(found, tuple) and isinstance(found[-1], Elementwise) and found[-1].mixes:
            raise ParameterError(
                f"There is no rule for the softmax in the layer {step.name!r} ({step.kind})",
                "Explain logits, or use integrated gradients: they add up to the score's difference too.",
            )


def _back(walk: Walk, values: Mapping[int, Tensor], base: Mapping[int, Tensor], start: Tensor) -> Tensor:
    """Return the multipliers (N, h, w, c) of the model's input."""
    import tensorflow as tf

    found: dict[int, Tensor] = {walk.end: start}
    for step in reversed(walk.steps):
        multipliers = found.pop(step.outputs[0], None)
        if multipliers is None:
            continue
        part = walk.parts[step.name]
        if isinstance(part, tuple):
            chain = [_through(step, part, values[step.inputs[0]], base[step.inputs[0]], multipliers)]
        else:
            chain = _many(step, part, values, base, multipliers)
        for slot, share in zip(step.inputs, chain, strict=True):
            found[slot] = found[slot] + share if slot in found else share
    return found.get(0, tf.zeros_like(values[0]))


def _through(step: Step, chain: Chain, x: Tensor, x0: Tensor, multipliers: Tensor) -> Tensor:
    """Bring multipliers back through a step with one input."""
    inputs = [(x, x0)]
    for part in chain[:-1]:
        inputs.append((part.run(inputs[-1][0]), part.run(inputs[-1][1])))
    for part, (given, given0) in reversed(list(zip(chain, inputs, strict=True))):
        if isinstance(part, Linear):
            multipliers = back(part, given, part.kernel, multipliers)
        elif isinstance(part, Elementwise):
            multipliers = multipliers * _slope(part, given, given0)
        elif step.kind in _LARGEST:
            multipliers = _largest(part, given, given0, multipliers)
        else:
            multipliers = pulled(part.run, given, multipliers)
    return multipliers


def _slope(part: Elementwise, x: Tensor, x0: Tensor) -> Tensor:
    """Return the slope between an activation's two values; its gradient where they are the same."""
    import tensorflow as tf

    difference = x - x0
    apart = tf.abs(difference) > NEAR
    return tf.where(
        apart, divide(part.run(x) - part.run(x0), difference), pulled(part.run, x, tf.ones_like(part.run(x)))
    )


def _largest(part: Route, x: Tensor, x0: Tensor, multipliers: Tensor) -> Tensor:
    """Bring multipliers back through a maximum: a rise is due to what is largest now, a fall to what was."""
    import tensorflow as tf

    y, y0 = part.run(x), part.run(x0)
    top = tf.maximum(y, y0)
    amounts = pulled(part.run, x, multipliers * (top - y0)) + pulled(part.run, x0, multipliers * (y - top))
    return divide(amounts, x - x0)


def _many(
    step: Step, part: Any, values: Mapping[int, Tensor], base: Mapping[int, Tensor], multipliers: Tensor
) -> list[Tensor]:
    """Bring multipliers back through a sum, a concatenation or a product of two: exact at the middle."""
    import tensorflow as tf

    if step.kind in ("Maximum", "Minimum") or (isinstance(part, Gate) and len(step.inputs) > 2):
        raise ParameterError(
            f"There is no rule for the layer {step.name!r} ({step.kind})",
            "Use a method that needs none: gradients, Grad-CAM, occlusion, RISE, LIME or Shapley values.",
        )
    slots = list(dict.fromkeys(step.inputs))  # one that is added to itself counts once, with both of its shares
    middle = [(values[slot] + base[slot]) / 2 for slot in slots]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(middle)
        result = call(step, dict(zip(slots, middle, strict=True)))
    found = dict(zip(slots, tape.gradient(result, middle, output_gradients=multipliers), strict=True))
    return [found.pop(slot, tf.zeros_like(values[slot])) for slot in step.inputs]
