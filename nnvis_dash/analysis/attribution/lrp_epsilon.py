"""LRP-epsilon: as LRP-z, but small and contradictory evidence is taken up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRP, LRPParameters, attributed
from nnvis_dash.analysis.relevance.rules import Z
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class LRPEpsilon(LRPParameters):
    """Parameters of LRP-epsilon."""

    epsilon: float = field(
        default=1e-7, metadata={"help": "takes up weak and contradictory evidence", "low": 0.0, "high": 1e3}
    )


@METHODS.register(
    "lrp_epsilon",
    title="LRP-epsilon",
    reference='Bach et al., "On pixel-wise explanations by layer-wise relevance propagation", PLOS ONE 2015, '
    "doi:10.1371/journal.pone.0130140, eq. 58",
    parameters=LRPEpsilon,
)
def lrp_epsilon(clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPEpsilon) -> Answer:
    """Share relevance in proportion to contributions, weak ones are taken up by epsilon.

    Parameters
    ----------
    clf : Classifier
        Batch normalisation is folded into its neighbours.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : LRPEpsilon

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
    doi:10.1371/journal.pone.0130140, eq. 58.
    """
    rules = LRP(Z(parameters.epsilon, not parameters.ignore_bias))
    return attributed(clf, images, target, question, "LRP-epsilon", rules, parameters.input_layer_rule)
