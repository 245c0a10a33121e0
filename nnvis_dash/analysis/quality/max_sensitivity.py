"""Maximum sensitivity: how far a heatmap moves at most under small changes that keep the prediction."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.small_changes import REFERENCE, SmallChanges, distances
from nnvis_dash.types import Floats


@MEASURES.register(
    "max_sensitivity",
    title="Maximum sensitivity",
    reference=REFERENCE,
    parameters=SmallChanges,
    traits=("lower is better", "explains again", "stability"),
)
def max_sensitivity(case: Case, parameters: SmallChanges) -> Floats:
    """Return how far heatmaps move at most, as a share of their length, when pixels change a little.

    Parameters
    ----------
    case : Case
    parameters : SmallChanges

    Returns
    -------
    (N,) float32, >= 0
        The largest of `small_changes.distances` over the draws, which grows with their number. NaN where all draws
        change the prediction.

    References
    ----------
    Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019, arXiv:1901.09392.
    Departures as for the average sensitivity; the maximum is over the draws, as the paper estimates it.
    """
    found = distances(case, parameters)
    known = np.isfinite(found)
    most = np.where(known, found, -np.inf).max(axis=1)
    return np.where(known.any(axis=1), most, np.nan).astype(np.float32)
