"""Pointing game: whether a heatmap's strongest pixel lies on the object."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class PointingGame:
    """Parameters of the pointing game."""

    tolerance: int = field(
        default=0,
        metadata={"help": "how far beside the object still counts", "low": 0, "high": 1000, "unit": "px"},
    )


@MEASURES.register(
    "pointing_game",
    title="Pointing game",
    reference='Zhang et al., "Top-down neural attention by excitation backprop", IJCV 126, 2018, arXiv:1608.00507',
    parameters=PointingGame,
    traits=("higher is better", "needs masks", "localisation"),
)
def pointing_game(case: Case, parameters: PointingGame) -> Floats:
    """Say whether the pixel that speaks most for the class lies on the object.

    Parameters
    ----------
    case : Case
    parameters : PointingGame
        The paper allows 15 pixels in images of some 500.

    Returns
    -------
    (N,) float32, 0..1
        1 for a hit, 0 for a miss; of several strongest pixels the share that hits. NaN where there is no object, or
        no strongest pixel: a heatmap that is the same everywhere, or holds NaN or infinity.

    References
    ----------
    Zhang et al., "Top-down neural attention by excitation backprop", IJCV 126, 2018, arXiv:1608.00507.
    """
    from scipy.ndimage import distance_transform_edt

    assert case.masks is not None
    found = np.full(len(case.heatmaps), np.nan, np.float32)
    for place, (heatmap, mask) in enumerate(zip(case.heatmaps, case.masks, strict=True)):
        if mask.any() and np.isfinite(heatmap).all() and np.ptp(heatmap) > 0:
            near = distance_transform_edt(~mask) <= parameters.tolerance if parameters.tolerance else mask
            found[place] = near[heatmap == heatmap.max()].mean()
    return found
