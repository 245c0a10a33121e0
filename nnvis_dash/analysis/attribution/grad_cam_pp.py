"""Grad-CAM++: Grad-CAM that doesn't lose the second object of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, cams
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "grad_cam_pp",
    title="Grad-CAM++",
    reference='Chattopadhyay et al., "Grad-CAM++", WACV 2018, arXiv:1710.11063, eq. 5, 10 and 19',
    traits=("through a layer", "positive"),
)
def grad_cam_pp(clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters) -> Answer:
    """Weigh each channel by its positive gradients, each position by how much it alone carries the score.

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
        values (N, h, w) float32 >= 0 in the layer's own size. The paper explains exp(score); its factor, one number an
        image, is left out, so nothing overflows.

    Raises
    ------
    ParameterError
        As Grad-CAM.

    References
    ----------
    Chattopadhyay et al., "Grad-CAM++", WACV 2018, arXiv:1710.11063, eq. 5, 10 and 19.
    """
    return cams.explained(clf, images, target, question, "grad_cam_pp", combine)


def combine(maps: Tensor, gradients: Tensor) -> Tensor:
    """Combine maps (N, h, w, C) by gradients of the same shape to heat (N, h, w)."""
    import tensorflow as tf

    squares = gradients * gradients
    total = tf.reduce_sum(maps, axis=(1, 2), keepdims=True)
    below = 2 * squares + total * squares * gradients
    share = tf.where(below != 0, squares / tf.where(below != 0, below, 1), 0)
    weights = tf.reduce_sum(share * tf.nn.relu(gradients), axis=(1, 2))
    return tf.nn.relu(tf.linalg.matvec(maps, weights[:, None, :]))
