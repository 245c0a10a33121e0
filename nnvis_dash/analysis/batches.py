"""Batches of images as OpenCV wants them: one image at a time, or several as one tall image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
_MANY = 1 << 25  # bytes: so many that calls cost nothing
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


def each_block(images: Pixels, change: Callable[[Any, Any], object], n_bytes: int = _MANY) -> Pixels:
    """Change images many at a time, one below the other: for what knows nothing of a pixel's row.

    Parameters
    ----------
    images : (N, H, W, C) uint8
        Contiguous.
    change : callable (image, result)
        Gets (n * H, W, C) and writes into `result`.
    n_bytes : int
        How large a block of several images may be.

    Returns
    -------
    array of the same shape and type
    """
    changed = np.empty_like(images)
    tall = (-1, *images.shape[2:])
    step = max(1, n_bytes // images[:1].nbytes)
    for begin in range(0, len(images), step):
        part = slice(begin, begin + step)
        change(images[part].reshape(tall), changed[part].reshape(tall))
    return changed


def _layout(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return images[..., 0] if images.shape[-1] == 1 else images


def rounded(values: npt.NDArray[Any]) -> Bytes:
    """Return numbers as pixels: rounded, and cut to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
