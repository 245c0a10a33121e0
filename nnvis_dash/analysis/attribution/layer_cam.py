"""Layer-CAM: each position of a layer's map weighed by its own gradient, so that early layers show detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, cams
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "layer_cam",
    title="Layer-CAM",
    reference='Jiang et al., "LayerCAM", IEEE TIP 30, 2021, doi:10.1109/TIP.2021.3089943, eq. 6-8',
    traits=("through a layer", "positive"),
)
def layer_cam(clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters) -> Answer:
    """Weigh each position of each channel by its own positive gradient.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
        As Grad-CAM takes it; early layers give fine maps.
    parameters : NoParameters

    Returns
    -------
    Answer
        values (N, h, w) float32 >= 0 in the layer's own size.

    Raises
    ------
    ParameterError
        As Grad-CAM.

    References
    ----------
    Jiang et al., "LayerCAM", IEEE TIP 30, 2021, doi:10.1109/TIP.2021.3089943, eq. 6-8.
    """
    return cams.explained(clf, images, target, question, "layer_cam", combine)


def combine(maps: Tensor, gradients: Tensor) -> Tensor:
    """Combine maps (N, h, w, C) by gradients of the same shape to heat (N, h, w)."""
    import tensorflow as tf

    return tf.nn.relu(tf.reduce_sum(maps * tf.nn.relu(gradients), axis=-1))
