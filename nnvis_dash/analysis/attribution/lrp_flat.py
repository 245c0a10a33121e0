"""LRP-flat: every input that reaches an output counts the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.relevance.lrp import LRP, LRPParameters, attributed
from nnvis_dash.analysis.relevance.rules import Flat
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "lrp_flat",
    title="LRP-flat",
    reference='Lapuschkin et al., "Unmasking Clever Hans predictors", Nature Communications 2019, '
    "doi:10.1038/s41467-019-08987-4, supplement",
    parameters=LRPParameters,
    traits=("adds up to the logit",),
)
def lrp_flat(clf: Classifier, images: Images, target: Ints, question: Question, parameters: LRPParameters) -> Answer:
    """Share relevance evenly among the inputs of each output.

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
        values (N, H, W, C) float32. Shows where relevance lies, hardly what carries it.

    Raises
    ------
    ParameterError
        A classifier without layers, a layer without a rule (names it), or an input layer rule that isn't one.

    References
    ----------
    Lapuschkin et al., "Unmasking Clever Hans predictors", Nature Communications 2019,
    doi:10.1038/s41467-019-08987-4, supplement.
    """
    rules = LRP(Flat())
    return attributed(clf, images, target, question, "LRP-flat", rules, parameters.input_layer_rule)
