"""Motion blur: the camera moves while the shutter is open."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions, filtered, streak
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, corruption

# half the streak's length and sigma of its fading, in pixels
PUBLISHED = Published(
    ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    harmless=(None, 0.0),
    lengths=(0, 1),
)
STEEPEST = 45  # degrees to the horizontal


@corruption("motion_blur", "Motion blur", DrawnSeverity)
def motion_blur(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Smear along a line in a drawn direction, as a moving camera does."""
    radius, sigma = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    angle = np.random.default_rng(parameters.seed).uniform(-STEEPEST, STEEPEST)
    return as_bytes(filtered(as_fractions(images), streak(radius, sigma, angle)))
