"""Contrast: every pixel farther from, or nearer to, the image's mean grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnvis_dash.analysis.batches import Bytes, each_image
from nnvis_dash.analysis.colour import LUMINANCE
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class Contrast:
    """Parameters of `contrast`."""

    degree: float = degree(1.5, 0, 3, 1, "The factor: 0 is the image's mean grey, above 1 more contrast.", "×", 0.05)


@TRANSFORMATIONS.register(
    "contrast",
    title="Contrast",
    reference="interpolation and extrapolation from the mean grey: Haeberli and Voorhies, Image processing by linear "
    "interpolation and extrapolation, IRIS Universe 28, 1994",
    parameters=Contrast,
    traits={"colour"},
)
def contrast(images: Bytes, parameters: Contrast) -> Bytes:
    """Multiply each pixel's distance from the image's mean luminance.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Contrast
        `degree` is the factor.

    Returns
    -------
    (N, H, W, C) uint8
        At factor 0 every pixel is the image's mean luminance (ITU-R BT.601), a grey.
    """
    import cv2

    n_pixels = images.shape[1] * images.shape[2]
    weights = LUMINANCE if images.shape[3] == 3 else (1.0,)
    factor = parameters.degree

    def change(image: Any, result: Any) -> None:
        sums = cv2.sumElems(image)
        mean = sum(weight * total for weight, total in zip(weights, sums, strict=False)) / n_pixels
        cv2.addWeighted(image, factor, image, 0.0, mean * (1 - factor), dst=result)

    return each_image(images, change)
