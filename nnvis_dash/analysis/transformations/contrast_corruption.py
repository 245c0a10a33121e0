"""Contrast, by the severities of the published corruptions."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import Published, Severity, column, corruption

# what is left of the differences
PUBLISHED = Published(column(0.4, 0.3, 0.2, 0.1, 0.05), column(0.75, 0.5, 0.4, 0.3, 0.15), harmless=(1.0,))


@corruption("contrast_corruption", "Contrast")
def contrast_corruption(images: Bytes, parameters: Severity) -> Bytes:
    """Bring each channel nearer to its mean: dull light."""
    (left,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    fractions = as_fractions(images)
    mean = fractions.mean(axis=(1, 2), keepdims=True)
    return as_bytes(mean + left * (fractions - mean))
