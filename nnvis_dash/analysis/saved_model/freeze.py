"""Makes one finished graph of a SavedModel: images in, scores out, all values inside, and nothing but calculations.

TensorFlow's own loader is not used: it rebuilds whatever objects the file lists, and runs their functions. Here the
graph is read as data, what the signature needs is written out flat, the variables become constants, and what is left is
held against `operations.PURE`. Only that is ever run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnvis_dash.analysis.opaque import DEFAULT_SIZE, IMAGES, SCORES, OpaqueGraph
from nnvis_dash.analysis.preflight.wording import refused, shown
from nnvis_dash.analysis.saved_model import operations
from nnvis_dash.analysis.saved_model.flatten import DAMAGED, Flat, Node, called, flatten, reachable
from nnvis_dash.analysis.saved_model.signature import Signature
from nnvis_dash.analysis.saved_model.variables import Checkpoint, names_in_checkpoint
from nnvis_dash.errors import ModelError, NNVisError, ParameterError
from nnvis_dash.settings import Settings

MAX_ACTIVATION = 1 << 28  # numbers that one operation may put out for one image: 1 GB
_TOLERANCE = 1e-3


def check_operations(meta_graph: Any, signature: Signature) -> dict[str, Any]:
    """Hold every operation of the file against the lists, and those that the signature uses against shorter ones.

    Returns
    -------
    dict : the graph's functions by name.
    """
    from tensorflow.python.framework import op_def_registry

    graph = meta_graph.graph_def
    library = {function.signature.name: function for function in graph.library.function}
    for name in library:
        if op_def_registry.get(name) is not None:
            raise refused(f"the graph has a function of its own named {shown(name)}, which is an operation")
    own = frozenset(library)
    everything = {node.op for node in graph.node}
    everything.update(node.op for function in graph.library.function for node in function.node_def)
    operations.check(everything, operations.PURE | operations.PLUMBING | operations.UNUSED | own)
    if meta_graph.asset_file_def:
        names = ", ".join(entry.filename for entry in meta_graph.asset_file_def)
        raise refused(f"the SavedModel reads files of its own ({shown(names)})", operations.MEND)
    used = reachable(graph, [signature.output.partition(":")[0]])
    inner = [node.op for function in called(used, library) for node in function.node_def]
    operations.check([*(node.op for node in used), *inner], operations.PURE | operations.PLUMBING | own)
    return library


def freeze(meta_graph: Any, signature: Signature, checkpoint: Checkpoint) -> Any:
    """Return the finished graph (GraphDef): a placeholder `IMAGES`, an output `SCORES`, no functions, no variables.

    Raises
    ------
    RefusedModel
        It does more than calculate, or is too large.
    ModelError
        Damaged, or its output doesn't depend on the image.
    """
    from tensorflow.core.framework import graph_pb2

    library = check_operations(meta_graph, signature)
    flat = flatten(reachable(meta_graph.graph_def, [signature.output.partition(":")[0]]), library)
    output = flat.main(signature.output)
    needed = flat.needed(output)
    images = _image_node(flat, needed, signature)
    stored = names_in_checkpoint(meta_graph, library, checkpoint)
    definition = graph_pb2.GraphDef()
    definition.versions.CopyFrom(meta_graph.graph_def.versions)
    kinds: dict[str, int] = {}  # of the variables
    for node in needed:
        record = definition.node.add(name=IMAGES if node is images else node.name, op=node.op)
        if node is images:
            _set_placeholder(record, signature)
        elif node.op in operations.VARIABLES:
            kinds[node.name] = _set_value(record, node, stored, checkpoint)
        else:
            _set_node(record, node, flat, images, kinds, checkpoint)
    record = definition.node.add(name=SCORES, op="Identity", input=[_named(flat, output, images)])
    record.attr["T"].type = signature.dtype_number  # put right below, once TensorFlow knows the output's
    _finish(definition)
    return definition


def check_shapes(definition: Any, shape: tuple[int, int, int]) -> int:
    """Let TensorFlow work out what every operation puts out for one image, without running any.

    Parameters
    ----------
    definition : GraphDef
    shape : (height, width, channels)

    Returns
    -------
    int : how many scores there are for an image.

    Raises
    ------
    RefusedModel
        A size that isn't known beforehand, or one that is too large.
    ModelError
        Not one row of scores.
    """
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        dtype = next(node for node in definition.node if node.name == IMAGES).attr["dtype"].type
        placeholder = tf.compat.v1.placeholder(dtype, (1, *shape))
        _import(definition, {f"{IMAGES}:0": placeholder})
    for operation in graph.get_operations():
        for tensor in operation.outputs:
            if operation.type == "Placeholder" and operation is not placeholder.op:
                continue
            if not tensor.shape.is_fully_defined():
                if not tensor.consumers() and tensor.op.outputs[0] is not tensor:
                    continue  # what a batch normalisation keeps for training
                raise refused(
                    f"what the graph's operation {operation.type} puts out has a size that isn't known beforehand",
                    operations.MEND,
                )
            size = math.prod(tensor.shape.as_list())
            if size > MAX_ACTIVATION:
                raise refused(
                    f"for one image the graph's operation {operation.type} puts out {size:,} numbers "
                    f"({size * 4 / 2**30:,.1f} GB)",
                    "Use a model for smaller images.",
                )
        if operation.type == "SelectV2" and operation.inputs[1].shape != operation.inputs[2].shape:
            raise refused("the two branches of a condition of the graph give different sizes", operations.MEND)
    scores = graph.get_tensor_by_name(f"{SCORES}:0")
    if scores.shape.rank != 2 or scores.shape[0] != 1 or not scores.dtype.is_floating:
        raise ModelError(
            f"The SavedModel puts out {scores.dtype.name} of the shape {tuple(scores.shape[1:])} for an image, not one "
            "row of class scores",
            "Give one that gives (N, number of classes), or choose another output with head.",
        )
    return int(scores.shape[1])


def check_answers(graph: OpaqueGraph, shape: tuple[int, int, int]) -> None:
    """Run the finished graph on a few images of noise: it has to give a row for each, whatever stands beside it."""
    import tensorflow as tf

    pixels = np.random.default_rng(0).uniform(0, 1, (2, *shape)).astype(np.float32)
    try:
        together = graph.run(tf.constant(pixels)).numpy()
        apart = np.concatenate([graph.run(tf.constant(pixels[number : number + 1])).numpy() for number in (0, 1)])
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError from error
    except tf.errors.OpError as error:
        raise ModelError(
            f"TensorFlow can't run the graph on an image ({type(error).__name__})", operations.MEND
        ) from error
    if together.shape != apart.shape or not np.allclose(together, apart, _TOLERANCE, _TOLERANCE, equal_nan=True):
        raise ModelError(
            "What the SavedModel says of an image depends on the other images beside it",
            "Save it in inference mode (training=False).",
        )


def concrete_shape(shape: tuple[int | None, ...], size: tuple[int, int] | None) -> tuple[int, int, int]:
    """Return the input's shape, with `size` (or the usual one) for what the graph leaves open."""
    height, width = (given or wanted for given, wanted in zip(shape[:2], size or (DEFAULT_SIZE,) * 2, strict=True))
    if height < 1 or width < 1:
        raise ParameterError(f"The input size is {height} × {width}", "Give two positive numbers.")
    if height * width > Settings().max_pixels:
        raise refused(f"the model takes images of {height:,} × {width:,} pixels", "Use a model for smaller images.")
    return int(height), int(width), int(shape[2] or 0)


def _image_node(flat: Flat, needed: list[Node], signature: Signature) -> Node:
    node = flat.node(flat.main(signature.input))
    if node.op != "Placeholder":
        raise DAMAGED
    if node not in needed:
        raise ModelError("The SavedModel's output doesn't depend on the image", "Choose another output with head.")
    for other in needed:
        if other.op == "Placeholder" and other is not node:
            raise ModelError(
                f"The SavedModel's output needs more than the image ({shown(other.origin)})",
                "Give one with a signature that takes images and nothing else.",
            )
    return node


def _set_placeholder(record: Any, signature: Signature) -> None:
    record.attr["dtype"].type = signature.dtype_number
    for size in (None, *signature.shape):
        record.attr["shape"].shape.dim.add(size=-1 if size is None else size)


def _set_value(record: Any, node: Node, stored: dict[str, str], checkpoint: Checkpoint) -> int:
    """Make a constant of a variable; return its type's number."""
    import tensorflow as tf

    if node.origin not in stored:
        raise ModelError(
            f"The SavedModel holds no value for the variable {shown(node.origin or 'of a function')}", operations.MEND
        )
    value = checkpoint.read(stored[node.origin])
    kind = node.attributes["dtype"].type
    if tf.as_dtype(value.dtype).as_datatype_enum != kind:
        raise DAMAGED
    n_bad = value.size - int(np.isfinite(value.astype(np.float32)).sum()) if tf.as_dtype(kind).is_floating else 0
    if n_bad:
        raise ModelError(
            f"The variable {shown(node.origin)} holds NaN or infinity ({n_bad:,} of {value.size:,} values): "
            "its training failed",
            "Use the weights from before the loss became NaN, or train it again with a lower learning rate.",
        )
    record.op = "Const"
    record.attr["dtype"].type = kind
    record.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    return int(kind)


def _set_node(record: Any, node: Node, flat: Flat, images: Node, kinds: dict[str, int], checkpoint: Checkpoint) -> None:
    record.input.extend(_named(flat, entry, images) for entry in node.inputs)
    for name, value in node.attributes.items():
        if not name.startswith("_"):
            record.attr[name].CopyFrom(value)
    if node.op == "Const":
        shape = [axis.size for axis in node.attributes["value"].tensor.tensor_shape.dim]
        checkpoint.count(max(math.prod(shape), 0), 4)
    if node.op == "PlaceholderWithDefault":
        kind = node.attributes["dtype"].type
    elif node.op in ("ReadVariableOp", "Identity"):
        if not node.inputs:
            raise DAMAGED
        variable = flat.source(node.inputs[0])[0]
        if variable.name not in kinds:
            if node.op == "Identity":
                return
            raise refused("the graph reads a variable that it doesn't hold", operations.MEND)
        kind = kinds[variable.name]
    else:
        return
    record.op = "Identity"
    record.attr.clear()
    record.attr["T"].type = kind


def _named(flat: Flat, output: str, images: Node) -> str:
    name, _, number = flat.resolve(output).rpartition(":")
    return f"{IMAGES if name == images.name else name}:{number}"


def _finish(definition: Any) -> None:
    """Put the output's type right, and hold the graph against the list for the last time."""
    import tensorflow as tf

    operations.check((node.op for node in definition.node), operations.PURE)
    operations.check_types(definition.node)
    scores = definition.node[-1]
    graph = tf.Graph()
    without = type(definition)()
    without.CopyFrom(definition)
    del without.node[-1]
    with graph.as_default():
        _import(without, {})
        source = scores.input[0]
        try:
            scores.attr["T"].type = graph.get_tensor_by_name(source).dtype.as_datatype_enum
        except (KeyError, ValueError):
            raise DAMAGED from None


def _import(definition: Any, inputs: dict[str, Any]) -> None:
    import tensorflow as tf

    try:
        tf.graph_util.import_graph_def(definition, inputs, name="")
    except NNVisError:
        raise
    except (ValueError, TypeError, KeyError, tf.errors.OpError) as error:
        raise ModelError(
            f"TensorFlow {tf.__version__} can't read the SavedModel's graph ({type(error).__name__})",
            "Save it again with the TensorFlow version that is used here.",
        ) from error
