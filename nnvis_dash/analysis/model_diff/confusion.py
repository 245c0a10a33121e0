"""Confusion: how often two class numbers of a sample go together, and which samples those are.

Rows and columns are labels and predictions, or the predictions of two models. The samples are sorted by cell once, so
that a click on a cell doesn't look at all of them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.model_diff.inputs import checked_class_count, class_numbers
from nnvis_dash.errors import NotFound, ParameterError

Array = npt.NDArray[np.float64]
MOST_CLASSES = 4096  # the table takes 128 MiB then
_SMALL = np.iinfo(np.uint16).max  # keys up to it are sorted by their digits, in a tenth of the time


class Cell(NamedTuple):
    """A cell of the table, its number of samples, and their share of its row's."""

    row: int
    column: int
    n: int
    share: float


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of pairs of class numbers.

    Attributes
    ----------
    counts : (n, n) int64
        [row, column]: samples with these two numbers.
    order : (M,) int64
        The samples that count, by row, then by column, then ascending.
    keys : (M,) uint16 or int32
        row · n + column of each of them, ascending.
    left_out : int
        Samples without one of the two numbers.
    """

    counts: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    keys: npt.NDArray[np.unsignedinteger] | npt.NDArray[np.signedinteger]
    left_out: int

    def cell(self, row: int, column: int) -> npt.NDArray[np.int64]:
        """Return the ids of the samples of a cell, ascending.

        Raises
        ------
        NotFound
            No such row or column.
        """
        n = len(self.counts)
        for what, number in (("row", row), ("column", column)):
            if not 0 <= number < n:
                raise NotFound(f"There is no {what} {number}", f"Classes are 0 to {n - 1}.")
        start = int(np.searchsorted(self.keys, self.keys.dtype.type(row * n + column)))
        return self.order[start : start + int(self.counts[row, column])]

    def shares(self, of: Literal["row", "column", "all"] = "row") -> Array:
        """Return the counts as shares; 0 in a row or column without samples.

        Parameters
        ----------
        of : {"row", "column", "all"}
            Of labels against predictions, "row" has the recall on its diagonal and "column" the precision.

        Returns
        -------
        (n, n) float64, 0..1

        Raises
        ------
        ParameterError
            Another word.
        """
        axes: dict[str, int | None] = {"row": 1, "column": 0, "all": None}
        if of not in axes:
            raise ParameterError(f"Shares of {of!r} are asked for", 'Ask for those of "row", "column" or "all".')
        return self.counts / np.maximum(self.counts.sum(axis=axes[of], keepdims=True), 1)

    def largest(self, limit: int = 20) -> tuple[Cell, ...]:
        """Return the largest cells off the diagonal: the most common confusions.

        Parameters
        ----------
        limit : int
            At most so many.

        Returns
        -------
        tuple of Cell
            From the largest count down, equal ones by row and column; cells without samples are left out.
        """
        if limit < 0:
            raise ParameterError(f"{limit} cells are asked for", "Ask for 0 or more.")
        off = self.counts.copy()
        np.fill_diagonal(off, 0)
        rows, columns = np.nonzero(off)
        counts = off[rows, columns]
        first = np.argsort(-counts, kind="stable")[:limit]
        totals = self.counts.sum(axis=1)
        return tuple(
            Cell(int(row), int(column), int(count), float(count / totals[row]))
            for row, column, count in zip(rows[first], columns[first], counts[first], strict=True)
        )

    def most_confused(self, limit: int) -> npt.NDArray[np.int64]:
        """Return the classes with the most samples off the diagonal, in their row or column.

        Parameters
        ----------
        limit : int
            At most so many; of equal ones those with more samples, then the first.

        Returns
        -------
        (c,) int64, ascending; classes that no sample has in either are left out.
        """
        diagonal = np.diagonal(self.counts)
        samples = self.counts.sum(axis=0) + self.counts.sum(axis=1)
        confused = samples - 2 * diagonal
        there = np.flatnonzero(samples)
        first = np.lexsort((there, -samples[there], -confused[there]))[: max(0, limit)]
        return np.sort(there[first])


def confusion(rows: npt.ArrayLike, columns: npt.ArrayLike, n: int) -> Confusion:
    """Count how often each two class numbers go together.

    Parameters
    ----------
    rows, columns : (N,) int
        Labels and predictions, or the predictions of one model and of another, as numbers of one list of classes;
        samples with a -1 in either are left out.
    n : int
        Length of that list, 4096 or less.

    Returns
    -------
    Confusion

    Raises
    ------
    ParameterError
        Other shapes or types, no samples, a number that is no class, or too many classes.
    """
    size = checked_class_count(n, MOST_CLASSES)
    first = class_numbers("rows", rows, size)
    second = class_numbers("columns", columns, size, len(first))
    keys = first * np.int32(size) + second  # at most 4096² − 1
    samples = np.arange(len(keys))
    left_out = (first < 0) | (second < 0)
    if left_out.any():
        samples = samples[~left_out]
        keys = keys[samples]
    small = keys.astype(np.uint16) if size * size - 1 <= _SMALL else keys
    by_cell = np.argsort(small, kind="stable")
    return Confusion(
        counts=np.bincount(keys, minlength=size * size).reshape(size, size),
        order=samples[by_cell],
        keys=small[by_cell],
        left_out=len(first) - len(samples),
    )
