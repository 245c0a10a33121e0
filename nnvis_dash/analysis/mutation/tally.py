"""The units of one layer frozen one at a time over some images: what is counted, from activations kept at that layer.

The images are brought as far as the layer once. For each unit only what follows is computed again, many units and
images in one batch, and a unit that is zero on an image is passed over: freezing it changes nothing there.

Invariant: what is counted doesn't depend on which images are counted together, so counts of parts add up to those of
the whole (but for the last bits of the sums of probabilities).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.ends import ended, preprocessed
from nnvis_dash.analysis.mutation.truth import blocks
from nnvis_dash.analysis.partial import Partial
from nnvis_dash.errors import ModelError
from nnvis_dash.types import Floats, Images, Ints, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Tensor

MEMORY = 64 * 2**20  # bytes of activations that are kept at a layer at once
BATCH_MEMORY = 32 * 2**20  # bytes of the largest activation of a batch behind it
BATCH_OPERATIONS = 8e9  # multiplications of a batch: what a person waits for meanwhile gets its turn after 0.2 s
LARGEST_BATCH = 4096
TRACED = 8  # layers of a classifier whose graphs are kept

Counts = dict[str, npt.NDArray[Any]]
Step = Callable[[int], None]  # told how many (unit, image) pairs are over


_last = threading.Lock()


class Kept(NamedTuple):
    """Some images, brought as far as a layer."""

    probabilities: Floats  # (n, K) with nothing frozen
    greatest: Floats  # (n, C) of the absolute activation of each unit
    tensors: tuple[Tensor, ...]  # what the rest of the graph needs


class Changed(NamedTuple):
    """Of (unit, image) pairs, with the unit frozen."""

    probability: Floats  # (T,) of the class asked for
    prediction: Ints  # (T,)
    largest: Floats  # (T,) change of a probability of any class


class LayerMutation:
    """One layer of a classifier whose units are frozen one at a time. Use `layer_mutation`, which makes it once.

    Parameters
    ----------
    clf : Classifier
    layer : str
        With units.
    dtype : numpy dtype
        Of the prepared images.

    Attributes
    ----------
    n_units : int
    n_images : int
        Images that are kept at once.
    batch : int
        (unit, image) pairs of a batch.
    """

    def __init__(self, clf: Classifier, layer: str, dtype: np.dtype[Any]) -> None:
        import tensorflow as tf

        self._clf = clf
        self._partial = Partial(clf.graph, layer)
        self._head = tf.function(self._forward, autograph=False).get_concrete_function(clf.signature(dtype))
        _, activity, *kept = self._head.structured_outputs
        self.n_units = int(activity.shape[1])
        numbers = [tf.TensorSpec((None,), tf.int32)] * 3
        specs = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in kept]
        before = tf.TensorSpec((None, clf.card.n_classes), tf.float32)
        self._tail = tf.function(self._behind, autograph=False).get_concrete_function(*numbers, before, *specs)
        n_bytes = sum(math.prod(size or 1 for size in spec.shape[1:]) * spec.dtype.size for spec in specs)
        self.n_images = max(1, min(batch_size(clf.card), MEMORY // n_bytes))
        size, work = _of_an_image(clf.card, self._partial.behind)
        most = min(BATCH_MEMORY / max(n_bytes, size), BATCH_OPERATIONS / max(work, 1))
        self.batch = int(2 ** np.clip(np.floor(np.log2(most)), 2, np.log2(LARGEST_BATCH)))

    def keep(self, images: Images) -> Kept:
        """Bring prepared images (n, h, w, c) as far as the layer.

        Raises
        ------
        ModelError
            Probabilities that are NaN or infinite.
        """
        import tensorflow as tf

        probabilities, greatest, *tensors = self._head(tf.convert_to_tensor(images))
        values = probabilities.numpy()
        self._clf.check_finite(values, images)
        return Kept(values, greatest.numpy(), tuple(tensors))

    def freeze(self, kept: Kept, images: Ints, units: Ints, classes: Ints) -> Changed:
        """Freeze one unit on each of some images.

        Parameters
        ----------
        kept : Kept
        images, units, classes : (T,) int32
            Rows of `kept`, the unit that is frozen there, and the class whose probability is wanted.

        Raises
        ------
        ModelError
            A unit without which the classifier gives NaN or infinity.
        """
        import tensorflow as tf

        before = tf.convert_to_tensor(kept.probabilities)
        rows = (tf.convert_to_tensor(numbers, tf.int32) for numbers in (images, units, classes))
        found = Changed(*(tensor.numpy() for tensor in self._tail(*rows, before, *kept.tensors)))
        bad = ~np.isfinite(found.largest)
        if bad.any():
            raise ModelError(
                f"With unit {int(units[bad][0])} of {self._partial.layer!r} frozen, the classifier "
                f"{self._clf.card.name!r} gives NaN or infinity",
                "Choose another layer: what follows this one divides by what it passes on.",
            )
        return found

    def _forward(self, raw: Tensor) -> tuple[Tensor, ...]:
        """Compute probabilities (n, K), greatest activations (n, C) and what the rest needs, of raw pixels."""
        import tensorflow as tf

        kept = self._partial.head(preprocessed(raw, self._clf.card.preprocessing))
        positions = tuple(range(1, len(kept[0].shape) - 1))
        activity = tf.reduce_max(tf.abs(tf.cast(kept[0], tf.float32)), axis=positions) if positions else tf.abs(kept[0])
        return self._ended(self._partial.tail(kept)), activity, *kept

    def _behind(
        self, images: Tensor, units: Tensor, classes: Tensor, before: Tensor, *kept: Tensor
    ) -> tuple[Tensor, ...]:
        """Compute probability (T,), prediction (T,) and the largest change (T,) with one unit frozen on each image."""
        import tensorflow as tf

        own, *others = (tf.gather(tensor, images) for tensor in kept)
        passed = 1 - tf.one_hot(units, self.n_units, dtype=own.dtype)
        own = own * tf.reshape(passed, (-1, *[1] * (len(own.shape) - 2), self.n_units))
        probabilities = self._ended(self._partial.tail((own, *others)))
        return (
            tf.gather(probabilities, classes, axis=1, batch_dims=1),
            tf.argmax(probabilities, axis=1, output_type=tf.int32),
            tf.reduce_max(tf.abs(probabilities - tf.gather(before, images)), axis=1),
        )

    def _ended(self, z: Tensor) -> Tensor:
        return ended(self._clf.graph, self._clf.card.output, z, "probabilities")


def layer_mutation(clf: Classifier, layer: str, dtype: np.dtype[Any]) -> LayerMutation:
    """Return what freezes the units of a layer, traced once as long as it is one of the last `TRACED` of a classifier.

    A deep network's two graphs take some 30 MB, and it may have hundreds of layers.
    """
    key = ("layer mutation", layer, dtype.name)
    found = clf.compiled(key, lambda: LayerMutation(clf, layer, dtype))
    last: list[Any] = clf.compiled("last layer mutations", list)
    with _last:
        last[:] = [*(other for other in last if other != key), key]
        for old in last[:-TRACED]:
            clf.forget(old)
        del last[:-TRACED]
    return found


def layer_counts(clf: Classifier, images: Any, labels: Ints | None, layer: str, step: Step | None = None) -> Counts:
    """Freeze each unit of a layer by itself over some images, and count.

    Parameters
    ----------
    clf : Classifier
    images : (n, H, W, C) array or sequence of raw images
    labels : (n,) int32 or None
        Outputs, -1 where unknown; None: the predictions with nothing frozen.
    layer : str
        With C units.
    step : function (pairs) -> None, optional
        Called as (unit, image) pairs are over; what it raises stops the work.

    Returns
    -------
    dict
        classes (k,) int32, those that the images have; n, right (k,) int64 images of each and how many of them are
        predicted right, and probability (k,) float64, the sum of the right class's, with nothing frozen; change (C, k)
        int32, how many more are right with the unit frozen, and shift (C, k) float64, by how much the sum of
        probabilities changes; broken, repaired, flipped (C,) int32 predictions that become wrong, right, or another;
        largest (C,) float32 change of a probability, greatest (C,) float32 absolute activation.
    """
    found: Counts = {}
    for batch, own in _batches(clf, images, labels):
        work = layer_mutation(clf, layer, batch.dtype)
        for block in blocks(len(batch), work.n_images):
            counts = _counted(work, batch[block], None if own is None else own[block], step)
            found = counts if not found else merged((found, counts), clf.card.n_classes)
    return found


def merged(parts: tuple[Mapping[str, npt.NDArray[Any]], ...], n_classes: int) -> Counts:
    """Add counts of one layer up, each of other images."""
    classes = np.unique(np.concatenate([part["classes"] for part in parts])).astype(np.int32)
    place = np.full(n_classes, -1)
    place[classes] = np.arange(len(classes))
    n_units = len(parts[0]["flipped"])
    found: Counts = {
        "classes": classes,
        **{name: np.zeros(len(classes), dtype) for name, dtype in _OF_CLASSES.items()},
        **{name: np.zeros((n_units, len(classes)), dtype) for name, dtype in _OF_BOTH.items()},
        **{name: np.zeros(n_units, dtype) for name, dtype in _OF_UNITS.items()},
    }
    for part in parts:
        columns = place[part["classes"]]
        for name in _OF_CLASSES:
            found[name][columns] += part[name]
        for name in _OF_BOTH:
            found[name][:, columns] += part[name]
        for name in _OF_UNITS:
            (np.maximum if name in _GREATEST else np.add)(found[name], part[name], out=found[name])
    return found


_OF_CLASSES = {"n": np.int64, "right": np.int64, "probability": np.float64}
_OF_BOTH = {"change": np.int32, "shift": np.float64}
_OF_UNITS = {
    "broken": np.int32,
    "repaired": np.int32,
    "flipped": np.int32,
    "largest": np.float32,
    "greatest": np.float32,
}
_GREATEST = ("largest", "greatest")


def _batches(clf: Classifier, images: Any, labels: Ints | None) -> Iterator[tuple[Images, Ints | None]]:
    """Yield prepared batches with their labels."""
    start = 0
    for batch in clf.batches(images):
        yield batch, None if labels is None else labels[start : start + len(batch)]
        start += len(batch)


def _counted(work: LayerMutation, images: Images, labels: Ints | None, step: Step | None) -> Counts:
    """Count over as many prepared images as are kept at once."""
    kept = work.keep(images)
    said = kept.probabilities.argmax(axis=1).astype(np.int32)
    right = said if labels is None else labels
    known = right >= 0
    wanted = np.maximum(right, 0)
    sure = np.take_along_axis(kept.probabilities, wanted[:, None], axis=1)[:, 0]
    classes, column = np.unique(right[known], return_inverse=True)
    columns = np.zeros(len(images), np.int64)
    columns[known] = column
    found: Counts = {
        "classes": classes.astype(np.int32),
        "n": np.bincount(column, minlength=len(classes)),
        "right": np.bincount(column, weights=(said == right)[known], minlength=len(classes)).astype(np.int64),
        "probability": np.bincount(column, weights=sure[known], minlength=len(classes)),
        **{name: np.zeros((work.n_units, len(classes)), dtype) for name, dtype in _OF_BOTH.items()},
        **{name: np.zeros(work.n_units, dtype) for name, dtype in _OF_UNITS.items()},
        "greatest": kept.greatest.max(axis=0),
    }
    units, rows = (numbers.astype(np.int32) for numbers in np.nonzero(kept.greatest.T))
    if step is not None:
        step(kept.greatest.size - len(units))
    for block in blocks(len(units), work.batch):
        unit, row = units[block], rows[block]
        changed = work.freeze(kept, row, unit, wanted[row])
        counts, was, now = known[row], said[row] == right[row], changed.prediction == right[row]
        np.add.at(found["broken"], unit, was & ~now)  # what is unknown is neither
        np.add.at(found["repaired"], unit, now & ~was)
        np.add.at(found["flipped"], unit, changed.prediction != said[row])
        np.maximum.at(found["largest"], unit, changed.largest)
        both = (unit * np.int64(len(classes)) + columns[row])[counts]
        np.add.at(found["change"].reshape(-1), both, (now.astype(np.int32) - was)[counts])
        np.add.at(found["shift"].reshape(-1), both, (changed.probability.astype(np.float64) - sure[row])[counts])
        if step is not None:
            step(len(unit))
    return found


def _of_an_image(card: ModelCard, names: tuple[str, ...]) -> tuple[int, int]:
    """Return the bytes of an image's largest activation at some layers, and the multiplications of all of them."""
    behind = [layer for layer in card.layers if layer.name in names]
    sizes = [4 * math.prod(size or 1 for size in layer.output_shape) for layer in behind]
    work = [layer.parameters * math.prod(size or 1 for size in layer.output_shape[:-1]) for layer in behind]
    return max(sizes, default=0), sum(work)
