"""Shapley values: what each region adds to the score, on average over all orders in which regions appear."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.attribution.baselines import BASELINES, baseline
from nnvis_dash.analysis.perturbation.coalitions import growing, shown
from nnvis_dash.analysis.perturbation.kernel_shap import coalitions_for, solve
from nnvis_dash.analysis.perturbation.masked import masked_scores
from nnvis_dash.analysis.perturbation.regions import REGIONS, regions, spread
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class Shapley:
    """Parameters of Shapley values."""

    estimate: str = field(
        default="orders",
        metadata={
            "help": "by random orders, or by a weighted regression (KernelSHAP)",
            "choices": ("orders", "kernel"),
        },
    )
    samples: int = field(default=1000, metadata={"help": "images with some regions covered", "low": 4, "high": 100_000})
    regions: str = field(default="superpixels", metadata={"help": "what appears at once", "choices": REGIONS})
    n_regions: int = field(default=30, metadata={"help": "about how many", "low": 2, "high": 1000})
    baseline: str = field(default="mean", metadata={"help": "what covers a region", "choices": BASELINES})
    seed: int = field(default=0, metadata={"help": "of the orders", "low": 0, "high": 2**31 - 1})


@METHODS.register(
    "shapley",
    title="Shapley values",
    reference='Štrumbelj and Kononenko, "Explaining prediction models", 2014, doi:10.1007/s10115-013-0679-x; '
    'Lundberg and Lee, "A unified approach to interpreting model predictions", 2017, arXiv:1705.07874',
    parameters=Shapley,
    traits=("slow", "adds up"),
)
def shapley(clf: Classifier, images: Images, target: Ints, question: Question, parameters: Shapley) -> Answer:
    """Average what each region adds to the score over the orders in which regions can appear.

    Parameters
    ----------
    clf : Classifier
        Any: only its outputs are needed.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : Shapley
        With random orders there are `samples` / (regions + 1) of them, two at least, every second the reverse of the
        one before.

    Returns
    -------
    Answer
        values (N, H, W) float32, a region's value spread evenly over its pixels: they add up to
        score(image) − score(baseline), exactly.

    References
    ----------
    Štrumbelj and Kononenko, "Explaining prediction models and individual predictions with feature contributions", 2014,
    doi:10.1007/s10115-013-0679-x; Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS
    2017, arXiv:1705.07874, theorem 2.
    """
    about = scores.subject(clf.card, question)
    target, probability = scores.resolved(clf, images, target, about, question.output)
    filling = baseline(images, parameters.baseline)
    values = []
    for place, image in enumerate(images):  # each image has its own number of regions, so its own coalitions
        numbers = regions(image, parameters.regions, parameters.n_regions)
        one = slice(place, place + 1)
        n_regions = int(numbers.max()) + 1
        given = (clf, images[one], target[one], question, filling[one], numbers, parameters)
        estimate = _by_orders if parameters.estimate == "orders" else _by_kernel
        with progress.part(place, 1, len(images)):
            found = estimate(*given, n_regions)
        values.append(spread(found, numbers))
    return Answer(np.stack(values), target, probability, None)


def _by_orders(
    clf: Classifier,
    image: Images,
    target: Ints,
    question: Question,
    filling: Floats,
    numbers: Ints,
    parameters: Shapley,
    n_regions: int,
) -> Floats:
    n_orders = max(2, parameters.samples // (n_regions + 1))
    coalitions, orders = growing(n_regions, n_orders, parameters.seed)
    found = masked_scores(
        clf, image, target, question, filling, len(coalitions), lambda a, b: shown([coalitions], [numbers], a, b)
    )
    gains = np.diff(found[0].reshape(n_orders, n_regions + 1).astype(np.float64), axis=1)
    total = np.zeros(n_regions)
    np.add.at(total, orders, gains)
    return np.asarray(total / n_orders, np.float32)


def _by_kernel(
    clf: Classifier,
    image: Images,
    target: Ints,
    question: Question,
    filling: Floats,
    numbers: Ints,
    parameters: Shapley,
    n_regions: int,
) -> Floats:
    coalitions, weights = coalitions_for(n_regions, parameters.samples, parameters.seed)
    found = masked_scores(
        clf, image, target, question, filling, len(coalitions), lambda a, b: shown([coalitions], [numbers], a, b)
    )
    return solve(coalitions, weights, found[0])
