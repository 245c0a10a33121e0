"""DeepFool: step by step across the nearest boundary of the classifier made linear."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.analysis.attacks import ATTACKS, Goal, proposals, through_foolbox
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class DeepFool:
    """Parameters of DeepFool."""

    steps: int = field(default=50, metadata={"help": "at most", "low": 1, "high": 1000})
    candidates: int = field(
        default=10, metadata={"help": "likeliest classes whose boundaries are tried", "low": 2, "high": 1000}
    )
    overshoot: float = field(default=0.02, metadata={"help": "how far beyond the boundary", "low": 0.0, "high": 1.0})


@ATTACKS.register(
    "deepfool",
    title="DeepFool",
    reference='Moosavi-Dezfooli et al., "DeepFool: a simple and accurate method to fool deep neural networks", '
    "CVPR 2016, arXiv:1511.04599, algorithm 2",
    parameters=DeepFool,
    traits=("l2", "gradients", "slow"),
)
def deepfool(clf: Classifier, images: Floats, goal: Goal, parameters: DeepFool) -> Floats:
    """Step across the nearest boundary, as it would run if the classifier were linear, until the class changes.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
        Without targets.
    parameters : DeepFool

    Returns
    -------
    (n, h, w, c) float32, 0..255
        Stretched a little where rounding would undo the change (see `proposals.outliving_rounding`).

    References
    ----------
    Moosavi-Dezfooli et al., "DeepFool: a simple and accurate method to fool deep neural networks", CVPR 2016,
    arXiv:1511.04599, algorithm 2; as Foolbox 3.3.4 has it (Rauber et al., JOSS 2020).
    """

    def propose(images: Floats, goal: Goal) -> Floats:
        attack = through_foolbox.foolbox().attacks.L2DeepFoolAttack(
            steps=parameters.steps, candidates=parameters.candidates, overshoot=parameters.overshoot
        )
        calls = 1 + parameters.steps * (min(parameters.candidates, clf.card.n_classes) - 1)
        found = through_foolbox.run(clf, images, goal, attack, calls)
        return proposals.outliving_rounding(clf, images, found, goal)

    return proposals.for_unreached(clf, images, goal, propose)
