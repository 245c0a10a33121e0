"""Affine warps: where the pixels of a changed image come from, and what stands beyond the border."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.batches import Bytes, each_image

BORDERS = ("edge", "reflect", "black")


def border() -> Any:
    """Return the dataclass field `border` of a transformation that moves pixels."""
    return field(
        default="edge",
        metadata={
            "help": "What stands where the image doesn't reach: its last pixels, its mirror image, or black. A black "
            "wedge is a shape of its own that a classifier can answer to.",
            "choices": BORDERS,
        },
    )


def warped(images: Bytes, matrix: npt.ArrayLike, shift: tuple[float, float] = (0.0, 0.0), edge: str = "edge") -> Bytes:
    """Take every pixel from another place, interpolated between the four pixels around it.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    matrix : (2, 2) floats
        A pixel at the distance (x, y) from the image's middle, in pixels to the right and downwards, is taken from
        the distance ``matrix @ (x, y) - shift``.
    shift : (float, float)
        How far the whole image moves to the right and downwards, in pixels.
    edge : {"edge", "reflect", "black"}
        What stands beyond the border.

    Returns
    -------
    (N, H, W, C) uint8
        Bilinear; a value may be off by 1.
    """
    import cv2

    height, width = images.shape[1:3]
    middle = np.array(((width - 1) / 2, (height - 1) / 2))
    turned = np.asarray(matrix, np.float64)
    from_places = np.column_stack((turned, middle - turned @ middle - shift))
    beyond = {"edge": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "black": cv2.BORDER_CONSTANT}[edge]
    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (width, height)
    affine = cv2.warpAffine  # arguments by their position: by name they take 4 % of a small image's time

    return each_image(images, lambda image, result: affine(image, from_places, size, result, flags, beyond))
