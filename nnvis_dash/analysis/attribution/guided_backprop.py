"""Guided backpropagation: the gradient through open rectifiers, of what speaks for the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, rectifiers
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "guided_backprop",
    title="Guided backpropagation",
    reference='Springenberg et al., "Striving for simplicity", ICLR workshop 2015, arXiv:1412.6806, section 3.4',
)
def guided_backprop(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters
) -> Answer:
    """Go back through open rectifiers only, and only with what speaks for the score.

    Parameters
    ----------
    clf : Classifier
        A network without rectifiers gives its plain gradient.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : NoParameters

    Returns
    -------
    Answer
        values (N, H, W, C) float32. Known to show edges more than the decision (arXiv:1810.03292).

    Raises
    ------
    ParameterError
        A classifier without layers.

    References
    ----------
    Springenberg et al., "Striving for simplicity", ICLR workshop 2015, arXiv:1412.6806, section 3.4.
    """
    return rectifiers.explained(clf, images, target, question, "Guided backpropagation", rectifiers.guided)
