"""Left and right exchanged."""

from __future__ import annotations

from dataclasses import dataclass

from nnvis_dash.analysis.batches import Bytes, each_block
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

    return each_block(images, lambda image, result: cv2.flip(image, 1, result))
