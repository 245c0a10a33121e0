"""What each layer does, in the few words that rules for relevance are written in.

A layer becomes a chain of parts, applied one after the other: a convolution with an activation is a linear part and an
elementwise one, a separable convolution two linear parts. What isn't in these words has no rule and is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnvis_dash.analysis.graph import Step, Tensor, call
from nnvis_dash.errors import ParameterError


@dataclass(frozen=True)
class Linear:
    """z = apply(x, kernel) + bias, `apply` being linear in both; without a kernel its weights are fixed and >= 0."""

    apply: Callable[[Tensor, Any], Tensor]
    kernel: Tensor | None
    bias: Tensor | None = None  # broadcast to z
    dense: bool = False
    inputs_axis: int = -2  # of the kernel
    outputs_axis: int | None = -1  # None: depthwise, where both last axes make the output

    def run(self, x: Tensor) -> Tensor:
        """Return z (N, ..., K) of x (N, ..., C)."""
        z = self.apply(x, self.kernel)
        return z if self.bias is None else z + self.bias

    def to_outputs(self, values: Tensor) -> Tensor:
        """Return one value an output channel, (K,), shaped so that it meets that channel's weights in the kernel."""
        import tensorflow as tf

        assert self.kernel is not None
        shape = self.kernel.shape
        if self.outputs_axis is None:  # depthwise: channel c and multiplier m give the output c * M + m
            return tf.reshape(values, shape[-2:])
        place = self.outputs_axis % len(shape)
        return tf.reshape(values, [-1 if axis == place else 1 for axis in range(len(shape))])

    def over_inputs(self, weights: Tensor) -> Tensor:
        """Return (K,) sums of each output channel's entries of something that is shaped as the kernel."""
        import tensorflow as tf

        n = len(weights.shape)
        kept = {n - 2, n - 1} if self.outputs_axis is None else {self.outputs_axis % n}
        return tf.reshape(tf.reduce_sum(weights, [axis for axis in range(n) if axis not in kept]), (-1,))


@dataclass(frozen=True)
class Elementwise:
    """y = function(x), each value for itself (a scale or shift by a constant too)."""

    function: Callable[[Tensor], Tensor]
    keeps_sign: bool = False  # what is >= 0 stays so
    rectifies: bool = False  # nothing below 0 comes out
    plain: bool = False  # max(x, 0) and nothing else
    mixes: bool = False  # a softmax: taken as elementwise by rules that pass relevance on unchanged

    def run(self, x: Tensor) -> Tensor:
        """Return y of x."""
        return self.function(x)


@dataclass(frozen=True)
class Route:
    """Values are copied, moved, padded or chosen (the maximum): relevance goes back the same way."""

    function: Callable[[Tensor], Tensor]

    def run(self, x: Tensor) -> Tensor:
        """Return the moved values."""
        return self.function(x)


@dataclass(frozen=True)
class Sum:
    """The sum of several inputs, each with a sign."""

    signs: tuple[float, ...]


@dataclass(frozen=True)
class Join:
    """Several inputs beside one another, or the largest of them: relevance goes to where a value came from."""


@dataclass(frozen=True)
class Gate:
    """A product of a signal and gates."""


Chain = tuple[Linear | Elementwise | Route, ...]
Parts = Chain | Sum | Join | Gate

_PASS = frozenset(
    {
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise"),
        *(
            "ActivityRegularization",
            "Identity",
            "Rescaling",
            "Normalization",
            "BatchNormalization",
            "LeakyReLU",
            "PReLU",
        ),
        *("ELU", "ReLU", "Activation", "Relu", "Relu6", "LeakyRelu", "Silu", "Gelu", "Elu", "Selu", "Tanh", "Sigmoid"),
        *("HardSigmoid", "HardSilu", "Softplus", "Softsign", "Swish", "Hardswish", "Clip", "Cast", "StopGradient"),
    }
)
_RECTIFIERS = frozenset({"relu", "relu6", "sigmoid", "softplus", "hard_sigmoid", "exponential", "softmax"})
_KEEPS_SIGN = frozenset({"Dropout", "SpatialDropout2D", "Identity", "ActivityRegularization", "ReLU", "Relu", "Relu6"})
_ROUTES = frozenset(
    {
        *("Flatten", "Reshape", "Permute", "Transpose", "Squeeze", "ExpandDims", "RepeatVector", "GetItem"),
        *("ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D", "Pad", "CenterCrop", "Resizing"),
        *("MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "MaxPool", "Max"),
    }
)
_AVERAGES = frozenset(
    {
        *("AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("AveragePool", "Mean", "UpSampling1D", "UpSampling2D"),
    }
)
_WITH_A_CONSTANT = frozenset({"Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative"})
_LINEAR = frozenset({"Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "Dense", "Conv1DTranspose"}) | {
    "Conv2DTranspose",
    "SeparableConv1D",
    "SeparableConv2D",
}


def parts(step: Step) -> Parts:
    """Say what a step does.

    Raises
    ------
    ParameterError
        A layer without a rule; names it.
    """
    kind, n_inputs = step.kind, len(step.inputs)
    if n_inputs == 1:
        if kind in _LINEAR:
            return (*_linear(step), *_activation(step))
        if kind in _AVERAGES:
            return (Linear(lambda x, kernel: _applied(step, x), None),)
        if kind in _ROUTES:
            return (Route(lambda x: _applied(step, x)),)
        if kind == "RandomCrop":  # in inference the middle, or the whole made smaller
            return (Route(lambda x: _applied(step, x)),)
        if kind in _PASS or kind in _WITH_A_CONSTANT or kind == "Softmax" or kind.startswith("Random"):
            return (_elementwise(step),)
    elif kind in ("Add", "Average", "Subtract"):
        return Sum((1.0, -1.0) if kind == "Subtract" else (1.0,) * n_inputs)
    elif kind in ("Concatenate", "Maximum", "Minimum"):
        return Join()
    elif kind == "Multiply":
        return Gate()
    raise ParameterError(
        f"There is no rule for the layer {step.name!r} ({kind})",
        "Use a method that needs none: gradients, Grad-CAM, occlusion, RISE, LIME or Shapley values.",
    )


def without_activation(found: Parts) -> Parts:
    """Return the parts of a step whose own activation, at its end, is left out."""
    if not isinstance(found, tuple) or not isinstance(found[-1], Elementwise):
        return found
    return found[:-1] or (Elementwise(lambda x: x, keeps_sign=True),)


def rectifies(step: Step, chain: Chain) -> bool:
    """Whether nothing below 0 comes out of a step that does `chain`."""
    return bool(chain) and isinstance(chain[-1], Elementwise) and chain[-1].rectifies


def _applied(step: Step, x: Tensor) -> Tensor:
    return call(step, {step.inputs[0]: x})


def _elementwise(step: Step) -> Elementwise:
    name = getattr(getattr(step.operation, "activation", None), "__name__", step.kind).lower()
    plain = not getattr(step.operation, "negative_slope", 0) and not getattr(step.operation, "threshold", 0)
    return Elementwise(
        lambda x: _applied(step, x),
        step.kind in _KEEPS_SIGN and plain,
        name in _RECTIFIERS and (name != "relu" or plain),
        name == "softmax",
    )


def _activation(step: Step) -> tuple[Elementwise, ...]:
    activation = getattr(step.operation, "activation", None)
    name = getattr(activation, "__name__", "")
    if activation is None or name == "linear":
        return ()
    return (Elementwise(activation, rectifies=name in _RECTIFIERS, plain=name == "relu", mixes=name == "softmax"),)


def _linear(step: Step) -> tuple[Linear, ...]:
    """Return the linear part of a layer with weights; two for a separable convolution."""
    import tensorflow as tf
    from keras import ops

    layer, kind = step.operation, step.kind

    def weight(name: str) -> Tensor | None:
        value = getattr(layer, name, None)
        return None if value is None else tf.cast(tf.convert_to_tensor(value), tf.float32)

    bias = weight("bias") if getattr(layer, "use_bias", False) else None
    if kind == "Dense":
        return (Linear(lambda x, kernel: tf.tensordot(x, kernel, 1), weight("kernel"), bias, dense=True),)
    where = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}
    where["data_format"] = layer.data_format
    if kind.startswith("Depthwise"):
        return (
            Linear(lambda x, kernel: ops.depthwise_conv(x, kernel, **where), weight("kernel"), bias, outputs_axis=None),
        )
    if kind.startswith("Separable"):
        beside = {"strides": 1, "padding": "valid", "data_format": layer.data_format}
        return (
            Linear(
                lambda x, kernel: ops.depthwise_conv(x, kernel, **where), weight("depthwise_kernel"), outputs_axis=None
            ),
            Linear(lambda x, kernel: ops.conv(x, kernel, **beside), weight("pointwise_kernel"), bias),
        )
    if kind.endswith("Transpose"):
        where["output_padding"] = layer.output_padding
        apply = lambda x, kernel: ops.conv_transpose(x, kernel, **where)  # noqa: E731
        return (Linear(apply, weight("kernel"), bias, inputs_axis=-1, outputs_axis=-2),)
    return (Linear(lambda x, kernel: ops.conv(x, kernel, **where), weight("kernel"), bias),)
