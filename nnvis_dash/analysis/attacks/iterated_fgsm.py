"""Iterated FGSM, also called BIM or I-FGSM: many small steps, kept within epsilon."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attacks import ATTACKS, Goal, epsilon_field
from nnvis_dash.analysis.attacks.gradients import Walk, walk
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class IteratedFGSM:
    """Parameters of iterated FGSM."""

    epsilon: float = epsilon_field()
    steps: int = field(default=10, metadata={"help": "how many steps", "low": 1, "high": 1000})
    step_size: float = field(
        default=0.2, metadata={"help": "length of a step, as a share of epsilon", "low": 0.001, "high": 2.0}
    )


@ATTACKS.register(
    "iterated_fgsm",
    title="Iterated FGSM (BIM)",
    reference='Kurakin et al., "Adversarial examples in the physical world", ICLR workshop 2017, arXiv:1607.02533, 2.2',
    parameters=IteratedFGSM,
    traits=("linf", "bounded", "targeted", "gradients"),
)
def iterated_fgsm(clf: Classifier, images: Floats, goal: Goal, parameters: IteratedFGSM) -> Floats:
    """Take small steps of FGSM, each brought back within epsilon.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : IteratedFGSM

    Returns
    -------
    (n, h, w, c) float32, 0..255
        Not the last place, as in the paper, but the one with the greatest margin of all.

    References
    ----------
    Kurakin et al., "Adversarial examples in the physical world", ICLR workshop 2017, arXiv:1607.02533, section 2.2;
    with a target: section 2.3.
    """
    return walk(clf, images, images, goal, Walk("linf", parameters.steps, parameters.step_size))[0]
