"""Relevance mass: how much of what a heatmap says for the class lies on the object."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Floats


@MEASURES.register(
    "relevance_mass",
    title="Relevance mass",
    reference='Arras et al., "CLEVR-XAI", Information Fusion 81, 2022, arXiv:2003.07258',
    traits=("higher is better", "needs masks", "localisation"),
)
def relevance_mass(case: Case, parameters: NoParameters) -> Floats:
    """Return the share of heatmaps' positive values that lies on the object.

    Parameters
    ----------
    case : Case
    parameters : NoParameters

    Returns
    -------
    (N,) float32, 0..1
        By chance it is the object's share of the image. NaN where nothing is positive, where there is no object, and
        where the heatmap holds NaN or infinity.

    References
    ----------
    Arras et al., "CLEVR-XAI: a benchmark dataset for the ground truth evaluation of neural network explanations",
    Information Fusion 81, 2022, arXiv:2003.07258.
    """
    assert case.masks is not None
    positive = np.maximum(case.heatmaps.astype(np.float64), 0)
    whole = positive.sum(axis=(1, 2))
    known = np.isfinite(case.heatmaps).all(axis=(1, 2)) & (whole > 0) & case.masks.any(axis=(1, 2))
    inside = np.where(case.masks & known[:, None, None], positive, 0).sum(axis=(1, 2))
    return np.where(known, inside / np.where(known, whole, 1), np.nan).astype(np.float32)
