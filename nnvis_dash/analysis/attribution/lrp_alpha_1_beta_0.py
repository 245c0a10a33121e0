"""LRP-alpha-beta with alpha 1 and beta 0: only what supports counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRPParameters, alpha_beta, attributed
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "lrp_alpha_1_beta_0",
    title="LRP-alpha 1, beta 0",
    reference='Bach et al., "On pixel-wise explanations by layer-wise relevance propagation", PLOS ONE 2015, '
    "doi:10.1371/journal.pone.0130140, eq. 60",
    parameters=LRPParameters,
    traits=("adds up without biases",),
)
def lrp_alpha_1_beta_0(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPParameters
) -> Answer:
    """Share what supports an output; what inhibits it gets nothing.

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
        values (N, H, W, C) float32.

    Raises
    ------
    ParameterError
        A classifier without layers, a layer without a rule (names it), or an input layer rule that isn't one.

    References
    ----------
    Bach et al., "On pixel-wise explanations by layer-wise relevance propagation", PLOS ONE 2015,
    doi:10.1371/journal.pone.0130140, eq. 60.
    """
    rules = alpha_beta(1.0, 0.0, parameters.ignore_bias)
    return attributed(clf, images, target, question, "LRP-alpha 1, beta 0", rules, parameters.input_layer_rule)
