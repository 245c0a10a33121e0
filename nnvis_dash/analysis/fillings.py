"""What stands in place of a region that is taken out of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.batches import Bytes, each_image, rounded
from nnvis_dash.analysis.fields import normal
from nnvis_dash.analysis.smoothing import blurred
from nnvis_dash.errors import ParameterError
from nnvis_dash.workspace.pixels import fit

FILLINGS = ("mean", "blur", "noise", "black", "inpaint", "image")
_BLUR = 8  # the standard deviation of the blur is this part of the shorter side
_SMALL = 64  # pixels a side in which such a blur still stands
_AROUND = 3  # pixels around a hidden one that inpainting looks at


def replaced(
    images: Bytes,
    hidden: npt.NDArray[np.bool_],
    filling: str,
    other: Any = None,
    seed: int = 0,
    strength: float = 1.0,
) -> Bytes:
    """Replace a region of every image.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    hidden : (H, W) bool
        What is replaced.
    filling : {"mean", "blur", "noise", "black", "inpaint", "image"}
        Each image's own mean colour; itself without details; Gaussian noise of its own mean and deviation; black; what
        its surroundings go on to (Telea, "An image inpainting technique based on the fast marching method", 2004,
        doi:10.1080/10867651.2004.10487596), its mean where nothing surrounds the region; `other`.
    other : (h, w, c) uint8 array, optional
        The image for "image"; stretched to fit.
    seed : int
        Of the noise: one field for all images.
    strength : float
        0..1: from the image as it is to the filling alone.

    Returns
    -------
    (N, H, W, C) uint8

    Raises
    ------
    ParameterError
        No image where one is needed, or one that can't be taken.
    """
    filled = _filled(images, hidden, filling, other, seed)
    if strength < 1:
        filled = rounded(images + np.float32(strength) * (filled.astype(np.float32) - images))
    return np.where(hidden[:, :, None], filled, images)


def _filled(images: Bytes, hidden: npt.NDArray[np.bool_], filling: str, other: Any, seed: int) -> Bytes:
    """Return what would stand everywhere; only the hidden part of it counts."""
    shape = images.shape[1:]
    if filling == "black":
        return np.zeros_like(images)
    if filling == "blur":
        return _without_details(images)
    if filling == "image":
        return np.broadcast_to(_fitted(other, shape), images.shape)
    if filling == "inpaint" and not hidden.all():
        return _inpainted(images, hidden)
    mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    if filling == "noise":
        return rounded(mean + images.std(axis=(1, 2), keepdims=True, dtype=np.float64) * normal(shape, seed))
    return np.broadcast_to(rounded(mean), images.shape)


def _without_details(images: Bytes) -> Bytes:
    """Blur images so far that large ones can be blurred at a smaller size, which is much faster."""
    import cv2

    height, width = images.shape[1:3]
    factor = max(1, min(height, width) // _SMALL)
    small = np.empty((len(images), height // factor, width // factor, images.shape[3]), np.uint8)
    for image, result in zip(images, small, strict=True):
        result[...] = cv2.resize(image, small.shape[2:0:-1], interpolation=cv2.INTER_AREA).reshape(result.shape)
    smooth = blurred(small, max(min(small.shape[1:3]) / _BLUR, 1.0))
    changed = np.empty_like(images)
    for image, result in zip(smooth, changed, strict=True):
        result[...] = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR).reshape(result.shape)
    return changed


def _inpainted(images: Bytes, hidden: npt.NDArray[np.bool_]) -> Bytes:
    """Continue the surroundings into the region.

    At an image's border OpenCV looks at hidden pixels, and beyond. So each is the nearest visible one before it
    begins, and a frame of such pixels stands around the image.
    """
    import cv2
    from scipy.ndimage import distance_transform_edt

    rows, columns = (
        np.pad(nearest, _AROUND + 1, mode="edge")
        for nearest in distance_transform_edt(hidden, return_distances=False, return_indices=True)
    )
    mask = np.pad(hidden, _AROUND + 1).astype(np.uint8)
    inside = slice(_AROUND + 1, -_AROUND - 1)

    def inpaint(image: Any, result: Any) -> None:
        result[...] = cv2.inpaint(image[rows, columns], mask, _AROUND, cv2.INPAINT_TELEA)[inside, inside]

    return each_image(images, inpaint)


def _fitted(other: Any, shape: tuple[int, ...]) -> Bytes:
    """Return another image in the size and channels of (height, width, channels)."""
    if not isinstance(other, np.ndarray):
        raise ParameterError("There is no other image to fill the region with", "Choose one, or another filling.")
    if other.dtype != np.uint8 or other.ndim != 3 or other.shape[2] not in (1, 3) or not other.size:
        raise ParameterError(
            f"The other image is {other.dtype} of the shape {other.shape}",
            "Give raw pixels 0..255 as uint8, (height, width, 1 or 3).",
        )
    height, width, channels = shape
    return fit(other, height, width, channels)
