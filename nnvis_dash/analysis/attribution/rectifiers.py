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

Back = Callable[[Tensor], Tensor]
WayBack = Callable[[Tensor, Back], Tensor]  # what comes back and a rectifier's own way back -> what goes on
_NONE = float("inf")  # no ceiling


def guided(gradient: Tensor, back: Back) -> Tensor:
    """Let back what was let through and speaks for the score."""
    import tensorflow as tf

    return back(tf.nn.relu(gradient))


def deconvolved(gradient: Tensor, back: Back) -> Tensor:
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


def _rectified(ceiling: float, way_back: WayBack) -> Back:
    import tensorflow as tf

    @tf.custom_gradient
    def rectify(x: Tensor) -> tuple[Tensor, Back]:
        values = tf.nn.relu(x)
        values = values if ceiling == _NONE else tf.minimum(values, tf.cast(ceiling, x.dtype))

        def back(gradient: Tensor) -> Tensor:
            if ceiling == _NONE:  # in one operation
                return tf.raw_ops.ReluGrad(gradients=gradient, features=values)
            return gradient * tf.cast((values > 0) & (values < ceiling), gradient.dtype)

        return values, lambda gradient: way_back(gradient, back)

    return rectify


def _called(function: Back) -> Callable[..., Tensor]:
    """Return a function that is called as a layer is."""

    def call(*args: Any, **kwargs: Any) -> Tensor:
        (x,) = (value for value in (*args, *kwargs.values()) if hasattr(value, "shape"))
        return function(x)

    return call
