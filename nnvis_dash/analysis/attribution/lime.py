"""LIME: a linear model of the score in which regions of the image stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.attribution.baselines import BASELINES, baseline
from nnvis_dash.analysis.perturbation.coalitions import Coalitions, drawn, shown
from nnvis_dash.analysis.perturbation.masked import masked_scores
from nnvis_dash.analysis.perturbation.regions import REGIONS, regions
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

KERNEL_WIDTH = 0.25  # of the cosine distance to the whole image
RIDGE = 1.0


@dataclass(frozen=True)
class LIME:
    """Parameters of LIME."""

    samples: int = field(default=500, metadata={"help": "images with some regions covered", "low": 10, "high": 100_000})
    regions: str = field(default="superpixels", metadata={"help": "what is covered at once", "choices": REGIONS})
    n_regions: int = field(default=50, metadata={"help": "about how many", "low": 2, "high": 1000})
    baseline: str = field(default="mean", metadata={"help": "what covers a region", "choices": BASELINES})
    seed: int = field(default=0, metadata={"help": "of the samples", "low": 0, "high": 2**31 - 1})


@METHODS.register(
    "lime",
    title="LIME",
    reference='Ribeiro et al., "Why should I trust you?", KDD 2016, arXiv:1602.04938, section 3',
    parameters=LIME,
    traits=("slow",),
)
def lime(clf: Classifier, images: Images, target: Ints, question: Question, parameters: LIME) -> Answer:
    """Fit a linear model that says what each region's presence adds to the score.

    Parameters
    ----------
    clf : Classifier
        Any: only its outputs are needed.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : LIME

    Returns
    -------
    Answer
        values (N, H, W) float32: each pixel the weight of its region. Samples near the whole image count more
        (exponential kernel, cosine distance), the fit is a ridge regression.

    References
    ----------
    Ribeiro et al., "Why should I trust you?", KDD 2016, arXiv:1602.04938, section 3.
    """
    about = scores.subject(clf.card, question)
    target, probability = scores.resolved(clf, images, target, about, question.output)
    numbers = [regions(image, parameters.regions, parameters.n_regions) for image in images]
    coalitions = [drawn(int(of.max()) + 1, parameters.samples, parameters.seed) for of in numbers]
    filling = baseline(images, parameters.baseline)
    found = masked_scores(
        clf, images, target, question, filling, parameters.samples, lambda a, b: shown(coalitions, numbers, a, b)
    )
    values = [weights(kept, of_image)[of] for kept, of_image, of in zip(coalitions, found, numbers, strict=True)]
    return Answer(np.stack(values).astype(np.float32), target, probability, None)


def weights(coalitions: Coalitions, values: Floats) -> Floats:
    """Fit the weight (R,) of each region to the scores (M,) of coalitions (M, R)."""
    from sklearn.linear_model import Ridge

    present = coalitions.mean(axis=1)
    near = np.exp(-((1 - np.sqrt(present)) ** 2) / KERNEL_WIDTH**2)  # sqrt(present) is the cosine to "all"
    beyond = (values - values[0]).astype(np.float64)  # so that equal scores give zeros, not what rounding leaves
    model = Ridge(alpha=RIDGE).fit(coalitions.astype(np.float64), beyond, sample_weight=near)
    return np.asarray(model.coef_)
