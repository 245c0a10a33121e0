"""LRP as it is used in practice: epsilon for dense layers, alpha 1 beta 0 for convolutions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRPParameters, attributed, preset
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class LRPPresetA(LRPParameters):
    """Parameters of the composite."""

    epsilon: float = field(default=0.1, metadata={"help": "of the dense layers", "low": 0.0, "high": 1e3})


@METHODS.register(
    "lrp_preset_a",
    title="LRP preset A",
    reference='Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", 2020, '
    "arXiv:1910.09840, section 3",
    parameters=LRPPresetA,
)
def lrp_preset_a(clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPPresetA) -> Answer:
    """Use epsilon in dense layers, alpha 1 beta 0 in convolutions.

    Parameters
    ----------
    clf : Classifier
        Batch normalisation is folded into its neighbours.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : LRPPresetA

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
    Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", IJCNN 2020,
    arXiv:1910.09840, section 3.
    """
    rules = preset(1.0, 0.0, parameters.epsilon, False, parameters.ignore_bias)
    return attributed(clf, images, target, question, "LRP preset A", rules, parameters.input_layer_rule)
