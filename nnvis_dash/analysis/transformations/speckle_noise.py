"""Speckle: noise that grows with the brightness."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, column, corruption
from nnvis_dash.analysis.fields import normal

# standard deviation, as a share of the pixel's own value
PUBLISHED = Published(column(0.15, 0.2, 0.35, 0.45, 0.6), column(0.06, 0.1, 0.12, 0.16, 0.2), harmless=(0.0,))


@corruption("speckle_noise", "Speckle noise", DrawnSeverity)
def speckle_noise(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Add normal noise in proportion to each value, as in ultrasound and radar images."""
    (deviation,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    noise = normal(images.shape[1:], parameters.seed)
    return as_bytes(as_fractions(images) * (1 + deviation * noise))
