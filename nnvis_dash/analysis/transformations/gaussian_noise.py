"""Gaussian noise, as a sensor shows in low light."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, column, corruption
from nnvis_dash.analysis.fields import normal

# standard deviation, in fractions of white
PUBLISHED = Published(column(0.08, 0.12, 0.18, 0.26, 0.38), column(0.04, 0.06, 0.08, 0.09, 0.10), harmless=(0.0,))


@corruption("gaussian_noise", "Gaussian noise", DrawnSeverity)
def gaussian_noise(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Add normal noise to every value, as a sensor does in low light."""
    (deviation,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    noise = normal(images.shape[1:], parameters.seed)
    return as_bytes(as_fractions(images) + deviation * noise)
