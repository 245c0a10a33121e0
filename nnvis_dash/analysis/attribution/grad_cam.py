"""Grad-CAM: where, on a layer's map, the evidence for a class lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, cams, scores
from nnvis_dash.analysis.card import layer_with_map
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.types import Floats, Images, Ints

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
    traits=("through a layer", "sign varies"),
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
        its probability. `unit`: of a layer behind it, instead of a class.
    parameters : GradCAM

    Returns
    -------
    Answer
        values (N, h, w) float32 in the layer's own size; >= 0 with `relu`, all zero where no channel supports the
        target.

    Raises
    ------
    ParameterError
        A layer without a map (names those that have one), or one that isn't before the unit.

    References
    ----------
    Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391, eq. 1-2.
    """

    def heat(maps: Tensor, gradients: Tensor) -> Tensor:
        return combine(maps, gradients, parameters.relu)

    return cams.explained(clf, images, target, question, "grad_cam", heat, parameters)


def combine(maps: Tensor, gradients: Tensor, relu: bool = True) -> Tensor:
    """Combine a layer's maps by their mean gradients.

    Parameters
    ----------
    maps : (N, h, w, C) tensor
    gradients : (N, h, w, C) tensor
        d score[target] / d maps.
    relu : bool
        Keep only the positive part.

    Returns
    -------
    (N, h, w) tensor
    """
    import tensorflow as tf

    weights = tf.reduce_mean(gradients, axis=(1, 2))
    heat = tf.linalg.matvec(maps, weights[:, None, :])
    return tf.nn.relu(heat) if relu else heat


def class_maps(
    clf: Classifier, images: Any, layer: str | None = None, output: str = "logits", relu: bool = True
) -> Floats:
    """Return Grad-CAM of every class at once.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
    layer : str, optional
        The last convolution by default.
    output : {"logits", "probabilities"}
    relu : bool

    Returns
    -------
    (N, K, h, w) float32
        One map for each of the K classes, equal to those of `grad_cam`. The way forward is gone once.

    Raises
    ------
    ParameterError
        A layer without a map.
    """
    name = layer_with_map(clf.card, layer).name

    def explain(raw: Tensor) -> Any:
        import tensorflow as tf

        seen: list[Tensor] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def visit(step: str, tensor: Tensor) -> Tensor:
                if step != name:
                    return tensor
                # A shift of a whole channel: its gradient is the sum over positions, N × C numbers, not N × h × w × C.
                shift = tf.zeros((tf.shape(tensor)[0], tensor.shape[-1]), tensor.dtype)
                tape.watch(shift)
                seen.extend((tensor, shift))
                return tensor + shift[:, None, None, :]

            values = clf.scores(raw, visit, output)
        maps, shift = seen
        sums = tape.batch_jacobian(values, shift)
        positions = tf.cast(tf.reduce_prod(tf.shape(maps)[1:3]), sums.dtype)
        heat = tf.einsum("nhwc,nkc->nkhw", tf.cast(maps, tf.float32), tf.cast(sums / positions, tf.float32))
        return (tf.nn.relu(heat) if relu else heat,)

    parts = []
    for batch in clf.batches(images):
        key = ("class maps", name, output, relu, batch.dtype.name)
        (heat,) = scores.traced(clf, key, explain, clf.signature(batch.dtype))(batch)
        parts.append(heat)
    return np.concatenate(parts) if parts else np.empty((0, clf.card.n_classes, 0, 0), np.float32)
