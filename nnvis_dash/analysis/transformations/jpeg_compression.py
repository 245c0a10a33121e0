"""JPEG, by the severities of the published corruptions."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.severity import Published, Severity, column, corruption
from nnvis_dash.analysis.transformations.jpeg import Jpeg, jpeg

# quality; 100 hardly changes anything
PUBLISHED = Published(column(25, 18, 15, 10, 7), column(80, 65, 58, 50, 40), harmless=(100.0,))


@corruption("jpeg_compression", "JPEG compression")
def jpeg_compression(images: Bytes, parameters: Severity) -> Bytes:
    """Store the image as a JPEG file of low quality and read it again."""
    (quality,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    return jpeg(images, Jpeg(100 - round(quality)))
