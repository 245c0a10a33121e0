"""VarGrad: how much the gradient varies over noisy copies of the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.attribution.smoothgrad import SmoothGrad, noisy_sums
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class VarGrad(SmoothGrad):
    """Parameters of VarGrad: those of SmoothGrad."""


@METHODS.register(
    "vargrad",
    title="VarGrad",
    reference='Adebayo et al., "Local explanation methods for deep neural networks lack sensitivity to parameter '
    'values", 2018, arXiv:1810.03307, section 2',
    parameters=VarGrad,
    traits=("slow", "positive"),
)
def vargrad(clf: Classifier, images: Images, target: Ints, question: Question, parameters: VarGrad) -> Answer:
    """Take the variance of the gradient over noisy copies of the image.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : VarGrad

    Returns
    -------
    Answer
        values (N, H, W, C) float32, >= 0.

    References
    ----------
    Adebayo et al., "Local explanation methods for deep neural networks lack sensitivity to parameter values", 2018,
    arXiv:1810.03307, section 2.
    """
    total, squares, target, probability = noisy_sums(clf, images, target, question, parameters)
    mean = total / np.float32(parameters.samples)
    variance = np.maximum(squares / np.float32(parameters.samples) - mean * mean, 0)
    return Answer(scores.as_raw(clf, variance), target, probability, None)
