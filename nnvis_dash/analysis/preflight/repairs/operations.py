"""Functions of TensorFlow that tf.keras kept as layers, such as the arithmetic of keras.applications' preprocess_input:
each becomes the operation of today's Keras that computes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from nnvis_dash.analysis.preflight.allowed import DTYPES, OPERATION_LAYERS, TENSORFLOW_FUNCTIONS
from nnvis_dash.analysis.preflight.repairs.draft import (
    Draft,
    Entry,
    calls,
    is_sequential,
    layers_of,
    models,
    references,
    tensor,
    unrepairable,
)
from nnvis_dash.analysis.preflight.wording import shown

_NUMPY, _NN, _CORE = (f"keras.src.ops.{name}" for name in ("numpy", "nn", "core"))
Arguments: TypeAlias = dict[str, Any]
# Makes of a call's arguments: the operation's own fields, and what it is called with.
Split: TypeAlias = Callable[[Entry, Arguments], tuple[dict[str, Any], list[Any]]]


def _one(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    return {}, [_first(entry, given, "x", "input", "features", "logits", "a", "value", "tensor")]


def _two(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    first = _first(entry, given, "x")
    return {}, [_constant(first), _constant(_take(entry, given, "y"))]


def _bias(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    if given.pop("data_format", None) not in (None, "NHWC", "N..C"):
        unrepairable(entry, "adds to channels that come first")
    return {}, [_first(entry, given, "value"), _constant(_take(entry, given, "bias"))]


def _reduction(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    axis = given.pop("axis", None)
    return {"axis": axis, "keepdims": bool(given.pop("keepdims", False))}, [_first(entry, given, "input_tensor")]


def _axis(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    return {"axis": given.pop("axis", -1)}, [_first(entry, given, "logits", "input", "x")]


def _squeeze(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    return {"axis": given.pop("axis", None)}, [_first(entry, given, "input")]


def _item(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    return {}, [_first(entry, given, "tensor"), _slices(entry, _take(entry, given, "slice_spec"))]


def _reshape(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    shape = _take(entry, given, "shape")
    if not isinstance(shape, list) or not all(isinstance(extent, int) for extent in shape):
        unrepairable(entry, "reshapes to a shape that isn't written in the file")
    return {"newshape": shape}, [_first(entry, given, "tensor")]


def _transpose(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    return {"axes": given.pop("perm", None)}, [_first(entry, given, "a", "x")]


def _concat(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    values = _first(entry, given, "values")
    return {"axis": _take(entry, given, "axis")}, [values if isinstance(values, list) else [values]]


def _clip(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    low, high = _take(entry, given, "clip_value_min"), _take(entry, given, "clip_value_max")
    if not all(isinstance(bound, (int, float)) for bound in (low, high)):
        unrepairable(entry, "clips to bounds that aren't written in the file")
    return {"x_min": low, "x_max": high}, [_first(entry, given, "t")]


def _cast(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    dtype = _take(entry, given, "dtype")
    dtype = dtype.get("config") if isinstance(dtype, dict) else dtype
    if dtype not in DTYPES:
        unrepairable(entry, f"casts to {shown(dtype)}")
    return {"dtype": dtype}, [_first(entry, given, "x")]


def _slope(entry: Entry, given: Arguments) -> tuple[dict[str, Any], list[Any]]:
    return {"negative_slope": given.pop("alpha", 0.2)}, [_first(entry, given, "features")]


FUNCTIONS: dict[str, tuple[str, str, Split]] = {
    "__operators__.add": (_NUMPY, "Add", _two),
    "__operators__.getitem": (_NUMPY, "GetItem", _item),
    "math.add": (_NUMPY, "Add", _two),
    "math.subtract": (_NUMPY, "Subtract", _two),
    "math.multiply": (_NUMPY, "Multiply", _two),
    "math.truediv": (_NUMPY, "TrueDivide", _two),
    "math.divide": (_NUMPY, "TrueDivide", _two),
    "math.maximum": (_NUMPY, "Maximum", _two),
    "math.minimum": (_NUMPY, "Minimum", _two),
    "math.pow": (_NUMPY, "Power", _two),
    "math.negative": (_NUMPY, "Negative", _one),
    "math.abs": (_NUMPY, "Absolute", _one),
    "math.exp": (_NUMPY, "Exp", _one),
    "math.sqrt": (_NUMPY, "Sqrt", _one),
    "math.square": (_NUMPY, "Square", _one),
    "math.sigmoid": (_NN, "Sigmoid", _one),
    "math.tanh": (_NUMPY, "Tanh", _one),
    "math.reduce_mean": (_NUMPY, "Mean", _reduction),
    "math.reduce_max": (_NUMPY, "Max", _reduction),
    "math.reduce_min": (_NUMPY, "Min", _reduction),
    "math.reduce_sum": (_NUMPY, "Sum", _reduction),
    "nn.bias_add": (_NUMPY, "Add", _bias),
    "nn.relu": (_NN, "Relu", _one),
    "nn.relu6": (_NN, "Relu6", _one),
    "nn.sigmoid": (_NN, "Sigmoid", _one),
    "nn.tanh": (_NUMPY, "Tanh", _one),
    "nn.softmax": (_NN, "Softmax", _axis),
    "nn.log_softmax": (_NN, "LogSoftmax", _axis),
    "nn.elu": (_NN, "Elu", _one),
    "nn.selu": (_NN, "Selu", _one),
    "nn.leaky_relu": (_NN, "LeakyRelu", _slope),
    "nn.silu": (_NN, "Silu", _one),
    "nn.softplus": (_NN, "Softplus", _one),
    "clip_by_value": (_NUMPY, "Clip", _clip),
    "reshape": (_NUMPY, "Reshape", _reshape),
    "expand_dims": (_NUMPY, "ExpandDims", _squeeze),
    "squeeze": (_NUMPY, "Squeeze", _squeeze),
    "concat": (_NUMPY, "Concatenate", _concat),
    "transpose": (_NUMPY, "Transpose", _transpose),
    "cast": (_CORE, "Cast", _cast),
    "identity": (_NUMPY, "Copy", _one),
    "stop_gradient": (_CORE, "StopGradient", _one),
}
if FUNCTIONS.keys() != TENSORFLOW_FUNCTIONS:
    raise RuntimeError("the list of allowed functions differs from those that can be turned into operations")

# The names of the same in a graph of TensorFlow, with their inputs in order.
_NODES = {
    "AddV2": "math.add",
    "Add": "math.add",
    "Sub": "math.subtract",
    "Mul": "math.multiply",
    "RealDiv": "math.truediv",
    "Maximum": "math.maximum",
    "Minimum": "math.minimum",
    "Neg": "math.negative",
    "BiasAdd": "math.add",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Sigmoid": "nn.sigmoid",
    "Tanh": "nn.tanh",
    "Softmax": "nn.softmax",
    "Exp": "math.exp",
    "Sqrt": "math.sqrt",
    "Square": "math.square",
    "Abs": "math.abs",
    "Identity": "identity",
}
_NHWC = "TkhXQw=="  # in base 64
_BINARY = frozenset({"AddV2", "Add", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "BiasAdd"})


def functions(draft: Draft) -> str:
    """A TFOpLambda names a function of TensorFlow; it becomes an operation of Keras."""
    changed = set()
    for model in models(draft.model):
        for layer in layers_of(model):
            if layer["class_name"] not in OPERATION_LAYERS or layer["class_name"] == "TensorFlowOpLayer":
                continue
            if is_sequential(model):
                unrepairable(layer, "is a function inside a Sequential model")
            function = layer["config"]["function"]
            changed.add(f"tf.{function}")
            _replace(layer, function, [_arguments(layer, call) for call in calls(layer)])
    return f"functions of TensorFlow read as Keras operations: {', '.join(sorted(changed))}" if changed else ""


def node_definitions(draft: Draft) -> str:
    """A TensorFlowOpLayer holds a node of TensorFlow's graph as text, and its constants."""
    changed = set()
    for model in models(draft.model):
        for layer in layers_of(model):
            if layer["class_name"] != "TensorFlowOpLayer":
                continue
            config = layer["config"]
            kind, first = _operation(config.get("node_def"))
            if kind not in _NODES or (first and kind == "BiasAdd"):
                unrepairable(layer, f"is TensorFlow's operation {shown(kind)}, which can't be turned into a layer")
            constants = config.get("constants") or {}
            given = []
            for call in calls(layer):
                inputs: list[Any] = [tensor(reference) for reference in references(call)]
                for number in sorted(constants, key=int):
                    inputs.insert(int(number), constants[number])
                if len(inputs) != (2 if kind in _BINARY else 1):
                    unrepairable(layer, f"is TensorFlow's operation {kind} with {len(inputs)} inputs")
                given.append(dict(zip(("x", "y"), inputs, strict=False)))
            changed.add(kind)
            _replace(layer, _NODES[kind], given)
    return f"operations of TensorFlow read as Keras operations: {', '.join(sorted(changed))}" if changed else ""


def _operation(definition: Any) -> tuple[str | None, bool]:
    """Return the name of a node's operation, and whether its channels come first.

    TensorFlow 2.2 and later wrote the node as a dictionary, earlier ones as a text of its bytes: the name, then the
    operation, each behind its tag and its length.
    """
    if isinstance(definition, dict):
        attribute = definition.get("attr", {}).get("data_format", {})
        kind = definition.get("op")
        return kind if isinstance(kind, str) else None, attribute.get("s") not in (None, _NHWC)
    data = definition.encode("utf-8", "surrogateescape") if isinstance(definition, str) else b""
    if data[:1] != b"\x0a" or len(data) < 4:
        return None, False
    start = 2 + data[1]
    if data[start : start + 1] != b"\x12":
        return None, False
    return data[start + 2 : start + 2 + data[start + 1]].decode("ascii", "replace"), b"NCHW" in data


def _replace(layer: Entry, function: str, given: list[Arguments]) -> None:
    """Make the layer an operation that is called with the given arguments."""
    module, kind, split = FUNCTIONS[function]
    made = []
    for arguments in given:
        arguments.pop("name", None)
        made.append(split(layer, arguments))
        if arguments:
            unrepairable(layer, f"gives tf.{function} the argument {shown(next(iter(arguments)))}, which isn't known")
    fields = made[0][0] if made else {}
    if any(other != fields for other, _ in made):
        unrepairable(layer, "is called with different arguments")
    layer |= {
        "module": module,
        "class_name": kind,
        "config": {"name": layer["name"], **fields},
        "registered_name": None,
        "inbound_nodes": [{"args": args, "kwargs": {}} for _, args in made],
    }
    layer.pop("build_config", None)


def _arguments(layer: Entry, call: Any) -> Arguments:
    """Return what a function is called with, the first argument under the key ""."""
    if isinstance(call, list):
        inputs = [tensor(reference) for reference in references(call)]
        return {"": inputs[0] if len(inputs) == 1 else inputs}
    (first,) = call["args"]
    return {"": first, **call["kwargs"]}


def _first(entry: Entry, given: Arguments, *names: str) -> Any:
    for name in ("", *names):
        if name in given:
            return given.pop(name)
    unrepairable(entry, "is called without an input")


def _take(entry: Entry, given: Arguments, name: str) -> Any:
    if name not in given:
        unrepairable(entry, f"is called without {name}")
    return given.pop(name)


def _constant(value: Any) -> Any:
    """Return a list of numbers as the array that an operation takes; tensors and numbers as they are."""
    if not isinstance(value, list):
        return value
    array = np.asarray(value, np.float32)
    return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": "float32"}}


def _slices(entry: Entry, value: Any) -> Any:
    """Return the key of an indexing as Keras writes it."""
    if isinstance(value, list):
        return [_slices(entry, part) for part in value]
    if isinstance(value, dict):
        if value.get("class_name") == "__ellipsis__":
            return {"class_name": "__ellipsis__", "config": {}}
        if set(value) == {"start", "stop", "step"}:
            return {"class_name": "__slice__", "config": value}
    if value is None or isinstance(value, int):
        return value
    unrepairable(entry, "picks with something that isn't written in the file")
