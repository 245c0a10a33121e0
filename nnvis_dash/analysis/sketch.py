"""Sketches made ready for a classifier: centred and scaled as the digits of MNIST are, on the ground of its data.

Invariant: where on the pad something was drawn, and how large, doesn't change the image that a classifier sees, beyond
what the pad's own pixels lose.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images
from nnvis_dash.workspace.pixels import fit

Pixels = npt.NDArray[np.uint8]

WHITE, BLACK = 255, 0
FILLED = 20 / 28  # of a digit of MNIST's 28 × 28 pixels the box that it fills
_FAINT = 0.1  # of the strongest ink: what is weaker, as the edge of a stroke, doesn't count to the box


def sketched(drawing: Images, ground: int, grey: bool, size: tuple[int, int] | None = None) -> Pixels:
    """Return a drawing as an image to be classified.

    Parameters
    ----------
    drawing : (H, W, C) uint8
        As it stands on the pad.
    ground : int
        The pad's grey level, 0 (black) or 255 (white).
    grey : bool
        Whether the image is to be grey, by the luma of its colours.
    size : (height, width), optional
        Centre it in an image of that size as `centred` does; else it stays as it is.

    Returns
    -------
    (height, width, 1) uint8 where `grey`, else (height, width, C)

    Raises
    ------
    ParameterError
        Nothing is drawn.
    """
    if not _ink(drawing, ground).any():
        raise ParameterError("The sketch is empty", "Draw something first.")
    image = _grey(drawing) if grey else np.asarray(drawing)
    return image if size is None else centred(image, size, ground)


def centred(drawing: Images, size: tuple[int, int], ground: int = BLACK) -> Pixels:
    """Fit what is drawn into 20/28 of an image, aspect ratio kept, its centre of mass at the middle.

    MNIST's digits were made so, of 28 × 28 pixels and by whole pixels; here the size is any and parts of a pixel count.
    What would leave the image on one side, because its mass lies far on the other, is moved back inside.

    Parameters
    ----------
    drawing : (H, W, C) uint8
    size : (height, width)
        Of the image that is returned.
    ground : int
        Grey level of what isn't drawn on; what differs from it is ink, weighted by how much it does.

    Returns
    -------
    (height, width, C) uint8

    Raises
    ------
    ParameterError
        Nothing is drawn.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998: normalised to fit in 20 × 20 pixels with
    antialiasing, then centred by the centre of mass in 28 × 28.
    """
    ink = _ink(drawing, ground)
    if not ink.any():
        raise ParameterError("The sketch is empty", "Draw something first.")
    strong = ink > _FAINT * ink.max()
    spans = [_span(strong.any(axis=1)), _span(strong.any(axis=0))]
    sides = [stop - start for start, stop in spans]
    step = max(side / (FILLED * whole) for side, whole in zip(sides, size, strict=True))  # of the pad, a pixel of it
    starts = []
    for axis, ((start, stop), whole) in enumerate(zip(spans, size, strict=True)):
        along = ink.sum(axis=1 - axis)
        middle = float((along * (np.arange(len(along)) + 0.5)).sum() / along.sum())
        starts.append(min(max(middle - step * whole / 2, stop - step * whole), start))
    return _cut(np.asarray(drawing), starts, step, size, ground)


def _ink(drawing: Images, ground: int) -> npt.NDArray[np.int16]:
    """Return how much each pixel differs from the ground in the channel that does most, (H, W), 0..255."""
    return np.abs(np.asarray(drawing, dtype=np.int16) - np.int16(ground)).max(axis=2)


def _grey(image: Images) -> Pixels:
    """Return an image's luma, (H, W, 1)."""
    return fit(np.asarray(image), image.shape[0], image.shape[1], 1)


def _span(there: npt.NDArray[np.bool_]) -> tuple[int, int]:
    found = np.flatnonzero(there)
    return int(found[0]), int(found[-1]) + 1


def _cut(drawing: Pixels, starts: list[float], step: float, size: tuple[int, int], ground: int) -> Pixels:
    """Return the part that begins at `starts` (row, column), in pixels of `step`; beyond the drawing is ground."""
    stops = [start + step * whole for start, whole in zip(starts, size, strict=True)]
    before = [max(0, int(np.ceil(-start))) for start in starts]
    after = [max(0, int(np.ceil(stop - side))) for stop, side in zip(stops, drawing.shape[:2], strict=True)]
    padded = np.pad(drawing, [*zip(before, after, strict=True), (0, 0)], constant_values=ground)
    top, bottom = starts[0] + before[0], stops[0] + before[0]
    left, right = starts[1] + before[1], stops[1] + before[1]
    box = (max(left, 0.0), max(top, 0.0), min(right, padded.shape[1]), min(bottom, padded.shape[0]))
    picture = Image.fromarray(padded[..., 0] if padded.shape[2] == 1 else padded)
    # Smaller by the mean over each new pixel; larger without steps.
    way = Image.Resampling.BOX if step > 1 else Image.Resampling.BILINEAR
    cut = np.asarray(picture.resize((size[1], size[0]), way, box=box))
    return cut[..., None] if cut.ndim == 2 else cut


def border_brightness(images: Iterable[Images]) -> float:
    """Return the mean grey level (0..255) of images' outermost pixels, each image alike; of none at all 0.

    Parameters
    ----------
    images : iterable of (H, W, C) uint8
    """
    found = []
    for image in images:
        grey = _grey(image)[..., 0]
        edge = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
        found.append(float(edge.mean()))
    return float(np.mean(found)) if found else 0.0


def ground_of(images: Iterable[Images]) -> int:
    """Return the ground of a pad for such images: `WHITE` where their borders are light, else `BLACK`."""
    return WHITE if border_brightness(images) > 127.5 else BLACK
