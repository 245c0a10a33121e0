"""PatternNet: what of the image the neurons took for their signal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.relevance.patterns import Patterns, WithPatterns
from nnvis_dash.analysis.relevance.walk import explained
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class PatternNet:
    """Parameters of PatternNet and PatternAttribution."""

    patterns: Patterns | None = field(default=None, metadata={"help": "what learn_patterns(clf, data) returned"})


@METHODS.register(
    "pattern_net",
    title="PatternNet",
    reference='Kindermans et al., "Learning how to explain neural networks: PatternNet and PatternAttribution", '
    "ICLR 2018, arXiv:1705.05598, section 4",
    parameters=PatternNet,
    traits=("patterns",),
)
def pattern_net(clf: Classifier, images: Images, target: Ints, question: Question, parameters: PatternNet) -> Answer:
    """Go back with patterns in the place of weights: the part of the image that is signal.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : PatternNet

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
    return with_patterns(clf, images, target, question, parameters, times_weights=False)


def with_patterns(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: PatternNet, times_weights: bool
) -> Answer:
    """Explain with patterns, or with patterns × weights; see `pattern_net`."""
    name = "PatternAttribution" if times_weights else "PatternNet"
    scores.need_layers(clf.card, name)
    patterns = parameters.patterns
    if patterns is None:
        raise ParameterError(
            f"{name} has no patterns yet", "Learn them from images: patterns=nnvis.learn_patterns(clf, data)."
        )
    if patterns.model != clf.card.fingerprint:
        raise ParameterError(
            "The patterns are those of another classifier", "Learn them anew: nnvis.learn_patterns(clf, data)."
        )
    about = scores.subject(clf.card, question)
    rules = WithPatterns(patterns, times_weights)
    function = explained(clf, about, question.output, rules, (name, patterns.source), images.dtype)
    values, target, probability = function(images, target)
    return Answer(values, target, probability, None)
