"""How far a dataset's own images differ in what a change changes, in the change's own degrees.

A curve says how a class fares at +60 levels of brightness; whether images like that occur at all, the dataset says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.colour import LUMINANCE
from nnvis_dash.types import Images

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEAST = 5  # images, fewer of which say nothing
_DARK = 1.0  # levels of contrast or of colour, below which an image has no factor
Measure = Callable[[npt.NDArray[np.float32]], float]  # of an image (H, W, C)


@dataclass(frozen=True)
class Spread:
    """How the images of a dataset differ from their median image, as degrees of a change.

    Attributes
    ----------
    quantiles : tuple of 5 float
        5, 25, 50, 75 and 95 %, in the change's unit.
    n : int
        Images that were measured.
    what : str
        What was measured, in words.
    """

    quantiles: tuple[float, ...]
    n: int
    what: str


def spread(images: Sequence[Any] | Images, name: str) -> Spread | None:
    """Measure how a dataset's own images differ in what a change changes.

    Parameters
    ----------
    images : (N, H, W, C) uint8, or a sequence of (H, W, C) uint8
    name : str
        A transformation. Measured are brightness (an image's mean, against the median image), contrast and saturation
        (root mean square distance of its luminance from the mean, and of its pixels from their grey, as factors of the
        median image) and noise (its standard deviation, by Immerkær, Computer Vision and Image Understanding 64, 1996;
        texture finer than three pixels counts as noise).

    Returns
    -------
    Spread or None
        None where the change has no measure, or where fewer than 5 images have one (grey ones have no saturation).
    """
    if name not in _MEASURES:
        return None
    measure, what, relative = _MEASURES[name]
    values = np.array([measure(np.asarray(image, np.float32)) for image in images], np.float64)
    if relative == "factor":
        values = values[values >= _DARK]
    if len(values) < LEAST:
        return None
    middle = float(np.median(values))
    if relative == "factor":
        values = values / middle
    elif relative == "shift":
        values = values - middle
    found = np.quantile(values, QUANTILES)
    return Spread(tuple(round(float(value), 4) for value in found), len(values), what)


def _luminance(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return image[..., 0] if image.shape[-1] == 1 else np.asarray(image @ np.asarray(LUMINANCE, np.float32))


def _mean(image: npt.NDArray[np.float32]) -> float:
    return float(image.mean())


def _contrast(image: npt.NDArray[np.float32]) -> float:
    return float(_luminance(image).std())


def _saturation(image: npt.NDArray[np.float32]) -> float:
    if image.shape[-1] == 1:
        return 0.0
    return float(np.sqrt(((image - _luminance(image)[..., None]) ** 2).mean()))


def _noise(image: npt.NDArray[np.float32]) -> float:
    grey = _luminance(image)
    if min(grey.shape) < 3:
        return 0.0
    second = grey[:, :-2] - 2 * grey[:, 1:-1] + grey[:, 2:]
    both = second[:-2] - 2 * second[1:-1] + second[2:]
    return float(np.sqrt(np.pi / 2) * np.abs(both).mean() / 6)


_MEASURES: dict[str, tuple[Measure, str, str]] = {
    "brightness": (_mean, "mean brightness of an image, against the median image", "shift"),
    "contrast": (_contrast, "contrast of an image, as a factor of the median image's", "factor"),
    "saturation": (_saturation, "colourfulness of an image, as a factor of the median image's", "factor"),
    "noise": (_noise, "noise in an image as it is", "level"),
}
