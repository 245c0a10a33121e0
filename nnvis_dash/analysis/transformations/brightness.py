"""Brightness: the same amount of light more or less everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes, each_block
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class Brightness:
    """Parameters of `brightness`."""

    degree: float = degree(30, -128, 128, 0, "What is added to every pixel value, 0..255.", "levels", 1)


@TRANSFORMATIONS.register(
    "brightness",
    title="Brightness",
    reference="pixel transforms: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, "
    "section 3.1.1",
    parameters=Brightness,
    traits={"colour"},
)
def brightness(images: Bytes, parameters: Brightness) -> Bytes:
    """Add the same number to all pixel values; what leaves 0..255 is cut off.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Brightness
        `degree` in pixel values, rounded to a whole one.

    Returns
    -------
    (N, H, W, C) uint8
    """
    import cv2

    shift = round(parameters.degree)
    change = cv2.add if shift > 0 else cv2.subtract
    amount = np.full((4, 1), float(abs(shift)))  # a scalar to OpenCV; right as well where it meets four pixels
    return each_block(images, lambda image, result: change(image, amount, result, None, cv2.CV_8U))
