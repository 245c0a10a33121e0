"""Guided Grad-CAM: guided backpropagation's detail where Grad-CAM finds the class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, cams, rectifiers, scores, stretch
from nnvis_dash.analysis.attribution.grad_cam import combine
from nnvis_dash.analysis.graph import Tensor
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
    import tensorflow as tf

    scores.need_layers(clf.card, "Guided Grad-CAM")
    layer, about = cams.through(clf, question)

    def explain(raw: Tensor, target: Tensor) -> Any:
        x = scores.prepared(clf, raw)
        graph = rectifiers.with_way_back(clf.graph, rectifiers.guided)
        seen, visit = scores.keeping(layer)
        fine, found = scores.gradient(clf, x, target, about, question.output, graph, visit)
        # The way forward gives the same maps, so that Grad-CAM costs the layers behind its own once more.
        maps, gradients, _ = cams.maps_and_gradients(clf, raw, target, layer, about, question.output, seen[0])
        heat = combine(tf.cast(maps, tf.float32), tf.cast(gradients, tf.float32))
        return scores.as_raw(clf, fine), heat, found.target, found.probability

    key = ("guided_grad_cam", layer, about, question.output, images.dtype.name)
    fine, heat, target, probability = scores.traced(clf, key, explain, *scores.specs(clf, images))(images, target)
    return Answer(fine * stretch(heat, clf.card.input_shape[:2])[..., None], target, probability, layer)
