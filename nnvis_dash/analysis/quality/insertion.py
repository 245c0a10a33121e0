"""Insertion: how soon the class is found when the highest pixels are put back first."""

from __future__ import annotations

from dataclasses import dataclass, field

from nnvis_dash.analysis.attribution.baselines import BASELINES
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.curves import curves
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class Insertion:
    """Parameters of insertion."""

    steps: int = field(default=100, metadata={"help": "from no pixel to all", "low": 1, "high": 10_000})
    filling: str = field(
        default="blurred", metadata={"help": "what stands where a pixel isn't back yet", "choices": BASELINES}
    )


@MEASURES.register(
    "insertion",
    title="Insertion",
    reference='Petsiuk et al., "RISE: randomized input sampling for explanation", BMVC 2018, arXiv:1806.07421, '
    "section 4.1",
    parameters=Insertion,
    traits=("higher is better", "faithfulness"),
)
def insertion(case: Case, parameters: Insertion) -> Floats:
    """Area under the class's probability while pixels are put into a blurred image, the heatmap's highest first.

    Parameters
    ----------
    case : Case
    parameters : Insertion

    Returns
    -------
    (N,) float32, 0..1
        NaN where the heatmap is the same everywhere or isn't finite.

    References
    ----------
    Petsiuk et al., "RISE: randomized input sampling for explanation", BMVC 2018, arXiv:1806.07421, section 4.1.
    """
    return curves(case, parameters.steps, parameters.filling, insert=True).area()
