"""The gradient: how the score would change with each pixel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class Gradient:
    """Parameters of the gradient."""

    absolute: bool = field(default=False, metadata={"help": "its size only: the saliency map"})


@METHODS.register(
    "gradient",
    title="Gradient (saliency)",
    reference='Simonyan et al., "Deep inside convolutional networks", ICLR workshop 2014, arXiv:1312.6034, section 3',
    parameters=Gradient,
)
def gradient(clf: Classifier, images: Images, target: Ints, question: Question, parameters: Gradient) -> Answer:
    """Show how the score would change with each pixel.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
        Prepared for the classifier.
    target : (N,) int32
        Classes; −1 for the image's own prediction.
    question : Question
    parameters : Gradient

    Returns
    -------
    Answer
        values (N, H, W, C) float32: d score / d model input (after the preprocessing), channels as in the raw pixels.

    References
    ----------
    Simonyan et al., "Deep inside convolutional networks", ICLR workshop 2014, arXiv:1312.6034, section 3.
    """
    import tensorflow as tf

    about = scores.subject(clf.card, question)

    def explain(raw: Tensor, target: Tensor) -> Any:
        values, found = scores.gradient(clf, scores.prepared(clf, raw), target, about, question.output)
        values = tf.abs(values) if parameters.absolute else values
        return scores.as_raw(clf, values), found.target, found.probability

    key = ("gradient", about, question.output, parameters, images.dtype.name)
    function = scores.traced(clf, key, explain, *scores.specs(clf, images))
    values, target, probability = function(images, target)
    return Answer(values, target, probability, None)
