"""Fog: clouds of white in front of the scene."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
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
    height, width = images.shape[1:3]
    thickness, decay = PUBLISHED.at(parameters.degree, height, width)
    fractions = as_fractions(images)
    brightest = fractions.max(axis=(1, 2, 3), keepdims=True)
    clouds = plasma(parameters.seed, height, width, decay)[..., None]
    return as_bytes((fractions + thickness * clouds) * brightest / (brightest + thickness))
