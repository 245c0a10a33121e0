"""Shear: the image leans to a side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree
from nnvis_dash.analysis.warping import border, warped


@dataclass(frozen=True)
class Shear:
    """Parameters of `shear`."""

    degree: float = degree(10, -45, 45, 0, "The angle by which upright lines lean to the right.", "°", 1)
    border: str = border()


@TRANSFORMATIONS.register(
    "shear",
    title="Shear",
    reference="an affine warp: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, section 3.6",
    parameters=Shear,
    traits={"geometry"},
)
def shear(images: Bytes, parameters: Shear) -> Bytes:
    """Let the image lean to the right: rows above the middle move right, those below move left.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Shear
        `degree` in degrees of arc.

    Returns
    -------
    (N, H, W, C) uint8
        The middle row stays where it is.
    """
    return warped(images, ((1.0, np.tan(np.deg2rad(parameters.degree))), (0.0, 1.0)), edge=parameters.border)
