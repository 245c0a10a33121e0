"""LRP-0: each input gets the share that it adds to an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRP, LRPParameters, attributed
from nnvis_dash.analysis.relevance.rules import Z
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "lrp_z",
    title="LRP-z",
    reference='Bach et al., "On pixel-wise explanations by layer-wise relevance propagation", PLOS ONE 2015, '
    "doi:10.1371/journal.pone.0130140, eq. 56",
    parameters=LRPParameters,
    traits=("adds up without biases",),
)
def lrp_z(clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPParameters) -> Answer:
    """Share relevance in proportion to what each input adds to an output.

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
        values (N, H, W, C) float32. Without biases they add up to the score; in a network of rectifiers this
        is input × gradient.

    Raises
    ------
    ParameterError
        A classifier without layers, a layer without a rule (names it), or an input layer rule that isn't one.

    References
    ----------
    Bach et al., "On pixel-wise explanations by layer-wise relevance propagation", PLOS ONE 2015,
    doi:10.1371/journal.pone.0130140, eq. 56.
    """
    rules = LRP(Z(0.0, not parameters.ignore_bias))
    return attributed(clf, images, target, question, "LRP-z", rules, parameters.input_layer_rule)
