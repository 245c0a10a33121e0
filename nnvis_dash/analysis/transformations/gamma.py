"""Gamma: the middle tones lighter or darker, black and white as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes, each_block, rounded
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class Gamma:
    """Parameters of `gamma`."""

    degree: float = degree(1.5, 0.2, 5, 1, "The exponent: above 1 darkens, below 1 lightens.", "", 0.05)


@TRANSFORMATIONS.register(
    "gamma",
    title="Gamma",
    reference="pixel transforms: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, "
    "section 3.1.1",
    parameters=Gamma,
    traits={"colour"},
)
def gamma(images: Bytes, parameters: Gamma) -> Bytes:
    """Raise pixel values, as parts of white, to a power.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Gamma
        `degree` is the exponent.

    Returns
    -------
    (N, H, W, C) uint8
    """
    import cv2

    curve = rounded(255 * (np.arange(256) / 255) ** parameters.degree)
    return each_block(images, lambda image, result: cv2.LUT(image, curve, result))
