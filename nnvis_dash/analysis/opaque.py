"""A finished TensorFlow graph without layers, in the place of `graph.Graph`: images in, scores out, nothing to look at.

The values larger than a few numbers are held once, outside the graphs that use them: each use of a classifier traces
its own graph.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nnvis_dash.analysis.graph import Ending, Graph, Step, Tensor, Visit
from nnvis_dash.errors import ModelError
from nnvis_dash.types import Layer

IMAGES, SCORES = "images", "scores"  # the nodes that a finished graph begins and ends with
OUTPUTS = "outputs"  # what stands in the card for the layer that gives the features
DEFAULT_SIZE = 224  # for graphs that take images of any size
_ENDINGS: dict[str, Ending] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
_SCALES = frozenset({"Add", "AddV2", "Div", "Mul", "RealDiv", "Sub"})
_SMALL = 1024  # numbers; what is smaller may be a size, and stays in the graph where TensorFlow can see it


class OpaqueGraph(Graph):
    """A finished graph; has what a `Classifier` needs of a `Graph`, and of a model.

    Use `open`.

    Attributes
    ----------
    steps, layers : empty
    input_shape : (height, width, channels)
        None for a side that may have any length.
    output_shape : (K,)
    ending : "softmax", "sigmoid" or None
        What the graph ends with, so that `run` can leave it out.
    first_arithmetic : str
        The operation that scales the pixels before anything else; empty where there is none.
    """

    def __init__(self, definition: Any, name: str) -> None:
        self.name = name
        self.model = self
        self.steps: tuple[Step, ...] = ()
        self.layers: tuple[Layer, ...] = ()
        self._by_name: dict[str, Step] = {}
        self._producer: dict[int, Step] = {}
        nodes = {node.name: node for node in definition.node}
        if IMAGES not in nodes or SCORES not in nodes:
            raise ModelError("The file isn't a finished graph of NNVis", "Add the model again.")
        images = nodes[IMAGES]
        self.input_shape: tuple[int | None, ...] = tuple(
            None if axis.size < 0 else int(axis.size) for axis in images.attr["shape"].shape.dim[1:]
        )
        self.first_arithmetic = _first_arithmetic(definition)
        self._parameters = sum(_n_numbers(node) for node in definition.node if _is_weight(node))
        self.ending, self._before_ending = _ending(nodes)
        self._definition, self._values = _apart(definition)
        self._functions: dict[bool, Any] = {}
        self._lock = threading.Lock()
        import tensorflow as tf

        self.input_dtype: str = tf.as_dtype(images.attr["dtype"].type).name
        self.output_shape: tuple[int | None, ...] = tuple(self._function(False).structured_outputs.shape[1:])

    @classmethod
    def open(cls, path: Path) -> OpaqueGraph:
        """Open a file that `saved_model.freeze_file` wrote; it is held against the list of operations again.

        Raises
        ------
        ModelError
            Damaged, or a graph that does more than calculate.
        """
        import tensorflow as tf  # first of all: where another thread is importing it, its parts would be imported twice

        definition = tf.compat.v1.GraphDef()
        _parse(definition, path.read_bytes())
        from nnvis_dash.analysis.saved_model import operations

        operations.check((node.op for node in definition.node), operations.PURE)
        operations.check_types(definition.node)
        if definition.library.function:
            raise ModelError("The stored graph holds functions", "Add the model again.")
        return cls(definition, path.parent.name)

    def count_params(self) -> int:
        """Return how many floating-point numbers it holds (single numbers are not counted)."""
        return self._parameters

    def replaced(self, operations: Mapping[int, Any]) -> Graph:
        """Return itself: there is nothing to replace."""
        return self

    def run(self, x: Tensor, visit: Visit | None = None, logits: bool = False) -> Tensor:
        """Compute the scores; as `Graph.run`, but that there are no layers to visit."""
        import tensorflow as tf

        return self._function(logits and self.ending is not None)(tf.cast(x, self.input_dtype))

    def _function(self, logits: bool) -> Any:
        with self._lock:
            if logits not in self._functions:
                self._functions[logits] = self._traced(self._before_ending if logits else f"{SCORES}:0")
            return self._functions[logits]

    def _traced(self, output: str) -> Callable[[Tensor], Tensor]:
        """Return the graph up to an output as one function, through which gradients flow."""
        import tensorflow as tf

        def compute(x: Tensor) -> Tensor:
            capture = tf.compat.v1.get_default_graph().capture
            inputs = {f"{name}:0": capture(value) for name, value in self._values.items()}
            (result,) = tf.graph_util.import_graph_def(
                self._definition, {f"{IMAGES}:0": x, **inputs}, [output], name="graph"
            )
            return result

        signature = tf.TensorSpec((None, *self.input_shape), self.input_dtype)
        return tf.function(compute, autograph=False).get_concrete_function(signature)


def _parse(definition: Any, data: bytes) -> None:
    from google.protobuf.message import DecodeError

    try:
        definition.ParseFromString(data)
    except DecodeError:
        raise ModelError("The stored graph is damaged", "Add the model again.") from None


def graph_of(model: Any) -> Graph:
    """Return a model's graph: its layers one by one, or the opaque one that it is itself."""
    return model if isinstance(model, OpaqueGraph) else Graph(model)


def _is_weight(node: Any) -> bool:
    """Whether a node holds floating-point numbers: half, bfloat16, float or double, by TensorFlow's numbers."""
    return node.op == "Const" and node.attr["dtype"].type in (1, 2, 14, 19) and _rank(node) > 0


def _rank(node: Any) -> int:
    return len(node.attr["value"].tensor.tensor_shape.dim)


def _n_numbers(node: Any) -> int:
    return math.prod(axis.size for axis in node.attr["value"].tensor.tensor_shape.dim)


def _apart(definition: Any) -> tuple[Any, dict[str, Tensor]]:
    """Return the graph with a placeholder for every large constant, and the constants."""
    import tensorflow as tf

    without, values = type(definition)(), {}
    without.versions.CopyFrom(definition.versions)
    for node in definition.node:
        if node.op == "Const" and _n_numbers(node) > _SMALL:
            with tf.init_scope():
                values[node.name] = tf.constant(tf.make_ndarray(node.attr["value"].tensor))
            placeholder = without.node.add(name=node.name, op="Placeholder")
            placeholder.attr["dtype"].CopyFrom(node.attr["dtype"])
        else:
            without.node.add().CopyFrom(node)
    return without, values


def _ending(nodes: dict[str, Any]) -> tuple[Ending | None, str]:
    """Return which function a graph ends with, and the output before it."""
    node = nodes[SCORES]
    for _ in range(len(nodes)):
        name, _, number = node.input[0].partition(":")
        node = nodes[name]
        if node.op in _ENDINGS:
            return _ENDINGS[node.op], node.input[0]
        if node.op != "Identity" or number not in ("", "0"):
            break
    return None, f"{SCORES}:0"


def _first_arithmetic(definition: Any) -> str:
    """Return the operation that the pixels meet first if it scales them."""
    name = IMAGES
    for _ in range(len(definition.node)):
        users = [node for node in definition.node if any(entry.partition(":")[0] == name for entry in node.input)]
        users = [node for node in users if node.op not in ("Shape", "Rank", "Size")]
        if len(users) != 1:
            return ""
        if users[0].op in _SCALES:
            return str(users[0].op)
        if users[0].op not in ("Identity", "Cast"):
            return ""
        name = users[0].name
    return ""
