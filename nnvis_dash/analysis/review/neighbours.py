"""Nearest neighbours by the cosine of standardised features: exact, in blocks that stay in memory.

60,000 samples of 64 features take about 20 s on two cores; most of it is the product, 3.6 billion numbers long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints

Progress = Callable[[int, int], None]

NEAREST = 20
WIDEST = 256  # features; more are projected
PROJECTED = 128  # features that are left of more: distances keep to some percent (Johnson and Lindenstrauss, 1984)
_ROWS = 128  # of similarities at once
_GROUP = 64  # columns whose greatest similarity is looked at first


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Samples as directions: features minus their mean, over their deviation, at length 1.

    Attributes
    ----------
    directions : (N, D) float32
        All zero for a sample that has every feature at its mean.
    mean, scale : (F,) float32
    projection : (F, D) float32 or None
        Random and fixed, where there are more than `WIDEST` features.
    """

    directions: Floats
    mean: Floats
    scale: Floats
    projection: Floats | None

    @classmethod
    def of(cls, features: npt.ArrayLike) -> Neighbourhood:
        """Return the neighbourhood of samples.

        Parameters
        ----------
        features : (N, F) float

        Raises
        ------
        ParameterError
            Another shape, or values that aren't finite.
        """
        given = np.asarray(features)
        if given.ndim != 2 or 0 in given.shape:
            raise ParameterError(f"Features have the shape {given.shape}", "Give one row a sample: (N, F).")
        mean = given.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = given.std(axis=0, dtype=np.float64).astype(np.float32)
        if not (np.isfinite(mean).all() and np.isfinite(scale).all()):
            raise ParameterError("Features hold NaN or infinity", "Give finite numbers.")
        scale[scale == 0] = 1
        projection = None
        if given.shape[1] > WIDEST:
            rng = np.random.default_rng(0)
            projection = rng.standard_normal((given.shape[1], PROJECTED), np.float32) / np.float32(PROJECTED**0.5)
        return cls(_directions(given, mean, scale, projection), mean, scale, projection)

    def __len__(self) -> int:
        return len(self.directions)

    def nearest(
        self,
        k: int,
        queries: npt.ArrayLike | None = None,
        without: npt.NDArray[np.integer] | None = None,
        on_progress: Progress | None = None,
    ) -> tuple[Ints, Floats]:
        """Find the nearest samples.

        Parameters
        ----------
        k : int
            How many; as many as there are where that is fewer.
        queries : (n, F) float, optional
            Features to look from; left out: every sample, which is then not its own neighbour.
        without : (n,) int, optional
            For each query the sample that isn't its neighbour, because it was made of it.
        on_progress : function (done, total) -> None, optional

        Returns
        -------
        ids : (n, k) int32
            The nearest first; of equal ones the lower number.
        cosines : (n, k) float32, -1..1
        """
        if queries is None:
            directions, without = self.directions, np.arange(len(self))
        else:
            directions = _directions(np.asarray(queries), self.mean, self.scale, self.projection)
        n = len(self)
        k = max(0, min(k, n - (without is not None)))
        ids, cosines = np.zeros((len(directions), k), np.int32), np.zeros((len(directions), k), np.float32)
        if k == 0:
            return ids, cosines
        groups = -(-n // _GROUP)
        held = np.zeros((groups * _GROUP, self.directions.shape[1]), np.float32)
        held[:n] = self.directions
        for start in range(0, len(directions), _ROWS):
            stop = min(start + _ROWS, len(directions))
            similar = directions[start:stop] @ held.T
            similar[:, n:] = -np.inf
            if without is not None:
                similar[np.arange(stop - start), without[start:stop]] = -np.inf
            ids[start:stop], cosines[start:stop] = _largest(similar, k)
            if on_progress is not None:
                on_progress(stop, len(directions))
        return ids, np.clip(cosines, -1, 1)


def label_shares(ids: Ints, labels: Ints, n_classes: int) -> Floats:
    """Return which labels neighbours have.

    Parameters
    ----------
    ids : (n, k) int32
        Neighbours, as `Neighbourhood.nearest` gives them.
    labels : (N,) int32
        -1 for none; those don't count.
    n_classes : int

    Returns
    -------
    (n, K) float32
        Rows add up to 1; alike for all classes where no neighbour has a label.
    """
    counts = np.zeros((len(ids), n_classes), np.float32)
    found = np.asarray(labels)[ids]
    rows, places = np.nonzero(found >= 0)
    np.add.at(counts, (rows, found[rows, places]), 1)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.float32(1 / n_classes)).astype(np.float32)


def _directions(given: npt.NDArray[np.floating], mean: Floats, scale: Floats, projection: Floats | None) -> Floats:
    width = given.shape[1] if projection is None else projection.shape[1]
    found = np.empty((len(given), width), np.float32)
    for start in range(0, len(given), _ROWS):
        block = (np.asarray(given[start : start + _ROWS], np.float32) - mean) / scale
        block = block if projection is None else block @ projection
        length = np.sqrt(np.einsum("nd,nd->n", block, block, dtype=np.float64))[:, None]
        found[start : start + _ROWS] = block / np.where(length > 0, length, 1)
    return found


def _largest(similar: Floats, k: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the k largest of each row and where they are: they lie in the k groups with the largest maxima."""
    rows, groups = len(similar), similar.shape[1] // _GROUP
    grouped = similar.reshape(rows, groups, _GROUP)
    greatest = grouped.max(axis=2)
    first = min(k, groups)
    top = np.argpartition(-greatest, first - 1, axis=1)[:, :first, None]
    among = np.take_along_axis(grouped, top, axis=1).reshape(rows, -1)
    numbers = (top * _GROUP + np.arange(_GROUP)).reshape(rows, -1)
    best = np.argpartition(-among, k - 1, axis=1)[:, :k]
    values, places = np.take_along_axis(among, best, axis=1), np.take_along_axis(numbers, best, axis=1)
    order = np.lexsort((places, -values), axis=1)
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(values, order, axis=1)
