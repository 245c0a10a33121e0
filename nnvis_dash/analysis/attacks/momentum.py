"""Momentum iterative FGSM (MI-FGSM): earlier gradients go on counting, so that the steps waver less."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attacks import ATTACKS, Goal
from nnvis_dash.analysis.attacks.gradients import Walk, walk
from nnvis_dash.analysis.attacks.iterated_fgsm import IteratedFGSM
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class Momentum(IteratedFGSM):
    """Parameters of MI-FGSM: those of iterated FGSM, and one more."""

    step_size: float = field(
        default=0.1, metadata={"help": "length of a step, as a share of epsilon", "low": 0.001, "high": 2.0}
    )
    decay: float = field(
        default=1.0, metadata={"help": "share of the earlier directions that is kept", "low": 0.0, "high": 1.0}
    )


@ATTACKS.register(
    "momentum",
    title="Momentum iterative FGSM (MI-FGSM)",
    reference='Dong et al., "Boosting adversarial attacks with momentum", CVPR 2018, arXiv:1710.06081, algorithm 1',
    parameters=Momentum,
    traits=("linf", "bounded", "targeted", "gradients"),
)
def momentum(clf: Classifier, images: Floats, goal: Goal, parameters: Momentum) -> Floats:
    """Take steps along the sum of all gradients so far, each of length 1 (the sum of its absolute values).

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : Momentum
        With decay 0 it is iterated FGSM.

    Returns
    -------
    (n, h, w, c) float32, 0..255
        The place with the greatest margin of all, not the last.

    References
    ----------
    Dong et al., "Boosting adversarial attacks with momentum", CVPR 2018, arXiv:1710.06081, algorithm 1, eq. 6-7.
    """
    return walk(clf, images, images, goal, Walk("linf", parameters.steps, parameters.step_size, parameters.decay))[0]
