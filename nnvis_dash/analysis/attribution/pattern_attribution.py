"""PatternAttribution: how much each part of the signal adds to the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.attribution.pattern_net import PatternNet, with_patterns
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class PatternAttribution(PatternNet):
    """Parameters of PatternAttribution: those of PatternNet."""


@METHODS.register(
    "pattern_attribution",
    title="PatternAttribution",
    reference='Kindermans et al., "Learning how to explain neural networks: PatternNet and PatternAttribution", '
    "ICLR 2018, arXiv:1705.05598, section 4",
    parameters=PatternAttribution,
    traits=("patterns",),
)
def pattern_attribution(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: PatternAttribution
) -> Answer:
    """Go back with pattern × weights: how much each part of the signal adds to the score.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : PatternAttribution

    Returns
    -------
    Answer
        values (N, H, W, C) float32.

    Raises
    ------
    ParameterError
        No patterns, those of another classifier, or a layer without a rule (names it).

    References
    ----------
    Kindermans et al., "Learning how to explain neural networks: PatternNet and PatternAttribution", ICLR 2018,
    arXiv:1705.05598, section 4.
    """
    return with_patterns(clf, images, target, question, parameters, times_weights=True)
