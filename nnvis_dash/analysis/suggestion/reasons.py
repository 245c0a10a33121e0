"""The same answer for different reasons: how far the heatmaps of several classifiers part on one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attribution import Attribution
from nnvis_dash.analysis.rank_correlation import standard_ranks
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

SIDE = 16  # cells a side of the grid on which heatmaps of any size are compared
METHOD = "grad_cam"


def heatmap_disagreement(maps: Sequence[npt.ArrayLike]) -> Floats:
    """Say how differently several classifiers explain each image.

    Parameters
    ----------
    maps : sequence of (N, h, w) arrays
        A heatmap of every image from each classifier, on one grid (see `on_grid`).

    Returns
    -------
    (N,) float32
        1 minus Spearman's rank correlation of two heatmaps, the mean over all pairs: 0 the same order of evidence
        everywhere, 1 unrelated, 2 opposite. Ranks need no normalisation: heatmaps of any scale are compared. A heatmap
        that is the same everywhere says nothing and is left out; NaN where fewer than two are left.

    Raises
    ------
    ParameterError
        Fewer than two classifiers, or maps of different shapes.
    """
    tables = [np.asarray(one, np.float64) for one in maps]
    if len(tables) < 2:
        raise ParameterError(f"There are heatmaps of {len(tables)} classifiers", "Give those of two or more.")
    if any(one.ndim != 3 or one.shape != tables[0].shape for one in tables):
        shapes = ", ".join(str(one.shape) for one in tables)
        raise ParameterError(f"The heatmaps have the shapes {shapes}", "Bring them to one grid, (N, h, w).")
    ranks = standard_ranks(np.stack(tables))  # (M, N, cells)
    speaks = np.asarray((ranks != 0).any(axis=2))
    whole, count = np.zeros(ranks.shape[1]), np.zeros(ranks.shape[1])
    for first in range(len(tables)):
        for second in range(first + 1, len(tables)):
            both = speaks[first] & speaks[second]
            whole += np.where(both, np.einsum("nc,nc->n", ranks[first], ranks[second]), 0)
            count += both
    found = np.full(len(whole), np.nan)
    np.divide(whole, count, out=found, where=count > 0)
    return np.asarray(np.clip(1 - found, 0, 2), np.float32)


def on_grid(attribution: Attribution, side: int = SIDE) -> Floats:
    """Return heatmaps on a grid on which those of classifiers of any input size can be compared.

    Returns
    -------
    (N, side, side) float32
        Each cell is the mean over its area of the classifier's input.
    """
    import cv2

    maps = np.ascontiguousarray(attribution.heatmap())
    return np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in maps])
