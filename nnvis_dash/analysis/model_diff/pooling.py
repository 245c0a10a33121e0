"""Pooling: large feature maps as means over blocks, so that the outputs of many samples fit into memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError


def pooled(outputs: npt.NDArray[Any], most: int) -> npt.NDArray[Any]:
    """Return a layer's outputs with at most so many numbers a sample, as far as means over positions can do it.

    Parameters
    ----------
    outputs : (n, ..., C) float
        Maps (n, h, w, C), or what has no positions, which is returned as it is.
    most : int
        Numbers a sample; maps that have more are averaged over the smallest square blocks that bring them down to it,
        cut off at the lower and right edge. C numbers are left in any case.

    Returns
    -------
    (n, ⌈h/k⌉, ⌈w/k⌉, C) of the same type

    Raises
    ------
    ParameterError
        A limit below 1.
    """
    if most < 1:
        raise ParameterError(f"{most} numbers a sample are allowed", "Allow 1 or more.")
    if outputs.ndim != 4 or math.prod(outputs.shape[1:]) <= most:
        return outputs
    height, width, channels = outputs.shape[1:]
    side = 2
    while math.ceil(height / side) * math.ceil(width / side) * channels > most and side < max(height, width):
        side += 1
    rows, columns = np.arange(0, height, side), np.arange(0, width, side)
    sums = np.add.reduceat(np.add.reduceat(outputs, rows, axis=1), columns, axis=2)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return (sums / counts[:, :, None]).astype(outputs.dtype)
