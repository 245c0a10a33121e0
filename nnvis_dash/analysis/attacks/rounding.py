"""Rounding to 8 bits without leaving the distance that an attack is allowed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.types import Floats


def rounded_within(clean: npt.NDArray[np.uint8], proposed: Floats, epsilon: float, norm: str) -> npt.NDArray[np.uint8]:
    """Round proposals to whole pixel values 0..255 that keep within `epsilon` of the clean images.

    Parameters
    ----------
    clean : (n, h, w, c) uint8
    proposed : (n, h, w, c) float32
        Finite; what lies outside the allowed distance or range is brought back first.
    epsilon : float
        In pixel values; infinite for no limit.
    norm : str
        "linf": each value changes by at most floor(epsilon). "l2": the whole change is at most epsilon long; where
        rounding makes it longer, it is shortened and cut towards zero. Others have no limit.
    """
    change = np.clip(proposed, 0, 255).astype(np.float64) - clean
    if norm == "linf" and np.isfinite(epsilon):
        most = np.floor(epsilon + 1e-6)
        change = np.clip(np.rint(change), -most, most)
    elif norm == "l2" and np.isfinite(epsilon):
        length = _length(change)
        change *= np.minimum(1.0, epsilon / np.maximum(length, 1e-12))
        near = np.rint(change)
        change = np.where(_length(near) <= epsilon, near, np.trunc(change))
    else:
        change = np.rint(change)
    return np.clip(clean + change, 0, 255).astype(np.uint8)


def _length(change: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sqrt((change**2).sum(axis=(1, 2, 3), keepdims=True))
