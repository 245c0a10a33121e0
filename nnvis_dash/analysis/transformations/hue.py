"""Hue: all colours turned around the circle of colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree

_AT_ONCE = 8192  # pixels whose hue, as float32, still lies in a core's own cache
_WHOLE = 64  # OpenCV rounds the last few pixels otherwise: there are none, if a whole number of these is computed


@dataclass(frozen=True)
class Hue:
    """Parameters of `hue`."""

    degree: float = degree(30, -180, 180, 0, "The angle on the circle of colours; 120° makes red green.", "°", 1)


@TRANSFORMATIONS.register(
    "hue",
    title="Hue",
    reference="the hexcone of Smith, Color gamut transform pairs, SIGGRAPH 1978, doi:10.1145/800248.807361",
    parameters=Hue,
    traits={"colour"},
)
def hue(images: Bytes, parameters: Hue) -> Bytes:
    """Turn all hues by the same angle; value and saturation (HSV) stay.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Hue
        `degree` in degrees of the circle of colours.

    Returns
    -------
    (N, H, W, C) uint8
        Rounded once, at the end: HSV in 8 bits would move values by up to 9. Grey images stay as they are.
    """
    import cv2

    if images.shape[3] == 1:
        return images
    turned = np.empty_like(images)
    pixels, results = images.reshape(1, -1, 3), turned.reshape(1, -1, 3)
    n_pixels = pixels.shape[1]
    turn = np.zeros((1, min(-(-n_pixels // _WHOLE) * _WHOLE, _AT_ONCE), 3), np.float32)
    turn[..., 0] = parameters.degree % 360
    rgb, hsv = np.zeros_like(turn), np.empty_like(turn)
    for begin in range(0, n_pixels, _AT_ONCE):
        part = slice(begin, min(begin + _AT_ONCE, n_pixels))
        size = part.stop - begin
        rgb[:, :size] = pixels[:, part]
        cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV, dst=hsv)
        hsv += turn
        cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, dst=rgb)
        cv2.convertScaleAbs(rgb[:, :size], dst=results[:, part])  # rounds; nothing is below 0
    return turned
