"""Saturation: every pixel farther from, or nearer to, its own grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes, each_block
from nnvis_dash.analysis.colour import LUMINANCE
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class Saturation:
    """Parameters of `saturation`."""

    degree: float = degree(1.5, 0, 3, 1, "The factor: 0 is the grey image, above 1 stronger colours.", "×", 0.05)


@TRANSFORMATIONS.register(
    "saturation",
    title="Saturation",
    reference="interpolation and extrapolation from the grey image: Haeberli and Voorhies, Image processing by linear "
    "interpolation and extrapolation, IRIS Universe 28, 1994",
    parameters=Saturation,
    traits={"colour"},
)
def saturation(images: Bytes, parameters: Saturation) -> Bytes:
    """Multiply each pixel's distance from its own luminance.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Saturation
        `degree` is the factor.

    Returns
    -------
    (N, H, W, C) uint8
        A value may be off by 1. Grey images stay as they are.
    """
    import cv2

    if images.shape[3] == 1:
        return images
    matrix = parameters.degree * np.eye(3) + (1 - parameters.degree) * np.array(LUMINANCE)
    return each_block(images, lambda image, result: cv2.transform(image, matrix, result))
