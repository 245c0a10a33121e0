"""Deep Taylor decomposition that knows the range of the pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRP, attributed
from nnvis_dash.analysis.relevance.rules import ZPlus
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class DeepTaylorBounded:
    """Parameters of bounded deep Taylor decomposition."""

    low: float = field(
        default=0.0, metadata={"help": "the lowest raw pixel that there can be", "low": -1e6, "high": 1e6}
    )
    high: float = field(default=255.0, metadata={"help": "the highest", "low": -1e6, "high": 1e6})


@METHODS.register(
    "deep_taylor_bounded",
    title="Deep Taylor, bounded",
    reference='Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017, '
    "doi:10.1016/j.patcog.2016.11.008, section 4 (z-B rule)",
    parameters=DeepTaylorBounded,
    traits=("adds up to the logit",),
)
def deep_taylor_bounded(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: DeepTaylorBounded
) -> Answer:
    """Share what is positive of the score by positive contributions; pixels lie between bounds.

    Parameters
    ----------
    clf : Classifier
        Batch normalisation is folded into its neighbours.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : DeepTaylorBounded

    Returns
    -------
    Answer
        values (N, H, W, C) float32.

    Raises
    ------
    ParameterError
        A classifier without layers, a layer without a rule (names it), or an input layer rule that isn't one.

    References
    ----------
    Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017,
    doi:10.1016/j.patcog.2016.11.008, section 4 (z-B rule).
    """
    rules = LRP(ZPlus())
    bounds = (parameters.low, parameters.high)
    return attributed(clf, images, target, question, "Deep Taylor, bounded", rules, bounds)
