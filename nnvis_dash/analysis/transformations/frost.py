"""Frost: ice on the window."""

from __future__ import annotations

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, corruption
from nnvis_dash.analysis.corrupting.weather import RGB_TO_GREY, frosted_pane

# how much of the image stays, how much of the ice is laid over it
PUBLISHED = Published(
    ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
    harmless=(1.0, 0.0),
)


@corruption("frost", "Frost", DrawnSeverity)
def frost(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Lay ice crystals over the image; drawn ones, where the paper takes photographs of frost."""
    _, height, width, channels = images.shape
    kept, laid_over = PUBLISHED.at(parameters.degree, height, width)
    ice = frosted_pane(parameters.seed, height, width)
    ice = ice if channels == 3 else (ice @ RGB_TO_GREY)[..., None]
    return as_bytes(kept * as_fractions(images) + laid_over * ice)
