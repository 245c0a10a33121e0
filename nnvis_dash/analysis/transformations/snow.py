"""Snow: flakes that fall past a paler scene."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions, filtered, streak, zoomed
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, corruption
from nnvis_dash.analysis.corrupting.weather import RGB_TO_GREY
from nnvis_dash.types import Floats

# Of the field of flakes: mean, deviation, grain in pixels, from where on it is a flake; half the length and sigma of
# their streaks in pixels; how much of the image keeps its colour.
PUBLISHED = Published(
    (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    harmless=(None, None, None, 1.4, None, None, 1.0),  # no flake is as large as that
    lengths=(2, 4, 5),
)
STEEPEST, FLATTEST = -135, -45  # degrees in which flakes fall


@corruption("snow", "Snow", DrawnSeverity)
def snow(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Let flakes fall past the image, and whiten it."""
    *flakes, kept = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    layer = _falling(parameters.seed, images.shape[1], images.shape[2], *flakes)
    fractions = as_fractions(images)
    grey = fractions if images.shape[3] == 1 else (fractions @ RGB_TO_GREY)[..., None]
    pale = kept * fractions + (1 - kept) * np.maximum(fractions, 1.5 * grey + 0.5)
    return as_bytes(pale + layer + layer[::-1, ::-1])


def _falling(
    seed: int, height: int, width: int, mean: float, deviation: float, grain: float, least: float, *way: float
) -> Floats:
    """Return how white the flakes are, (height, width, 1), 0..1."""
    rng = np.random.default_rng(seed)
    field = rng.standard_normal((1, height, width, 1), np.float32)
    field = mean + deviation * zoomed(field, max(grain, 1))
    field = np.where(field < least, 0, np.clip(field, 0, 1)).astype(np.float32)
    radius, sigma = way
    found: Floats = filtered(field, streak(radius, sigma, rng.uniform(STEEPEST, FLATTEST)))[0]
    return found
