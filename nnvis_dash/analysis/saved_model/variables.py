"""The values of a SavedModel's variables, read from its checkpoint; the graph's own restoring is read, never run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnvis_dash.analysis.preflight.wording import RAISE_PARAMETERS, refused, shown
from nnvis_dash.analysis.saved_model.flatten import DAMAGED, flatten, reachable
from nnvis_dash.analysis.saved_model.operations import ASSIGNING, CALLS, VARIABLES
from nnvis_dash.errors import ModelError

MAX_BYTES = 2**31 - 2**26  # a finished graph with its values is one protocol buffer, which ends at 2 GB
_MAX_VARIABLES = 100_000
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"


def names_in_checkpoint(meta_graph: Any, library: Mapping[str, Any], checkpoint: Checkpoint) -> dict[str, str]:
    """Return which value of the checkpoint each variable of the main graph has, by the node's name.

    A graph's restoring says so. Where Keras's variables are saved without `export`, it restores others than those that
    the signature reads; then the objects say so, which TensorFlow's own loader follows.
    """
    return _by_objects(meta_graph, checkpoint) | _by_restoring(meta_graph, library)


def _by_restoring(meta_graph: Any, library: Mapping[str, Any]) -> dict[str, str]:
    restore = meta_graph.saver_def.restore_op_name
    if not restore:
        return {}
    flat = flatten(reachable(meta_graph.graph_def, [restore]), library)
    found: dict[str, str] = {}
    for node in flat.nodes.values():
        if node.op not in ASSIGNING or len(node.inputs) != 2:
            continue
        (variable, _), (restored, number) = flat.source(node.inputs[0]), flat.source(node.inputs[1])
        if variable.op not in VARIABLES or restored.op != "RestoreV2" or len(restored.inputs) != 3:
            continue
        names, slices = (_texts(flat.source(entry)[0]) for entry in restored.inputs[1:])
        if number >= min(len(names), len(slices)):
            raise DAMAGED
        if slices[number]:
            raise refused("the SavedModel's variables are stored in pieces", "Save it again on one machine.")
        found[variable.origin] = names[number]
    return found


def _by_objects(meta_graph: Any, checkpoint: Checkpoint) -> dict[str, str]:
    """Follow a function's captured variables to the file's objects, and these to the checkpoint's."""
    objects, functions = meta_graph.object_graph_def.nodes, meta_graph.object_graph_def.concrete_functions
    captured: dict[str, int] = {}
    for node in meta_graph.graph_def.node:
        if node.op not in CALLS or node.attr["f"].func.name not in functions:
            continue
        bound = functions[node.attr["f"].func.name].bound_inputs
        inputs = [entry for entry in node.input if not entry.startswith("^")]
        captured.update(zip(inputs[len(inputs) - len(bound) :], bound, strict=False))
    if not captured or not objects:
        return {}
    stored = checkpoint.objects()
    if not stored:
        return {}
    keys: dict[int, str] = {}  # by the object's number
    waiting, seen = [(0, 0)], {0}
    while waiting:
        number, twin = waiting.pop()
        if not (0 <= number < len(objects) and 0 <= twin < len(stored)):
            raise DAMAGED
        for attribute in stored[twin].attributes:
            if attribute.name == "VARIABLE_VALUE":
                keys[number] = attribute.checkpoint_key
        twins = {child.local_name: child.node_id for child in stored[twin].children}
        for child in objects[number].children:
            if child.local_name in twins and child.node_id not in seen:
                seen.add(child.node_id)
                waiting.append((child.node_id, twins[child.local_name]))
    return {name: keys[number] for name, number in captured.items() if number in keys}


class Checkpoint:
    """Values by name.

    Parameters
    ----------
    prefix : Path
        ``variables/variables``.
    max_parameters : int
    """

    def __init__(self, prefix: Path, max_parameters: int) -> None:
        self._prefix = prefix
        self._limit = max_parameters
        self._parameters = 0
        self._bytes = 0
        self._reader: Any = None

    def read(self, name: str) -> Any:
        """Return a value as a numpy array, once it is known not to be too large.

        Raises
        ------
        RefusedModel
            All that were read have too many numbers.
        ModelError
            No such value, or a damaged file.
        """
        with self._opened():
            if name not in self._shapes:
                raise ModelError(
                    f"The SavedModel's files hold no value for the variable {shown(name)}",
                    "Copy the whole folder again.",
                )
            self.count(math.prod(self._shapes[name]), self._types[name].size)
            return self._reader.get_tensor(name)

    def objects(self) -> Any:
        """Return the objects that were saved (TrackableObject), empty where the checkpoint doesn't list them."""
        from google.protobuf.message import DecodeError
        from tensorflow.core.protobuf import trackable_object_graph_pb2

        graph = trackable_object_graph_pb2.TrackableObjectGraph()
        if not self._prefix.with_suffix(".index").exists():
            return graph.nodes
        with self._opened():
            if _OBJECTS in self._shapes:
                try:
                    graph.ParseFromString(self._reader.get_tensor(_OBJECTS))
                except DecodeError:
                    raise DAMAGED from None
        return graph.nodes

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Open the files where that wasn't done yet; what TensorFlow says of damage becomes a ModelError."""
        import tensorflow as tf

        try:
            if self._reader is None:
                self._reader = tf.train.load_checkpoint(str(self._prefix))
                self._shapes = self._reader.get_variable_to_shape_map()
                self._types = self._reader.get_variable_to_dtype_map()
            yield
        except (tf.errors.OpError, ValueError, RuntimeError, TypeError, LookupError) as error:
            raise ModelError(
                f"The SavedModel's variables can't be read ({type(error).__name__})", "Copy the whole folder again."
            ) from error

    def count(self, numbers: int, size: int) -> None:
        """Count values of the graph in; RefusedModel where there are too many."""
        self._parameters += numbers
        self._bytes += numbers * size
        if self._parameters > self._limit:
            raise refused(f"the model has more than {self._limit:,} parameters", RAISE_PARAMETERS)
        if self._bytes > MAX_BYTES:
            raise refused("the model has more than 2 GB of values, which TensorFlow can't keep in one graph")


def _texts(node: Any) -> list[str]:
    """Return the texts of a constant; equal ones at the end may stand there once."""
    if node.op != "Const" or "value" not in node.attributes:
        raise DAMAGED
    value = node.attributes["value"].tensor
    texts = [text.decode("utf-8", "replace") for text in value.string_val]
    n_texts = math.prod(axis.size for axis in value.tensor_shape.dim)
    if not texts or not len(texts) <= n_texts <= _MAX_VARIABLES:
        raise DAMAGED
    return texts + texts[-1:] * (n_texts - len(texts))
