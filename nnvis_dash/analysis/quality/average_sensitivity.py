"""Average sensitivity: how far a heatmap moves on average under small changes that keep the prediction."""

from __future__ import annotations

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.similarity import mean_known
from nnvis_dash.analysis.quality.small_changes import REFERENCE, SmallChanges, distances
from nnvis_dash.types import Floats


@MEASURES.register(
    "average_sensitivity",
    title="Average sensitivity",
    reference=f"{REFERENCE}, with the mean in place of the maximum",
    parameters=SmallChanges,
    traits=("lower is better", "explains again", "stability"),
)
def average_sensitivity(case: Case, parameters: SmallChanges) -> Floats:
    """Average how far heatmaps move, as a share of their length, when pixels change a little.

    Parameters
    ----------
    case : Case
    parameters : SmallChanges

    Returns
    -------
    (N,) float32, >= 0
        The mean of `small_changes.distances` over the draws; 0 for a heatmap that doesn't move. NaN where all draws
        change the prediction.

    References
    ----------
    Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019, arXiv:1901.09392.
    Departures: relative to the map's length, so that methods of any scale compare; draws that change the prediction are
    drawn again, then dropped.
    """
    return mean_known(distances(case, parameters))
