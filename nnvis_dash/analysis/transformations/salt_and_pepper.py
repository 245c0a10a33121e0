"""Salt-and-pepper noise: some pixels white, some black."""

from __future__ import annotations

from dataclasses import dataclass

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.fields import seed, uniform
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True)
class SaltAndPepper:
    """Parameters of `salt_and_pepper`."""

    degree: float = degree(5, 0, 50, 0, "How many of the pixels.", "%", 0.5)
    seed: int = seed()


@TRANSFORMATIONS.register(
    "salt_and_pepper",
    title="Salt and pepper",
    reference="impulse noise: Gonzalez and Woods, Digital Image Processing, 4th edition 2018, section 5.2",
    parameters=SaltAndPepper,
    traits={"blur and noise"},
)
def salt_and_pepper(images: Bytes, parameters: SaltAndPepper) -> Bytes:
    """Make a part of the pixels white or black, as a coin falls.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : SaltAndPepper
        `degree` in percent of the pixels, on the average.

    Returns
    -------
    (N, H, W, C) uint8
        All channels of a pixel together. Pixels hit at a smaller degree are hit at a larger one too, by the same.
    """
    order, coin = uniform((2, *images.shape[1:3]), parameters.seed)
    hit = 100 * order < parameters.degree
    changed = images.copy()
    changed[:, hit & (coin < 0.5)] = 0
    changed[:, hit & (coin >= 0.5)] = 255
    return changed
