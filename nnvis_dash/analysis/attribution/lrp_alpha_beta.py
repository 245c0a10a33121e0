"""LRP-alpha-beta: what supports and what inhibits an output is shared apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRPParameters, alpha_beta, attributed
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class LRPAlphaBeta(LRPParameters):
    """Parameters of LRP-alpha-beta."""

    alpha: float = field(default=2.0, metadata={"help": "weight of what supports; beta + 1", "low": 1.0, "high": 100.0})
    beta: float = field(default=1.0, metadata={"help": "weight of what inhibits", "low": 0.0, "high": 99.0})


@METHODS.register(
    "lrp_alpha_beta",
    title="LRP-alpha-beta",
    reference='Bach et al., "On pixel-wise explanations by layer-wise relevance propagation", PLOS ONE 2015, '
    "doi:10.1371/journal.pone.0130140, eq. 60",
    parameters=LRPAlphaBeta,
    traits=("adds up without biases",),
)
def lrp_alpha_beta(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPAlphaBeta
) -> Answer:
    """Share what supports and what inhibits an output apart.

    Parameters
    ----------
    clf : Classifier
        Batch normalisation is folded into its neighbours.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : LRPAlphaBeta

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
    rules = alpha_beta(parameters.alpha, parameters.beta, parameters.ignore_bias)
    return attributed(clf, images, target, question, "LRP-alpha-beta", rules, parameters.input_layer_rule)
