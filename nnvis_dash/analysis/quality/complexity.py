"""Complexity: over how many pixels a heatmap is spread."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Floats


@MEASURES.register(
    "complexity",
    title="Complexity (entropy)",
    reference='Bhatt et al., "Evaluating and aggregating feature-based model explanations", IJCAI 2020, '
    "arXiv:2005.00631",
    traits=("lower is better", "complexity"),
)
def complexity(case: Case, parameters: NoParameters) -> Floats:
    """Return the entropy of the pixels' shares of a heatmap.

    Parameters
    ----------
    case : Case
    parameters : NoParameters

    Returns
    -------
    (N,) float32, in nats
        0: one pixel has it all; ln n: all n pixels alike. NaN where the heatmap is 0 everywhere, or holds NaN or
        infinity.

    References
    ----------
    Bhatt et al., "Evaluating and aggregating feature-based model explanations", IJCAI 2020, arXiv:2005.00631.
    """
    strength = np.abs(case.heatmaps.reshape(len(case.heatmaps), -1).astype(np.float64))
    whole = strength.sum(axis=1)
    known = np.isfinite(whole) & (whole > 0)
    shares = np.where(known[:, None], strength, 0) / np.where(known, whole, 1)[:, None]
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
    return np.where(known, np.maximum(entropy, 0), np.nan).astype(np.float32)
