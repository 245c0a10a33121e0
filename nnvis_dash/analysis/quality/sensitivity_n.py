"""Sensitivity-n: whether the heatmap's sum over any n pixels goes with the fall of the score without them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis.attribution.baselines import BASELINES
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.parts import OUTPUTS, correlations, drawn_regions, falls, sums
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class SensitivityN:
    """Parameters of sensitivity-n."""

    sizes: int = field(default=6, metadata={"help": "how many n", "low": 1, "high": 100})
    smallest: float = field(
        default=0.01, metadata={"help": "the smallest n, as a share of the pixels", "low": 0.0, "high": 1.0}
    )
    largest: float = field(default=0.8, metadata={"help": "the largest n", "low": 0.0, "high": 1.0})
    parts: int = field(default=32, metadata={"help": "random sets of pixels for each n", "low": 2, "high": 100_000})
    filling: str = field(default="mean", metadata={"help": "what stands where a pixel was", "choices": BASELINES})
    output: str = field(default="explained", metadata={"help": "the score", "choices": OUTPUTS})


@MEASURES.register(
    "sensitivity_n",
    title="Sensitivity-n",
    reference='Ancona et al., "Towards better understanding of gradient-based attribution methods for deep neural '
    'networks", ICLR 2018, arXiv:1711.06104, section 4',
    parameters=SensitivityN,
    traits=("higher is better", "faithfulness"),
)
def sensitivity_n(case: Case, parameters: SensitivityN) -> Floats:
    """Correlation, over random sets of n pixels, of the heatmap's sum with the fall of the score; the mean over n.

    Parameters
    ----------
    case : Case
    parameters : SensitivityN
        n goes in equal ratios from the smallest to the largest.

    Returns
    -------
    (N,) float32, −1..1
        1: the heatmap satisfies sensitivity-n for every n, up to a factor. An n at which the score doesn't change
        doesn't count. NaN where it never does, and where the heatmap is the same everywhere or isn't finite.

    Raises
    ------
    ParameterError
        The smallest n is larger than the largest.

    References
    ----------
    Ancona et al., "Towards better understanding of gradient-based attribution methods for deep neural networks", ICLR
    2018, arXiv:1711.06104, section 4.
    """
    if parameters.smallest > parameters.largest:
        raise ParameterError(
            f"n is to go from {parameters.smallest:g} to {parameters.largest:g} of the pixels",
            "Let smallest be no more than largest.",
        )
    height, width, _ = case.classifier.card.input_shape
    n_pixels = height * width
    most = max(1, n_pixels - 1)  # a part of all pixels is the same whatever is drawn
    first, last = (min(max(1, round(share * n_pixels)), most) for share in (parameters.smallest, parameters.largest))
    sizes = np.unique(np.round(np.geomspace(first, last, parameters.sizes)).astype(int))
    taken = tuple(int(size) for size in np.repeat(sizes, parameters.parts))
    parts = drawn_regions(np.arange(n_pixels, dtype=np.int32).reshape(height, width), taken, case.seed)
    fallen, said = falls(case, parts, parameters.filling, parameters.output), sums(case.heatmaps, parts)
    each = np.stack(
        [
            correlations(fallen[:, start : start + parameters.parts], said[:, start : start + parameters.parts])
            for start in range(0, parts.count, parameters.parts)
        ]
    )
    counted = np.isfinite(each)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.where(counted, each, 0).sum(axis=0) / counted.sum(axis=0)).astype(np.float32)
