"""Rotation about the image's middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree
from nnvis_dash.analysis.warping import border, warped


@dataclass(frozen=True)
class Rotation:
    """Parameters of `rotation`."""

    degree: float = degree(15, -180, 180, 0, "The angle, counter-clockwise.", "°", 1)
    border: str = border()


@TRANSFORMATIONS.register(
    "rotation",
    title="Rotation",
    reference="an affine warp: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, section 3.6",
    parameters=Rotation,
    traits={"geometry"},
)
def rotation(images: Bytes, parameters: Rotation) -> Bytes:
    """Turn the image counter-clockwise about its middle.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Rotation
        `degree` in degrees of arc.

    Returns
    -------
    (N, H, W, C) uint8
        In the same frame: what is turned out of it is lost. Quarter turns of a square move pixels and change none.
    """
    angle = np.deg2rad(parameters.degree)
    cosine, sine = np.cos(angle), np.sin(angle)
    return warped(images, ((cosine, -sine), (sine, cosine)), edge=parameters.border)
