"""Agreement: how alike the heatmaps are that several methods give of the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.contract.intervals import mean
from nnvis_dash.analysis.rank_correlation import standard_ranks
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats


@dataclass(frozen=True, eq=False)
class Agreement:
    """Rank correlations of M methods' heatmaps.

    Attributes
    ----------
    mean : (M, M) float32, −1..1
        Over the images; symmetric, 1 on the diagonal. NaN for a method all of whose heatmaps are the same everywhere.
    low, high : (M, M) float32
        The mean's confidence interval (Student's, cut to −1..1).
    n : (M, M) int32
        Images that count: those in which both heatmaps have an order.
    """

    mean: Floats
    low: Floats
    high: Floats
    n: npt.NDArray[np.int32]


def agreement(heatmaps: npt.ArrayLike, confidence: float = 0.95) -> Agreement:
    """Compare methods by the order in which their heatmaps put the pixels.

    Parameters
    ----------
    heatmaps : (M, N, H, W) float
        Of M methods for the same N images, signed.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Agreement

    Raises
    ------
    ParameterError
        Another shape, or a confidence that isn't one.
    """
    maps = np.asarray(heatmaps)
    if maps.ndim != 4 or 0 in maps.shape:
        raise ParameterError(f"The heatmaps have the shape {maps.shape}", "Give (methods, images, height, width).")
    if not 0 < confidence < 1:
        raise ParameterError(f"The confidence is {confidence:g}", "Give a number between 0 and 1, such as 0.95.")
    n_methods, n_images = maps.shape[:2]
    values = np.empty((n_methods, n_methods, n_images))
    for place in range(n_images):  # one image's ranks at a time: those of all may be large
        ranks = standard_ranks(maps[:, place])
        ranks[~ranks.any(axis=1)] = np.nan
        values[:, :, place] = np.clip(ranks @ ranks.T, -1, 1)
    found = np.empty((4, n_methods, n_methods))
    for one in range(n_methods):
        for other in range(n_methods):
            known = values[one, other][np.isfinite(values[one, other])]
            found[:, one, other] = mean(known, confidence, low=-1.0)
    middle, low, high = found[:3].astype(np.float32)
    return Agreement(middle, low, high, found[3].astype(np.int32))
