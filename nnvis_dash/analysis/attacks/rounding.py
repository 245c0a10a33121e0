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
        "linf": each value is rounded to the nearest, and changes by at most floor(epsilon). "l2" with a limit: each
        value's change is cut towards zero, and those with the largest fractions are then rounded away from it, as many
        as leave the whole change no longer than it was proposed: rounded to the nearest it might be longer, and the
        small changes that large images need would vanish altogether. Others: to the nearest.

    Returns
    -------
    (n, h, w, c) uint8
    """
    change = np.clip(proposed, 0, 255).astype(np.float64) - clean
    if norm == "l2" and np.isfinite(epsilon):
        length = np.sqrt((change**2).sum(axis=(1, 2, 3), keepdims=True))
        change = _as_long(change * np.minimum(1.0, epsilon / np.maximum(length, 1e-12)))
    else:
        change = np.rint(change)
        if norm == "linf" and np.isfinite(epsilon):
            most = np.floor(epsilon + 1e-6)
            change = np.clip(change, -most, most)
    return np.clip(clean + change, 0, 255).astype(np.uint8)


def _as_long(change: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return whole changes (n, h, w, c) of the same directions, no longer than the given ones and nearly as long."""
    flat = np.abs(change).reshape(len(change), -1)
    whole = np.floor(flat)
    order = np.argsort(whole - flat, axis=1, kind="stable")  # largest fractions first
    room = (flat**2 - whole**2).sum(axis=1, keepdims=True)
    cost = np.take_along_axis(2 * whole + 1, order, axis=1)  # (whole + 1)² − whole²
    up = (np.cumsum(cost, axis=1) <= room).astype(np.float64)  # ends before fractions of 0: room is less than theirs
    np.put_along_axis(whole, order, np.take_along_axis(whole, order, axis=1) + up, axis=1)
    return np.asarray(np.sign(change) * whole.reshape(change.shape))
