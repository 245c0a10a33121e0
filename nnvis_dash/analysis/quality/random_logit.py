"""Random logit: a heatmap that is the same for another class doesn't explain this one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.similarity import similarity
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class RandomLogit:
    """Parameters of the random logit."""

    classes: int = field(default=1, metadata={"help": "other classes, drawn at random", "low": 1, "high": 1000})
    absolute: bool = field(default=False, metadata={"help": "compare how strong the values are, whatever their sign"})


@MEASURES.register(
    "random_logit",
    title="Random logit",
    reference='Sixt et al., "When explanations lie", ICML 2020, arXiv:1912.09818',
    parameters=RandomLogit,
    traits=("lower is better", "explains again", "randomisation"),
)
def random_logit(case: Case, parameters: RandomLogit) -> Floats:
    """Compare heatmaps with those of other classes, drawn at random.

    Parameters
    ----------
    case : Case
    parameters : RandomLogit
        Signs count by default: in a net of one sigmoid the two classes' maps differ in nothing else.

    Returns
    -------
    (N,) float32, −1..1
        Spearman's rank correlation of the two (the paper: SSIM), the mean over the other classes. These are so many
        further on as the seed says, the same distances for all images. NaN where the heatmap is the same everywhere.

    References
    ----------
    Sixt et al., "When explanations lie: why many modified BP attributions fail", ICML 2020, arXiv:1912.09818.
    """
    assert case.explain is not None
    n_classes = case.classifier.card.n_classes
    rng = np.random.default_rng(case.seed)
    first = int(rng.integers(1, n_classes)) if n_classes > 1 else 0
    rest = [distance for distance in range(1, n_classes) if distance != first]
    further = [first, *rng.permutation(rest).astype(int).tolist()][: parameters.classes]
    found = []
    for number, distance in enumerate(further):
        with progress.part(number, 1, len(further)):
            others = ((case.targets + distance) % n_classes).astype(np.int32)
            other = case.explain(case.classifier, case.images, others)
        found.append(similarity(case.heatmaps, other.heatmap(), parameters.absolute))
    return np.mean(found, axis=0, dtype=np.float32)
