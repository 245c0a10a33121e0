"""Brightness, by the severities of the published corruptions."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import Published, Severity, column, corruption

# what is added to the value of HSV, the largest channel
PUBLISHED = Published(column(0.1, 0.2, 0.3, 0.4, 0.5), column(0.05, 0.1, 0.15, 0.2, 0.3), harmless=(0.0,))


@corruption("brightness_corruption", "Brightness")
def brightness_corruption(images: Bytes, parameters: Severity) -> Bytes:
    """Raise the brightness and keep hue and saturation: too much light."""
    (added,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    fractions = as_fractions(images)
    value = fractions.max(axis=3, keepdims=True)
    raised = np.minimum(value + added, 1)
    brighter = fractions * (raised / np.maximum(value, 1e-6))
    return as_bytes(np.where(value > 0, brighter, raised))  # black has no hue: it becomes grey
