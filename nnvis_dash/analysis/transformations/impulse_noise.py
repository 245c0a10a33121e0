"""Impulse noise: single values that are fully on or off."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, column, corruption
from nnvis_dash.analysis.fields import uniform

# share of the values that are hit
PUBLISHED = Published(column(0.03, 0.06, 0.09, 0.17, 0.27), column(0.01, 0.02, 0.03, 0.05, 0.07), harmless=(0.0,))


@corruption("impulse_noise", "Impulse noise", DrawnSeverity)
def impulse_noise(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Set some values to 0 or 255, in each channel for itself: salt and pepper in colour."""
    (share,) = PUBLISHED.at(parameters.degree, *images.shape[1:3])
    hit, white = uniform((2, *images.shape[1:]), parameters.seed)
    return np.where(hit < share, np.where(white < 0.5, np.uint8(255), np.uint8(0)), images)
