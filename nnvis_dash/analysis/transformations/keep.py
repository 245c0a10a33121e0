"""Keep: only a drawn region stays, and something else stands around it."""

from __future__ import annotations

from dataclasses import dataclass

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.drawn_regions import drawn_region
from nnvis_dash.analysis.fillings import replaced
from nnvis_dash.analysis.transformations import TRANSFORMATIONS
from nnvis_dash.analysis.transformations.erase import Erase


@dataclass(frozen=True, eq=False)
class Keep(Erase):
    """Parameters of `keep`: those of `erase`."""


@TRANSFORMATIONS.register(
    "keep",
    title="Keep a region",
    reference="Fong and Vedaldi, Interpretable explanations of black boxes by meaningful perturbation, ICCV 2017, "
    "arXiv:1704.03296, section 4: the preservation game",
    parameters=Keep,
    traits={"region", "drawn"},
)
def keep(images: Bytes, parameters: Keep) -> Bytes:
    """Replace everything but what is drawn on the image.

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Keep
        As of `erase`.

    Returns
    -------
    (N, H, W, C) uint8

    Raises
    ------
    ParameterError
        Nothing is drawn, or there is no other image to fill the rest with.
    """
    rest = ~drawn_region(parameters.region, *images.shape[1:3])
    return replaced(images, rest, parameters.filling, parameters.other, parameters.seed, parameters.degree)
