"""Gaussian blur, by the severities of the published corruptions."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions, blurred
from nnvis_dash.analysis.corrupting.severity import Published, Severity, column, corruption

# sigma in pixels
PUBLISHED = Published(column(1, 2, 3, 4, 6), column(0.4, 0.6, 0.7, 0.8, 1), harmless=(0.0,), lengths=(0,))


@corruption("gaussian_blur", "Gaussian blur")
def gaussian_blur(images: Bytes, parameters: Severity) -> Bytes:
    """Blur by a Gaussian that grows with the image."""
    (sigma,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    return as_bytes(blurred(as_fractions(images), sigma))
