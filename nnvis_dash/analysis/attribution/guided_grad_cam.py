"""Guided Grad-CAM: guided backpropagation's detail where Grad-CAM finds the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, cams, rectifiers, stretch
from nnvis_dash.analysis.attribution.grad_cam import GradCAM, grad_cam
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "guided_grad_cam",
    title="Guided Grad-CAM",
    reference='Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391, section 3.2',
    traits=("through a layer",),
)
def guided_grad_cam(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters
) -> Answer:
    """Multiply guided backpropagation with Grad-CAM, stretched to the image.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
        As Grad-CAM takes it.
    parameters : NoParameters

    Returns
    -------
    Answer
        values (N, H, W, C) float32.

    Raises
    ------
    ParameterError
        As Grad-CAM.

    References
    ----------
    Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391, section 3.2.
    """
    cams.through(clf, question)
    where = grad_cam(clf, images, target, question, GradCAM())
    same = Question(None, question.unit, question.output)
    fine = rectifiers.explained(clf, images, target, same, "Guided Grad-CAM", rectifiers.guided)
    heat = stretch(where.values, clf.card.input_shape[:2])
    return where._replace(values=fine.values * heat[..., None])
