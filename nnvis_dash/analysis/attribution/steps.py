"""Gradients at many variants of each image, summed: what SmoothGrad, VarGrad and integrated gradients share.

Variants are made inside the graph, as many at once as memory allows, so a step costs one pass there and back and
nothing is traced again whatever the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import Question, scores
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


def gradient_sums(
    clf: Classifier,
    images: Images,
    target: Ints,
    question: Question,
    key: Hashable,
    n_steps: int,
    vary: Callable[..., Tensor],
    given: Callable[[int, int], Sequence[Any]],
    given_specs: Sequence[Any],
) -> tuple[Floats, Floats, Ints, Floats]:
    """Sum gradients, and their squares, over variants of images.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C)
        Prepared for the classifier.
    target : (N,) int32
        The classes of the images themselves are explained of all their variants.
    question : Question
    key : hashable
        Everything that `vary` depends on besides its arguments.
    n_steps : int
        Variants of each image.
    vary : function (x, *given) -> (k, N, H, W, C) tensor
        Makes k variants of preprocessed images inside the graph.
    given : function (start, stop) -> arrays
        What `vary` gets for the variants `start` to `stop`.
    given_specs : sequence of tf.TensorSpec

    Returns
    -------
    (N, H, W, C) float32, (N, H, W, C) float32, (N,) int32, (N,) float32
        Sums, sums of squares (channels in the model's order), classes, their probabilities.
    """
    import tensorflow as tf

    about = scores.subject(clf.card, question)

    def explain(raw: Tensor, target: Tensor, *more: Tensor) -> Any:
        x = scores.prepared(clf, raw)
        variants = vary(x, *more)
        k = tf.shape(variants)[0]
        flat = tf.reshape(variants, (-1, *clf.card.input_shape))
        values, _ = scores.gradient(clf, flat, tf.tile(target, (k,)), about, question.output)
        values = tf.reshape(values, (k, -1, *clf.card.input_shape))
        return tf.reduce_sum(values, axis=0), tf.reduce_sum(values * values, axis=0)

    target, probability = scores.resolved(clf, images, target, about, question.output)
    function = scores.traced(
        clf,
        ("steps", key, about, question.output, images.dtype.name),
        explain,
        *scores.specs(clf, images),
        *given_specs,
    )
    size = scores.room(clf, len(images))
    sums = np.zeros((2, len(images), *clf.card.input_shape), np.float64)
    for start in range(0, n_steps, size):
        stop = min(start + size, n_steps)
        for place, found in zip(sums, function(images, target, *given(start, stop)), strict=True):
            place += found
        progress.step(stop, n_steps)
    total, squares = sums.astype(np.float32)
    return total, squares, target, probability
