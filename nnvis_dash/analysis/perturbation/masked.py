"""Scores of an image with parts taken away, for any number of masks, in batches of bounded memory.

Masks travel as bytes and are laid over the raw pixels inside the graph, so a thousand of them cost a thousand passes
forward and little else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import Question, scores
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Masks = npt.NDArray[Any]  # (..., h, w), uint8 0..255 or bool: how much of the image stays


def masked_scores(
    clf: Classifier,
    images: Images,
    target: Ints,
    question: Question,
    filling: Floats,
    n_masks: int,
    masks: Callable[[int, int], Masks],
) -> Floats:
    """Score every image under every mask.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
        Prepared for the classifier.
    target : (N,) int32
        Classes, none of them −1.
    question : Question
    filling : (N, H, W, C) float32
        What stands where the mask is 0, in raw pixels.
    n_masks : int
    masks : function (start, stop) -> (m, H, W), or (N, m, H, W) for masks of each image's own
        uint8: 255 is the image, 0 the filling; or bool.

    Returns
    -------
    (N, n_masks) float32
    """
    import tensorflow as tf

    about = scores.subject(clf.card, question)
    height, width, channels = clf.card.input_shape

    def explain(raw: Tensor, target: Tensor, filling: Tensor, kept: Tensor) -> Any:
        share = tf.cast(kept, tf.float32)[..., None] / 255.0
        mixed = filling[:, None] + share * (tf.cast(raw, tf.float32) - filling)[:, None]
        x = scores.prepared(clf, tf.reshape(mixed, (-1, height, width, channels)))
        m = tf.shape(mixed)[1]
        value = scores.score(clf, x, tf.repeat(target, m), about, question.output).value
        return (tf.reshape(value, (-1, m)),)

    specs = (
        *scores.specs(clf, images),
        tf.TensorSpec((None, height, width, channels), tf.float32),
        tf.TensorSpec((None, None, height, width), tf.uint8),
    )
    key = ("masked", about, question.output, images.dtype.name)
    function = scores.traced(clf, key, explain, *specs)
    found = np.empty((len(images), n_masks), np.float32)
    size = scores.room(clf, len(images))
    for start in range(0, n_masks, size):
        stop = min(start + size, n_masks)
        kept = masks(start, stop)
        kept = kept.astype(np.uint8) * 255 if kept.dtype == bool else kept
        kept = kept[None] if kept.ndim == 3 else kept
        (found[:, start:stop],) = function(images, target, filling, kept)
        progress.step(stop, n_masks)
    return found
