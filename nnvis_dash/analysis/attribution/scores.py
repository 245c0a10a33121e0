"""What a method explains, as a number inside a graph: a class's logit or probability, or the activation of a unit.

All methods share this, so that "class 3", "unit 7 of conv2" and "the prediction" mean the same for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nnvis_dash.analysis.attribution import Question
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.ends import outputs, preprocessed
from nnvis_dash.analysis.graph import Graph, Tensor, Visit
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Floats, Images, Ints, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


class Subject(NamedTuple):
    """What is explained: a class (`layer` is None), a unit of a layer, or (`channel` is None) the mean of them all."""

    layer: str | None = None
    channel: int | None = None


class Score(NamedTuple):
    """Of a batch, inside a graph."""

    value: Tensor  # (N,) what is explained
    target: Tensor  # (N,) int32, the class
    probability: Tensor  # (N,) of that class


def subject(card: ModelCard, question: Question, through: bool = False) -> Subject:
    """Read what a question is about.

    Parameters
    ----------
    card : ModelCard
    question : Question
    through : bool
        The question's layer is one to look through, so it isn't what is explained.

    Raises
    ------
    ParameterError
        No such layer or unit; says which there are.
    """
    layer = question.unit.layer if question.unit is not None else None if through else question.layer
    if layer is None:
        return Subject()
    found = card.layer(layer)
    if found is None:
        need_layers(card, "A layer or unit")
        missing = NotFound.among("layer", layer, [entry.name for entry in card.layers])
        raise ParameterError(missing.what, missing.mend)
    n_units = found.output_shape[-1] if found.output_shape else None
    if question.unit is None:
        return Subject(layer)
    channel = question.unit.channel
    if n_units is None or not 0 <= channel < n_units:
        raise ParameterError(
            f"There is no unit {channel} in the layer {layer!r}",
            f"It has {n_units or 0}" + (f": give a number from 0 to {n_units - 1}." if n_units else "."),
        )
    return Subject(layer, channel)


def need_layers(card: ModelCard, title: str) -> None:
    """Raise ParameterError where a classifier has no layers that `title` could look into."""
    if not card.layers:
        raise ParameterError(
            f"{title} looks into layers, and the classifier {card.name!r} is a TensorFlow graph without any",
            "Use a method that needs only inputs and outputs: gradients, occlusion, RISE, LIME or Shapley values.",
        )


def score(
    clf: Classifier,
    x: Tensor,
    target: Tensor,
    about: Subject,
    output: str,
    visit: Visit | None = None,
    graph: Graph | None = None,
) -> Score:
    """Compute what is explained inside a graph.

    Parameters
    ----------
    clf : Classifier
    x : (N, h, w, c) float32 tensor
        The model's own input, already preprocessed.
    target : (N,) int32 tensor
        Classes; −1 for the image's own prediction.
    about : Subject
    output : {"logits", "probabilities"}
        For a class: its value before or after the last activation. The last layer's units likewise.
    visit : function (name, tensor) -> tensor, optional
    graph : Graph, optional
        Instead of the classifier's, with the same weights (as `Graph.replaced` gives it).

    Returns
    -------
    Score
    """
    import tensorflow as tf

    seen: list[Tensor] = []

    def watch(name: str, tensor: Tensor) -> Tensor:
        if visit is not None:
            tensor = visit(name, tensor)
        if name == about.layer:
            seen.append(tensor)
        return tensor

    ending = "probabilities" if about.layer is not None and output == "probabilities" else "logits"
    values = outputs(graph or clf.graph, clf.card.output, x, watch, ending)
    probabilities = values if ending == "probabilities" else clf.to_probabilities(values)
    target = tf.where(target < 0, tf.argmax(probabilities, axis=1, output_type=tf.int32), target)
    probability = tf.gather(probabilities, target, axis=1, batch_dims=1)
    if about.layer is not None:
        return Score(activation(seen[0], about.channel), target, probability)
    value = probability if output == "probabilities" else tf.gather(values, target, axis=1, batch_dims=1)
    return Score(value, target, probability)


def keeping(layer: str) -> tuple[list[Tensor], Visit]:
    """Return a list and what to call with every layer's output, so that the list holds that of one layer."""
    kept: list[Tensor] = []

    def visit(name: str, tensor: Tensor) -> Tensor:
        if name == layer:
            kept.append(tensor)
        return tensor

    return kept, visit


def activation(values: Tensor, channel: int | None) -> Tensor:
    """Return (N,) of a layer's values (N, ..., C): the mean over positions of one channel, or of all."""
    import tensorflow as tf

    values = tf.cast(values, tf.float32)
    if channel is not None:
        values = values[..., channel]
    return tf.reduce_mean(tf.reshape(values, (tf.shape(values)[0], -1)), axis=1)


def gradient(
    clf: Classifier,
    x: Tensor,
    target: Tensor,
    about: Subject,
    output: str,
    graph: Graph | None = None,
    visit: Visit | None = None,
) -> tuple[Tensor, Score]:
    """Return (N, h, w, c) d score / d x, by the preprocessed input, and the score."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        found = score(clf, x, target, about, output, visit, graph)
    return tape.gradient(found.value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO), found


def prepared(clf: Classifier, raw: Tensor) -> Tensor:
    """Return the model's input (N, h, w, c) float32 of raw pixels, inside a graph."""
    return preprocessed(raw, clf.card.preprocessing)


def as_raw(clf: Classifier, values: Tensor) -> Tensor:
    """Return values per input channel (..., c) in the order of the raw pixels' channels: RGB."""
    return values[..., ::-1] if clf.card.preprocessing.bgr else values


Traced = Callable[..., tuple[Any, ...]]


def traced(clf: Classifier, key: tuple[Any, ...], explain: Callable[..., Any], *specs: Any) -> Traced:
    """Return `explain` as one compiled function from arrays to arrays, traced once for `key` and classifier.

    Parameters
    ----------
    clf : Classifier
    key : tuple
        Everything that `explain` depends on besides its arguments.
    explain : function of tensors -> tensors
    *specs : tf.TensorSpec
        Of its arguments; with None for sizes that change, so that nothing is traced again.
    """

    def build() -> Traced:
        import tensorflow as tf

        function = tf.function(explain, autograph=False).get_concrete_function(*specs)

        def run(*arrays: Any) -> tuple[Any, ...]:
            given = (tf.convert_to_tensor(array, spec.dtype) for array, spec in zip(arrays, specs, strict=True))
            return tuple(tensor.numpy() for tensor in function(*given))

        return run

    return clf.compiled(key, build)


def resolved(clf: Classifier, images: Images, target: Ints, about: Subject, output: str) -> tuple[Ints, Floats]:
    """Return the classes (N,) that are explained, the prediction where none was asked for, and their probabilities."""

    def explain(raw: Tensor, target: Tensor) -> Any:
        found = score(clf, prepared(clf, raw), target, about, output)
        return found.target, found.probability

    key = ("target", about, output, images.dtype.name)
    target, probability = traced(clf, key, explain, *specs(clf, images))(images, target)
    return target, probability


def specs(clf: Classifier, images: Images) -> tuple[Any, Any]:
    """Return the `tf.TensorSpec` of prepared images and of their targets."""
    import tensorflow as tf

    return clf.signature(images.dtype), tf.TensorSpec((None,), tf.int32)


def room(clf: Classifier, n_images: int) -> int:
    """Return how many variants of each of so many images are computed at once, so that memory stays bounded."""
    return max(1, batch_size(clf.card) // max(1, n_images))


def noise(seed: int, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return standard normal numbers float32 that depend on nothing but the seed, the step and the shape."""
    return np.random.default_rng([seed, step]).standard_normal(shape, dtype=np.float32)
