"""PGD: iterated FGSM from random places within epsilon; the usual measure of a classifier's robustness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attacks import ATTACKS, Goal, epsilon_field
from nnvis_dash.analysis.attacks.gradients import Walk, walks
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class PGD:
    """Parameters of PGD."""

    epsilon: float = epsilon_field()
    steps: int = field(default=20, metadata={"help": "how many steps", "low": 1, "high": 1000})
    step_size: float = field(
        default=0.125, metadata={"help": "length of a step, as a share of epsilon", "low": 0.001, "high": 2.0}
    )
    restarts: int = field(default=1, metadata={"help": "random places to start from", "low": 1, "high": 100})
    seed: int = field(default=0, metadata={"help": "of the random places", "low": 0})


@ATTACKS.register(
    "pgd",
    title="PGD (L∞)",
    reference='Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018, '
    "arXiv:1706.06083, section 2.1",
    parameters=PGD,
    traits=("linf", "bounded", "targeted", "gradients"),
)
def pgd(clf: Classifier, images: Floats, goal: Goal, parameters: PGD) -> Floats:
    """Walk along the gradient's signs from random places within epsilon of the image.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : PGD
        The step's default is 2.5 epsilon / steps, as in section 5 of the paper.

    Returns
    -------
    (n, h, w, c) float32, 0..255
        Of all steps and restarts the place with the greatest margin. An image that made it doesn't start again.

    References
    ----------
    Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018, arXiv:1706.06083,
    section 2.1.
    """
    starts = []
    for number in range(parameters.restarts):
        draws = np.random.default_rng([parameters.seed, number])
        starts.append(draws.uniform(-goal.epsilon, goal.epsilon, images.shape[1:]).astype(np.float32))
    return walks(clf, images, starts, goal, Walk("linf", parameters.steps, parameters.step_size))
