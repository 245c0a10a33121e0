"""Feature visualisation: an image that a unit or a class answers to as strongly as possible, found by ascent.

The image is a spectrum of frequencies in decorrelated colours, and each step sees it turned, scaled and shifted a
little: without that, what is found is noise that no photograph looks like. All random numbers come from the seed, and
none from TensorFlow, so the same seed gives the same image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.architecture import graph_with_layers
from nnvis_dash.analysis.attribution import Question, scores
from nnvis_dash.analysis.ends import preprocessed
from nnvis_dash.analysis.graph import Graph, Tensor, twin
from nnvis_dash.analysis.spectral_image import canvas_size, colour_root, drawn, painted, warp
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

WHERE = ("everywhere", "centre")
MOST_STEPS = 4096
_LEARNING_RATE, _FIRST, _SECOND, _EPSILON = 0.05, 0.9, 0.999, 1e-8  # Adam's
_STARTS = (0.01, 0.1, 1.0)  # deviation of the first spectrum: the next one where nothing pulls at it
_SLOPE = 0.1  # what a position below 0 counts, so that a silent unit can be woken
_RECTIFIERS = frozenset({"Activation", "ReLU", "Relu", "Relu6"})  # layers and operations that are one

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FeatureVisualisation:
    """An image that excites a unit or a class.

    Attributes
    ----------
    image : (h, w, c) uint8
        In the classifier's input size, raw pixels.
    values : (steps,) float32
        What was raised, at each step, of the image as that step saw it.
    activation : float
        Of a unit the mean over its layer's positions (of "centre" the middle one's) on the found image, as the
        classifier computes it; of a class its logit. A unit of a softmax is raised before it, so its share may fall.
    before : float
        The same on the image that the ascent began with: nearly grey, or noise where grey shows no way.
    note : str
        In words where the ascent failed: a unit that can't be woken, a value that nothing changes; "" where it didn't.
    """

    image: Pixels
    values: Floats
    activation: float
    before: float
    note: str = ""


def feature_visualisation(
    clf: Classifier,
    subject: Unit | int,
    steps: int = 256,
    seed: int = 0,
    where: str = "everywhere",
    images: Any = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FeatureVisualisation:
    """Find an image that excites a unit or a class.

    Parameters
    ----------
    clf : Classifier
    subject : Unit or int
        A channel of any layer with a map, a neuron, or a class.
    steps : int
        Of Adam with learning rate 0.05; 1 to 4096.
    seed : int
    where : {"everywhere", "centre"}
        Of a map: the mean over all positions, or the middle one alone, whose image shows one thing at one place.
    images : (N, H, W, 3) array of raw pixels, optional
        From which the correlation of colours is computed; ImageNet's by default.
    on_progress : function (done, total) -> None, optional
        Called after every step; what it raises stops the ascent.

    Returns
    -------
    FeatureVisualisation
        What is raised is a unit's value before its layer's own activation (where the layer isn't shared by several
        places of the graph): behind a ReLU no gradient reaches a silent unit. Of a map it is the mean over positions
        where those below 0 count a tenth, since what a channel says against the image isn't its feature. Of a class it
        is the logit.

    Raises
    ------
    ParameterError
        No such unit or class, a graph without layers or gradients, a number of steps outside its range.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017, doi:10.23915/distill.00007, sections
    "Preconditioning and parameterization" and "Transformation robustness".
    """
    if not 1 <= steps <= MOST_STEPS:
        raise ParameterError(f"{steps} steps are asked for", f"Give 1 to {MOST_STEPS}.")
    if where not in WHERE:
        raise ParameterError(f"There is no place {where!r} to look at", f"Use one of: {', '.join(WHERE)}.")
    if seed < 0:
        raise ParameterError(f"The seed is {seed}", "Give 0 or more.")
    unit, channel = _subject(clf, subject)
    layer = None if unit is None else unit.layer
    size = clf.card.input_shape
    canvas = canvas_size(size)
    ascend = _ascending(clf, layer, where, canvas)
    colours = colour_root(size[2], None if images is None else clf.prepare(images))
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (2, size[2], canvas[0], canvas[1] // 2 + 1)).astype(np.float32)
    state = _begun(noise, lambda some: ascend(*some, np.float32(1), *warp(size, canvas), colours, channel))
    first = _rendered(clf, canvas, state[0], colours)
    values = np.empty(steps, np.float32)
    report = on_progress or progress.step
    for done in range(steps):
        places, shares = warp(size, canvas, *drawn(rng, max(size[:2])))
        *state, value = ascend(*state, np.float32(done + 1), places, shares, colours, channel)
        values[done] = value
        report(done + 1, steps)
    image = _rendered(clf, canvas, state[0], colours)
    (before, _), (activation, strongest) = (_judged(clf, layer, where, shown, channel) for shown in (first, image))
    if not np.isfinite([*values, activation]).all():
        raise ParameterError("The ascent met NaN or infinity", "Check the classifier's weights and preprocessing.")
    return FeatureVisualisation(image, values, activation, before, _note(unit, values, strongest, state[2]))


def _subject(clf: Classifier, subject: Unit | int) -> tuple[Unit | None, np.int32]:
    """Return the unit, None for a class, and the number of the channel or class."""
    if isinstance(subject, Unit):
        graph_with_layers(clf, "A unit")
        scores.subject(clf.card, Question(unit=subject, layer=None, output="logits"))
        return subject, np.int32(subject.channel)
    if isinstance(subject, (bool, np.bool_)) or not isinstance(subject, (int, np.integer)):
        raise ParameterError(f"The subject is {subject!r}", "Give a Unit(layer, channel) or a class's number.")
    if not 0 <= subject < clf.card.n_classes:
        raise ParameterError(
            f"There is no class {subject} in {clf.card.name!r}", f"Give a number from 0 to {clf.card.n_classes - 1}."
        )
    return None, np.int32(subject)


def _begun(noise: Floats, step: Callable[[list[Floats]], tuple[Any, ...]]) -> list[Floats]:
    """Return the spectrum to begin with, and the means of its gradient and of that squared: 0.

    It is the first of some of growing contrast at which there is a gradient: on grey, all of a layer can be off.
    """
    nothing = np.zeros_like(noise)
    for deviation in _STARTS:
        state = [noise * np.float32(deviation), nothing, nothing]
        if step(state)[1].any():
            return state
    return [noise * np.float32(_STARTS[0]), nothing, nothing]


def _note(unit: Unit | None, values: Floats, strongest: float, gradients: Floats) -> str:
    """Say in words where an ascent failed; `gradients` are their squares' mean."""
    what = "class's logit" if unit is None else "unit"
    if not gradients.any():
        return f"No small change of the image changes the {what}: it stays at {values[-1]:.3g}."
    if unit is not None and strongest == 0 and values[-1] <= 0:
        return f"The unit stays silent: its activation function never gets more than 0 (at the end {values[-1]:.3g})."
    return ""


def _rendered(clf: Classifier, canvas: tuple[int, int], spectrum: Floats, colours: Floats) -> Pixels:
    """Return the middle of the canvas as 8-bit pixels, in the classifier's size."""
    height, width, channels = clf.card.input_shape
    top, left = (canvas[0] - height) // 2, (canvas[1] - width) // 2

    def paint(spectrum: Tensor, colours: Tensor) -> tuple[Tensor]:
        return (painted(spectrum, colours, canvas)[top : top + height, left : left + width],)

    import tensorflow as tf

    specs = tf.TensorSpec(spectrum.shape, tf.float32), tf.TensorSpec((channels, channels), tf.float32)
    (image,) = scores.traced(clf, ("feature visualisation", "image"), paint, *specs)(spectrum, colours)
    return np.rint(image).astype(np.uint8)


def _ascending(clf: Classifier, layer: str | None, where: str, canvas: tuple[int, int]) -> scores.Traced:
    """Return the compiled function that makes one step of Adam: state and view in, state and value out."""
    import tensorflow as tf

    height, width, channels = clf.card.input_shape
    graph = clf.graph if layer is None else _open(clf.graph, layer)

    def step(
        spectrum: Tensor,
        mean: Tensor,
        square: Tensor,
        number: Tensor,
        places: Tensor,
        shares: Tensor,
        colours: Tensor,
        channel: Tensor,
    ) -> tuple[Tensor, ...]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(spectrum)
            pixels = tf.reshape(painted(spectrum, colours, canvas), (-1, channels))
            view = tf.reduce_sum(tf.gather(pixels, places) * shares[..., None], axis=0)
            raw = tf.reshape(view, (1, height, width, channels))
            if layer is None:
                value = tf.gather(clf.scores(raw, output="logits")[0], channel)
            else:
                seen = _seen(clf, graph, layer, raw)
                value = _raised(tf.gather(seen, channel, axis=-1), where)
        gradient = tape.gradient(value, spectrum)
        if gradient is None:
            raise LookupError("none of the operations lets a gradient through")
        mean = _FIRST * mean + (1 - _FIRST) * gradient
        square = _SECOND * square + (1 - _SECOND) * gradient * gradient
        rate = _LEARNING_RATE * tf.sqrt(1 - _SECOND**number) / (1 - _FIRST**number)
        return spectrum + rate * mean / (tf.sqrt(square) + _EPSILON), mean, square, value

    spectrum = tf.TensorSpec((2, channels, canvas[0], canvas[1] // 2 + 1), tf.float32)
    view = (4, height * width)
    specs = (
        *(spectrum, spectrum, spectrum),
        tf.TensorSpec((), tf.float32),
        tf.TensorSpec(view, tf.int32),
        tf.TensorSpec(view, tf.float32),
        tf.TensorSpec((channels, channels), tf.float32),
        tf.TensorSpec((), tf.int32),
    )
    try:
        return scores.traced(clf, ("feature visualisation", layer, where), step, *specs)
    except LookupError as error:
        raise ParameterError(
            f"No gradient flows through the classifier {clf.card.name!r}",
            "Add the Keras model that the graph was made of.",
        ) from error


def _open(graph: Graph, layer: str) -> Graph:
    """Return the graph with a layer that leaves its own activation out, unless other steps share the layer."""
    import keras

    step = graph.step(layer)
    if sum(other.operation is step.operation for other in graph.steps) > 1:
        return graph
    if step.kind in _RECTIFIERS and len(step.inputs) == 1:
        return graph.replaced({id(step.operation): keras.layers.Activation("linear", dtype="float32")})
    if not step.n_units or getattr(step.operation, "activation", None) is None:
        return graph
    return graph.replaced({id(step.operation): twin(step.operation, keras.activations.linear)})


def _seen(clf: Classifier, graph: Graph, layer: str, raw: Tensor) -> Tensor:
    """Return a layer's output for raw pixels (N, h, w, c), inside a graph."""
    import tensorflow as tf

    seen, visit = scores.keeping(layer)
    graph.run(preprocessed(raw, clf.card.preprocessing), visit)
    return tf.cast(seen[0], tf.float32)


def _raised(values: Tensor, where: str) -> Tensor:
    """Return what is raised of one channel's values (1, ...), inside a graph."""
    import tensorflow as tf

    if values.shape.rank == 1:
        return values[0]
    if where == "centre":
        return _middle(values)
    return tf.reduce_mean(tf.maximum(values, _SLOPE * values))


def _middle(values: Tensor) -> Tensor:
    """Return the middle one of one channel's values (1, ...)."""
    import tensorflow as tf

    value = values[0]
    while value.shape.rank:
        value = value[tf.shape(value)[0] // 2]
    return value


def _judged(clf: Classifier, layer: str | None, where: str, image: Pixels, channel: np.int32) -> tuple[float, float]:
    """Return what the classifier itself makes of an image: the activation or logit, and the strongest position's."""
    if layer is None:
        logit = float(clf.logits(image[None])[0, channel])
        return logit, logit
    import tensorflow as tf

    def judge(raw: Tensor, channel: Tensor) -> tuple[Tensor, Tensor]:
        values = tf.gather(_seen(clf, clf.graph, layer, raw), channel, axis=-1)
        middle = where == "centre" and values.shape.rank > 1
        return _middle(values) if middle else tf.reduce_mean(values), tf.reduce_max(tf.abs(values))

    specs = clf.signature(tf.uint8), tf.TensorSpec((), tf.int32)
    key = ("feature visualisation", "judged", layer, where)
    activation, strongest = scores.traced(clf, key, judge, *specs)(image[None], channel)
    return float(activation), float(strongest)
