"""Batches of images as OpenCV wants them: one image at a time, and grey ones without an axis for their channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Pixels = TypeVar("Pixels", bound=npt.NDArray[Any])


def each_image(images: Pixels, change: Callable[[Any, Any], object]) -> Pixels:
    """Change images one by one.

    Parameters
    ----------
    images : (N, H, W, C) uint8 or float32
        Contiguous.
    change : callable (image, result)
        Gets (H, W, C), or (H, W) where C is 1, and writes what it makes of it into `result`, of the same shape
        (OpenCV's `dst`).

    Returns
    -------
    array of the same shape and type
    """
    changed = np.empty_like(images)
    for image, result in zip(_layout(images), _layout(changed), strict=True):
        change(image, result)
    return changed


def _layout(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return images[..., 0] if images.shape[-1] == 1 else images


def rounded(values: npt.NDArray[Any]) -> Bytes:
    """Return numbers as pixels: rounded, and cut to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
