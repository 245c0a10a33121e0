"""What a unit is, by the images it answers to: its response to a selection, its most activating images, their classes.

An index holds one number for each image and unit. With 30,000 units and 10,000 images that is 1.2 GB on disk, so
nothing here copies it: rows are read in blocks, and of a single unit only its column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Floats, Ints, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.index import Index

BY = {"max": "unit_activations", "mean": "unit_means"}
MEASURES = ("mean", "max", "difference")
REST = "rest"
_BLOCK = 1 << 20  # bytes of rows that are summed at once: they stay in the processor's cache
_ROWS = 64  # at most: sums of so many lose nothing in float32

Doubles: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnitStatistics:
    """How strongly every unit is activated over a whole dataset.

    Attributes
    ----------
    n_samples : int
    by : {"max", "mean"}
        What an image's activation is: the maximum over the layer's positions, or the mean.
    mean, deviation : (U,) float64
        Over the images; the deviation is that of the population.
    least, greatest : (U,) float32
    """

    n_samples: int
    by: str
    mean: Doubles
    deviation: Doubles
    least: Floats
    greatest: Floats

    @property
    def dead(self) -> npt.NDArray[np.bool_]:
        """(U,) whether a unit is 0 on every image."""
        return (self.least == 0) & (self.greatest == 0)


def unit_statistics(index: Index, by: str = "max") -> UnitStatistics:
    """Go once over an index; what comes out makes later questions about a selection cheap.

    Parameters
    ----------
    index : Index
    by : {"max", "mean"}
        Over a layer's positions.
    """
    activations = _activations(index, by)
    mean, squares, done = np.zeros(activations.shape[1]), np.zeros(activations.shape[1]), 0
    least = np.full(activations.shape[1], np.inf, np.float32)
    greatest = -least
    for block in _blocks(activations, None):
        n = len(block)
        average = block.sum(axis=0).astype(np.float64) / n
        spread = block - average.astype(np.float32)
        np.minimum(least, block.min(axis=0), out=least)
        np.maximum(greatest, block.max(axis=0), out=greatest)
        # Chan, Golub and LeVeque (1983), eq. 2.1: sums of squares around the mean, of parts
        squares += np.einsum("nu,nu->u", spread, spread)
        squares += (average - mean) ** 2 * (done * n / (done + n))
        mean += (average - mean) * n / (done + n)
        done += n
    deviation = np.sqrt(np.maximum(squares, 0) / done)
    deviation[least == greatest] = 0
    return UnitStatistics(done, by, mean, deviation, least, greatest)


def unit_responses(
    index: Index,
    samples: npt.ArrayLike,
    against: npt.ArrayLike | str = REST,
    by: str = "max",
    measure: str = "mean",
    standardised: bool = False,
    statistics: UnitStatistics | None = None,
) -> Floats:
    """Return the response of every unit to a selection of images.

    Parameters
    ----------
    index : Index
    samples : array of int, or (N,) bool
        The selection: the images' ids, or which of them.
    against : "rest", or array of int, or (N,) bool
        For "difference": the images that are not in the selection, or those given. For two classes give
        ``labels == a`` and ``labels == b``.
    by : {"max", "mean"}
        What one image's activation is: the maximum over the layer's positions, or the mean.
    measure : {"mean", "max", "difference"}
        Over the selection: its mean, its maximum, or its mean less that of `against`.
    standardised : bool
        Divide by the unit's deviation over all images, since layers differ in scale; 0 for a unit that never changes.
    statistics : UnitStatistics, optional
        What `unit_statistics` says of this index and `by`; with it the rest and the deviation need no other pass.

    Returns
    -------
    (U,) float32
        In the order of `index.units`.

    Raises
    ------
    ParameterError
        No images selected, none left to compare with, an id that isn't there, or an unknown measure.
    """
    if measure not in MEASURES:
        raise ParameterError(f"There is no measure {measure!r} of a response", f"Use one of: {', '.join(MEASURES)}.")
    activations = _activations(index, by)
    chosen = sample_ids(samples, len(index))
    if statistics is not None and (statistics.by, statistics.n_samples) != (by, len(index)):
        raise ParameterError(
            f"The statistics are of {statistics.n_samples} images by {statistics.by!r}, the index has {len(index)}",
            f"Give unit_statistics(index, by={by!r}).",
        )
    if measure == "max":
        found = np.maximum.reduce([block.max(axis=0) for block in _blocks(activations, chosen)]).astype(np.float64)
    else:
        found = _mean(activations, chosen)
    if measure == "difference":
        found = found - _other_mean(activations, chosen, against, found, statistics)
    if standardised:
        deviation = (statistics or unit_statistics(index, by)).deviation
        found = np.divide(found, deviation, out=np.zeros_like(found), where=deviation > 0)
    return found.astype(np.float32)


def most_activating(
    index: Index,
    unit: Unit,
    n: int = 9,
    by: str = "max",
    samples: npt.ArrayLike | None = None,
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the images that activate a unit most.

    Parameters
    ----------
    index : Index
    unit : Unit
    n : int
        How many at most.
    by : {"max", "mean"}
        Over the layer's positions.
    samples : array of int, or (N,) bool, optional
        Among which; all by default.

    Returns
    -------
    ids : (m,) int64
        By descending activation, equal ones by ascending id. Images on which the unit is exactly 0 are left out, for
        it is silent there: a dead unit has none.
    values : (m,) float32
        Their activations.

    Raises
    ------
    NotFound
        No such layer with units.
    ParameterError
        No such unit in it, or no number of images.
    """
    if n < 1:
        raise ParameterError(f"The {n} most activating images are wanted", "Give 1 or more.")
    column = _activations(index, by)[:, column_of(index, unit)]
    ids = np.arange(len(column)) if samples is None else sample_ids(samples, len(index))
    values = np.asarray(column[ids])
    ids, values = ids[values != 0], values[values != 0]
    if len(ids) > n:
        edge = np.partition(values, len(values) - n)[len(values) - n]
        kept = np.flatnonzero(values >= edge)  # more than n where several are equal to the last one
        ids, values = ids[kept], values[kept]
    order = np.lexsort((ids, -values))[:n]
    return ids[order].astype(np.int64), values[order].astype(np.float32)


def class_histogram(ids: npt.ArrayLike, labels: npt.ArrayLike | None, n_classes: int) -> Ints | None:
    """Count the labels of some images.

    Parameters
    ----------
    ids : array of int
    labels : (N,) int, optional
        Of the dataset; negative ones are unknown and aren't counted.
    n_classes : int

    Returns
    -------
    (n_classes,) int32, or None for a dataset without labels

    Raises
    ------
    ParameterError
        An id that isn't there, or a label of no class.
    """
    if labels is None:
        return None
    known = np.asarray(labels)
    numbers = np.asarray(ids, dtype=np.int64).ravel()
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < len(known)):
        raise ParameterError(f"There are {len(known)} labels, not of every image asked for", "Give this dataset's ids.")
    own = known[numbers]
    own = own[own >= 0].astype(np.int64)
    if len(own) and own.max() >= n_classes:
        raise ParameterError(f"A label is {own.max()}, and there are {n_classes} classes", "Count from 0.")
    return np.bincount(own, minlength=n_classes).astype(np.int32)


def column_of(index: Index, unit: Unit) -> int:
    """Return the column of a unit in the arrays of an index.

    Raises
    ------
    NotFound
        No such layer with units; names those there are.
    ParameterError
        No such unit in it.
    """
    first = next((column for column, entry in enumerate(index.units) if entry.layer == unit.layer), None)
    if first is None:
        names = list(dict.fromkeys(entry.layer for entry in index.units))
        if names:
            raise NotFound.among("layer with units", unit.layer, names)
        raise NotFound(
            f"There is no layer {unit.layer!r}: the classifier is a TensorFlow graph without layers",
            "Add the Keras model that the graph was made of.",
        )
    column = first + unit.channel
    if not (unit.channel >= 0 and column < len(index.units) and index.units[column] == unit):
        n_units = sum(entry.layer == unit.layer for entry in index.units)
        raise ParameterError(
            f"There is no unit {unit.channel} in the layer {unit.layer!r}", f"Give a number from 0 to {n_units - 1}."
        )
    return column


def sample_ids(samples: npt.ArrayLike, n_samples: int) -> npt.NDArray[np.int64]:
    """Return the ascending ids of a selection that is given as ids or as (N,) bool.

    Raises
    ------
    ParameterError
        None, or one that isn't there.
    """
    given = np.asarray(samples)
    if given.dtype == np.bool_:
        if given.shape != (n_samples,):
            raise ParameterError(
                f"The selection is a mask of {given.shape} for {n_samples} images", "Give one entry an image."
            )
        given = np.flatnonzero(given)
    if given.size == 0:
        raise ParameterError("No images are selected", "Select at least one.")
    if not np.issubdtype(given.dtype, np.integer):
        raise ParameterError(f"The selection holds {given.dtype}", "Give the images' ids: whole numbers.")
    ids = np.unique(given.astype(np.int64))
    if ids[0] < 0 or ids[-1] >= n_samples:
        wrong = ids[0] if ids[0] < 0 else ids[-1]
        raise ParameterError(f"There is no image {wrong}", f"There are {n_samples}, counted from 0.")
    return ids


def _activations(index: Index, by: str) -> Floats:
    if by not in BY:
        raise ParameterError(f"Activations can't be taken by {by!r}", f"Use one of: {', '.join(BY)}.")
    activations: Floats = getattr(index, BY[by])
    if not activations.shape[1]:
        raise ParameterError(
            "The classifier has no units: it is a TensorFlow graph without layers",
            "Add the Keras model that the graph was made of.",
        )
    return activations


def _blocks(activations: Floats, ids: npt.NDArray[np.int64] | None) -> Iterator[Floats]:
    """Yield some rows at a time, all of them where `ids` is None."""
    step = min(_ROWS, max(1, _BLOCK // (activations.shape[1] * activations.itemsize)))
    n = len(activations) if ids is None else len(ids)
    for start in range(0, n, step):
        stop = min(start + step, n)
        if ids is None:
            yield np.asarray(activations[start:stop])
        elif ids[stop - 1] - ids[start] == stop - 1 - start:  # neighbours: no copy
            yield np.asarray(activations[ids[start] : ids[stop - 1] + 1])
        else:
            yield np.asarray(activations[ids[start:stop]])


def _mean(activations: Floats, ids: npt.NDArray[np.int64]) -> Doubles:
    total = np.zeros(activations.shape[1])
    for block in _blocks(activations, ids):
        total += block.sum(axis=0)
    return total / len(ids)


def _other_mean(
    activations: Floats,
    chosen: npt.NDArray[np.int64],
    against: npt.ArrayLike | str,
    mean: Doubles,
    statistics: UnitStatistics | None,
) -> Doubles:
    """Return the mean over the images that a selection is compared with."""
    n_samples = len(activations)
    if not isinstance(against, str):
        return _mean(activations, sample_ids(against, n_samples))
    if against != REST:
        raise ParameterError(f"A selection can't be compared with {against!r}", "Give 'rest' or images' ids.")
    n_rest = n_samples - len(chosen)
    if n_rest == 0:
        raise ParameterError("All images are selected, so there is no rest to compare with", "Select fewer.")
    if statistics is None:
        rest = np.ones(n_samples, np.bool_)
        rest[chosen] = False
        return _mean(activations, np.flatnonzero(rest))
    return (statistics.mean * n_samples - mean * len(chosen)) / n_rest
