"""Glass: pixels change places with near ones, as behind a frosted pane."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions, blurred
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, corruption

# sigma of the blur before and after in pixels, farthest exchange in pixels, passes over the image
PUBLISHED = Published(
    ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    harmless=(0.0, None, 0.0),
    lengths=(0, 1),
)


@corruption("glass_blur", "Glass blur", DrawnSeverity)
def glass_blur(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Blur, let near pixels change places, blur again: a pane of frosted glass."""
    n, height, width, channels = images.shape
    sigma, farthest, passes = PUBLISHED.at(parameters.degree, height, width)
    source = exchanged(height, width, farthest, passes, parameters.seed)
    pixels = blurred(as_fractions(images), sigma).reshape(n, height * width, channels)
    shuffled = np.take(pixels, source, axis=1)
    return as_bytes(blurred(shuffled.reshape(images.shape), sigma))


@lru_cache(maxsize=8)
def exchanged(height: int, width: int, farthest: float, passes: float, seed: int) -> npt.NDArray[np.int64]:
    """Return which pixel comes to stand at each place.

    In each pass every pixel changes places with one that is up to `farthest` away in each direction; of a part of a
    pass, so many pixels do. The published program goes row by row; here pixels too far apart to meet are exchanged at
    once, in a drawn order.

    Returns
    -------
    (height * width,) int64
        A permutation.
    """
    places = np.arange(height * width).reshape(height, width)
    reach = math.ceil(farthest)
    rng = np.random.default_rng(seed)
    for number in range(math.ceil(passes)):
        down, right = np.floor((2 * rng.random((2, height, width)) - 1) * farthest).astype(np.int64)
        taking_part = rng.random((height, width)) < passes - number
        for start in rng.permutation((2 * reach) ** 2):
            rows = np.arange(reach + start // (2 * reach), height - reach + 1, 2 * reach)
            columns = np.arange(reach + start % (2 * reach), width - reach + 1, 2 * reach)
            row, column = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
            chosen = taking_part[row, column]
            row, column = row[chosen], column[chosen]
            other = row + down[row, column], column + right[row, column]
            places[row, column], places[other] = places[other], places[row, column]
    found = places.ravel()
    found.flags.writeable = False
    return found
