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
        held = getattr(step.operation, "activation", None) is not None and step.kind != "ReLU"
        operations[id(step.operation)] = twin(step.operation, replacement) if held else _called(replacement)
    return graph.replaced(operations)


def rectifier(step: Step) -> float | None:
    """Return where a step's rectifier stops to grow (infinity for a plain one); None where it isn't one."""
    plain = float("inf")
    if step.kind == "ReLU":
        operation = step.operation
        ceiling = getattr(operation, "max_value", None)
        if getattr(operation, "negative_slope", 0) or getattr(operation, "threshold", 0):
            return None
        return plain if ceiling is None else float(ceiling)
    if step.kind in ("Relu", "Relu6"):
        return plain if step.kind == "Relu" else 6.0
    name = getattr(getattr(step.operation, "activation", None), "__name__", None)
    return {"relu": plain, "relu6": 6.0}.get(name or "")


def _rectified(ceiling: float, way_back: WayBack) -> Callable[[Tensor], Tensor]:
    import tensorflow as tf

    def rectify(x: Tensor) -> Tensor:
        @tf.custom_gradient
        def compute(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            opened = tf.cast((x > 0) & (x < ceiling), x.dtype)
            return tf.clip_by_value(x, 0, tf.cast(ceiling, x.dtype)), lambda upstream: way_back(upstream, opened)

        return compute(x)

    return rectify


def _called(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """Return a function that is called as a layer is."""

    def call(*args: Any, **kwargs: Any) -> Tensor:
        (x,) = (value for value in (*args, *kwargs.values()) if hasattr(value, "shape"))
        return function(x)

    return call
