"""Carlini and Wagner's attack: the shortest change by gradient descent on length and logits together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attacks import ATTACKS, Goal, proposals, through_foolbox
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class CarliniWagner:
    """Parameters of Carlini and Wagner's attack."""

    steps: int = field(default=100, metadata={"help": "of the descent, for each weight", "low": 1, "high": 10_000})
    binary_search_steps: int = field(
        default=6, metadata={"help": "weights of the logits that are tried", "low": 1, "high": 20}
    )
    step_size: float = field(default=0.03, metadata={"help": "of the descent", "low": 1e-5, "high": 1.0})
    confidence: float = field(
        default=0.0, metadata={"help": "logits by which the wrong class is to lead", "low": 0.0, "high": 100.0}
    )
    weight: float = field(default=0.05, metadata={"help": "of the logits, to begin with", "low": 1e-6, "high": 1000.0})


@ATTACKS.register(
    "carlini_wagner",
    title="Carlini–Wagner L2",
    reference='Carlini and Wagner, "Towards evaluating the robustness of neural networks", S&P 2017, arXiv:1608.04644, '
    "section VI-A",
    parameters=CarliniWagner,
    traits=("l2", "targeted", "gradients", "slow"),
)
def carlini_wagner(clf: Classifier, images: Floats, goal: Goal, parameters: CarliniWagner) -> Floats:
    """Make the change short and the wrong class likely in one descent; search the weight between the two.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : CarliniWagner

    Returns
    -------
    (n, h, w, c) float32, 0..255
        Stretched a little where rounding would undo the change (see `proposals.outliving_rounding`).

    References
    ----------
    Carlini and Wagner, "Towards evaluating the robustness of neural networks", S&P 2017, arXiv:1608.04644, section
    VI-A; as Foolbox 3.3.4 has it (Rauber et al., JOSS 2020).
    """

    def propose(images: Floats, goal: Goal) -> Floats:
        attack = through_foolbox.foolbox().attacks.L2CarliniWagnerAttack(
            binary_search_steps=parameters.binary_search_steps,
            steps=parameters.steps,
            stepsize=parameters.step_size,
            confidence=parameters.confidence,
            initial_const=parameters.weight,
        )
        calls = parameters.steps * parameters.binary_search_steps
        # The descent is on arctanh of the pixels, where black and white would be so far out that it hardly moves them.
        found = through_foolbox.run(clf, images, goal, attack, calls, through_foolbox.ROUNDED)
        nothing = (found == 0).all(axis=(1, 2, 3), keepdims=True)  # what Foolbox returns for a failure
        return proposals.outliving_rounding(clf, images, np.where(nothing, images, found), goal)

    return proposals.for_unreached(clf, images, goal, propose)
