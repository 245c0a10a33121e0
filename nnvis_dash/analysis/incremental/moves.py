"""How one layer turns a patch of its input into a patch of its output, for the kinds of layer where that can be said.

A layer has one of three moves: a *point* move works on each position alone, a *window* move on a window around it (with
padding: on the position itself, which has another number then), a *join* on several maps at the same position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnvis_dash.analysis.graph import Step, Tensor, call

_POINTS = frozenset(
    {
        "Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU", "Elu", "GaussianDropout",
        "GaussianNoise", "Gelu", "HardSigmoid", "HardSwish", "HardSilu", "Identity", "LeakyReLU", "LeakyRelu", "ReLU",
        "Relu", "Relu6", "Rescaling", "ScaleAndShift", "Selu", "Sigmoid", "Silu", "Softplus", "SpatialDropout2D",
        "Tanh",
    }
)  # fmt: skip
_JOINS = frozenset({"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"})
_UNITS_PER_NUMBER = 8.0  # what reading and writing a number costs, in multiplications


@dataclass(frozen=True)
class Move:
    """One layer's move; pairs are (vertical, horizontal).

    Output position o of a window move reads the inputs o·stride − before ... o·stride − before + reach − 1.
    """

    kind: str  # "point", "window", "join"
    run: Callable[[list[Tensor]], Tensor]  # of the inputs' surroundings, without padding
    reach: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)
    pads_lowest: bool = False  # beyond the border lies the lowest number instead of 0
    counts: bool = False  # an average over what lies inside the border only
    cost: float = 1.0  # multiplications per position of the output


def move_of(step: Step, shapes: list[tuple[int | None, ...]]) -> Move | None:
    """Return how a step moves patches; None where that isn't known, so that it needs whole maps.

    Parameters
    ----------
    step : Step
    shapes : list of tuples
        Of its inputs, without the batch axis.
    """
    operation = step.operation
    if len(step.outputs) != 1 or not all(_is_map(shape) for shape in (*shapes, step.shapes[0])):
        return None
    if getattr(operation, "data_format", None) == "channels_first":
        return None
    numbers = _UNITS_PER_NUMBER * float(step.shapes[0][-1] or 1)
    if _is_point(step):
        return Move("point", _called(step), cost=numbers)
    if len(shapes) > 1 and step.kind in _JOINS and len(set(shapes)) == 1:
        return Move("join", _called(step), cost=numbers)
    if len(shapes) > 1 and step.kind == "Concatenate" and getattr(operation, "axis", -1) in (-1, 3):
        return Move("join", _called(step), cost=numbers)
    if len(shapes) != 1:
        return None
    if step.kind == "ZeroPadding2D":
        (top, _), (left, _) = operation.padding
        return Move("window", lambda inputs: inputs[0], before=(top, left), cost=numbers)
    if step.kind == "Cropping2D":
        (top, _), (left, _) = operation.cropping
        return Move("window", lambda inputs: inputs[0], before=(-top, -left), cost=numbers)
    return _window(step, shapes[0])


def _is_map(shape: tuple[int | None, ...]) -> bool:
    return len(shape) == 3 and None not in shape


def _is_point(step: Step) -> bool:
    kind, operation = step.kind, step.operation
    if len(step.inputs) != 1 or (len(step.args) > 1 and not step.is_layer):
        return False
    if kind in _POINTS:
        return True
    if kind == "BatchNormalization":
        return operation.axis in (-1, 3)
    if kind == "Normalization":
        return getattr(operation, "axis", (-1,)) in ((-1,), (3,), -1, 3)
    if kind == "Softmax":
        return getattr(operation, "axis", -1) in (-1, 3)
    return kind == "PReLU" and set(getattr(operation, "shared_axes", None) or ()) >= {1, 2}


def _called(step: Step) -> Callable[[list[Tensor]], Tensor]:
    def run(inputs: list[Tensor]) -> Tensor:
        return call(step, dict(zip(step.inputs, inputs, strict=True)))

    return run


def _window(step: Step, shape: tuple[int | None, ...]) -> Move | None:
    """Return the move of a convolution or pooling."""
    operation, kind = step.operation, step.kind
    if kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D"):
        size, dilation = operation.kernel_size, operation.dilation_rate
        run = _CONVOLUTIONS[kind](operation)
        kernels = operation.weights[: 2 if kind == "SeparableConv2D" else 1]
        cost = sum(math.prod(kernel.shape) for kernel in kernels) + _UNITS_PER_NUMBER * step.shapes[0][-1]  # type: ignore[operator]
    elif kind in ("MaxPooling2D", "AveragePooling2D"):
        size, dilation = operation.pool_size, (1, 1)
        run = _pooling(operation, kind == "MaxPooling2D")
        cost = (math.prod(size) + _UNITS_PER_NUMBER) * float(step.shapes[0][-1] or 1)
    else:
        return None
    if operation.padding not in ("valid", "same"):
        return None
    stride = tuple(int(entry) for entry in operation.strides)
    reach = tuple(int((extent - 1) * apart + 1) for extent, apart in zip(size, dilation, strict=True))
    before = (0, 0)
    if operation.padding == "same":
        before = tuple(  # type: ignore[assignment]
            max((int(outputs or 0) - 1) * pace + extent - int(inputs or 0), 0) // 2
            for outputs, pace, extent, inputs in zip(step.shapes[0], stride, reach, shape, strict=False)
        )
    same = operation.padding == "same"
    return Move(
        "window",
        run,
        reach=(reach[0], reach[1]),
        stride=(stride[0], stride[1]),
        before=before,
        pads_lowest=same and kind == "MaxPooling2D",
        counts=same and kind == "AveragePooling2D",
        cost=float(cost),
    )


def _conv(layer: Any) -> Callable[[list[Tensor]], Tensor]:
    import tensorflow as tf

    def run(inputs: list[Tensor]) -> Tensor:
        kernel = tf.cast(tf.convert_to_tensor(layer.kernel), inputs[0].dtype)
        made = tf.nn.conv2d(inputs[0], kernel, layer.strides, "VALID", dilations=layer.dilation_rate)
        return _ended(layer, made)

    return run


def _depthwise(layer: Any) -> Callable[[list[Tensor]], Tensor]:
    import tensorflow as tf

    def run(inputs: list[Tensor]) -> Tensor:
        kernel = tf.cast(tf.convert_to_tensor(layer.kernel), inputs[0].dtype)
        strides = (1, *layer.strides, 1)
        made = tf.nn.depthwise_conv2d(inputs[0], kernel, strides, "VALID", dilations=layer.dilation_rate)
        return _ended(layer, made)

    return run


def _separable(layer: Any) -> Callable[[list[Tensor]], Tensor]:
    import tensorflow as tf

    def run(inputs: list[Tensor]) -> Tensor:
        deep, flat = (
            tf.cast(tf.convert_to_tensor(kernel), inputs[0].dtype)
            for kernel in (layer.depthwise_kernel, layer.pointwise_kernel)
        )
        strides = (1, *layer.strides, 1)
        made = tf.nn.depthwise_conv2d(inputs[0], deep, strides, "VALID", dilations=layer.dilation_rate)
        return _ended(layer, tf.nn.conv2d(made, flat, 1, "VALID"))

    return run


_CONVOLUTIONS = {"Conv2D": _conv, "DepthwiseConv2D": _depthwise, "SeparableConv2D": _separable}


def _ended(layer: Any, made: Tensor) -> Tensor:
    """Add the bias and apply the activation, so that TensorFlow can do all three at once."""
    import tensorflow as tf

    if layer.use_bias:
        made = tf.nn.bias_add(made, tf.cast(tf.convert_to_tensor(layer.bias), made.dtype))
    return made if layer.activation is None else layer.activation(made)


def _pooling(layer: Any, greatest: bool) -> Callable[[list[Tensor]], Tensor]:
    import tensorflow as tf

    pool = tf.nn.max_pool2d if greatest else tf.nn.avg_pool2d

    def run(inputs: list[Tensor]) -> Tensor:
        return pool(inputs[0], layer.pool_size, layer.strides, "VALID")

    return run
