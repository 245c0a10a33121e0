"""Defocus: every point becomes a disk."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions, disk, filtered
from nnvis_dash.analysis.corrupting.severity import Published, Severity, corruption

# radius of the disk in pixels, softness of its edge
PUBLISHED = Published(
    ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    harmless=(0.0, 0.0),
    lengths=(0,),
)


@corruption("defocus_blur", "Defocus blur")
def defocus_blur(images: Bytes, parameters: Severity) -> Bytes:
    """Blur by an even disk, as a lens out of focus does."""
    radius, softness = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    return as_bytes(filtered(as_fractions(images), disk(radius, softness)))
