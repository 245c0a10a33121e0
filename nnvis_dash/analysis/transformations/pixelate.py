"""Pixelation: squares of one colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes, rounded
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class Pixelate:
    """Parameters of `pixelate`."""

    degree: int = degree(4, 1, 32, 1, "The side of a square.", "px", 1)


@TRANSFORMATIONS.register(
    "pixelate",
    title="Pixelation",
    reference="a box filter, sampled: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, "
    "section 3.5",
    parameters=Pixelate,
    traits={"blur and noise"},
)
def pixelate(images: Bytes, parameters: Pixelate) -> Bytes:
    """Give every square of pixels its mean colour.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Pixelate
        `degree` is the side of a square in pixels.

    Returns
    -------
    (N, H, W, C) uint8
        Squares are counted from the top left; those at the right and bottom border may be cut.
    """
    side = parameters.degree
    height, width = images.shape[1:3]
    rows, columns = np.arange(height) // side, np.arange(width) // side
    sums = np.add.reduceat(images, np.arange(0, height, side), axis=1, dtype=np.uint32)
    sums = np.add.reduceat(sums, np.arange(0, width, side), axis=2)
    sizes = np.bincount(rows)[:, None, None] * np.bincount(columns)[:, None]
    return rounded(sums / sizes)[:, rows][:, :, columns]
