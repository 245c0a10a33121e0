"""Filters over batches of images as fractions 0..1, and the way there and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.batches import Bytes, each_image, rounded
from nnvis_dash.types import Floats


def as_fractions(images: Bytes) -> Floats:
    """Return pixels 0..255 as float32 0..1."""
    return images.astype(np.float32, order="C") / np.float32(255)


def as_bytes(fractions: npt.NDArray[Any]) -> Bytes:
    """Return fractions as pixels 0..255, rounded; what lies outside is cut off."""
    return rounded(fractions * np.float32(255))


def blurred(images: Floats, sigma: float) -> Floats:
    """Blur by a Gaussian of `sigma` pixels, cut at 4 sigma; the border is continued by its last pixels."""
    import cv2

    if sigma < 1e-3:
        return images
    side = 2 * int(4 * sigma + 0.5) + 1

    def blur(image: Any, result: Any) -> None:
        cv2.GaussianBlur(image, (side, side), sigma, dst=result, borderType=cv2.BORDER_REPLICATE)

    return each_image(images, blur)


def filtered(images: Floats, kernel: Floats) -> Floats:
    """Weigh each pixel's surroundings by a kernel of odd side; the border is mirrored."""
    import cv2

    def weigh(image: Any, result: Any) -> None:
        cv2.filter2D(image, -1, kernel, dst=result, borderType=cv2.BORDER_REFLECT_101)

    return each_image(images, weigh)


def zoomed(images: Floats, factor: float) -> Floats:
    """Enlarge about the middle, bilinearly, and keep the size."""
    import cv2

    height, width = images.shape[1:3]
    shift = (1 - 1 / factor) / 2
    sampling = np.array([[1 / factor, 0, shift * (width - 1)], [0, 1 / factor, shift * (height - 1)]])
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def enlarge(image: Any, result: Any) -> None:
        cv2.warpAffine(image, sampling, (width, height), result, way, cv2.BORDER_REPLICATE)

    return each_image(images, enlarge)


def disk(radius: float, softness: float) -> Floats:
    """Return the kernel of a lens out of focus: an even disk, its edge softened by a Gaussian of `softness` pixels.

    Pixels on the edge count by the part that lies inside, so that the disk grows evenly with its radius.
    """
    import cv2

    reach = math.ceil(radius) + 2
    line = np.arange(-reach, reach + 1)
    away = np.hypot(line[:, None], line[None])
    kernel = np.clip(radius + 0.5 - away, 0, 1)
    side = 3 if radius <= 8 else 5
    kernel = cv2.GaussianBlur(kernel / kernel.sum(), (side, side), max(softness, 1e-3))
    return np.asarray(kernel, np.float32)


def streak(radius: float, sigma: float, angle: float) -> Floats:
    """Return the kernel of a motion: half a Gaussian along a line.

    Parameters
    ----------
    radius : float
        Half the line's length, pixels.
    sigma : float
        Of the Gaussian, pixels.
    angle : float
        Degrees.
    """
    reach = math.ceil(2 * radius) + 1
    along = np.linspace(0, 2 * radius, 8 * reach + 1)
    weights = np.exp(-((along / max(sigma, 1e-6)) ** 2) / 2)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    y = reach + along * math.sin(math.radians(angle))
    x = reach + along * math.cos(math.radians(angle))
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    for row, in_row in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, in_column in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = in_row * in_column > 0
            np.add.at(kernel, (row[inside], column[inside]), (weights * in_row * in_column)[inside])
    return np.asarray(kernel / kernel.sum(), np.float32)
