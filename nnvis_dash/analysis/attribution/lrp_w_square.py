"""LRP-w²: relevance is shared by the squared weights, whatever the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRP, LRPParameters, attributed
from nnvis_dash.analysis.relevance.rules import WSquare
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "lrp_w_square",
    title="LRP-w²",
    reference='Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017, '
    "doi:10.1016/j.patcog.2016.11.008, eq. 12",
    parameters=LRPParameters,
    traits=("adds up to the logit",),
)
def lrp_w_square(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPParameters
) -> Answer:
    """Share relevance in proportion to the squared weights.

    Parameters
    ----------
    clf : Classifier
        Batch normalisation is folded into its neighbours.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : LRPParameters

    Returns
    -------
    Answer
        values (N, H, W, C) float32. Conserves relevance in every layer.

    Raises
    ------
    ParameterError
        A classifier without layers, a layer without a rule (names it), or an input layer rule that isn't one.

    References
    ----------
    Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017,
    doi:10.1016/j.patcog.2016.11.008, eq. 12.
    """
    rules = LRP(WSquare())
    return attributed(clf, images, target, question, "LRP-w²", rules, parameters.input_layer_rule)
