"""Integrated gradients: the gradient along the way from a baseline to the image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores, steps
from nnvis_dash.analysis.attribution.baselines import BASELINES, baseline
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class IntegratedGradients:
    """Parameters of integrated gradients."""

    steps: int = field(default=32, metadata={"help": "points on the way", "low": 1, "high": 1000})
    baseline: str = field(
        default="black", metadata={"help": "where the way begins: an image without evidence", "choices": BASELINES}
    )
    points: str = field(
        default="middle",
        metadata={"help": "in the middle of equal steps, or evenly from end to end", "choices": ("middle", "ends")},
    )


@METHODS.register(
    "integrated_gradients",
    title="Integrated gradients",
    reference='Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017, arXiv:1703.01365, eq. 1, 3',
    parameters=IntegratedGradients,
    traits=("slow", "adds up"),
)
def integrated_gradients(
    clf: Classifier, images: Images, target: Ints, question: Question, parameters: IntegratedGradients
) -> Answer:
    """Add the gradients up along the straight way from a baseline to the image.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : IntegratedGradients

    Returns
    -------
    Answer
        values (N, H, W, C) float32 that add up to score(image) − score(baseline) as the steps become many, soonest
        with points in the middle of each step.

    References
    ----------
    Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017, arXiv:1703.01365, eq. 1 and 3.
    """
    import tensorflow as tf

    middle = (np.arange(parameters.steps, dtype=np.float32) + 0.5) / parameters.steps
    shares = middle if parameters.points == "middle" else np.linspace(0, 1, parameters.steps, dtype=np.float32)
    begins = baseline(images, parameters.baseline)

    def vary(x: Tensor, begins: Tensor, shares: Tensor) -> Tensor:
        start = scores.prepared(clf, begins)
        return start[None] + shares[:, None, None, None, None] * (x - start)[None]

    def given(start: int, stop: int) -> tuple[Floats, Any]:
        return begins, shares[start:stop]

    specs = (tf.TensorSpec((None, *clf.card.input_shape), tf.float32), tf.TensorSpec((None,), tf.float32))
    total, _, target, probability = steps.gradient_sums(
        clf, images, target, question, "way", parameters.steps, vary, given, specs
    )
    way = scores.prepared(clf, tf.constant(images)) - scores.prepared(clf, tf.constant(begins))
    values = total / np.float32(parameters.steps) * np.asarray(way)
    return Answer(scores.as_raw(clf, values), target, probability, None)
