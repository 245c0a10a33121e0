"""What is known of a Keras model once it has been looked at: the card that every list, form and link reads.

Nothing is guessed silently: what the file doesn't say (preprocessing, output kind, size) is guessed by the rules here,
and the guess stands in the card's notes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nnvis_dash.analysis.graph import Graph, Step
from nnvis_dash.analysis.opaque import OUTPUTS, OpaqueGraph, graph_of
from nnvis_dash.analysis.preprocessing_choice import check_preprocessing, preprocessing_of
from nnvis_dash.errors import ModelError, ParameterError
from nnvis_dash.state.ids import content_key
from nnvis_dash.types import Layer, ModelCard, OutputKind, Preprocessing, Resize, Unit
from nnvis_dash.workspace.labels import plain_text

FEATURE_LIMIT = 4096  # a flattened map with more features than this is averaged over its positions instead
DEFAULT_SIZE = 224  # for models that take images of any size
_BATCH_MEMORY = 32 * 2**20  # bytes of the largest activation of a batch
_UNSEEN_CHANNELS = 16  # at full size, where there are no layers to look at: 64 at half size, as usual networks have
_UNSEEN_POSITIONS = 400  # pixels of the input for one use of a parameter: ResNet50 has 310, VGG16 450
_CHUNK_OPERATIONS = 25e9  # multiplications of a chunk: about half a second on two cores


def describe(
    model: Any,
    *,
    name: str | None = None,
    preprocessing: str | Preprocessing | None = None,
    class_names: Sequence[str] | None = None,
    resize: Resize = "squash",
    output: OutputKind | None = None,
    input_size: tuple[int, int] | None = None,
    source: str = "",
    content: str | None = None,
    notes: dict[str, str] | None = None,
) -> ModelCard:
    """Look a Keras model over and write its card.

    Parameters
    ----------
    model : keras.Model or OpaqueGraph
        Functional or Sequential; one image in, one row of class scores out.
    name : str, optional
        The model's own name by default.
    preprocessing : str or Preprocessing, optional
        A name of `types.PREPROCESSINGS`, a record, ``"auto"`` (see `preprocessing_choice`); None is ``"raw"``.
    class_names : sequence of str, optional
        One for each class.
    resize : {"squash", "crop"}
        How an image of another size is fitted.
    output : {"softmax", "logits", "sigmoid"}, optional
        What the model puts out; read from its last activation by default (none: logits).
    input_size : (height, width), optional
        For a model that takes images of any size; 224 × 224 by default, and the card says so.
    source : str
        The file's own name, or ``keras:NAME``.
    content : str, optional
        A hash of the file; computed from the model's structure and weights by default.
    notes : dict, optional
        More lines for the card.

    Raises
    ------
    ModelError
        A model that can't be used as an image classifier; says why and what to do.
    ParameterError
        Class names, a preprocessing or a size that doesn't fit the model.
    """
    _check_resize(resize)
    graph = graph_of(model)
    card_notes = dict(notes or {})
    input_shape = _input_shape(graph, input_size, card_notes)
    n_outputs = _n_outputs(graph)
    kind = _output_kind(graph, n_outputs, output, card_notes)
    n_classes = 2 if n_outputs == 1 else n_outputs
    record = preprocessing_of(graph, preprocessing, input_shape[2], card_notes)
    names = tuple(plain_text(str(entry)) for entry in class_names or ())
    _check_names(names, n_classes)
    for step in graph.steps:
        if step.is_convolution and getattr(step.operation, "data_format", "") == "channels_first":
            raise ModelError(
                f"The layer {step.name!r} has its channels first (N, C, H, W)",
                'Build the model with data_format="channels_last".',
            )
    layers = _concrete(graph, input_shape)
    content = content or _content(graph)
    return ModelCard(
        name=name or str(model.name),
        fingerprint=_fingerprint(content, record, resize, kind, input_shape),
        input_shape=input_shape,
        n_classes=n_classes,
        class_names=names,
        output=kind,
        preprocessing=record,
        resize=resize,
        layers=layers,
        parameters=int(model.count_params()),
        feature_layer=OUTPUTS if isinstance(graph, OpaqueGraph) else feature_point(graph)[0].name,
        grad_cam_layer=None if isinstance(graph, OpaqueGraph) else _grad_cam_layer(graph, layers),
        source=source,
        notes=card_notes,
        content=content,
    )


def described_by(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `describe` that the request of an intake holds, which came as JSON."""
    given = request["preprocessing"]
    return {
        "name": request["name"],
        "preprocessing": Preprocessing.from_json(given) if isinstance(given, dict) else given,
        "class_names": request["class_names"],
        "resize": request["resize"],
        "output": request["output"],
        "input_size": request["input_size"] and tuple(request["input_size"]),
        "source": request["source"],
    }


def with_preprocessing(
    card: ModelCard,
    preprocessing: str | Preprocessing,
    resize: Resize | None = None,
    class_names: Sequence[str] | None = None,
    note: str = "",
) -> ModelCard:
    """Return the card that `describe` would write for the same model with another preprocessing.

    Parameters
    ----------
    card : ModelCard
    preprocessing : str or Preprocessing
    resize : {"squash", "crop"}, optional
        The card's own by default.
    class_names : sequence of str, optional
        The card's own by default.
    note : str
        Why; stands in the card's notes under ``preprocessing``, where nothing or a guess stood.

    Raises
    ------
    ParameterError
        A preprocessing, a way of fitting or class names that don't fit.
    """
    record = Preprocessing.named(preprocessing)
    check_preprocessing(record, card.input_shape[2])
    fitting = card.resize if resize is None else resize
    _check_resize(fitting)
    names = card.class_names if class_names is None else tuple(plain_text(str(entry)) for entry in class_names)
    _check_names(names, card.n_classes)
    notes = {key: text for key, text in card.notes.items() if key != "preprocessing"}
    return replace(
        card,
        fingerprint=_fingerprint(card.content or card.fingerprint, record, fitting, card.output, card.input_shape),
        preprocessing=record,
        resize=fitting,
        class_names=names,
        notes={**notes, "preprocessing": note} if note else notes,
    )


def feature_point(graph: Graph) -> tuple[Step, bool]:
    """Return the step whose output is the classifier's features, and whether a map there is to be averaged.

    It is what the last layer with weights gets: a vector as it is, a map averaged over its positions, a flattened map
    of more than `FEATURE_LIMIT` numbers averaged too. A model with one such layer only gives that layer's own output.
    """
    heads = [step for step in graph.steps if step.n_units]
    if not heads:
        raise ModelError(
            f"The model {graph.model.name!r} has no convolution and no dense layer", "Give an image classifier."
        )
    head = heads[-1]
    step = graph.before(head)
    while step is not None and step.kind in ("Dropout", "GaussianDropout", "AlphaDropout", "SpatialDropout2D"):
        step = graph.before(step)
    vector = step is not None and len(step.shapes[0]) == 1
    if step is None or not (vector or _follows_units(graph, step)):
        return head, len(head.shapes[0]) > 1
    if vector and step.kind in ("Flatten", "Reshape") and (step.shapes[0][0] or FEATURE_LIMIT + 1) > FEATURE_LIMIT:
        inner = graph.before(step)
        if inner is not None and len(inner.shapes[0]) == 3:
            return inner, True
    return step, not vector


def units_of(card: ModelCard) -> tuple[Unit, ...]:
    """Return every unit whose activation the index keeps, layer by layer."""
    return tuple(Unit(layer.name, channel) for layer in card.layers for channel in range(layer.n_units))


def batch_size(card: ModelCard) -> int:
    """Return how many images go through at once: a power of two, 4..256, so that activations stay near the caches."""
    height, width, _ = card.input_shape
    sizes = [4 * math.prod(size or 1 for size in layer.output_shape) for layer in card.layers]
    largest = max(sizes, default=4 * _UNSEEN_CHANNELS * height * width)
    return int(2 ** np.clip(np.floor(np.log2(_BATCH_MEMORY / largest)), 2, 8))


def chunk_size(card: ModelCard) -> int:
    """Return how many images make a chunk of work of about half a second on two cores: whole batches, one at least."""
    operations = sum(
        layer.parameters * math.prod(size or 1 for size in layer.output_shape[:-1])
        for layer in card.layers
        if layer.n_units
    )
    if not card.layers:
        operations = card.parameters * math.prod(card.input_shape[:2]) // _UNSEEN_POSITIONS
    batch = batch_size(card)
    return batch * int(np.clip(_CHUNK_OPERATIONS / max(operations, 1) / batch, 1, max(1, 2048 // batch)))


def layer_with_map(card: ModelCard, name: str | None) -> Layer:
    """Return the layer of that name (None: the card's default) if Grad-CAM can explain through it.

    Raises
    ------
    ParameterError
        No such layer, or one without a map; names the layers that have one.
    """
    if not card.layers:
        raise ParameterError(
            f"The classifier {card.name!r} is a TensorFlow graph without layers",
            "Choose a method that needs only predictions or the pixels' gradients, or add the Keras model itself.",
        )
    chosen = card.grad_cam_layer if name is None else name
    mapped = [layer.name for layer in card.layers if layer.is_map]
    mend = f"Choose one of: {', '.join(mapped)}." if mapped else "This classifier has no layer with a map."
    if chosen is None:
        raise ParameterError(f"The classifier {card.name!r} has no layer with a map", "Choose another method.")
    layer = card.layer(chosen)
    if layer is None:
        raise ParameterError(f"There is no layer {chosen!r} in {card.name!r}", mend)
    if not layer.is_map:
        raise ParameterError(f"The layer {chosen!r} ({layer.kind}) gives {layer.output_shape}, not a map", mend)
    return layer


def _input_shape(graph: Graph, size: tuple[int, int] | None, notes: dict[str, str]) -> tuple[int, int, int]:
    shape = graph.input_shape
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ModelError(
            f"The model {graph.model.name!r} takes inputs of shape {shape}{_why_not_images(shape)}",
            "Give a classifier of images: (height, width, 1) or (height, width, 3), channels last.",
        )
    if size is None and None in shape[:2]:
        size = (shape[0] or DEFAULT_SIZE, shape[1] or DEFAULT_SIZE)
        notes["input size"] = f"guessed: {size[0]} × {size[1]}; the model takes any size"
    height, width = size or (shape[0], shape[1])
    if any(given is not None and given != wanted for given, wanted in zip(shape[:2], (height, width), strict=True)):
        raise ParameterError(
            f"The input size {height} × {width} was given for a model that takes {shape[0]} × {shape[1]}",
            "Leave the input size out.",
        )
    if not (height and width and height > 0 and width > 0):
        raise ParameterError(f"The input size is {height} × {width}", "Give two positive numbers.")
    return int(height), int(width), int(shape[2])


def _why_not_images(shape: tuple[int | None, ...]) -> str:
    """Say what an input that isn't one grey or RGB image seems to be."""
    if len(shape) == 3 and shape[0] in (1, 3):
        return ": its channels come first"
    if len(shape) == 3:
        return f": {shape[2]} channels, and images have 1 (grey) or 3 (RGB)"
    if len(shape) == 4:
        return ": several images or a volume at once"
    return ": that is no image with channels"


def _n_outputs(graph: Graph) -> int:
    shape = graph.output_shape
    if len(shape) != 1 or not shape[0]:
        raise ModelError(
            f"The model {graph.model.name!r} puts out {shape} for an image, not one row of class scores"
            f"{_why_no_scores(graph)}",
            "End it with a layer that gives one number a class, such as GlobalAveragePooling2D and Dense.",
        )
    if graph.steps and graph.steps[-1].kind == "UnitNormalization":
        raise ModelError(
            f"The model {graph.model.name!r} puts out {shape[0]} numbers of length 1: an embedding, not class scores",
            "Give a classifier, or put a Dense layer with one output a class behind it.",
        )
    return int(shape[0])


def _why_no_scores(graph: Graph) -> str:
    """Say what a model with another output than class scores seems to be for."""
    shape = graph.output_shape
    if len(shape) == 3 and graph.ending is not None:
        return ": it labels every pixel (a segmentation network)"
    if len(shape) == 3 and shape[:2] == graph.input_shape[:2]:
        return ": it labels every pixel, or makes an image"
    if len(shape) == 3:
        return ": a map of features, so the model's head is missing (include_top=False)"
    if len(shape) == 2:
        return ": a list, as detectors give boxes"
    return ""


def _output_kind(graph: Graph, n_outputs: int, given: OutputKind | None, notes: dict[str, str]) -> OutputKind:
    if given not in (None, "softmax", "logits", "sigmoid"):
        raise ParameterError(f"There is no output kind {given!r}", "Use softmax, logits or sigmoid.")
    kind: OutputKind = given or graph.ending or "logits"
    if kind == "softmax" and n_outputs == 1:
        raise ModelError(
            f"The model {graph.model.name!r} ends with a softmax over one class, which is always 1",
            "Give it two outputs, or a sigmoid.",
        )
    if given is None and graph.ending is None:
        function = "sigmoid" if n_outputs == 1 else "softmax"
        notes["output"] = f"guessed: logits, so a {function} is applied; the model has no known last activation"
    return kind


def _check_resize(resize: str) -> None:
    if resize not in ("squash", "crop"):
        raise ParameterError(f"There is no resizing {resize!r}", "Use squash or crop.")


def _check_names(names: Sequence[str], n_classes: int) -> None:
    if names and len(names) != n_classes:
        raise ParameterError(
            f"There are {len(names)} class names for a model with {n_classes} classes", f"Give {n_classes} names."
        )


def _fingerprint(
    content: str, record: Preprocessing, resize: Resize, kind: OutputKind, input_shape: tuple[int, int, int]
) -> str:
    return content_key(content, record.to_json(), resize, kind, list(input_shape))


def _concrete(graph: Graph, input_shape: tuple[int, int, int]) -> tuple[Layer, ...]:
    """Return the layers with the sizes that they have for this input, found by tracing where Keras leaves them open."""
    if all(None not in layer.output_shape for layer in graph.layers):
        return graph.layers
    import tensorflow as tf

    shapes: dict[str, tuple[int | None, ...]] = {}

    def visit(name: str, tensor: Any) -> Any:
        shapes[name] = tuple(tensor.shape[1:])
        return tensor

    tf.function(lambda x: graph.run(x, visit), autograph=False).get_concrete_function(
        tf.TensorSpec((None, *input_shape), graph.input_dtype)
    )
    return tuple(
        Layer(layer.name, layer.kind, shapes[layer.name], layer.parameters, layer.n_units) for layer in graph.layers
    )


def _grad_cam_layer(graph: Graph, layers: tuple[Layer, ...]) -> str | None:
    """Return the last convolution with a map of more than one position, else the last layer with one, else None."""
    mapped = [layer.name for layer in layers if layer.is_map and layer.output_shape[:2] != (1, 1)]
    convolutions = [name for name in mapped if graph.step(name).is_convolution]
    candidates = convolutions or mapped
    return candidates[-1] if candidates else None


def _follows_units(graph: Graph, step: Step) -> bool:
    """Whether a layer with units lies at or before `step`."""
    position = graph.steps.index(step)
    return any(earlier.n_units for earlier in graph.steps[: position + 1])


def _content(graph: Graph) -> str:
    """Return a hash of the model's structure and weights."""
    digest = hashlib.sha256()
    for step in graph.steps:
        digest.update(f"{step.name} {step.kind} {step.inputs} {step.outputs} {step.shapes}".encode())
        try:
            config = step.operation.get_config() if step.is_layer else {}
            digest.update(json.dumps(config, sort_keys=True, default=str).encode())
        except NotImplementedError:  # an own layer that does not say how it was made
            pass
    for weight in graph.model.weights:
        value = np.ascontiguousarray(weight.numpy())
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
