"""Batch normalisation put into its neighbour: what stays is one linear part with the same values.

A normalisation behind a linear part that nothing else uses is folded back into it; one whose only user is a linear part
is folded forward into that (its shift becomes a bias that depends on the position where the borders are padded). Else
it stands alone, and relevance passes through it unchanged: its shift counts as part of each value. Without folding the
rules that weigh supporting and inhibiting contributions explode.
"""

from __future__ import annotations

from dataclasses import replace

from nnvis_dash.analysis.graph import Graph, Step, Tensor
from nnvis_dash.analysis.relevance.parts import Chain, Linear, Parts


def scale_and_shift(step: Step) -> tuple[Tensor, Tensor]:
    """Return (C,) scale and (C,) shift of a batch normalisation in inference."""
    import tensorflow as tf

    layer = step.operation
    scale = 1.0 / tf.sqrt(tf.cast(tf.convert_to_tensor(layer.moving_variance), tf.float32) + layer.epsilon)
    if layer.scale:
        scale *= tf.cast(tf.convert_to_tensor(layer.gamma), tf.float32)
    shift = -tf.cast(tf.convert_to_tensor(layer.moving_mean), tf.float32) * scale
    if layer.center:
        shift += tf.cast(tf.convert_to_tensor(layer.beta), tf.float32)
    return scale, shift


class Folded:
    """Which normalisations of a graph are folded, by the name of their step.

    Attributes
    ----------
    backward : dict
        Linear step -> the normalisation behind it.
    forward : dict
        Linear step -> the normalisation before it.
    """

    def __init__(self, graph: Graph, parts: dict[str, Parts]) -> None:
        users: dict[int, list[Step]] = {}
        for step in graph.steps:
            for slot in step.inputs:
                users.setdefault(slot, []).append(step)
        self.backward: dict[str, Step] = {}
        self.forward: dict[str, Step] = {}
        ends = {slot for step in graph.steps for slot in step.outputs} - set(users)
        for norm in graph.steps:
            if norm.kind != "BatchNormalization" or not _over_channels(norm):
                continue
            before = graph.before(norm)
            if before is not None and len(users[norm.inputs[0]]) == 1 and _ends_linear(parts.get(before.name)):
                self.backward[before.name] = norm
                continue
            behind = users.get(norm.outputs[0], [])
            if len(behind) == 1 and norm.outputs[0] not in ends and _begins_linear(parts.get(behind[0].name)):
                self.forward[behind[0].name] = norm

    def chain(self, step: Step, chain: Chain, x: Tensor) -> Chain:
        """Return a linear step's parts with what is folded into them; x is what goes in, before the normalisation."""
        if step.name in self.forward:
            first = chain[0]
            assert isinstance(first, Linear)
            chain = (_forward(first, *scale_and_shift(self.forward[step.name]), x), *chain[1:])
        if step.name in self.backward:
            last = chain[-1]
            assert isinstance(last, Linear)
            chain = (*chain[:-1], _backward(last, *scale_and_shift(self.backward[step.name])))
        return chain


def _over_channels(step: Step) -> bool:
    return step.operation.axis in (-1, len(step.shapes[0]))


def _ends_linear(found: Parts | None) -> bool:
    """Whether a step is linear to its end, with a kernel."""
    return isinstance(found, tuple) and bool(found) and isinstance(found[-1], Linear) and found[-1].kernel is not None


def _begins_linear(found: Parts | None) -> bool:
    return isinstance(found, tuple) and bool(found) and isinstance(found[0], Linear) and found[0].kernel is not None


def _backward(linear: Linear, scale: Tensor, shift: Tensor) -> Linear:
    """Fold a normalisation of the outputs: each output channel's weights and bias."""
    bias = shift if linear.bias is None else linear.bias * scale + shift
    return replace(linear, kernel=linear.kernel * linear.to_outputs(scale), bias=bias)


def _forward(linear: Linear, scale: Tensor, shift: Tensor, x: Tensor) -> Linear:
    """Fold a normalisation of the inputs: each input channel's weights; the shift becomes a bias."""
    import tensorflow as tf

    kernel = linear.kernel
    assert kernel is not None
    shifted = linear.apply(tf.zeros_like(x[:1]) + shift, kernel)  # (1, ..., K): at padded borders less is added
    bias = shifted if linear.bias is None else shifted + linear.bias
    own = kernel.shape[linear.inputs_axis]
    if own != scale.shape[0]:  # groups: output k sees the channels of its own group only
        groups = scale.shape[0] // own
        of_output = tf.repeat(tf.transpose(tf.reshape(scale, (groups, own))), kernel.shape[-1] // groups, axis=1)
        return replace(linear, kernel=kernel * of_output, bias=bias)
    return replace(linear, kernel=kernel * _along(scale, linear.inputs_axis, len(kernel.shape)), bias=bias)


def _along(scale: Tensor, axis: int, n_axes: int) -> Tensor:
    """Return (C,) values shaped so that they lie along one of `n_axes` axes."""
    import tensorflow as tf

    return tf.reshape(scale, [-1 if place == axis % n_axes else 1 for place in range(n_axes)])
