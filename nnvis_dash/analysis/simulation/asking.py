"""Images asked about, each at a degree of its own: those that need the same work go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attacks import attack
from nnvis_dash.analysis.response import ADVERSARIAL, adversarial_direction, at_epsilon
from nnvis_dash.analysis.simulation.answers import predicted
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.analysis.transformations import transform
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Degrees: TypeAlias = npt.NDArray[np.float64]
# (rows (m,), degrees (m,)) -> predictions (m,): each of the images at a degree of its own
Ask: TypeAlias = Callable[[npt.NDArray[np.int64], Degrees], Ints]


def asking(clf: Classifier, images: Any, scan: Sweep) -> Ask:
    """Return how images are asked about, each at a degree of its own, as a sweep asks about all at one.

    Parameters
    ----------
    clf : Classifier
    images : (n, H, W, C) uint8, or a sequence of (H, W, C) uint8
    scan : Sweep
        Of these images; says the change, the precision and which classes an attack leaves.
    """
    change = scan.change
    if change.kind != "attack":
        parameters = dict(change.parameters)
        array = isinstance(images, np.ndarray)

        def turned(rows: npt.NDArray[np.int64], degrees: Degrees) -> Ints:
            frames = np.empty((len(rows), *clf.card.input_shape), np.uint8)
            for group in _alike([(np.shape(images[row]), degree) for row, degree in zip(rows, degrees, strict=True)]):
                some = images[rows[group]] if array else np.stack([np.asarray(images[row]) for row in rows[group]])
                frames[group] = clf.prepare(transform(some, change.name, float(degrees[group[0]]), **parameters))
            return _prediction(predicted(clf, frames, scan.precision))

        return turned

    clean = clf.prepare(images)
    if change.name == ADVERSARIAL:
        fitted, direction = adversarial_direction(clf, clean)

        def moved(rows: npt.NDArray[np.int64], degrees: Degrees) -> Ints:
            frames = np.empty((len(rows), *fitted.shape[1:]), np.uint8)
            for group in _alike(degrees.tolist()):
                some = rows[group]
                frames[group] = at_epsilon(fitted[some], direction[some], float(degrees[group[0]]))
            return _prediction(predicted(clf, frames, scan.precision))

        return moved

    left = np.where(scan.labels >= 0, scan.labels, scan.clean_prediction).astype(np.int32)

    def attacked(rows: npt.NDArray[np.int64], degrees: Degrees) -> Ints:
        found = np.empty(len(rows), np.int32)
        for group in _alike(degrees.tolist()):
            some, epsilon = rows[group], float(degrees[group[0]])
            made = attack(clf, clean[some], left[some], change.name, epsilon=epsilon / 255, **dict(change.parameters))
            found[group] = _prediction(made.probabilities)
        return found

    return attacked


def _alike(keys: Sequence[Any]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the positions of equal keys together."""
    groups: dict[Any, list[int]] = {}
    for position, key in enumerate(keys):
        groups.setdefault(key, []).append(position)
    for positions in groups.values():
        yield np.array(positions, np.int64)


def _prediction(probabilities: Floats) -> Ints:
    return probabilities.argmax(axis=1).astype(np.int32)
