"""DeepLIFT: what each pixel's difference from a baseline does for the score's difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.attribution.baselines import BASELINES, baseline
from nnvis_dash.analysis.relevance.deep_lift import explained
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class DeepLIFT:
    """Parameters of DeepLIFT."""

    baseline: str = field(
        default="black",
        metadata={"help": "what the image is compared with: one without evidence", "choices": BASELINES},
    )


@METHODS.register(
    "deep_lift",
    title="DeepLIFT (rescale)",
    reference='Shrikumar et al., "Learning important features through propagating activation differences", ICML 2017, '
    "arXiv:1704.02685, section 3.5.1",
    parameters=DeepLIFT,
    traits=("adds up",),
)
def deep_lift(clf: Classifier, images: Images, target: Ints, question: Question, parameters: DeepLIFT) -> Answer:
    """Hand the score's difference from a baseline back to the pixels, activations by their slopes.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : DeepLIFT

    Returns
    -------
    Answer
        values (N, H, W, C) float32 that add up to score(image) − score(baseline).

    Raises
    ------
    ParameterError
        A classifier without layers, or a layer without a rule (names it).

    References
    ----------
    Shrikumar et al., "Learning important features through propagating activation differences", ICML 2017,
    arXiv:1704.02685, section 3.5.1.
    """
    scores.need_layers(clf.card, "DeepLIFT")
    about = scores.subject(clf.card, question)
    function = explained(clf, about, question.output, images.dtype)
    values, target, probability = function(images, target, baseline(images, parameters.baseline))
    return Answer(values, target, probability, None)
