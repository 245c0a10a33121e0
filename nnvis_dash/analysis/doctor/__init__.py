"""The model doctor: with which preprocessing a classifier is right, and whether its classes stand in the right order.

A classifier that gets its pixels at another scale than in training doesn't fail, it answers worse, and nobody notices.
So every usual way is tried on the same samples, and what comes out is a proposal with numbers and their uncertainty.
Nothing is changed here: `card.with_preprocessing` and `Workspace.replace_model` apply what a person accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nnvis_dash.analysis.doctor.diagnosis import ClassOrder, Criterion, Diagnosis, Trial
from nnvis_dash.analysis.doctor.judgement import judge, worth_going_on
from nnvis_dash.analysis.doctor.plan import Plan

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.doctor.trials import Rows
    from nnvis_dash.workspace.datasets import Dataset

__all__ = ["ClassOrder", "Criterion", "Diagnosis", "Plan", "Trial", "doctor", "judge", "worth_going_on"]

SAMPLES = 500
_STEP = 32  # samples between two signs of progress


def doctor(
    clf: Classifier,
    data: Dataset,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Find the preprocessing with which a classifier is right, and look its classes over.

    With labels the proposal is the most accurate candidate; among those that are as good within noise, the one with the
    lowest log-loss, then the classifier's own, then the commonest. Without labels it rests on how well the input of the
    first batch normalisation agrees with what that layer saw in training (`unlabelled` says how often that was right).

    Parameters
    ----------
    clf : Classifier
        Not changed.
    data : Dataset
        Labels are matched by class name where the classifier knows all of the dataset's, else by number.
    samples : int
        At most so many are looked at, each class in proportion; 128 where there are no labels.
    seed : int
        Of the sample.
    on_progress : function (done, total) -> None, optional
        Called after every batch of images.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ParameterError
        No images.
    """
    from nnvis_dash.analysis.doctor.trials import joined, try_candidates

    plan = Plan.of(clf.card, data, samples, seed)
    chosen = list(range(len(plan.candidates)))
    parts: list[Rows] = []
    total = len(plan.ids)
    done = 0
    for start, stop in ((0, plan.n_screen), (plan.n_screen, total)):
        for low in range(start, stop, _STEP):
            high = min(low + _STEP, stop)
            ids, labels = plan.part(low, high)
            parts.append(try_candidates(clf, data, ids, plan.candidates, labels, chosen))
            done = high
            if on_progress is not None:
                on_progress(done, total)
        if stop == plan.n_screen:
            chosen = worth_going_on(joined(parts), plan.part(0, stop)[1])
    return judge(clf, data, plan, joined(parts), seed)
