"""A classifier with weights of its own that are drawn anew, layer by layer from the top down.

Invariants: the classifier that it was made from isn't touched, whatever other threads do with it; what was compiled for
one set of weights runs with the next, so nothing is traced again; the same seed draws the same weights.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.graph import Step, Tensor, with_own_weights
from nnvis_dash.errors import ModelError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

_MOST_WEIGHTS = 1024  # arrays in a layer
KEPT_BYTES = 64 << 20  # of weights: a larger copy is let go after its use
# What brings values to a common scale stays as it is, with what it has learned of them: means, variances, scales.
_NORMALISATIONS = frozenset({"BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization"}) | {
    "Normalization",
    "Rescaling",
}


class RandomWeights:
    """A copy of a classifier; use `random_weights`.

    Attributes
    ----------
    layers : tuple of str
        Those that are drawn anew, the top one first. A layer that is called twice counts once, where it is called last.
    """

    def __init__(self, clf: Classifier) -> None:
        from nnvis_dash.analysis.classifier import Classifier

        steps: dict[int, Step] = {}
        for step in reversed(clf.graph.steps):
            if step.is_layer and step.kind not in _NORMALISATIONS and _drawn(step.operation):
                steps.setdefault(id(step.operation), step)
        if not steps:
            raise ModelError(
                f"The classifier {clf.card.name!r} has no layers whose weights can be drawn anew",
                "Give the Keras model itself: a TensorFlow graph has neither layers nor weights that change.",
            )
        self.layers = tuple(step.name for step in steps.values())
        self._given = [step.operation for step in steps.values()]
        self._own = [_copied(step) for step in steps.values()]
        graph = clf.graph.replaced(dict(zip(steps, self._own, strict=True)))
        self._classifier = Classifier(clf.model, clf.card, graph)
        self._n_random = 0

    def classifier(self, n_layers: int, seed: int) -> Classifier:
        """Return the classifier with the weights of the uppermost layers drawn anew; good until the next call.

        Each weight is drawn from a normal distribution around 0 with the root mean square that the layer's own weights
        have, so that values keep their scale on the way (the paper draws from the distribution before training; which
        one that was, a file needn't say). A unit whose weights are all 0 keeps them: it is frozen or pruned.

        Parameters
        ----------
        n_layers : int
            0: none, the weights are the given ones.
        seed : int
            The same in all calls between two with `n_layers` of 0.
        """
        for place in range(self._n_random, n_layers):
            for number, (own, weight) in enumerate(_pairs(self._own[place], self._given[place])):
                own.assign(_random(weight, seed, place * _MOST_WEIGHTS + number))
        for place in range(n_layers, self._n_random):
            for own, weight in _pairs(self._own[place], self._given[place]):
                own.assign(weight)
        self._n_random = n_layers
        return copy.copy(self._classifier)  # another object: what was kept of images for it was of other weights


@contextmanager
def random_weights(clf: Classifier) -> Iterator[RandomWeights]:
    """Give a classifier's copy whose weights can be drawn anew, to one user at a time.

    It is made once for each classifier, but for those with many weights, and while another thread has it.

    Raises
    ------
    ModelError
        A classifier without layers (a TensorFlow graph), or a layer that can't be made a second time; names it.
    """
    key: Any = ("random weights",)
    keep = 4 * clf.card.parameters <= KEPT_BYTES
    busy: threading.Lock = clf.compiled("random weights are in use", threading.Lock)
    mine = keep and busy.acquire(blocking=False)
    if not mine:
        key = (*key, object())
    try:
        found = clf.compiled(key, lambda: RandomWeights(clf))
        try:
            yield found
        finally:
            if mine:
                found.classifier(0, 0)
    finally:
        if mine:
            busy.release()
        else:
            clf.forget(key)


def _drawn(layer: Any) -> list[Any]:
    """Return the weights of a layer that are drawn: numbers, but for the moving averages of a layer inside of it."""
    return [weight for weight in layer.weights if "float" in str(weight.dtype) and "moving_" not in weight.path]


def _pairs(own: Any, given: Any) -> Iterator[tuple[Any, Any]]:
    return zip(_drawn(own), _drawn(given), strict=True)


def _copied(step: Step) -> Any:
    made = with_own_weights(step.operation)
    if made is None:
        raise ModelError(
            f"The layer {step.name!r} ({step.kind}) can't be made a second time, so its weights can't be drawn anew",
            "Give its class a get_config that holds what its __init__ takes.",
        )
    return made


def _random(weight: Any, seed: int, number: int) -> Tensor:
    """Return random weights of the same shape and root mean square; units (last axis) with weights of 0 keep them."""
    import tensorflow as tf

    values = tf.cast(tf.convert_to_tensor(weight), tf.float32)
    alive = tf.cast(tf.reduce_any(values != 0, axis=list(range(len(values.shape) - 1))), tf.float32)
    size = tf.sqrt(tf.math.divide_no_nan(tf.reduce_mean(values**2), tf.reduce_mean(alive)))
    draws = tf.random.stateless_normal(values.shape, tf.constant([seed, number], tf.int64), alg="philox")
    return draws * (size * alive)
