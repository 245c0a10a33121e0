"""The windows of a map: where they lie, which of them come first, and how their values become pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lattice:
    """Windows of one size over an image, `stride` pixels apart; the last ones end with the image.

    Parameters
    ----------
    size : (height, width)
        Of the image, in pixels.
    window : (height, width)
    stride : int
    """

    size: tuple[int, int]
    window: tuple[int, int]
    stride: int = 1

    @cached_property
    def rows(self) -> Numbers:
        """(n,) rows of the windows' upper left corners."""
        return _starts(self.size[0], self.window[0], self.stride)

    @cached_property
    def columns(self) -> Numbers:
        """(m,) columns of the windows' upper left corners."""
        return _starts(self.size[1], self.window[1], self.stride)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return len(self.rows), len(self.columns)

    def corners(self, places: Numbers) -> tuple[Numbers, Numbers]:
        """Return rows and columns of windows by their number, 0..n·m − 1, row by row."""
        first, second = np.unravel_index(places, self.shape)
        return self.rows[first], self.columns[second]

    def pixels(self, values: Doubles) -> Doubles:
        """Return (R, height, width): each pixel the mean over the windows that hold it, of (n, m, R)."""
        total = self._spread(np.moveaxis(values, -1, 0))
        return total / np.maximum(self.cover, 1.0)

    def pixel_errors(self, variances: Doubles) -> Doubles:
        """Return (R, height, width) standard errors of `pixels`, of (n, m, R) independent variances."""
        return np.sqrt(np.maximum(self._spread(np.moveaxis(variances, -1, 0)), 0.0)) / np.maximum(self.cover, 1.0)

    @cached_property
    def cover(self) -> Doubles:
        """(height, width): how many windows hold each pixel; 0 between windows further apart than their size."""
        return self._spread(np.ones((1, *self.shape)))[0]

    def _spread(self, values: Doubles) -> Doubles:
        """Add each window's value (R, n, m) to all of its pixels."""
        for axis, (starts, extent, size) in enumerate(
            zip((self.rows, self.columns), self.window, self.size, strict=True), start=1
        ):
            inside = (np.arange(size)[:, None] >= starts) & (np.arange(size)[:, None] < starts + extent)
            values = np.moveaxis(np.tensordot(values, inside.astype(float), axes=(axis, 1)), -1, axis)
        return values

    @cached_property
    def levels(self) -> list[tuple[Numbers, Numbers]]:
        """Coarse to fine: which rows and columns (their numbers) are of each level; the last one has all.

        The coarse ones are about half a window apart, every next one half as far.
        """
        apart = max(1, min(self.window) // 2 // self.stride)
        steps = [2**power for power in range(int(np.log2(apart)), -1, -1)]
        return [tuple(np.unique([*range(0, n, step), n - 1]) for n in self.shape) for step in steps]  # type: ignore[misc]

    def filled(self, values: Doubles) -> Doubles:
        """Return (n, m, R) with a value everywhere: between known ones (not NaN) of a coarser level, interpolated.

        Where the coarsest level isn't known either it is 0: no evidence yet.
        """
        if not np.isnan(values[..., 0]).any():
            return values
        rows, columns = self.levels[0]
        found = np.nan_to_num(values[np.ix_(rows, columns)])
        for finer_rows, finer_columns in self.levels[1:]:
            found = np.tensordot(_between(finer_rows, rows), found, axes=(1, 0))
            found = np.moveaxis(np.tensordot(_between(finer_columns, columns), found, axes=(1, 1)), 0, 1)
            known = values[np.ix_(finer_rows, finer_columns)]
            found = np.where(np.isnan(known), found, known)
            rows, columns = finer_rows, finer_columns
        return found

    def roughness(self, values: Doubles) -> Doubles:
        """Return (n, m, R): the standard deviation of the (filled) values over each window and its eight neighbours."""
        filled = self.filled(values)
        mean = self.around(filled)
        return np.sqrt(np.maximum(self.around(filled**2) - mean**2, 0.0))

    def around(self, values: Doubles) -> Doubles:
        """Return (n, m, R) means over each window and its eight neighbours that are known; NaN where none is."""
        from scipy import ndimage

        known = np.isfinite(values)
        nine = np.ones((3, 3, 1))
        total = ndimage.convolve(np.where(known, values, 0.0), nine, mode="constant")
        share = ndimage.convolve(known.astype(float), nine, mode="constant")
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(share > 0, total / share, np.nan)


def _starts(size: int, window: int, stride: int) -> Numbers:
    return np.unique([*range(0, size - window + 1, stride), size - window])


def _between(wanted: Numbers, known: Numbers) -> npt.NDArray[Any]:
    """Return the (wanted, known) matrix of linear interpolation between ascending places."""
    if len(known) == 1:
        return np.ones((len(wanted), 1))
    low = np.clip(np.searchsorted(known, wanted, side="right") - 1, 0, len(known) - 2)
    share = (wanted - known[low]) / (known[low + 1] - known[low])
    matrix = np.zeros((len(wanted), len(known)))
    at = np.arange(len(wanted))
    matrix[at, low] = 1 - share
    matrix[at, low + 1] += share
    return matrix
