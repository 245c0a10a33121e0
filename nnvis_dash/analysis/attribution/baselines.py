"""Images that stand for "no evidence": what methods compare with."""

from __future__ import annotations

import numpy as np

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images

BASELINES = ("black", "mean", "blurred", "white")
BLUR = 8  # the standard deviation of the blur is this part of the shorter side


def baseline(images: Images, kind: str) -> Floats:
    """Return the baseline of each image, in raw pixels.

    Parameters
    ----------
    images : (N, H, W, C) array, 0..255
    kind : {"black", "mean", "blurred", "white"}
        `mean` is each image's own mean colour, `blurred` the image without its details.

    Returns
    -------
    (N, H, W, C) float32

    Raises
    ------
    ParameterError
        No such baseline.
    """
    pixels = np.asarray(images, np.float32)
    if kind == "black":
        return np.zeros_like(pixels)
    if kind == "white":
        return np.full_like(pixels, 255)
    if kind == "mean":
        return np.broadcast_to(pixels.mean(axis=(1, 2), keepdims=True), pixels.shape).copy()
    if kind == "blurred":
        from scipy.ndimage import gaussian_filter

        sigma = min(pixels.shape[1:3]) / BLUR
        return np.asarray(gaussian_filter(pixels, (0, sigma, sigma, 0), mode="nearest"), np.float32)
    raise ParameterError(f"There is no baseline {kind!r}", f"Choose one of: {', '.join(BASELINES)}.")
