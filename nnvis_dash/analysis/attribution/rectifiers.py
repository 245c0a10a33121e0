"""A classifier's graph with another way back through its rectifiers: guided backpropagation and DeconvNet.

Every rectifier counts, wherever it stands: a layer of its own, the `activation` of another layer, a Keras operation, in
nested models and in layers that are called twice. The user's model keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.attribution import Answer, Question, scores
from nnvis_dash.analysis.graph import Graph, Step, Tensor, twin
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

# What comes back is (gradient, where the rectifier was open as 0 or 1) -> gradient.
WayBack = Callable[[Tensor, Tensor], Tensor]
_NONE = float("inf")  # no ceiling


def guided(gradient: Tensor, opened: Tensor) -> Tensor:
    """Let back what was let through and speaks for the score."""
    import tensorflow as tf

    return tf.nn.relu(gradient) * opened


def deconvolved(gradient: Tensor, opened: Tensor) -> Tensor:
    """Let back what speaks for the score, whether it was let through or not."""
    import tensorflow as tf

    return tf.nn.relu(gradient)


def explained(
    clf: Classifier, images: Images, target: Ints, question: Question, name: str, way_back: WayBack
) -> Answer:
    """Return the gradient of the score with another way back through rectifiers, values (N, H, W, C)."""
    about = scores.subject(clf.card, question)
    scores.need_layers(clf.card, name)

    def explain(raw: Tensor, target: Tensor) -> Any:
        graph = with_way_back(clf.graph, way_back)
        values, found = scores.gradient(clf, scores.prepared(clf, raw), target, about, question.output, graph)
        return scores.as_raw(clf, values), found.target, found.probability

    key = ("way back", way_back.__name__, about, question.output, images.dtype.name)
    function = scores.traced(clf, key, explain, *scores.specs(clf, images))
    values, target, probability = function(images, target)
    return Answer(values, target, probability, None)


def with_way_back(graph: Graph, way_back: WayBack) -> Graph:
    """Return a graph of the same values whose gradient goes another way through rectifiers."""
    operations: dict[int, Any] = {}
    for step in graph.steps:
        ceiling = rectifier(step)
        if ceiling is None:
            continue
        replacement = _rectified(ceiling, way_back)
        held = _ceiling(step.operation) is None  # by another layer, as its activation
        operations[id(step.operation)] = twin(step.operation, replacement) if held else _called(replacement)
    return graph.replaced(operations)


def rectifier(step: Step) -> float | None:
    """Return where a step's rectifier stops to grow (infinity for a plain one); None where it isn't one."""
    ceiling = _ceiling(step.operation)
    return _ceiling(getattr(step.operation, "activation", None)) if ceiling is None else ceiling


def _ceiling(function: Any) -> float | None:
    """Read a layer, a Keras operation or an activation function."""
    if type(function).__name__ == "ReLU":
        if getattr(function, "negative_slope", 0) or getattr(function, "threshold", 0):
            return None
        ceiling = getattr(function, "max_value", None)
        return _NONE if ceiling is None else float(ceiling)
    name = getattr(function, "__name__", type(function).__name__)
    return {"relu": _NONE, "Relu": _NONE, "relu6": 6.0, "Relu6": 6.0}.get(name)


def _rectified(ceiling: float, way_back: WayBack) -> Callable[[Tensor], Tensor]:
    import tensorflow as tf

    def rectify(x: Tensor) -> Tensor:
        @tf.custom_gradient
        def compute(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            values = tf.nn.relu(x)
            values = values if ceiling == _NONE else tf.minimum(values, tf.cast(ceiling, x.dtype))
            opened = tf.cast((x > 0) & (x < ceiling), x.dtype)
            return values, lambda upstream: way_back(upstream, opened)

        return compute(x)

    return rectify


def _called(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """Return a function that is called as a layer is."""

    def call(*args: Any, **kwargs: Any) -> Tensor:
        (x,) = (value for value in (*args, *kwargs.values()) if hasattr(value, "shape"))
        return function(x)

    return call
