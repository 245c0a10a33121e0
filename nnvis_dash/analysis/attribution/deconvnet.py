"""DeconvNet: the way back with rectifiers on the gradient instead of on the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, rectifiers
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "deconvnet",
    title="DeconvNet",
    reference='Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, arXiv:1311.2901',
)
def deconvnet(clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters) -> Answer:
    """Go back with what speaks for the score, whether a rectifier was open or not.

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
        values (N, H, W, C) float32.

    Raises
    ------
    ParameterError
        A classifier without layers.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, arXiv:1311.2901, section 2.1.
    """
    return rectifiers.explained(clf, images, target, question, "DeconvNet", rectifiers.deconvolved)
