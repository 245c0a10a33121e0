"""Left and right exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class FlipHorizontal:
    """Parameters of `flip_horizontal`."""

    degree: int = degree(1, 0, 1, 0, "0: as it is; 1: left and right exchanged.", step=1)


@TRANSFORMATIONS.register(
    "flip_horizontal",
    title="Horizontal flip",
    reference="a mirror image: Shorten and Khoshgoftaar, A survey on image data augmentation for deep learning, 2019, "
    "doi:10.1186/s40537-019-0197-0",
    parameters=FlipHorizontal,
    traits={"geometry"},
)
def flip_horizontal(images: Bytes, parameters: FlipHorizontal) -> Bytes:
    """Exchange left and right.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : FlipHorizontal

    Returns
    -------
    (N, H, W, C) uint8
    """
    import cv2

    n_images, height, width, channels = images.shape
    flipped = np.empty_like(images)
    tall = (n_images * height, width, channels)  # one image of all rows: one call for the batch
    cv2.flip(images.reshape(tall), 1, dst=flipped.reshape(tall))
    return flipped
