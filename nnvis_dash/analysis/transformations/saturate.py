"""Saturation, less and then more of it, by the severities of the published corruptions."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import Published, Severity, corruption

# the saturation of HSV is multiplied by the first and raised by the second
PUBLISHED = Published(
    ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
    ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    harmless=(1.0, 0.0),
)


@corruption("saturate", "Saturate")
def saturate(images: Bytes, parameters: Severity) -> Bytes:
    """Fade the colours (severities 1 and 2), overdo them (3 to 5); grey stays grey.

    Published is the same, but for grey pixels of coloured images: there they turn red at severities 4 and 5, for want
    of a hue. The way from severity 2 to 3 passes the image as it was.
    """
    factor, added = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    fractions = as_fractions(images)
    value = fractions.max(axis=3, keepdims=True)
    colour = value - fractions
    most = colour.max(axis=3, keepdims=True)
    saturation = most / np.maximum(value, 1e-6)
    wanted = np.clip(saturation * factor + added, 0, 1)
    return as_bytes(value - colour * (wanted / np.maximum(saturation, 1e-6)))
