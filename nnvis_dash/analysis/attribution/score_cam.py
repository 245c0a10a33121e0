"""Score-CAM: each channel of a layer's map weighed by the score of the image seen through it; no gradient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import METHODS, Answer, Question, cams, scores
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class ScoreCAM:
    """Parameters of Score-CAM."""

    channels: int = field(
        default=0,
        metadata={"help": "only so many of the channels, those that vary most; 0: all", "low": 0, "high": 10_000},
    )


@METHODS.register(
    "score_cam",
    title="Score-CAM",
    reference='Wang et al., "Score-CAM", CVPR workshops 2020, arXiv:1910.01279, eq. 2-6',
    parameters=ScoreCAM,
    traits=("through a layer", "positive", "slow"),
)
def score_cam(clf: Classifier, images: Images, target: Ints, question: Question, parameters: ScoreCAM) -> Answer:
    """Weigh each channel of a layer's map by the score of the image seen through it.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
        As Grad-CAM takes it.
    parameters : ScoreCAM

    Returns
    -------
    Answer
        values (N, h, w) float32 >= 0 in the layer's own size. Each channel, stretched to the image and brought to
        0..1, is multiplied with the model's input; the softmax over channels of the scores are the weights. Costs a
        pass forward a channel.

    Raises
    ------
    ParameterError
        As Grad-CAM.

    References
    ----------
    Wang et al., "Score-CAM", CVPR workshops 2020, arXiv:1910.01279, eq. 2-6.
    """
    layer, about = cams.through(clf, question)
    target, probability = scores.resolved(clf, images, target, about, question.output)
    maps = _maps(clf, images, layer)
    if parameters.channels and parameters.channels < maps.shape[-1]:
        order = np.argsort(-maps.std(axis=(1, 2)), axis=1, kind="stable")[:, : parameters.channels]
        maps = np.take_along_axis(maps, np.sort(order, axis=1)[:, None, None, :], axis=3)
    n_channels = maps.shape[-1]
    found = np.empty((len(images), n_channels), np.float32)
    size = scores.room(clf, len(images))
    function = _seen_through(clf, images, about, question.output, maps.shape[1:3])
    for start in range(0, n_channels, size):
        stop = min(start + size, n_channels)
        (found[:, start:stop],) = function(images, target, np.ascontiguousarray(maps[..., start:stop]))
        progress.step(stop, n_channels)
    weights = np.exp(found - found.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    heat = np.maximum(np.einsum("nhwc,nc->nhw", maps, weights), 0).astype(np.float32)
    return Answer(heat, target, probability, layer)


def _maps(clf: Classifier, images: Images, layer: str) -> Floats:
    """Return a layer's maps (N, h, w, C) float32."""

    def explain(raw: Tensor) -> Any:
        import tensorflow as tf

        seen, visit = scores.keeping(layer)
        clf.scores(raw, visit)
        return (tf.cast(seen[0], tf.float32),)

    (maps,) = scores.traced(clf, ("maps", layer, images.dtype.name), explain, clf.signature(images.dtype))(images)
    return np.asarray(maps)


def _seen_through(
    clf: Classifier, images: Images, about: scores.Subject, output: str, size: tuple[int, int]
) -> scores.Traced:
    """Return (images, targets, maps (N, h, w, k)) -> scores (N, k) of the images multiplied with each map."""
    import tensorflow as tf

    height, width, _ = clf.card.input_shape

    def explain(raw: Tensor, target: Tensor, maps: Tensor) -> Any:
        x = scores.prepared(clf, raw)
        large = tf.image.resize(maps, (height, width))
        low = tf.reduce_min(large, axis=(1, 2), keepdims=True)
        span = tf.reduce_max(large, axis=(1, 2), keepdims=True) - low
        masks = tf.where(span > 0, (large - low) / tf.where(span > 0, span, 1), 0)
        k = tf.shape(maps)[-1]
        seen = tf.transpose(masks, (0, 3, 1, 2))[..., None] * x[:, None]
        flat = tf.reshape(seen, (-1, *clf.card.input_shape))
        value = scores.score(clf, flat, tf.repeat(target, k), about, output).value
        return (tf.reshape(value, (-1, k)),)

    spec = tf.TensorSpec((None, *size, None), tf.float32)
    key = ("score_cam", about, output, size, images.dtype.name)
    return scores.traced(clf, key, explain, *scores.specs(clf, images), spec)
