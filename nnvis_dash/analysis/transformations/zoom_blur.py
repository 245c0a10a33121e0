"""Zoom blur: the camera comes nearer while the shutter is open."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions, zoomed
from nnvis_dash.analysis.corrupting.severity import Published, Severity, corruption

# largest enlargement beyond 1, and the step from one to the next
PUBLISHED = Published(
    ((0.10, 0.01), (0.15, 0.01), (0.20, 0.02), (0.24, 0.02), (0.30, 0.03)),
    ((0.05, 0.01), (0.10, 0.01), (0.15, 0.01), (0.20, 0.01), (0.25, 0.01)),
    harmless=(0.0, None),
)


@corruption("zoom_blur", "Zoom blur")
def zoom_blur(images: Bytes, parameters: Severity) -> Bytes:
    """Average the image and enlargements of it, as when the camera comes nearer."""
    largest, step = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    factors = np.linspace(1, 1 + largest, max(2, round(largest / step) + 1))
    fractions = as_fractions(images)
    total = 2 * fractions  # the image itself, and its enlargement by 1
    for factor in factors[1:]:
        total += zoomed(fractions, float(factor))
    return as_bytes(total / (len(factors) + 1))
