"""What was done to an image, made visible: the change around grey, as strong as it can be shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

GREY = 128
MOST = 127  # the largest change that can be shown either way


def amplified(before: Pixels, after: Pixels) -> tuple[Pixels, int]:
    """Draw a change around grey.

    Parameters
    ----------
    before, after : (H, W, C) uint8

    Returns
    -------
    (H, W, C) uint8
        128 where nothing changed, brighter where a value rose.
    int
        The factor by which changes are multiplied: the largest whole one at which none is cut off, 1 or more.
    """
    change = after.astype(np.int16) - before
    strongest = int(np.abs(change).max(initial=0))
    factor = max(1, MOST // strongest) if strongest else 1
    return np.clip(GREY + factor * change, 0, 255).astype(np.uint8), factor


def kept_part(image: Pixels, mask: npt.NDArray[np.bool_]) -> Pixels:
    """Draw the part of an image (H, W, C) that a mask (H, W) keeps; the rest is pale, so that it shows what is gone.

    Returns
    -------
    (H, W, 3) uint8
    """
    rgb = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    hatched = (np.add.outer(np.arange(mask.shape[0]), np.arange(mask.shape[1])) // max(1, max(mask.shape) // 32)) % 2
    pale = (0.15 * rgb + 0.85 * np.where(hatched[..., None], 214, 232)).astype(np.uint8)
    return np.where(mask[..., None], rgb, pale)
