"""Gaussian blur of 8-bit images."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.batches import Bytes, each_image

_CUT = 4  # standard deviations at which the Gaussian ends


def blurred(images: Bytes, sigma: float) -> Bytes:
    """Blur images by a Gaussian; beyond the border stand the last pixels.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    sigma : float
        Standard deviation in pixels, > 0.

    Returns
    -------
    (N, H, W, C) uint8
        Computed in float32, rounded once.
    """
    import cv2

    size = 2 * max(1, round(_CUT * sigma)) + 1

    def blur(image: Any, result: Any) -> None:
        smooth = cv2.GaussianBlur(image.astype(np.float32), (size, size), sigma, borderType=cv2.BORDER_REPLICATE)
        cv2.convertScaleAbs(smooth, dst=result)

    return each_image(images, blur)
