"""Arrays of images as people save them, to (N, H, W, C) uint8, block by block, with a note of what was done."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.pixels import MAX_PIXELS

Blocks = Callable[[], Iterator[npt.NDArray[Any]]]

_SHAPE_MEND = "Give (N, height, width) or (N, height, width, channels), channels 1 or 3."
_RANGE_MEND = "Save pixels as uint8 from 0 to 255, or floats from 0 to 1 or 0 to 255, before any normalisation."


def to_uint8(
    blocks: Blocks, shape: tuple[int, ...], dtype: np.dtype[Any], name: str, max_pixels: int = MAX_PIXELS
) -> tuple[Blocks, tuple[int, int, int], dict[str, str]]:
    """Plan the conversion of an array of images; values are looked through once where the type isn't uint8.

    Parameters
    ----------
    blocks : callable
        Yields the array along its first axis; may be called again.
    shape : (N, H, W), (N, H, W, C) or (N, C, H, W); C 1, 3 or 4 (alpha, composited over white)
        (N, C, H, W) is recognised by C 1 or 3 where the last axis can't be channels.
    dtype : numpy type
        uint8; floats in 0..1 or 0..255; other integers in 0..255; bool.
    name : str
        The source's own name, for messages.
    max_pixels : int
        Largest height × width; a row of the array is held in memory.

    Returns
    -------
    blocks : callable
        Yields (n, H, W, C) uint8.
    shape : (H, W, C)
    notes : dict
        What is done: ``layout``, ``values``.

    Raises
    ------
    DatasetError
        Another shape, values outside those ranges, or images too large.
    """
    arrange, image_shape, layout = _layout(shape, name)
    height, width, _ = image_shape
    if height * width > max_pixels:
        raise DatasetError(
            f"The images of {name!r} have {height} × {width} pixels; at most {max_pixels:,} are read",
            "Make them smaller, or raise the setting NNVIS_MAX_PIXELS.",
        )
    scale, values = _values(blocks, dtype, name)
    notes = {key: note for key, note in (("layout", layout), ("values", values)) if note}

    def converted() -> Iterator[npt.NDArray[Any]]:
        for block in blocks():
            if scale is not None:
                block = np.rint(np.asarray(block, dtype=np.float64) * scale).astype(np.uint8)
            yield arrange(block)

    return converted, image_shape, notes


def _layout(
    shape: tuple[int, ...], name: str
) -> tuple[Callable[[npt.NDArray[Any]], npt.NDArray[Any]], tuple[int, int, int], str]:
    """Return what brings a block to (n, H, W, C), the image's shape and the note."""
    if not shape or shape[0] == 0:
        raise DatasetError(f"There are no images in {name!r}: its shape is {shape}", _SHAPE_MEND)
    if len(shape) not in (3, 4) or 0 in shape:
        raise DatasetError(f"The array {name!r} has the shape {shape}", _SHAPE_MEND)
    if len(shape) == 3:
        return lambda block: block[..., None], (shape[1], shape[2], 1), "(N, H, W) got a channel axis"
    _, first, middle, last = shape
    if last in (1, 3):
        return lambda block: block, (first, middle, last), ""
    if last == 4:
        return _over_white, (first, middle, 3), "alpha was composited over white"
    if first in (1, 3):
        return (
            lambda block: np.ascontiguousarray(block.transpose(0, 2, 3, 1)),
            (middle, last, first),
            "(N, C, H, W) was turned to (N, H, W, C)",
        )
    raise DatasetError(f"The array {name!r} has the shape {shape}", _SHAPE_MEND)


def _over_white(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Composite (n, H, W, 4) uint8 with straight alpha over white."""
    alpha = block[..., 3:].astype(np.float32) / 255
    return np.rint(block[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _values(blocks: Blocks, dtype: np.dtype[Any], name: str) -> tuple[float | None, str]:
    """Return the factor to 0..255 (None: none needed) and the note."""
    if dtype == np.uint8:
        return None, ""
    if dtype.kind not in "biuf":
        raise DatasetError(f"The array {name!r} has the type {dtype}", _RANGE_MEND)
    if dtype.kind == "b":
        return 255.0, "bool times 255"
    low, high, whole = math.inf, -math.inf, True
    for block in blocks():
        if dtype.kind == "f" and not bool(np.isfinite(block).all()):
            raise DatasetError(f"The array {name!r} holds values that are not numbers (NaN or infinite)", _RANGE_MEND)
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        whole = whole and (dtype.kind != "f" or bool((block == np.rint(block)).all()))
    if low < 0 or high > 255:
        raise DatasetError(f"The values of {name!r} go from {low:g} to {high:g} ({dtype})", _RANGE_MEND)
    if dtype.kind == "f" and high <= 1:
        return 255.0, f"{dtype.name} in 0..1 times 255, rounded"
    return 1.0, f"{dtype.name} in 0..255 to uint8" + ("" if whole else ", rounded")
