"""Faithfulness correlation: whether parts that a heatmap holds for important are those that the score falls without."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis.attribution.baselines import BASELINES
from nnvis_dash.analysis.perturbation.regions import regions
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.parts import OUTPUTS, correlations, drawn_regions, falls, sums
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class FaithfulnessCorrelation:
    """Parameters of faithfulness correlation."""

    parts: int = field(default=128, metadata={"help": "random sets of cells", "low": 2, "high": 100_000})
    cells: int = field(
        default=8, metadata={"help": "of a grid, along each side; 0: each pixel is one", "low": 0, "high": 256}
    )
    share: float = field(default=0.2, metadata={"help": "of the cells in a set", "low": 0.0, "high": 1.0})
    ranks: bool = field(
        default=False, metadata={"help": "Spearman's correlation, of ranks, in place of Pearson's (MuFidelity)"}
    )
    filling: str = field(default="mean", metadata={"help": "what stands where a cell was", "choices": BASELINES})
    output: str = field(default="explained", metadata={"help": "the score", "choices": OUTPUTS})


@MEASURES.register(
    "faithfulness_correlation",
    title="Faithfulness correlation",
    reference='Bhatt et al., "Evaluating and aggregating feature-based model explanations", IJCAI 2020, '
    "arXiv:2005.00631, definition 3",
    parameters=FaithfulnessCorrelation,
    traits=("higher is better", "faithfulness"),
)
def faithfulness_correlation(case: Case, parameters: FaithfulnessCorrelation) -> Floats:
    """Correlation, over random sets of cells, of the heatmap's sum with the fall of the score without them.

    Parameters
    ----------
    case : Case
    parameters : FaithfulnessCorrelation
        Cells are as square as the image lets. With `ranks` it is MuFidelity.

    Returns
    -------
    (N,) float32, −1..1
        NaN where the heatmap is the same everywhere or isn't finite, and where the score doesn't change.

    References
    ----------
    Bhatt et al., "Evaluating and aggregating feature-based model explanations", IJCAI 2020, arXiv:2005.00631,
    definition 3. Of ranks and with cells: Fel et al., "Look at the variance!", NeurIPS 2021, arXiv:2111.04138.
    """
    height, width, _ = case.classifier.card.input_shape
    n_cells = parameters.cells**2 or height * width
    numbers = regions(np.empty((height, width, 1), np.uint8), "grid", n_cells)
    last = int(numbers.max())  # sets of all cells would all be the same
    n_taken = max(1, min(round(parameters.share * (last + 1)), last))
    parts = drawn_regions(numbers, (n_taken,) * parameters.parts, case.seed)
    fallen, said = falls(case, parts, parameters.filling, parameters.output), sums(case.heatmaps, parts)
    if parameters.ranks:
        from scipy.stats import rankdata

        fallen, said = (np.asarray(rankdata(values, axis=1), np.float64) for values in (fallen, said))
    return correlations(fallen, said).astype(np.float32)
