"""Random logit: a heatmap that is the same for another class doesn't explain this one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.similarity import similarity
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class RandomLogit:
    """Parameters of the random logit."""

    absolute: bool = field(default=False, metadata={"help": "compare how strong the values are, whatever their sign"})


@MEASURES.register(
    "random_logit",
    title="Random logit",
    reference='Sixt et al., "When explanations lie", ICML 2020, arXiv:1912.09818, section 4',
    parameters=RandomLogit,
    traits=("lower is better", "explains again", "randomisation"),
)
def random_logit(case: Case, parameters: RandomLogit) -> Floats:
    """Compare heatmaps with those of another class, drawn at random.

    Parameters
    ----------
    case : Case
    parameters : RandomLogit
        Signs count by default: in a net of one sigmoid the two classes' maps differ in nothing else.

    Returns
    -------
    (N,) float32, −1..1
        Spearman's rank correlation of the two (the paper: SSIM). The other class is so many further on as the seed
        says, the same distance for all images. NaN where the heatmap is the same everywhere.

    References
    ----------
    Sixt et al., "When explanations lie: why many modified BP attributions fail", ICML 2020, arXiv:1912.09818,
    section 4.
    """
    assert case.explain is not None
    n_classes = case.classifier.card.n_classes
    further = int(np.random.default_rng(case.seed).integers(1, n_classes)) if n_classes > 1 else 0
    others = ((case.targets + further) % n_classes).astype(np.int32)
    other = case.explain(case.classifier, case.images, others)
    return similarity(case.heatmaps, other.heatmap(), parameters.absolute)
