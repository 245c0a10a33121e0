"""Sparseness: whether few pixels carry a heatmap, or all do a little."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Floats


@MEASURES.register(
    "sparseness",
    title="Sparseness (Gini index)",
    reference='Chalasani et al., "Concise explanations of neural networks using adversarial training", ICML 2020, '
    "arXiv:1810.06583",
    traits=("higher is better", "complexity"),
)
def sparseness(case: Case, parameters: NoParameters) -> Floats:
    """Return the Gini index of how strong heatmaps' values are.

    Parameters
    ----------
    case : Case
    parameters : NoParameters

    Returns
    -------
    (N,) float32, 0..1
        0: all pixels alike; 1 − 1 / n: one of the n pixels has it all. NaN where the heatmap is 0 everywhere, or holds
        NaN or infinity.

    References
    ----------
    Chalasani et al., "Concise explanations of neural networks using adversarial training", ICML 2020,
    arXiv:1810.06583; the index is that of Hurley and Rickard, 2009, arXiv:0811.4706.
    """
    strength = np.sort(np.abs(case.heatmaps.reshape(len(case.heatmaps), -1).astype(np.float64)), axis=1)
    n = strength.shape[1]
    whole = strength.sum(axis=1)
    weights = 2 * np.arange(1, n + 1) - n - 1
    known = np.isfinite(whole) & (whole > 0)
    gini = (np.where(known[:, None], strength, 0) @ weights) / (n * np.where(known, whole, 1))
    return np.where(known, gini, np.nan).astype(np.float32)
