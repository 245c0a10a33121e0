"""Deep Taylor decomposition: relevance is shared by positive contributions down to the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRP, attributed
from nnvis_dash.analysis.relevance.rules import ZPlus
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "deep_taylor",
    title="Deep Taylor",
    reference='Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017, '
    "doi:10.1016/j.patcog.2016.11.008, section 4",
    parameters=NoParameters,
    traits=("adds up to the logit",),
)
def deep_taylor(clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters) -> Answer:
    """Share what is positive of the score by positive contributions, down to the pixels.

    Parameters
    ----------
    clf : Classifier
        Batch normalisation is folded into its neighbours.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : NoParameters

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
    doi:10.1016/j.patcog.2016.11.008, section 4.
    """
    return attributed(clf, images, target, question, "Deep Taylor", LRP(ZPlus()))
