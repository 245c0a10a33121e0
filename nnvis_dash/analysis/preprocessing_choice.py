"""Which preprocessing a model's card gets: the one given, checked, or one guessed from its layers and name."""

from __future__ import annotations

import math

from nnvis_dash.analysis.graph import Graph
from nnvis_dash.analysis.opaque import OpaqueGraph
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import ModelCard, Preprocessing

_SILENT = "the model does not say how its pixels were scaled"
# What starts a model that scales its pixels itself. keras.applications' preprocess_input leaves operations.
_SCALES = frozenset({"Rescaling", "Normalization", "TrueDivide", "Divide", "Multiply", "Subtract", "Add", "GetItem"})
_SKIPPED = frozenset(
    {"InputLayer", "ZeroPadding2D", "Reshape", "Resizing", "CenterCrop", "Cast", "Identity", "Dropout", "GaussianNoise"}
)
# keras.applications by the start of the model's name, the longest first.
_APPLICATIONS: tuple[tuple[str, str], ...] = (
    ("inception_resnet", "symmetric"),
    ("efficientnet", "raw"),
    ("inception_v3", "symmetric"),
    ("mobilenetv3", "raw"),
    ("mobilenet", "symmetric"),
    ("densenet", "imagenet"),
    ("convnext", "raw"),
    ("xception", "symmetric"),
    ("resnet", "caffe"),
    ("nasnet", "symmetric"),
    ("vgg16", "caffe"),
    ("vgg19", "caffe"),
)


def preprocessing_of(
    graph: Graph, given: str | Preprocessing | None, channels: int, notes: dict[str, str]
) -> Preprocessing:
    """Return the preprocessing of a model that takes so many channels; a guess is told in the card's `notes`."""
    if given == "auto":
        record, why = guess_preprocessing(graph)
        if max(len(record.mean), len(record.deviation)) > channels:
            record, why = Preprocessing.named("unit"), _SILENT
        notes["preprocessing"] = f"guessed: {record.name}, {why}"
        return record
    record = Preprocessing.named("raw" if given is None else given)
    check_preprocessing(record, channels)
    return record


def check_preprocessing(record: Preprocessing, channels: int) -> None:
    """Raise ParameterError for a preprocessing that a model with so many channels can't have."""
    for what, values in (("mean", record.mean), ("deviation", record.deviation)):
        if len(values) not in (1, channels):
            raise ParameterError(
                f"The preprocessing {record.name!r} has {len(values)} values of {what} for {channels} channel(s)",
                f"Give one, or {channels}.",
            )
    if record.bgr and channels != 3:
        raise ParameterError(
            f"The preprocessing {record.name!r} wants colour, the model takes {channels} channel", "Use unit or raw."
        )
    if any(value == 0 or not math.isfinite(value) for value in record.deviation):
        raise ParameterError(f"The preprocessing {record.name!r} divides by {record.deviation}", "Use other values.")


def guess_preprocessing(graph: Graph) -> tuple[Preprocessing, str]:
    """Guess how pixels are to be scaled, and say why.

    ``raw`` where the model itself begins with Rescaling, Normalization or arithmetic; the scheme of a known
    keras.applications model, by its name (also when it is nested at the beginning); ``unit`` (0..1) otherwise.
    """
    if isinstance(graph, OpaqueGraph):
        if graph.first_arithmetic:
            return Preprocessing.named("raw"), f"the graph scales its pixels itself ({graph.first_arithmetic})"
        return Preprocessing.named("unit"), "the graph does not say how its pixels were scaled"
    names = [str(graph.model.name).lower()]
    for step in graph.steps:
        names += step.name.lower().split("/")[:-1]
        if step.kind in _SCALES:
            return Preprocessing.named("raw"), f"the model scales its pixels itself ({step.kind})"
        if not (step.kind in _SKIPPED or step.kind.startswith("Random")):
            break
    for name in names:
        for start, scheme in _APPLICATIONS:
            if name.startswith(start):
                if start == "resnet" and "v2" in name:
                    scheme = "symmetric"
                return Preprocessing.named(scheme), f"as keras.applications does for {name}"
    return Preprocessing.named("unit"), _SILENT


def is_blind_guess(card: ModelCard) -> bool:
    """Whether the card's preprocessing was guessed from nothing."""
    return card.notes.get("preprocessing", "").endswith(_SILENT)
