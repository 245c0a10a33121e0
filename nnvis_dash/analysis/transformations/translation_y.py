"""Translation along y: the same image vertically elsewhere in its frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree
from nnvis_dash.analysis.warping import border, warped


@dataclass(frozen=True)
class TranslationY:
    """Parameters of `translation_y`."""

    degree: float = degree(10, -50, 50, 0, "How far downwards, in parts of the image's height.", "%", 1)
    border: str = border()


@TRANSFORMATIONS.register(
    "translation_y",
    title="Translation, y",
    reference="an affine warp: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, section 3.6",
    parameters=TranslationY,
    traits={"geometry"},
)
def translation_y(images: Bytes, parameters: TranslationY) -> Bytes:
    """Move the image downwards in its frame.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : TranslationY
        `degree` in percent of the height; parts of a pixel are interpolated.

    Returns
    -------
    (N, H, W, C) uint8
    """
    return warped(images, np.eye(2), (0.0, parameters.degree / 100 * images.shape[1]), parameters.border)
