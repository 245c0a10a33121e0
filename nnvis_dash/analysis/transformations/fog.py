"""Fog: clouds of white in front of the scene."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.batches import Bytes, each_image
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, corruption
from nnvis_dash.analysis.corrupting.weather import plasma

# how thick the fog is, how much weaker each finer grain of it is
PUBLISHED = Published(
    ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    harmless=(0.0, None),
)


@corruption("fog", "Fog", DrawnSeverity)
def fog(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Lay clouds of fog over the image; its brightest value stays the brightest."""
    import cv2

    height, width, channels = images.shape[1:]
    thickness, decay = PUBLISHED.at(parameters.degree, height, width)
    clouds = 255 * thickness * plasma(parameters.seed, height, width, decay)
    veil = np.repeat(np.asarray(clouds, np.float32)[..., None], channels, axis=2)

    def cover(image: Any, result: Any) -> None:
        brightest = int(image.max()) / 255
        dimming = brightest / (brightest + thickness) if brightest else 0.0
        cv2.convertScaleAbs(cv2.add(image, veil, dtype=cv2.CV_32F), dst=result, alpha=dimming)

    return each_image(images, cover)
