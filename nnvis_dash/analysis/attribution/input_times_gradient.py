"""Input × gradient: what each pixel adds to the score, to first order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "input_times_gradient",
    title="Input × gradient",
    reference='Shrikumar et al., "Not just a black box", 2016, arXiv:1605.01713, section 2',
)
def input_times_gradient(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters
) -> Answer:
    """Multiply the model's input with the score's gradient.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : NoParameters

    Returns
    -------
    Answer
        values (N, H, W, C) float32, of the preprocessed input: they depend on what the preprocessing calls zero.

    References
    ----------
    Shrikumar et al., "Not just a black box", 2016, arXiv:1605.01713, section 2.
    """
    about = scores.subject(clf.card, question)

    def explain(raw: Tensor, target: Tensor) -> Any:
        x = scores.prepared(clf, raw)
        values, found = scores.gradient(clf, x, target, about, question.output)
        return scores.as_raw(clf, x * values), found.target, found.probability

    key = ("input_times_gradient", about, question.output, images.dtype.name)
    function = scores.traced(clf, key, explain, *scores.specs(clf, images))
    values, target, probability = function(images, target)
    return Answer(values, target, probability, None)
