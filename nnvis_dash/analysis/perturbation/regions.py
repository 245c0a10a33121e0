"""Regions that an image is taken apart into: superpixels that follow its edges, or a plain grid."""

from __future__ import annotations

import math

import numpy as np

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, Ints

REGIONS = ("superpixels", "grid")


def regions(image: Images, kind: str, n_regions: int) -> Ints:
    """Take an image apart.

    Parameters
    ----------
    image : (H, W, C) array of raw pixels, 0..255
    kind : {"superpixels", "grid"}
        Superpixels by SLIC (Achanta et al., "SLIC superpixels", 2012, doi:10.1109/TPAMI.2012.120).
    n_regions : int
        About how many; superpixels of an image of noise are made more compact until there are half as many.

    Returns
    -------
    (H, W) int32
        The number of each pixel's region, 0, 1, ... without gaps.

    Raises
    ------
    ParameterError
        No such kind.
    """
    if kind == "grid":
        return _grid(image.shape[0], image.shape[1], n_regions)
    if kind != "superpixels":
        raise ParameterError(f"There are no regions {kind!r}", f"Choose one of: {', '.join(REGIONS)}.")
    from skimage.segmentation import slic

    pixels = np.asarray(image, np.float64) / 255
    grey = pixels.shape[2] == 1
    for compactness in (0.1, 1, 10) if grey else (10, 100, 1000):
        found = slic(
            pixels[..., 0] if grey else pixels,
            n_regions,
            compactness=compactness,
            start_label=0,
            channel_axis=None if grey else -1,
        )
        labels, numbers = np.unique(found, return_inverse=True)
        if 2 * len(labels) > n_regions:
            return numbers.reshape(found.shape).astype(np.int32)
    return _grid(image.shape[0], image.shape[1], n_regions)  # noise: its scraps are all merged into few


def _grid(height: int, width: int, n_regions: int) -> Ints:
    rows = max(1, min(height, round(math.sqrt(n_regions * height / width))))
    columns = max(1, min(width, round(n_regions / rows)))
    row, column = (np.arange(size) * parts // size for size, parts in ((height, rows), (width, columns)))
    return (row[:, None] * columns + column[None]).astype(np.int32)


def spread(values: Floats, numbers: Ints) -> Floats:
    """Give every pixel its region's value divided by the region's size, so that pixels add up to what regions do.

    Parameters
    ----------
    values : (R,) float
    numbers : (H, W) int32

    Returns
    -------
    (H, W) float32
    """
    sizes = np.bincount(numbers.ravel(), minlength=len(values))
    return np.asarray((values / np.maximum(sizes, 1))[numbers], np.float32)
