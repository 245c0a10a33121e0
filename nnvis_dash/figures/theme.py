"""The one place for colours, fonts and scales, so that a class has the same colour in every view.

The first six class colours are those of Paul Tol's *bright* palette (colour-blind safe, https://sronpersonalpages.nl/~pault);
each further one lies as far as can be from all before it, also for eyes that don't tell red from green.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

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

_FIRST = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")

# What a colour of linear RGB looks like without red and without green cones: Machado et al., IEEE TVCG 2009,
# doi:10.1109/TVCG.2009.113, severity 1. From linear RGB to OKLab: Ottosson, https://bottosson.github.io/posts/oklab.
_PROTAN = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
_DEUTAN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_WORTH = np.array([[0.55], [1.0], [1.0]])  # of a distance to each eye: most eyes have all cones, and are asked for more
_LEVELS = 16  # of each of red, green and blue that a further colour may have
_LIGHTNESS = (0.42, 0.84)  # of it in OKLab: neither black nor lost on white paper
_CHROMA = (0.04, 0.2)  # neither grey, which says that there is no class, nor glaring


def seen(colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return colours (n) as eyes with all cones, without red and without green ones see them: OKLab, (3, n, 3)."""
    parts = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    views = np.stack([linear, *(np.clip(linear @ np.array(m).T, 0, 1) for m in (_PROTAN, _DEUTAN))])
    return np.asarray(np.cbrt(views @ np.array(_CONES).T) @ np.array(_LAB).T)


@lru_cache(maxsize=8)
def class_colours(n: int) -> tuple[str, ...]:
    """Return `n` colours, one a class, always the same ones in the same order.

    From the seventh on each is the one that lies farthest from all before it, for the eye that tells them apart worst;
    eyes with all cones are asked for almost twice the distance.
    """
    if n <= len(_FIRST):
        return _FIRST[:n]
    steps = [round(255 * level / (_LEVELS - 1)) for level in range(_LEVELS)]
    choice = [f"#{r:02x}{g:02x}{b:02x}" for r in steps for g in steps for b in steps]
    views = seen(choice)
    lightness, chroma = views[0, :, 0], np.linalg.norm(views[0, :, 1:], axis=1)
    within = [(low < value) & (value < high) for value, (low, high) in ((lightness, _LIGHTNESS), (chroma, _CHROMA))]
    far = np.where(within[0] & within[1], np.inf, -np.inf)

    def closer(place: npt.NDArray[np.float64]) -> None:
        apart = (np.linalg.norm(views - place[:, None], axis=2) * _WORTH).min(axis=0)
        np.minimum(far, np.where(far > -np.inf, apart, -np.inf), out=far)

    for place in seen((*_FIRST, NO_CLASS)).transpose(1, 0, 2):
        closer(place)
    colours = list(_FIRST)
    while len(colours) < n and far.max() > 0:
        best = int(far.argmax())
        colours.append(choice[best])
        closer(views[:, best])
    return tuple(colours[number % len(colours)] for number in range(n))  # once all are taken, the same ones again


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
