"""Weather as large as an image: clouds and ice, drawn from a seed and nothing else."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.types import Floats

CANVAS = 512  # pixels of the square on which frost is drawn before it is fitted to an image
CRYSTALS = 70
RGB_TO_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def smoothed(values: Floats, sigma: float) -> Floats:
    """Blur a field (H, W) by a Gaussian of `sigma` pixels, mirrored at the border; the time doesn't grow with sigma."""
    from scipy.fft import dctn, idctn

    rows, columns = (np.exp(-((sigma * math.pi * np.arange(size) / size) ** 2) / 2) for size in values.shape)
    spectrum = dctn(values, type=2, norm="ortho") * np.outer(rows, columns).astype(np.float32)
    return np.asarray(idctn(spectrum, type=2, norm="ortho"), np.float32)


def plasma(seed: int, height: int, width: int, decay: float) -> Floats:
    """Return clouds: noise of coarse and fine grain, the fine the weaker the larger `decay`.

    Each halving of the grain divides the strength by decay², as the published program's midpoint displacement does.

    Returns
    -------
    (height, width) float32, 0..1
    """
    import cv2

    rng = np.random.default_rng(seed)
    side = max(height, width)
    found = np.zeros((side, side), np.float32)
    for octave in range(max(1, math.ceil(math.log2(side)))):
        grid = rng.uniform(-1, 1, (2 ** (octave + 1) + 1,) * 2).astype(np.float32)
        found += decay ** (-2 * octave) * cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    low, high = float(found.min()), float(found.max())
    if high - low < 1e-6:
        return np.full((height, width), 0.5, np.float32)
    return np.asarray((found[:height, :width] - low) / (high - low), np.float32)


def frosted_pane(seed: int, height: int, width: int) -> Floats:
    """Return ice as it grows on a window, drawn by ourselves: feathers of crystals on cloudy frost.

    Returns
    -------
    (height, width, 3) float32, 0..1, RGB
    """
    import cv2

    side = max(height, width)
    way = cv2.INTER_AREA if side < CANVAS else cv2.INTER_LINEAR
    ice = cv2.resize(_ice(seed), (side, side), interpolation=way)[:height, :width, None]
    tint = np.array([0.80, 0.92, 1.0], np.float32)
    return np.asarray(ice * (tint + (1 - tint) * ice), np.float32)  # thick ice is white, thin ice bluish


@lru_cache(maxsize=8)
def _ice(seed: int) -> Floats:
    """Return how thick the ice is, (CANVAS, CANVAS) float32, 0..1."""
    import cv2

    rng = np.random.default_rng(seed)
    crystals: npt.NDArray[Any] = np.zeros((CANVAS, CANVAS), np.float32)
    for _ in range(CRYSTALS):
        layer = np.zeros_like(crystals)
        _draw_feather(layer, rng)
        np.maximum(crystals, layer, out=crystals)
    crystals = cv2.GaussianBlur(crystals, (0, 0), 1.2)
    cover = plasma(int(rng.integers(2**31)), CANVAS, CANVAS, 1.4)
    found = np.clip(0.7 * cover + 0.6 * crystals - 0.05, 0, 1).astype(np.float32)
    found.flags.writeable = False
    return found


def _draw_feather(layer: npt.NDArray[Any], rng: np.random.Generator) -> None:
    """Draw one needle with side needles at 60 degrees, which grow shorter towards its tip."""
    import cv2

    root = rng.uniform(0, CANVAS, 2)
    angle, length = rng.uniform(0, 2 * math.pi), rng.uniform(0.1, 0.35) * CANVAS
    strength = rng.uniform(0.4, 1.0)

    def needle(start: npt.NDArray[np.float64], angle: float, length: float) -> npt.NDArray[np.float64]:
        end = start + length * np.array([math.cos(angle), math.sin(angle)])
        (x0, y0), (x1, y1) = np.rint(start).astype(int).tolist(), np.rint(end).astype(int).tolist()
        cv2.line(layer, (x0, y0), (x1, y1), strength, 2)
        return end

    tip = needle(root, angle, length)
    n_sides = int(length / 9)
    for position in np.linspace(0.1, 0.95, n_sides):
        start = root + position * (tip - root)
        for turn in (-math.pi / 3, math.pi / 3):
            needle(start, angle + turn, 0.35 * length * (1 - position) * rng.uniform(0.6, 1.0))
