"""Erase: a drawn region is taken out, and something else stands in its place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.drawn_regions import drawn_region
from nnvis_dash.analysis.fields import seed
from nnvis_dash.analysis.fillings import FILLINGS, replaced
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree


@dataclass(frozen=True, eq=False)
class Erase:
    """Parameters of `erase`."""

    degree: float = degree(1, 0, 1, 0, "From the image as it is, 0, to the filling alone, 1.", "", 0.05)
    region: str = field(default="", metadata={"help": "What is drawn on the image."})
    filling: str = field(default="mean", metadata={"help": "What stands there instead.", "choices": FILLINGS})
    other: int | np.ndarray | None = field(
        default=None, metadata={"help": "The image that fills the region, for the filling 'image'.", "low": 0}
    )
    seed: int = seed()


@TRANSFORMATIONS.register(
    "erase",
    title="Erase a region",
    reference="Zintgraf et al., Visualizing deep neural network decisions: prediction difference analysis, ICLR 2017, "
    "arXiv:1702.04595, for why the filling matters; inpainting: Telea, 2004, doi:10.1080/10867651.2004.10487596",
    parameters=Erase,
    traits={"region", "drawn"},
)
def erase(images: Bytes, parameters: Erase) -> Bytes:
    """Replace what is drawn on the image.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Erase
        `degree` is the strength; `region` as in `nnvis_dash.analysis.drawn_regions`, `filling` as in
        `nnvis_dash.analysis.fillings`.

    Returns
    -------
    (N, H, W, C) uint8

    Raises
    ------
    ParameterError
        Nothing is drawn, or there is no other image to fill it with.
    """
    region = drawn_region(parameters.region, *images.shape[1:3])
    return replaced(images, region, parameters.filling, parameters.other, parameters.seed, parameters.degree)
