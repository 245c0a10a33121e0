"""What of a SavedModel is run: its signature, the one image that goes in and the one output that is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnvis_dash.analysis.preflight.wording import refused, shown
from nnvis_dash.analysis.saved_model.flatten import DAMAGED
from nnvis_dash.errors import ModelError, ParameterError

DEFAULT = "serving_default"
_OWN = ("__saved_model_init_op", "__saved_model_train_op")
_FLOATS = {1: "float32", 2: "float64", 14: "bfloat16", 19: "float16"}  # as TensorFlow's types.proto numbers them


@dataclass(frozen=True)
class Signature:
    """Names of tensors (``name:number``) of the main graph, and what goes in."""

    name: str
    input: str
    output: str
    dtype: str
    dtype_number: int
    shape: tuple[int | None, ...]  # height, width, channels


def read_graph(path: Path) -> tuple[Any, str]:
    """Parse a `saved_model.pb`; nothing of it is run.

    Returns
    -------
    meta_graph : MetaGraphDef
        The one for serving.
    written_by : str
        "TensorFlow 2.21.0"; empty where the file doesn't say.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(path.read_bytes())
    except DecodeError:
        raise DAMAGED from None
    graphs = list(saved.meta_graphs)
    serving = [graph for graph in graphs if list(graph.meta_info_def.tags) == ["serve"]] or graphs
    if len(serving) != 1:
        tags = "; ".join(shown(", ".join(graph.meta_info_def.tags)) for graph in graphs[:12])
        raise ModelError(
            f"The SavedModel holds {len(graphs)} graphs{f', tagged {tags}' if tags else ''}",
            'Save it with one graph that is tagged "serve".',
        )
    version = re.match(r"[0-9][0-9A-Za-z.\-]{0,30}", serving[0].meta_info_def.tensorflow_version)
    return serving[0], f"TensorFlow {version[0]}" if version else ""


def choose(meta_graph: Any, head: str | int | None) -> Signature:
    """Choose the signature, and of its outputs the one that `head` names (its name, or its number from 0).

    Raises
    ------
    ModelError
        No signature, or not one image in; says what there is.
    ParameterError
        No such output, or several and none chosen.
    """
    signatures = {
        name: entry for name, entry in meta_graph.signature_def.items() if name not in _OWN and len(entry.outputs)
    }
    if DEFAULT in signatures:
        name = DEFAULT
    elif len(signatures) == 1:
        (name,) = signatures
    else:
        names = ", ".join(shown(entry) for entry in sorted(signatures)[:12])
        raise ModelError(
            f"The SavedModel has no signature {DEFAULT!r}" + (f"; it has {names}" if names else " and no other"),
            "Save it again with tf.saved_model.save(model, folder, signatures=...), or export it from Keras with "
            "model.export(folder).",
        )
    record = signatures[name]
    given = sorted(record.inputs)
    if len(given) != 1:
        raise ModelError(
            f"The SavedModel's signature {shown(name)} has {len(given)} inputs ({shown(', '.join(given))})",
            "Give one with a signature that takes images and nothing else.",
        )
    entry = record.inputs[given[0]]
    return Signature(
        name=shown(name),
        input=_tensor(entry, "input"),
        output=_tensor(record.outputs[_output(sorted(record.outputs), head)], "output"),
        dtype=_dtype(entry),
        dtype_number=entry.dtype,
        shape=_shape(entry),
    )


def _output(names: list[str], head: str | int | None) -> str:
    listed = ", ".join(f"{number}: {shown(name)}" for number, name in enumerate(names[:24]))
    if head is None:
        if len(names) > 1:
            raise ParameterError(f"The SavedModel has {len(names)} outputs ({listed})", "Choose one with head.")
        return names[0]
    if isinstance(head, str) and head in names:
        return head
    number = int(head) if str(head).isdecimal() else -1
    if not 0 <= number < len(names):
        raise ParameterError(f"There is no output {head!r}", f"Choose one of: {listed}.")
    return names[number]


def _tensor(entry: Any, what: str) -> str:
    if entry.WhichOneof("encoding") != "name":
        raise refused(f"the SavedModel's {what} is not a plain tensor")
    return str(entry.name)


def _dtype(entry: Any) -> str:
    if entry.dtype not in _FLOATS:
        raise ModelError(
            "The SavedModel's input is not of a floating type, so it takes something else than preprocessed images "
            f"(type {entry.dtype} of TensorFlow)",
            "Give one whose signature takes float32 images (N, height, width, channels).",
        )
    return _FLOATS[entry.dtype]


def _shape(entry: Any) -> tuple[int | None, ...]:
    if entry.tensor_shape.unknown_rank:
        raise ModelError(
            "The SavedModel doesn't say what shape its input has",
            "Save it with an input_signature of (None, height, width, channels).",
        )
    shape = tuple(None if axis.size < 0 else int(axis.size) for axis in entry.tensor_shape.dim)
    if len(shape) != 4 or shape[3] is None:
        raise ModelError(
            f"The SavedModel takes inputs of shape {shape}",
            "Give one that takes images: (None, height, width, channels).",
        )
    if shape[0] is not None:
        raise ModelError(
            f"The SavedModel takes exactly {shape[0]} image(s) at a time",
            "Save it with None for the batch: (None, height, width, channels).",
        )
    return shape[1:]
