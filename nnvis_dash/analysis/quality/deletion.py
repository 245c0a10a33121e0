"""Deletion: how soon the class is lost when the highest pixels go first."""

from __future__ import annotations

from dataclasses import dataclass, field

from nnvis_dash.analysis.attribution.baselines import BASELINES
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.curves import curves
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class Deletion:
    """Parameters of deletion."""

    steps: int = field(default=100, metadata={"help": "from no pixel to all", "low": 1, "high": 10_000})
    filling: str = field(
        default="mean", metadata={"help": "what stands where a pixel was taken out", "choices": BASELINES}
    )


@MEASURES.register(
    "deletion",
    title="Deletion",
    reference='Petsiuk et al., "RISE: randomized input sampling for explanation", BMVC 2018, arXiv:1806.07421, '
    "section 4.1",
    parameters=Deletion,
    traits=("lower is better", "faithfulness"),
)
def deletion(case: Case, parameters: Deletion) -> Floats:
    """Area under the class's probability while pixels are taken out, the heatmap's highest first.

    Parameters
    ----------
    case : Case
    parameters : Deletion

    Returns
    -------
    (N,) float32, 0..1
        NaN where the heatmap is the same everywhere or isn't finite.

    References
    ----------
    Petsiuk et al., "RISE: randomized input sampling for explanation", BMVC 2018, arXiv:1806.07421, section 4.1.
    """
    return curves(case, parameters.steps, parameters.filling).area()
