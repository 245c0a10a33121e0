"""Relevance rank: how many of a heatmap's strongest pixels, as many as the object has, lie on the object."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Floats


@MEASURES.register(
    "relevance_rank",
    title="Relevance rank",
    reference='Arras et al., "CLEVR-XAI", Information Fusion 81, 2022, arXiv:2003.07258',
    traits=("higher is better", "needs masks", "localisation"),
)
def relevance_rank(case: Case, parameters: NoParameters) -> Floats:
    """Return the share of the object's K pixels that are among the K that speak most for the class.

    Parameters
    ----------
    case : Case
    parameters : NoParameters

    Returns
    -------
    (N,) float32, 0..1
        By chance it is the object's share of the image. Of pixels that are equal where the K end, as many count as
        would on average over their orders. NaN where there is no object, for a heatmap that is the same everywhere,
        and for one that holds NaN or infinity.

    References
    ----------
    Arras et al., "CLEVR-XAI: a benchmark dataset for the ground truth evaluation of neural network explanations",
    Information Fusion 81, 2022, arXiv:2003.07258.
    """
    assert case.masks is not None
    found = np.full(len(case.heatmaps), np.nan, np.float32)
    for place, (heatmap, mask) in enumerate(zip(case.heatmaps, case.masks, strict=True)):
        size = int(mask.sum())
        if size and np.isfinite(heatmap).all() and np.ptp(heatmap) > 0:
            last = np.partition(heatmap, -size, axis=None)[-size]  # the K-th strongest value
            above, ties = heatmap > last, heatmap == last
            share = (size - above.sum()) / ties.sum()
            found[place] = ((mask & above).sum() + share * (mask & ties).sum()) / size
    return found
