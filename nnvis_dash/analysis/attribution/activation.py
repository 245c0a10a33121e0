"""Activation: what a layer or one of its units sees in the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.card import layer_with_map
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@METHODS.register(
    "activation",
    title="Activation",
    reference='Yosinski et al., "Understanding neural networks through deep visualization", 2015, arXiv:1506.06579',
    traits=("sign varies",),
)
def activation(clf: Classifier, images: Images, target: Ints, question: Question, parameters: NoParameters) -> Answer:
    """Show a unit's feature map, or the mean of a layer's.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
        Says only which class's probability is told.
    question : Question
        `unit` or `layer`: the last convolution's mean by default.
    parameters : NoParameters

    Returns
    -------
    Answer
        values (N, h, w) float32 in the layer's own size; (N, 1, 1) for a layer without a map.

    Raises
    ------
    ParameterError
        No such layer or unit, or a classifier without layers.

    References
    ----------
    Yosinski et al., "Understanding neural networks through deep visualization", 2015, arXiv:1506.06579, section 2.
    """
    import tensorflow as tf

    about = scores.subject(clf.card, question)
    layer = about.layer or layer_with_map(clf.card, None).name

    def explain(raw: Tensor, target: Tensor) -> Any:
        seen, visit = scores.keeping(layer)
        found = scores.score(clf, scores.prepared(clf, raw), target, scores.Subject(), question.output, visit)
        maps = tf.cast(seen[0], tf.float32)
        if maps.shape.rank != 4:  # its units are nowhere in the image: one value for all of it
            steps = tf.reshape(maps, (tf.shape(maps)[0], 1, -1, maps.shape[-1]))
            maps = tf.reduce_mean(steps, axis=2, keepdims=True)
        heat = tf.reduce_mean(maps, axis=-1) if about.channel is None else maps[..., about.channel]
        return heat, found.target, found.probability

    key = ("activation", layer, about.channel, question.output, images.dtype.name)
    values, target, probability = scores.traced(clf, key, explain, *scores.specs(clf, images))(images, target)
    return Answer(values, target, probability, layer)
