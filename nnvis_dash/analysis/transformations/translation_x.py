"""Translation along x: the same image horizontally elsewhere in its frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree
from nnvis_dash.analysis.warping import border, warped


@dataclass(frozen=True)
class TranslationX:
    """Parameters of `translation_x`."""

    degree: float = degree(10, -50, 50, 0, "How far to the right, in parts of the image's width.", "%", 1)
    border: str = border()


@TRANSFORMATIONS.register(
    "translation_x",
    title="Translation, x",
    reference="an affine warp: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, section 3.6",
    parameters=TranslationX,
    traits={"geometry"},
)
def translation_x(images: Bytes, parameters: TranslationX) -> Bytes:
    """Move the image to the right in its frame.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : TranslationX
        `degree` in percent of the width; parts of a pixel are interpolated.

    Returns
    -------
    (N, H, W, C) uint8
    """
    return warped(images, np.eye(2), (parameters.degree / 100 * images.shape[2], 0.0), parameters.border)
