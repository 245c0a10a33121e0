"""Soundness: whether a heatmap says anything at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.types import Floats

ROUNDING = 1e-6  # of the largest value: what differs less is the same number
STANDS_OUT = 0.01  # of the largest difference from the middle value


@dataclass(frozen=True)
class Soundness:
    """Parameters of the soundness."""

    share: float = field(
        default=0.002,
        metadata={"help": "of the pixels that have to stand out at least", "low": 0.0, "high": 1.0},
    )


@MEASURES.register(
    "soundness",
    title="Soundness",
    reference="none: the map has numbers, and they aren't all the same",
    parameters=Soundness,
    traits=("higher is better", "soundness"),
)
def soundness(case: Case, parameters: Soundness) -> Floats:
    """Say whether heatmaps have numbers everywhere that aren't the same nearly everywhere.

    Parameters
    ----------
    case : Case
    parameters : Soundness

    Returns
    -------
    (N,) float32
        1 for a sound heatmap. 0 for one that holds NaN or infinity, whose values differ by less than rounding (a
        millionth of the largest), or in which fewer pixels than `share` stand out: differ from the median by more than
        a hundredth of what the one furthest from it does. Never NaN.
    """
    values = case.heatmaps.reshape(len(case.heatmaps), -1).astype(np.float64)
    finite = np.asarray(np.isfinite(values).all(axis=1))
    values = np.where(finite[:, None], values, 0)
    differs = np.ptp(values, axis=1) > ROUNDING * np.abs(values).max(axis=1)
    apart = np.abs(values - np.median(values, axis=1, keepdims=True))
    out = (apart > STANDS_OUT * apart.max(axis=1, keepdims=True)).mean(axis=1)
    return np.asarray(finite & differs & (out >= parameters.share), np.float32)
