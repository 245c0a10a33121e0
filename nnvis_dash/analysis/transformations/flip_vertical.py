"""Top and bottom exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class FlipVertical:
    """Parameters of `flip_vertical`."""

    degree: int = degree(1, 0, 1, 0, "0: as it is; 1: top and bottom exchanged.", step=1)


@TRANSFORMATIONS.register(
    "flip_vertical",
    title="Vertical flip",
    reference="a mirror image: Shorten and Khoshgoftaar, A survey on image data augmentation for deep learning, 2019, "
    "doi:10.1186/s40537-019-0197-0",
    parameters=FlipVertical,
    traits={"geometry"},
)
def flip_vertical(images: Bytes, parameters: FlipVertical) -> Bytes:
    """Exchange top and bottom.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : FlipVertical

    Returns
    -------
    (N, H, W, C) uint8
    """
    return np.ascontiguousarray(images[:, ::-1])
