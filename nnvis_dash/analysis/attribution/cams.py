"""What the methods that look through a layer share: its maps, the score's gradients there, and what was kept of them.

Invariant: nothing is recorded before the layer is met, so the way back ends there, and a map of the last convolution
costs about one pass forward.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.attribution import Answer, Question, scores
from nnvis_dash.analysis.attribution.scores import Score, Subject
from nnvis_dash.analysis.card import layer_with_map
from nnvis_dash.analysis.graph import Graph, Tensor
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Combine = Callable[[Tensor, Tensor], Tensor]  # maps (N, h, w, C), gradients (N, h, w, C) -> heat (N, h, w)
KEPT_BYTES = 64 << 20  # of the maps of images that were explained last, for each classifier


def explained(
    clf: Classifier, images: Images, target: Ints, question: Question, name: str, combine: Combine, *parameters: Any
) -> Answer:
    """Explain through a layer; another class of images whose maps are kept needs only the layers behind it.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C)
    target : (N,) int32
    question : Question
    name : str
        Of the method.
    combine : function
    *parameters
        Everything that `combine` depends on.

    Returns
    -------
    Answer
        values (N, h, w) float32 in the layer's own size.

    Raises
    ------
    ParameterError
        A layer without a map, or one that isn't before the unit that is explained.
    """
    import tensorflow as tf

    layer, about = through(clf, question)
    key = (name, layer, about, question.output, images.dtype.name, *parameters)

    def explain(raw: Tensor, target: Tensor, kept: Tensor | None = None) -> Any:
        maps, gradients, found = maps_and_gradients(clf, raw, target, layer, about, question.output, kept)
        heat = combine(tf.cast(maps, tf.float32), tf.cast(gradients, tf.float32))
        return heat, found.target, found.probability, *(() if kept is not None else (maps,))

    specs = scores.specs(clf, images)
    place = (layer, images.dtype.name, hashlib.blake2b(images.tobytes(), digest_size=16).digest())
    memory = _kept_of(clf)
    kept = memory.get(place)
    if kept is not None:
        spec = tf.TensorSpec((None, *kept.shape[1:]), kept.dtype)
        function = _tensors(clf, ("kept", *key), explain, *specs, spec)
        answer = function(images, target, kept)
    else:
        function = _tensors(clf, key, explain, *specs)
        *answer, maps = function(images, target)
        memory.put(place, maps)
    heat, target, probability = (tensor.numpy() for tensor in answer)
    return Answer(heat, target, probability, layer)


def through(clf: Classifier, question: Question) -> tuple[str, Subject]:
    """Return the layer that is looked through and what is explained.

    Raises
    ------
    ParameterError
        A layer without a map, a unit that isn't there, or a unit that isn't behind the layer.
    """
    about = scores.subject(clf.card, question, through=True)
    if about.layer is None:
        return layer_with_map(clf.card, question.layer).name, about
    before = _before(clf.graph, about.layer)
    maps = [entry.name for entry in clf.card.layers if entry.is_map and entry.name in before]
    if not maps:
        raise ParameterError(
            f"No layer with a map leads to {_named(about)}",
            "Use a method that doesn't look through a layer: the gradient, occlusion.",
        )
    layer = maps[-1] if question.layer is None else layer_with_map(clf.card, question.layer).name
    if layer not in maps:
        raise ParameterError(
            f"The layer {layer!r} doesn't lead to {_named(about)}", f"Choose one of: {', '.join(maps)}."
        )
    return layer, about


def _named(about: Subject) -> str:
    return f"the unit {about.channel} of {about.layer!r}"


def _before(graph: Graph, layer: str) -> frozenset[str]:
    """Return the names of the steps whose values a layer's own depend on."""
    needed, names = set(graph.step(layer).inputs), set()
    for step in reversed(graph.steps):
        if needed.intersection(step.outputs):
            names.add(step.name)
            needed.update(step.inputs)
    return frozenset(names)


def maps_and_gradients(
    clf: Classifier, raw: Tensor, target: Tensor, layer: str, about: Subject, output: str, kept: Tensor | None = None
) -> tuple[Tensor, Tensor, Score]:
    """Return a layer's maps (N, h, w, C), d score / d maps and the score inside a graph.

    With `kept` maps the layers before them aren't computed, unless something goes around the layer.
    """
    import tensorflow as tf

    seen: list[Tensor] = []
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def visit(name: str, tensor: Tensor) -> Tensor:
            if name == layer:
                tensor = tensor if kept is None else kept
                tape.watch(tensor)
                seen.append(tensor)
            return tensor

        found = scores.score(clf, scores.prepared(clf, raw), target, about, output, visit)
    maps = seen[0]
    return maps, tape.gradient(found.value, maps, unconnected_gradients=tf.UnconnectedGradients.ZERO), found


def _tensors(clf: Classifier, key: tuple[Any, ...], explain: Callable[..., Any], *specs: Any) -> Callable[..., Any]:
    """Return `explain` compiled, from arrays or tensors to tensors: what is kept isn't copied."""

    def build() -> Callable[..., Any]:
        import tensorflow as tf

        function = tf.function(explain, autograph=False).get_concrete_function(*specs)
        return lambda *given: function(
            *(tf.convert_to_tensor(value, spec.dtype) for value, spec in zip(given, specs, strict=True))
        )

    return clf.compiled(key, build)


class _Kept:
    """Maps of the images that were explained last; thread-safe, bounded in bytes."""

    def __init__(self) -> None:
        self._maps: OrderedDict[Any, Tensor] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    def get(self, place: Any) -> Tensor | None:
        with self._lock:
            if place in self._maps:
                self._maps.move_to_end(place)
            return self._maps.get(place)

    def put(self, place: Any, maps: Tensor) -> None:
        size = _bytes(maps)
        with self._lock:
            if size > KEPT_BYTES or place in self._maps:
                return
            self._maps[place] = maps
            self._bytes += size
            while self._bytes > KEPT_BYTES:
                _, dropped = self._maps.popitem(last=False)
                self._bytes -= _bytes(dropped)


def _bytes(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape)) * int(tensor.dtype.size)


_kept: weakref.WeakKeyDictionary[Classifier, _Kept] = weakref.WeakKeyDictionary()
_kept_lock = threading.Lock()


def _kept_of(clf: Classifier) -> _Kept:
    with _kept_lock:
        return _kept.setdefault(clf, _Kept())
