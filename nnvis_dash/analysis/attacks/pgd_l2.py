"""PGD whose change has a bounded length: a few pixels may change much, or all of them a little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attacks import ATTACKS, Goal, epsilon_field
from nnvis_dash.analysis.attacks.gradients import Walk, walks
from nnvis_dash.analysis.attacks.pgd import PGD
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class PGDL2(PGD):
    """Parameters of PGD in L2: those of PGD."""

    epsilon: float = epsilon_field(default=0.5, high=100.0, help="length of the whole change, pixel values 0..1")


@ATTACKS.register(
    "pgd_l2",
    title="PGD (L2)",
    reference='Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018, '
    "arXiv:1706.06083, section 2.1 and appendix",
    parameters=PGDL2,
    traits=("l2", "bounded", "targeted", "gradients"),
)
def pgd_l2(clf: Classifier, images: Floats, goal: Goal, parameters: PGDL2) -> Floats:
    """Walk along the gradient from random places in a ball about the image.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : PGDL2

    Returns
    -------
    (n, h, w, c) float32, 0..255
        Of all steps and restarts the place with the greatest margin. An image that made it doesn't start again.

    References
    ----------
    Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018, arXiv:1706.06083,
    section 2.1, with the normalised gradient as the direction.
    """
    starts = []
    for number in range(parameters.restarts):
        draws = np.random.default_rng([parameters.seed, number])
        way = draws.standard_normal(images.shape[1:])
        radius = goal.epsilon * draws.uniform() ** (1 / way.size)  # evenly in the ball
        starts.append((radius * way / max(float(np.linalg.norm(way)), 1e-30)).astype(np.float32))
    return walks(clf, images, starts, goal, Walk("l2", parameters.steps, parameters.step_size))
