"""SmoothGrad: the gradient, averaged over noisy copies of the image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores, steps
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class SmoothGrad:
    """Parameters of SmoothGrad and VarGrad."""

    samples: int = field(default=32, metadata={"help": "noisy copies of the image", "low": 1, "high": 1000})
    noise: float = field(
        default=0.15,
        metadata={"help": "standard deviation of the noise as a share of the input's range", "low": 0.0, "high": 1.0},
    )
    seed: int = field(default=0, metadata={"help": "of the noise", "low": 0, "high": 2**31 - 1})


@METHODS.register(
    "smoothgrad",
    title="SmoothGrad",
    reference='Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, arXiv:1706.03825, section 3',
    parameters=SmoothGrad,
    traits=("slow",),
)
def smoothgrad(clf: Classifier, images: Images, target: Ints, question: Question, parameters: SmoothGrad) -> Answer:
    """Average the gradient over noisy copies of the image.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : SmoothGrad

    Returns
    -------
    Answer
        values (N, H, W, C) float32. The noise depends on the seed and not on the other images; with one sample and no
        noise this is the gradient.

    References
    ----------
    Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, arXiv:1706.03825, section 3.
    """
    total, _, target, probability = noisy_sums(clf, images, target, question, parameters)
    return Answer(scores.as_raw(clf, total / np.float32(parameters.samples)), target, probability, None)


def noisy_sums(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: SmoothGrad
) -> tuple[Floats, Floats, Ints, Floats]:
    """Sum gradients and their squares over noisy copies, as `steps.gradient_sums` returns them."""
    import tensorflow as tf

    shape = clf.card.input_shape

    def vary(x: Tensor, noise: Tensor, share: Tensor) -> Tensor:
        axes = (1, 2, 3)
        spread = tf.reduce_max(x, axes, keepdims=True) - tf.reduce_min(x, axes, keepdims=True)
        return x[None] + (share * spread)[None] * noise[:, None]

    def given(start: int, stop: int) -> tuple[Any, Any]:
        drawn = np.stack([scores.noise(parameters.seed, step, shape) for step in range(start, stop)])
        return drawn, np.float32(parameters.noise)

    specs = (tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec((), tf.float32))
    return steps.gradient_sums(clf, images, target, question, "noise", parameters.samples, vary, given, specs)
