"""Gaussian noise: one field, louder with the degree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnvis_dash.analysis.batches import Bytes, each_block, rounded
from nnvis_dash.analysis.fields import normal, seed
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree

_CACHED = 1 << 18  # bytes that stay in a core's own cache while they are changed four times


@dataclass(frozen=True)
class Noise:
    """Parameters of `noise`."""

    degree: float = degree(20, 0, 100, 0, "Standard deviation of what is added to pixel values, 0..255.", "levels", 1)
    seed: int = seed()


@TRANSFORMATIONS.register(
    "noise",
    title="Gaussian noise",
    reference="additive white Gaussian noise: Gonzalez and Woods, Digital Image Processing, 4th edition 2018, "
    "section 5.2",
    parameters=Noise,
    traits={"blur and noise"},
)
def noise(images: Bytes, parameters: Noise) -> Bytes:
    """Add independent Gaussian noise to every value; what leaves 0..255 is cut off.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Noise
        `degree` is the standard deviation in pixel values.

    Returns
    -------
    (N, H, W, C) uint8
        The field is that of the seed and the image's shape, multiplied by the degree: as the degree grows, the same
        grains grow, and every image of a batch has the same ones.
    """
    field = parameters.degree * normal(images.shape[1:], parameters.seed)
    lighter, darker = rounded(field), rounded(-field)  # one of the two is 0: no sum leaves 8 bits
    highest = 255 - lighter

    def add(image: Any, result: Any) -> None:
        part = result.reshape(-1, *highest.shape)
        np.minimum(image.reshape(part.shape), highest, out=part)
        part += lighter
        np.maximum(part, darker, out=part)
        part -= darker

    return each_block(images, add, _CACHED)
