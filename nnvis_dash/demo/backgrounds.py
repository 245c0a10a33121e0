"""Textured backgrounds behind the shapes: clouds, stripes, checks and grain in any colour but green, and grass.

Invariant: no background but grass has a green hue, so that grass is what a model may learn instead of a shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

CLOUDS, STRIPES, CHECKS, GRAIN, GRASS = range(5)
_COARSE, _MIDDLE = 5, 12  # points along each axis of the random grids that are interpolated
_FINE = 32
N_NUMBERS = 16 + _COARSE**2 + _MIDDLE**2 + _FINE**2  # random numbers that one background takes
_GREEN_FROM, _GREEN_TO = 65 / 360, 175 / 360  # hues that only grass has


def draw_backgrounds(numbers: Doubles, kinds: npt.NDArray[np.int_], size: int) -> Doubles:
    """Draw one background a row.

    Parameters
    ----------
    numbers : (n, N_NUMBERS) float64, 0..1
        Random numbers that decide everything else.
    kinds : (n,) int
        A kind (`GRASS`, ...), or -1 for any but grass.
    size : int
        Pixels along each axis, at most 32.

    Returns
    -------
    (n, size, size, 3) float64, RGB, 0..1.
    """
    n = len(numbers)
    chosen, grids = numbers[:, :16], numbers[:, 16:]
    coarse = _grid(grids[:, : _COARSE**2], _COARSE, size)
    middle = _grid(grids[:, _COARSE**2 : _COARSE**2 + _MIDDLE**2], _MIDDLE, size)
    fine = grids[:, -(_FINE**2) :].reshape(n, _FINE, _FINE)[:, :size, :size]
    kinds = np.where(kinds < 0, (chosen[:, 0] * 4).astype(int), kinds)
    grass = (kinds == GRASS)[:, None, None]

    across = np.arange(size) + 0.5
    x, y = across[None, None, :], across[None, :, None]
    angle = (np.pi * chosen[:, 1])[:, None, None]
    period = (4 + 6 * chosen[:, 2])[:, None, None]
    phase = (2 * np.pi * chosen[:, 3])[:, None, None]
    along = 2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period + phase
    beside = 2 * np.pi * (np.cos(angle) * y - np.sin(angle) * x) / period + phase
    blades = np.sin(2 * np.pi * (x + 2.5 * (coarse - 0.5) * 4) / 3.2 + 6 * middle)
    textures = {
        CLOUDS: 0.65 * coarse + 0.35 * middle,
        STRIPES: 0.5 + 0.5 * np.clip(1.6 * np.sin(along), -1, 1),
        CHECKS: 0.5 + 0.5 * np.clip(3 * np.sin(along) * np.sin(beside), -1, 1),
        GRAIN: 0.35 * coarse + 0.65 * (0.5 * fine + 0.5 * middle),
        GRASS: 0.35 * coarse + 0.25 * middle + 0.2 * fine + 0.2 * (0.5 + 0.5 * blades),
    }
    texture = np.zeros((n, size, size))
    for kind, plane in textures.items():
        texture = np.where((kinds == kind)[:, None, None], plane, texture)

    hue = chosen[:, 4] * (1 - (_GREEN_TO - _GREEN_FROM)) + _GREEN_TO  # every hue but green
    turned = hue + 0.06 * (chosen[:, 5] - 0.5)
    turned = np.where((turned % 1 > _GREEN_FROM) & (turned % 1 < _GREEN_TO), hue, turned)
    light = hsv_to_rgb(hue % 1, 0.12 + 0.43 * chosen[:, 6], 0.55 + 0.4 * chosen[:, 7])
    depth = 0.18 + 0.25 * chosen[:, 8]
    dark = hsv_to_rgb(turned % 1, 0.2 + 0.5 * chosen[:, 9], (0.55 + 0.4 * chosen[:, 7]) - depth)
    blade_light = hsv_to_rgb((88 + 22 * chosen[:, 4]) / 360, 0.5 + 0.2 * chosen[:, 6], 0.62 + 0.22 * chosen[:, 7])
    blade_dark = hsv_to_rgb((105 + 25 * chosen[:, 5]) / 360, 0.6 + 0.2 * chosen[:, 9], 0.24 + 0.16 * chosen[:, 8])
    grass_rows = grass[:, 0, :]
    light = np.where(grass_rows, blade_light, light)[:, None, None, :]
    dark = np.where(grass_rows, blade_dark, dark)[:, None, None, :]
    mixed = texture[..., None]
    picture = dark * (1 - mixed) + light * mixed
    noise = 0.05 * (fine - 0.5)
    return np.clip(picture + noise[..., None], 0, 1)


def hsv_to_rgb(hue: Doubles, saturation: Doubles, value: Doubles) -> Doubles:
    """Convert hue (turns, 0..1), saturation and value (0..1), each (n,), to RGB (n, 3), 0..1."""
    channels = []
    for offset in (5.0, 3.0, 1.0):
        k = (offset + 6 * hue) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, axis=-1)


def luminance(rgb: Doubles) -> Any:
    """Weigh red, green and blue as Rec. 601 does: (..., 3) to (...)."""
    return 0.299 * rgb[..., 0] + 0.587 * rgb[..., 1] + 0.114 * rgb[..., 2]


def _grid(numbers: Doubles, points: int, size: int) -> Doubles:
    """Interpolate a random grid of points × points smoothly to size × size: (n, size, size), 0..1."""
    grid = numbers.reshape(len(numbers), points, points)
    place = (np.arange(size) + 0.5) * (points - 1) / size
    below = np.minimum(place.astype(int), points - 2)
    weight = place - below
    weight = weight * weight * (3 - 2 * weight)
    rows = grid[:, below, :] * (1 - weight)[None, :, None] + grid[:, below + 1, :] * weight[None, :, None]
    return rows[:, :, below] * (1 - weight) + rows[:, :, below + 1] * weight
