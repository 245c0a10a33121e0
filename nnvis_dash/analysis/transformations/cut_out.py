"""Cut-out: a square is taken out of the image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.fields import seed
from nnvis_dash.analysis.fillings import FILLINGS, replaced
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree

_ALONE = tuple(filling for filling in FILLINGS if filling != "image")


@dataclass(frozen=True)
class CutOut:
    """Parameters of `cut_out`."""

    degree: float = degree(40, 0, 100, 0, "The square's side, in parts of the image's shorter side.", "%", 1)
    row: float = field(
        default=50, metadata={"help": "Where its middle is, from the top.", "low": 0, "high": 100, "unit": "%"}
    )
    column: float = field(
        default=50, metadata={"help": "Where its middle is, from the left.", "low": 0, "high": 100, "unit": "%"}
    )
    filling: str = field(default="mean", metadata={"help": "What stands there instead.", "choices": _ALONE})
    seed: int = seed()


@TRANSFORMATIONS.register(
    "cut_out",
    title="Cut-out",
    reference="DeVries and Taylor, Improved regularization of convolutional neural networks with cutout, 2017, "
    "arXiv:1708.04552; there the square is filled with the data's mean",
    parameters=CutOut,
    traits={"region"},
)
def cut_out(images: Bytes, parameters: CutOut) -> Bytes:
    """Replace a square, in the middle or elsewhere.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : CutOut
        `degree` in percent of the shorter side; `filling` as in `nnvis_dash.analysis.fillings`.

    Returns
    -------
    (N, H, W, C) uint8
        A larger square holds a smaller one; what reaches beyond the border is cut off.
    """
    height, width = images.shape[1:3]
    half = parameters.degree / 200 * min(height, width)
    rows, columns = (
        np.abs(np.arange(size) + 0.5 - place / 100 * size) <= half
        for size, place in ((height, parameters.row), (width, parameters.column))
    )
    return replaced(images, rows[:, None] & columns, parameters.filling, seed=parameters.seed)
