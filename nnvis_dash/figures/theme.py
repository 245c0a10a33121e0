"""The one place for colours, fonts and scales, so that a class has the same colour in every view.

The first ten class colours are Paul Tol's *bright* and *vibrant* palettes (colour-blind safe, https://sronpersonalpages.nl/~pault);
from the eleventh on, hues go round by the golden angle at alternating lightness, so that neighbours in the list differ.
"""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt

INK = "#1f2733"
MUTED = "#66707f"
LINE = "#dfe3e9"
PAPER = "#ffffff"
ACCENT = "#1f6feb"
WRONG = "#d1495b"
RIGHT = "#8fb8de"
NO_CLASS = "#b4bac4"
FONT = '"Inter", "Segoe UI", "DejaVu Sans", "Helvetica Neue", Arial, sans-serif'

_FIRST = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#8c8c8c",
    "#ee7733",
    "#009988",
    "#7b6fd0",
)
_GOLDEN_ANGLE = 0.381966


def class_colours(n: int) -> tuple[str, ...]:
    """Return `n` colours, one a class, always the same ones in the same order."""
    more = []
    for position in range(max(0, n - len(_FIRST))):
        hue = (0.07 + position * _GOLDEN_ANGLE) % 1.0
        lightness = (0.42, 0.58, 0.34)[position % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, (0.65, 0.5, 0.8)[position % 3])
        more.append(f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}")
    return (*_FIRST, *more)[:n]


# Sequential scales as (position, colour): low confidence and high entropy both take the warm end, which asks to look.
CONFIDENCE = ((0.0, "#b2182b"), (0.35, "#ef8a62"), (0.6, "#f2d0a9"), (0.8, "#92c5de"), (1.0, "#2166ac"))
ENTROPY = ((0.0, "#2166ac"), (0.2, "#92c5de"), (0.4, "#f2d0a9"), (0.65, "#ef8a62"), (1.0, "#b2182b"))
# Positive heatmaps: dark to light with even steps of lightness.
HEAT = (
    (0.0, "#0b0724"),
    (0.2, "#3f0f72"),
    (0.4, "#8c2981"),
    (0.6, "#dd4a69"),
    (0.8, "#fd9a6a"),
    (1.0, "#fcf6b8"),
)
# Signed heatmaps: blue speaks against, white says nothing, red speaks for.
EVIDENCE = (
    (0.0, "#053061"),
    (0.2, "#2f79b5"),
    (0.38, "#a7cfe4"),
    (0.5, "#ffffff"),
    (0.62, "#f7b799"),
    (0.8, "#ce4f45"),
    (1.0, "#67001f"),
)


def lookup(scale: tuple[tuple[float, str], ...], n: int = 256) -> npt.NDArray[np.uint8]:
    """Return the scale as a table of `n` RGB colours, (n, 3) uint8."""
    positions = [position for position, _ in scale]
    colours = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in scale], dtype=float)
    at = np.linspace(0.0, 1.0, n)
    table = np.stack([np.interp(at, positions, colours[:, channel]) for channel in range(3)], axis=1)
    return np.round(table).astype(np.uint8)
