"""How alike two heatmaps of an image are: what the measures that explain again compare by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.rank_correlation import standard_ranks
from nnvis_dash.types import Floats


def similarity(heatmaps: npt.ArrayLike, others: npt.ArrayLike, absolute: bool = False) -> Floats:
    """Return Spearman's rank correlation of each heatmap with another.

    Parameters
    ----------
    heatmaps, others : (N, H, W) float
    absolute : bool
        Of how strong the values are, whatever their sign: what is seen in a drawn map.

    Returns
    -------
    (N,) float32, −1..1
        0 where only the other one is the same everywhere: nothing of the order is left. NaN where the first one is,
        or where one of them holds NaN or infinity.
    """
    one, other = (np.asarray(maps, np.float64) for maps in (heatmaps, others))
    if absolute:
        one, other = np.abs(one), np.abs(other)
    ranks, ranks_of_other = standard_ranks(one), standard_ranks(other)
    found = np.einsum("nc,nc->n", ranks, ranks_of_other)
    return np.where(ranks.any(axis=1), np.clip(found, -1, 1), np.nan).astype(np.float32)


def mean_known(values: npt.ArrayLike) -> Floats:
    """Return the mean over the last axis of (N, k) values of those that are known; NaN where none is."""
    given = np.asarray(values, np.float64)
    known = np.isfinite(given)
    count = known.sum(axis=-1)
    return np.where(count, np.where(known, given, 0).sum(axis=-1) / np.maximum(count, 1), np.nan).astype(np.float32)
