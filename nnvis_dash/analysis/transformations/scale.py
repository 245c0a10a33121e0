"""Scale: larger or smaller in the same frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree
from nnvis_dash.analysis.warping import border, warped


@dataclass(frozen=True)
class Scale:
    """Parameters of `scale`."""

    degree: float = degree(1.25, 0.25, 4, 1, "The factor: above 1 enlarges, below 1 shrinks.", "×", 0.05)
    border: str = border()


@TRANSFORMATIONS.register(
    "scale",
    title="Scale",
    reference="an affine warp: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, section 3.6",
    parameters=Scale,
    traits={"geometry"},
)
def scale(images: Bytes, parameters: Scale) -> Bytes:
    """Enlarge or shrink the image about its middle, in the same frame.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Scale
        `degree` is the factor.

    Returns
    -------
    (N, H, W, C) uint8
        Bilinear, with no filter before: details finer than two pixels of the shrunken image come out as aliases.
    """
    return warped(images, np.eye(2) / parameters.degree, edge=parameters.border)
