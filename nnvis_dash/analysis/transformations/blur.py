"""Gaussian blur."""

from __future__ import annotations

from dataclasses import dataclass

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.smoothing import blurred
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class Blur:
    """Parameters of `blur`."""

    degree: float = degree(1.5, 0, 10, 0, "Standard deviation of the Gaussian.", "px", 0.1)


@TRANSFORMATIONS.register(
    "blur",
    title="Blur",
    reference="Gaussian filter: Szeliski, Computer Vision: Algorithms and Applications, 2nd edition 2022, section 3.2",
    parameters=Blur,
    traits={"blur and noise"},
)
def blur(images: Bytes, parameters: Blur) -> Bytes:
    """Blur by a Gaussian that ends at 4 standard deviations.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Blur
        `degree` is the standard deviation in pixels.

    Returns
    -------
    (N, H, W, C) uint8
        Beyond the border stand the image's last pixels.
    """
    return blurred(images, parameters.degree)
