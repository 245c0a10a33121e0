"""What classifiers say of images under a change: the costly half of a simulation, one chunk of images at a time.

Invariant: in float32 an answer is what ``clf.predict(transform(image, name, degree))`` gives (but for the last bits),
whatever the chunk and whichever classifiers are asked together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.index import PRECISIONS
from nnvis_dash.analysis.opaque import OpaqueGraph
from nnvis_dash.analysis.response import ADVERSARIAL, adversarial_direction, at_epsilon
from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.analysis.transformations import transform
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Tensor
    from nnvis_dash.workspace.datasets import Dataset

MEMORY = 1 << 26  # bytes of changed images that are held at once
TOLERANCE = 0.01  # of a class's mean probability, between bfloat16 and float32
CHECKED = 256  # images of the self-check
Step = Callable[[], None]


def answers(
    classifiers: Sequence[Classifier],
    images: Sequence[Any] | Images,
    change: Change,
    labels: Sequence[Ints | None] = (),
    precision: str = "float32",
    step: Step = lambda: None,
) -> list[Floats]:
    """Ask classifiers about images at every degree of a change.

    Each image is changed once for all of them, in its own size, and brought once to each input size among them. An
    attack is made on each by itself.

    Parameters
    ----------
    classifiers : sequence of Classifier
    images : (n, H, W, C) uint8, or a sequence of (H, W, C) uint8 of any sizes
    change : Change
    labels : sequence of (n,) int32 or None
        For each classifier the classes that an attack leaves, -1 where its own prediction is meant; None: everywhere.
    precision : {"float32", "bfloat16"}
        Taken as it is; `choose_precision` does the self-check.
    step : function, optional
        Called between batches; what it raises ends the work.

    Returns
    -------
    list of (n, D, K) float32
        Probabilities, one array a classifier.
    """
    shape = (len(images), len(change.degrees))
    found = [np.empty((*shape, clf.card.n_classes), np.float32) for clf in classifiers]
    if change.kind == "attack":
        for clf, into, known in zip(classifiers, found, labels or [None] * len(found), strict=True):
            _attacked(clf, images, change, known, precision, into, step)
        return found
    parameters = dict(change.parameters)
    queues = _queues(classifiers, found, precision)
    for rows, group in _groups(images):
        for number, degree in enumerate(change.degrees):
            changed = transform(group, change.name, degree, **parameters)
            for queue in queues:
                queue.put((rows, number), changed)
            step()
    for queue in queues:
        queue.flush()
    return found


class _Queue:
    """Changed images on their way to the classifiers of one input size: gathered until they fill a batch.

    A chunk of few images at many degrees would else be asked in batches of few images, which take twice as long.
    """

    def __init__(self, asked: list[tuple[Classifier, Floats]], precision: str) -> None:
        self._asked = asked
        self._precision = precision
        self._full = max(batch_size(clf.card) for clf, _ in asked)
        self._waiting: list[tuple[tuple[slice, int], Images]] = []
        self._size = 0

    def put(self, place: tuple[slice, int], changed: npt.NDArray[np.uint8]) -> None:
        """Add the images for the rows and the degree of `place`; ask about those before, if they fill a batch."""
        fitted = self._asked[0][0].prepare(changed)
        if self._size + len(fitted) > self._full:
            self.flush()
        self._waiting.append((place, fitted))
        self._size += len(fitted)

    def flush(self) -> None:
        """Ask about what waits."""
        if not self._waiting:
            return
        images = np.concatenate([fitted for _, fitted in self._waiting])
        for clf, into in self._asked:
            said = predicted(clf, images, self._precision)
            start = 0
            for (rows, number), fitted in self._waiting:
                into[rows, number] = said[start : start + len(fitted)]
                start += len(fitted)
        self._waiting, self._size = [], 0


def _queues(classifiers: Sequence[Classifier], found: Sequence[Floats], precision: str) -> list[_Queue]:
    """Return a queue for each input size among the classifiers, with those that have it and where they answer."""
    alike: dict[Any, list[tuple[Classifier, Floats]]] = {}
    for clf, into in zip(classifiers, found, strict=True):
        alike.setdefault((clf.card.input_shape, clf.card.resize), []).append((clf, into))
    return [_Queue(asked, precision) for asked in alike.values()]


def predicted(clf: Classifier, images: Any, precision: str = "float32") -> Floats:
    """Return probabilities (n, K) float32 in either precision; the classifier's own where it is float32.

    Raises
    ------
    ParameterError
        No such precision.
    """
    if precision == "float32":
        return clf.predict(images)
    if precision not in PRECISIONS:
        raise ParameterError(f"There is no precision {precision!r}", f"Use one of: {', '.join(PRECISIONS)}.")
    parts = [np.empty((0, clf.card.n_classes), np.float32)]
    for batch in clf.batches(images):
        dtype = batch.dtype
        function = clf.compiled(("probabilities", precision, dtype.name), lambda dtype=dtype: _rough(clf, dtype))  # type: ignore[misc]
        values = function(batch)
        clf.check_finite(values, batch)
        parts.append(values)
    return np.concatenate(parts)


def choose_precision(
    clf: Classifier, images: Sequence[Any] | Images, labels: Ints | None, changes: Sequence[Change], precision: str
) -> tuple[str, str]:
    """Return the precision to use, and why it isn't the one asked for (empty where it is).

    bfloat16 is used if no class's mean probability, and none of all images together, is further than 0.01 from that in
    float32: of up to 256 images as they are and at both ends of each change, classes with fewer than 8 left out.

    Parameters
    ----------
    clf : Classifier
    images : sequence of (H, W, C) uint8
        The first 256 are used: a fair sample.
    labels : (n,) int32 or None
        Outputs of the classifier, -1 unknown; what it predicts stands for those that are.
    changes : sequence of Change
        Attacks are left out: both precisions would be asked about other images.
    precision : {"float32", "bfloat16"}
    """
    if precision == "float32":
        return precision, ""
    if precision not in PRECISIONS:
        raise ParameterError(f"There is no precision {precision!r}", f"Use one of: {', '.join(PRECISIONS)}.")
    if isinstance(clf.graph, OpaqueGraph):
        return "float32", "a graph without layers can't be computed in bfloat16; float32 was used"
    images = images[:CHECKED]
    worst = 0.0
    for change in [each for each in changes if each.kind != "attack"]:
        ends = Change(change.name, tuple(sorted({change.degrees[0], change.degrees[-1]})), change.parameters)
        exact = answers([clf], images, ends)[0]
        rough = answers([clf], images, ends, precision=precision)[0]
        counted = exact[:, 0].argmax(axis=1)
        if labels is not None:
            counted = np.where(labels[:CHECKED] < 0, counted, labels[:CHECKED])
        rows = np.arange(len(counted))
        apart = rough[rows, :, counted] - exact[rows, :, counted]
        groups = [counted == number for number in np.unique(counted)]
        groups = [np.ones(len(counted), bool), *(group for group in groups if group.sum() >= 8)]
        worst = max(worst, *(float(np.abs(apart[group].mean(axis=0)).max()) for group in groups))
    if worst <= TOLERANCE:
        return precision, ""
    return "float32", f"in bfloat16 a mean probability of {len(images)} images is off by {worst:.3f}; float32 was used"


def _attacked(
    clf: Classifier,
    images: Sequence[Any] | Images,
    change: Change,
    labels: Ints | None,
    precision: str,
    into: Floats,
    step: Step,
) -> None:
    """Write the answers (n, D, K) about images attacked at every epsilon."""
    from nnvis_dash.analysis.attacks import attack

    for rows, group in _groups(images):
        clean = clf.prepare(group)
        if change.name == ADVERSARIAL:
            fitted, direction = adversarial_direction(clf, clean)
            queue = _Queue([(clf, into)], precision)
            for number, epsilon in enumerate(change.degrees):
                queue.put((rows, number), at_epsilon(fitted, direction, epsilon))
                step()
            queue.flush()
            continue
        said = clf.predict(clean).argmax(axis=1).astype(np.int32)
        left = said if labels is None else np.where(labels[rows] < 0, said, labels[rows])
        for number, epsilon in enumerate(change.degrees):
            made = attack(clf, clean, left, change.name, epsilon=epsilon / 255, **dict(change.parameters))
            into[rows, number] = made.probabilities
            step()


def _groups(images: Sequence[Any] | Images) -> Iterator[tuple[slice, npt.NDArray[np.uint8]]]:
    """Yield images of one shape that follow each other, of `MEMORY` at most, and their rows."""
    start = 0
    while start < len(images):
        first = np.asarray(images[start])
        most = max(1, MEMORY // max(1, first.nbytes))
        if isinstance(images, np.ndarray):
            group = images[start : start + most]
        else:
            same = [first]
            while len(same) < most and start + len(same) < len(images):
                following = np.asarray(images[start + len(same)])
                if following.shape != first.shape:
                    break
                same.append(following)
            group = np.stack(same)
        yield slice(start, start + len(group)), group
        start += len(group)


def images_of(data: Dataset | Images, ids: npt.NDArray[np.int64]) -> Sequence[Any] | Images:
    """Return some images of a dataset in their own sizes."""
    if isinstance(data, np.ndarray):
        return data[ids]
    if isinstance(data.images, np.ndarray):
        return np.asarray(data.images[ids])
    return [data.image(int(sample)) for sample in ids]


def _rough(clf: Classifier, dtype: np.dtype[Any]) -> Callable[[Images], Floats]:
    """Trace raw images -> probabilities with the heavy layers in bfloat16."""
    import tensorflow as tf

    from nnvis_dash.analysis.ends import outputs, preprocessed
    from nnvis_dash.analysis.lean import in_bfloat16, lean

    graph = lean(in_bfloat16(clf))

    def forward(raw: Tensor) -> Tensor:
        return outputs(graph, clf.card.output, preprocessed(raw, clf.card.preprocessing), None, "probabilities")

    function = tf.function(forward, autograph=False).get_concrete_function(clf.signature(dtype))
    return lambda images: np.asarray(function(tf.convert_to_tensor(images)).numpy(), np.float32)
