"""LRP-z+: relevance is shared by the positive weights, without biases."""

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
class LRPZPlus:
    """Parameters of LRP-z+."""

    fast: bool = field(default=False, metadata={"help": "take the inputs for positive, as they are behind rectifiers"})
    input_layer_rule: str | tuple | None = field(  # type: ignore[type-arg]
        default=None,
        metadata={"help": "another rule at the pixels: flat, or bounds (low, high) of the raw pixels for the box rule"},
    )


@METHODS.register(
    "lrp_z_plus",
    title="LRP-z⁺",
    reference='Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017, '
    "doi:10.1016/j.patcog.2016.11.008, eq. 15",
    parameters=LRPZPlus,
    traits=("adds up to the logit",),
)
def lrp_z_plus(clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPZPlus) -> Answer:
    """Share relevance by positive contributions, without biases.

    Parameters
    ----------
    clf : Classifier
        Batch normalisation is folded into its neighbours.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : LRPZPlus

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
    doi:10.1016/j.patcog.2016.11.008, eq. 15.
    """
    rules = LRP(ZPlus(parameters.fast))
    return attributed(clf, images, target, question, "LRP-z⁺", rules, parameters.input_layer_rule)
