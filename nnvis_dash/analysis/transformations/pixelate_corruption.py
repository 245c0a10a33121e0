"""Pixelation, by the severities of the published corruptions."""

from __future__ import annotations

from typing import Any

from nnvis_dash.analysis.batches import Bytes, each_image
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import Published, Severity, column, corruption

# how many pixels are left of each side
PUBLISHED = Published(column(0.6, 0.5, 0.4, 0.3, 0.25), column(0.95, 0.9, 0.85, 0.75, 0.65), harmless=(1.0,))


@corruption("pixelate_corruption", "Pixelate")
def pixelate_corruption(images: Bytes, parameters: Severity) -> Bytes:
    """Show the image with fewer, larger pixels, as one enlarged from a small file."""
    import cv2

    height, width = images.shape[1:3]
    (left,) = PUBLISHED.at(parameters.degree, height, width)
    size = max(1, int(width * left + 1e-9)), max(1, int(height * left + 1e-9))

    def coarse(image: Any, result: Any) -> None:
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        cv2.resize(small, (width, height), result, interpolation=cv2.INTER_NEAREST_EXACT)

    return as_bytes(each_image(as_fractions(images), coarse))
