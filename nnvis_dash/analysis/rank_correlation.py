"""Spearman's rank correlation of heatmaps: ranks need no normalisation, so maps of any scale are compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def signed_ranks(maps: npt.ArrayLike) -> Numbers:
    """Return each pixel's place in its map's order.

    Parameters
    ----------
    maps : (..., h, w) float

    Returns
    -------
    (..., h, w) float64, −1..1
        −1 for the lowest value, 1 for the highest, equal values their mean. All 0 for a map that is the same
        everywhere, and NaN for one that holds NaN: neither has an order.
    """
    from scipy.stats import rankdata

    given = np.asarray(maps, np.float64)
    flat = given.reshape(*given.shape[:-2], -1)
    ranks = np.asarray(rankdata(flat, axis=-1), np.float64)
    n = flat.shape[-1]
    return np.asarray((ranks - (n + 1) / 2) / max((n - 1) / 2, 1)).reshape(given.shape)


def standard_ranks(maps: npt.ArrayLike) -> Numbers:
    """Return each map's ranks at length 1, so that the product of two is their rank correlation.

    Parameters
    ----------
    maps : (..., h, w) float

    Returns
    -------
    (..., h * w) float64
        As `signed_ranks`; all NaN where the map holds NaN or infinity.
    """
    ranks = signed_ranks(maps)
    ranks = ranks.reshape(*ranks.shape[:-2], -1)
    ranks[~np.isfinite(np.asarray(maps)).all(axis=(-2, -1))] = np.nan
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    return np.asarray(ranks / np.where(length > 0, length, 1))
