"""Grad-CAM: where, on a layer's map, the evidence for a class lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question
from nnvis_dash.analysis.card import layer_with_map
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class GradCAM:
    """Parameters of Grad-CAM."""

    relu: bool = field(default=True, metadata={"help": "keep only what speaks for the class"})


@METHODS.register(
    "grad_cam",
    title="Grad-CAM",
    reference='Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391, eq. 1-2',
    parameters=GradCAM,
    traits=("through a layer",),
)
def grad_cam(clf: Classifier, images: Images, target: Ints, question: Question, parameters: GradCAM) -> Answer:
    """Weigh each channel of a layer's map by its mean gradient, sum, keep the positive part.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
        Prepared for the classifier.
    target : (N,) int32
        Classes; −1 for the image's own prediction.
    question : Question
        `layer`: any with a map, the last convolution by default. `output`: the class's logit (as in the paper) or
        its probability.
    parameters : GradCAM

    Returns
    -------
    Answer
        values (N, h, w) float32 in the layer's own size; >= 0 with `relu`, all zero where no channel supports the
        target.

    Raises
    ------
    ParameterError
        A layer without a map (names those that have one), or a unit to explain.

    References
    ----------
    Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391, eq. 1-2.
    """
    if question.unit is not None:
        raise ParameterError(f"Grad-CAM was asked for the unit {question.unit}", "It explains classes: give a target.")
    layer = layer_with_map(clf.card, question.layer).name
    key = ("grad_cam", layer, question.output, parameters.relu, images.dtype.name)
    function = clf.compiled(key, lambda: _build(clf, layer, question.output, parameters.relu, images.dtype))
    values, target, probability = (tensor.numpy() for tensor in function(images, target))
    return Answer(values, target, probability, layer)


def combine(activations: Tensor, gradients: Tensor, relu: bool = True) -> Tensor:
    """Combine a layer's maps by their mean gradients.

    Parameters
    ----------
    activations : (N, h, w, C) tensor
    gradients : (N, h, w, C) tensor
        d score[target] / d activations.
    relu : bool
        Keep only the positive part.

    Returns
    -------
    (N, h, w) tensor
    """
    import tensorflow as tf

    weights = tf.reduce_mean(gradients, axis=(1, 2))
    heat = tf.linalg.matvec(activations, weights[:, None, :])
    return tf.nn.relu(heat) if relu else heat


def _build(clf: Classifier, layer: str, output: str, relu: bool, dtype: np.dtype[Any]) -> Callable[..., Any]:
    """Trace (raw images, targets) -> (heat, targets, probability of the target) as one graph."""
    import tensorflow as tf

    def explain(raw: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen: list[Tensor] = []
        # Nothing is recorded before the layer is met, so the way back ends there too.
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def watch(name: str, tensor: Tensor) -> Tensor:
                if name == layer:
                    tape.watch(tensor)
                    seen.append(tensor)
                return tensor

            logits = clf.scores(raw, watch, "logits")
            probabilities = clf.to_probabilities(logits)
            target = tf.where(target < 0, tf.argmax(probabilities, axis=1, output_type=tf.int32), target)
            scores = logits if output == "logits" else probabilities
            score = tf.reduce_sum(tf.gather(scores, target, axis=1, batch_dims=1))
        activations = seen[0]
        gradients = tape.gradient(score, activations, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        heat = combine(tf.cast(activations, tf.float32), tf.cast(gradients, tf.float32), relu)
        return heat, target, tf.gather(probabilities, target, axis=1, batch_dims=1)

    signature = (clf.signature(dtype), tf.TensorSpec((None,), tf.int32))
    function = tf.function(explain, autograph=False).get_concrete_function(*signature)
    return lambda images, target: function(tf.convert_to_tensor(images), tf.convert_to_tensor(target))
