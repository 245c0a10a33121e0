"""Regions that a person draws on an image, as one line of text, so that a link can hold them and any size fits.

Parts are joined by "|"; a pixel belongs to the region if its middle lies in one of them:

    rect:x0,y0,x1,y1       a rectangle between two corners
    lasso:x,y;x,y;...      what a closed line surrounds (even-odd, where it crosses itself)
    brush:r;x,y;x,y;...    a line of radius r with round ends

Coordinates are fractions of the width and height, from the top left, a little beyond 0..1 where the pointer left the
image; r is a fraction of the width. A part too small to hold the middle of a pixel takes those that it lies in.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError

Mask: TypeAlias = npt.NDArray[np.bool_]  # (H, W)
Points: TypeAlias = npt.NDArray[np.float64]  # (P, 2): x, y in pixels

MOST_POINTS = 2_000
_LONGEST = 32 * MOST_POINTS  # characters
_FORM = "Write rect:x0,y0,x1,y1 or lasso:x,y;x,y;... or brush:r;x,y;..., in fractions of the image, joined by |."


def drawn_region(text: str, height: int, width: int) -> Mask:
    """Return the pixels of a drawn region.

    Parameters
    ----------
    text : str
        As the module describes.
    height, width : int
        The image's, in pixels.

    Returns
    -------
    (height, width) bool

    Raises
    ------
    ParameterError
        Nothing is drawn, nothing of it lies in the image, the text can't be read or has too many points.
    """
    if not text.strip():
        raise ParameterError("No region is drawn", "Draw something on the image first.")
    if len(text) > _LONGEST:
        raise ParameterError(
            f"The region's text has {len(text)} characters", f"Draw with at most {MOST_POINTS} points."
        )
    parts = [_read(part) for part in text.split("|")]
    n_points = sum(len(points) for _, _, points in parts)
    if n_points > MOST_POINTS:
        raise ParameterError(f"The region has {n_points} points", f"Draw with at most {MOST_POINTS}.")
    region = np.zeros((height, width), bool)
    for kind, radius, fractions in parts:
        points = fractions * (width, height)
        if kind == "rect":
            found, anchors = _rectangle(points, height, width), points.mean(axis=0, keepdims=True)
        elif kind == "lasso":
            found, anchors = _lasso(points, height, width), points
        else:
            found, anchors = _brush(points, radius * width, height, width), points
        region |= found if found.any() else _under(anchors, height, width)
    if not region.any():
        raise ParameterError("The region lies outside the image", "Draw on the image.")
    return region


def _read(part: str) -> tuple[str, float, Points]:
    """Return kind, radius (0 but for a brush) and points of one part, in fractions."""
    kind, _, rest = part.strip().partition(":")
    if kind not in ("rect", "lasso", "brush"):
        raise ParameterError(f"A region can't be read: {part[:40]!r}", _FORM)
    try:
        if kind == "rect":
            left, top, right, bottom = (float(number) for number in rest.split(","))
            radius, pairs = 0.0, [(left, top), (right, bottom)]
        else:
            listed = rest.split(";")
            radius = float(listed.pop(0)) if kind == "brush" else 0.0
            pairs = [_pair(pair) for pair in listed]
    except ValueError:
        raise ParameterError(f"A region can't be read: {part[:40]!r}", _FORM) from None
    points = np.array(pairs, np.float64).reshape(-1, 2)
    if not (np.abs(points - 0.5) <= 1.5).all():  # also where a number isn't one
        raise ParameterError(f"A point of {part[:40]!r} lies far outside the image", "Coordinates go from 0 to 1.")
    if kind == "lasso" and len(points) < 3:
        raise ParameterError(f"A lasso of {len(points)} points surrounds nothing", "Draw at least three.")
    if kind == "brush" and (not 0 < radius <= 1 or not len(points)):
        raise ParameterError(f"A brush can't be read: {part[:40]!r}", "Give a radius above 0, at most 1, and a point.")
    return kind, radius, points


def _pair(text: str) -> tuple[float, float]:
    x, y = text.split(",")
    return float(x), float(y)


def _rectangle(points: Points, height: int, width: int) -> Mask:
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    return ((y >= top) & (y <= bottom))[:, None] & ((x >= left) & (x <= right))


def _lasso(points: Points, height: int, width: int) -> Mask:
    """Fill row by row: every edge turns all pixels to the right of it over."""
    turned = np.zeros((height, width + 1), bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        first, last = (min(max(math.ceil(y - 0.5), 0), height) for y in sorted((y0, y1)))
        rows = np.arange(first, last)
        if len(rows):
            crossings = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            columns = np.clip(np.ceil(crossings - 0.5), 0, width).astype(int)
            turned[rows, columns] ^= True
    return np.asarray(np.logical_xor.accumulate(turned, axis=1)[:, :width])


def _brush(points: Points, radius: float, height: int, width: int) -> Mask:
    """Take what is at most `radius` pixels away from the line."""
    found = np.zeros((height, width), bool)
    ends = np.concatenate((points[1:], points[-1:]))  # the last, or only, point is a line of no length
    for begin, end in zip(points, ends, strict=True):
        low, high = np.minimum(begin, end) - radius, np.maximum(begin, end) + radius
        left, right = (min(max(math.floor(x), 0), width) for x in (low[0], high[0] + 1))
        top, bottom = (min(max(math.floor(y), 0), height) for y in (low[1], high[1] + 1))
        x = np.arange(left, right) + 0.5 - begin[0]
        y = np.arange(top, bottom)[:, None] + 0.5 - begin[1]
        along = end - begin
        length = float(along @ along)
        share = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length else 0.0
        distance = (x - share * along[0]) ** 2 + (y - share * along[1]) ** 2
        found[top:bottom, left:right] |= distance <= radius * radius
    return found


def _under(points: Points, height: int, width: int) -> Mask:
    """Return the pixels that points lie in."""
    found = np.zeros((height, width), bool)
    inside = points[((points >= 0) & (points <= (width, height))).all(axis=1)]
    columns, rows = np.minimum(inside.astype(int), (width - 1, height - 1)).T
    found[rows, columns] = True
    return found
