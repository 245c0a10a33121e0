"""FGSM: one step of epsilon, every pixel value up or down as the gradient says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attacks import ATTACKS, Goal, epsilon_field
from nnvis_dash.analysis.attacks.gradients import gradients
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class FGSM:
    """Parameters of FGSM."""

    epsilon: float = epsilon_field()


@ATTACKS.register(
    "fgsm",
    title="FGSM",
    reference=(
        'Goodfellow et al., "Explaining and harnessing adversarial examples", ICLR 2015, arXiv:1412.6572, section 4'
    ),
    parameters=FGSM,
    traits=("linf", "bounded", "targeted", "gradients"),
)
def fgsm(clf: Classifier, images: Floats, goal: Goal, parameters: FGSM) -> Floats:
    """Take one step of epsilon in the direction of the gradient's signs.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
        With a target the step goes towards it, else away from the label.
    parameters : FGSM

    Returns
    -------
    (n, h, w, c) float32, 0..255
        A value whose gradient is exactly 0 stays.

    References
    ----------
    Goodfellow et al., "Explaining and harnessing adversarial examples", ICLR 2015, arXiv:1412.6572, section 4; towards
    a target: Kurakin et al., arXiv:1611.01236, section 3.
    """
    return np.clip(images + np.float32(goal.epsilon) * np.sign(gradients(clf, images, goal)), 0, 255)
