"""From the trials' rows to a diagnosis: which preprocessing, how sure, and in which order the classes stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.doctor.candidates import Candidate
from nnvis_dash.analysis.doctor.class_order import ENOUGH, best_permutation, decidable, held_out
from nnvis_dash.analysis.doctor.diagnosis import ClassOrder, Criterion, Diagnosis, Trial
from nnvis_dash.analysis.doctor.plan import Plan
from nnvis_dash.analysis.doctor.statistics import better_mean, better_share, mean_interval, wilson
from nnvis_dash.analysis.doctor.symptoms import found_problems
from nnvis_dash.analysis.doctor.trials import NOT_FINITE, NOT_TRIED, Rows, first_normalisation, moments
from nnvis_dash.analysis.doctor.unlabelled import RELIABLE, least_mismatch, mismatches, plausible
from nnvis_dash.types import DatasetCard, Floats, Ints, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.datasets import Dataset

_DIFFERENT = 0.95  # probability from which on one candidate counts as better than another
_STOPPED = 0.999  # ... and from which on a candidate isn't tried on further samples
_GOOD = 0.5  # accuracy below which none is stopped: the order of the classes may be wrong

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Choice:
    """Which candidate, by what, how sure, why."""

    proposal: int
    criterion: Criterion
    sure: float
    reason: str
    order: tuple[int, ...]  # of all candidates, the best first


def worth_going_on(rows: Rows, labels: Ints | None, own: int = 0) -> list[int]:
    """Return the candidates that may still be the best after some samples; `own` is always among them."""
    total = rows["predicted"].shape[1]
    if labels is None:
        return list(range(total))
    right = rows["predicted"] == labels[:, None]
    best = int(right.mean(axis=0).argmax())
    if right[:, best].mean() < _GOOD:
        return list(range(total))
    return [
        number
        for number in range(total)
        if number in (own, best) or better_share(right[:, best], right[:, number]) < _STOPPED
    ]


def choose(rows: Rows, right: Flags, candidates: Sequence[Candidate], own: int = 0) -> Choice:
    """Propose a candidate by which predictions are right.

    The most accurate one, but of those that are as good within noise the one with the lowest loss, and of those that
    are as good in this too the classifier's own, else the commonest.

    Parameters
    ----------
    rows : dict of arrays
        See `trials.try_candidates`; where no loss is to be compared it is 0.
    right : (n, C) bool
    candidates : sequence of C Candidate
        The commonest first.
    own : int
        The candidate that the classifier's card has.
    """
    tried = rows["predicted"] != NOT_TRIED
    numbers = range(len(candidates))
    share = [float(right[tried[:, number], number].mean()) for number in numbers]
    loss = [float(rows["loss"][tried[:, number], number].mean()) for number in numbers]
    whole = [number for number in numbers if tried[:, number].all()]
    best = max(whole, key=lambda number: (share[number], -loss[number], -number))
    near = [number for number in whole if better_share(right[:, best], right[:, number]) < _DIFFERENT]
    lowest = min(near, key=lambda number: (loss[number], number))
    losses = rows["loss"]
    near = [number for number in near if better_mean(losses[:, lowest], losses[:, number]) < _DIFFERENT]
    proposal = own if own in near else near[0]
    order = (proposal, *(number for number in _ordered(share, loss, whole) if number != proposal))
    name = _name(candidates[proposal])
    rivals = [number for number in whole if number != proposal]
    if not rivals:
        return Choice(proposal, "accuracy", 1.0, f"{name}: every other candidate was clearly worse.", order)

    def ahead(number: int) -> float:
        return max(
            better_share(right[:, proposal], right[:, number]), better_mean(losses[:, proposal], losses[:, number])
        )

    rival = min(rivals, key=ahead)
    sure = ahead(rival)
    others = [_name(candidates[number]) for number in near if number != proposal]
    if others:
        why = "the classifier's own is kept" if proposal == own else "the commonest is proposed"
        does = "does" if len(others) == 1 else "do"
        reason = f"{name}: {', '.join(others[:3])} {does} as well within noise, so {why}."
    else:
        reason = f"{name}: better than {_name(candidates[rival])} with a probability of {min(sure, 0.999):.3f}."
    return Choice(proposal, "accuracy", sure, reason, order)


def _ordered(share: Sequence[float], loss: Sequence[float], whole: Sequence[int]) -> list[int]:
    """Return all candidates, those tried on every image first, by accuracy, then by loss."""
    return sorted(range(len(share)), key=lambda number: (number not in whole, -share[number], loss[number], number))


def _least_first(scores: Sequence[float | None]) -> list[int]:
    return sorted(range(len(scores)), key=lambda number: (np.inf if scores[number] is None else scores[number], number))


def _name(candidate: Candidate) -> str:
    return f"{candidate.preprocessing.name}, {candidate.resize}"


def reordered(rows: Rows, labels: Ints, n_classes: int) -> tuple[Flags, bool]:
    """Return which predictions are right (n, C), and whether that is in another order of the classes.

    Another order counts only where its accuracy on held-out halves is clearly (both 95 % intervals apart) above that of
    every candidate as it is.
    """
    plain = rows["predicted"] == labels[:, None]
    tried = (rows["predicted"] != NOT_TRIED).all(axis=0)
    if not decidable(labels):
        return plain, False
    flags = plain.copy()
    for number in np.flatnonzero(tried):
        flags[:, number] = held_out(rows["predicted"][:, number], labels, n_classes)
    n = len(labels)
    as_it_is = int(plain[:, tried].sum(axis=0).max())
    with_order = int(flags[:, tried].sum(axis=0).max())
    if wilson(with_order, n)[0] > wilson(as_it_is, n)[1]:
        return flags, True
    return plain, False


def class_order(predicted: Ints, labels: Ints, right: Flags, names: tuple[str, ...]) -> ClassOrder:
    """Describe the order that mends one candidate's predictions.

    Parameters
    ----------
    predicted, labels : (n,) int32
    right : (n,) bool
        On held-out halves; see `class_order.held_out`.
    names : tuple of K str
        The classes in their present order.
    """
    n = len(labels)
    permutation = best_permutation(predicted, labels, len(names))
    moved = [number for number, place in enumerate(permutation) if number != place]
    before, after = float((predicted == labels).mean()), float(right.mean())
    low, high = wilson(int(right.sum()), n)
    shown = ", ".join(f"{names[number]} is {names[permutation[number]]}" for number in moved[:3])
    more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
    return ClassOrder(
        permutation=tuple(int(place) for place in permutation),
        class_names=tuple(names[place] for place in permutation),
        before=before,
        after=after,
        after_low=low,
        after_high=high,
        n=n,
        reason=(
            f"The classes seem to be in another order: the accuracy would be {after:.3f} [{low:.3f}, {high:.3f}] "
            f"instead of {before:.3f}, measured on images that the order was not found with. Output by output: "
            f"{shown}{more}."
        ),
    )


def trial_of(
    candidate: Candidate, number: int, rows: Rows, labels: Ints | None, right: Flags | None, mismatch: float | None
) -> Trial:
    """Sum one candidate's rows up; `right` is given where the classes are in another order."""
    tried = rows["predicted"][:, number] != NOT_TRIED
    predicted = rows["predicted"][tried, number]
    fine = predicted != NOT_FINITE
    n = len(predicted)
    confidence, low, high = mean_interval(rows["confidence"][tried, number][fine])
    entropy = rows["entropy"][tried, number][fine]
    accuracy = below = above = loss = None
    if labels is not None:
        n_right = int((predicted == labels[tried]).sum())
        accuracy, (below, above) = n_right / n, wilson(n_right, n)
        loss = float(rows["loss"][tried, number].mean())
    return Trial(
        preprocessing=candidate.preprocessing,
        resize=candidate.resize,
        n=n,
        accuracy=accuracy,
        accuracy_low=below,
        accuracy_high=above,
        reordered_accuracy=None if right is None or not tried.all() else float(right[:, number].mean()),
        loss=loss,
        confidence=confidence,
        confidence_low=low,
        confidence_high=high,
        entropy=float(entropy.mean()) if len(entropy) else 0.0,
        mismatch=mismatch,
        n_bad=int((~fine).sum()),
        n_predicted=len(np.unique(predicted[fine])),
    )


def choose_unlabelled(rows: Rows, variances: Floats, candidates: Sequence[Candidate], own: int = 0) -> Choice:
    """Propose a candidate without labels: by what the first batch normalisation sees, else hardly at all."""
    entropy = [float(rows["entropy"][:, number].mean()) for number in range(len(candidates))]
    scores = mismatches(rows, variances)
    if any(score is not None for score in scores):
        best, ahead = least_mismatch(rows, variances)
        near = [number for number, share in enumerate(ahead) if share < _DIFFERENT]
        proposal = own if own in near else min(near, default=best)
        order = [number for number in _least_first(scores) if number != proposal]
        shares = [share for number, share in enumerate(ahead) if number != best]
        sure = RELIABLE * min(shares, default=1.0) if proposal == best else 1 - ahead[proposal]
        others = ", ".join(_name(candidates[number]) for number in near if number != proposal)
        reason = (
            f"{_name(candidates[proposal])}: there are no labels to compare with, but under it the input of the first "
            f"batch normalisation is most like that in training" + (f", as it is under {others}." if others else ".")
        )
        return Choice(proposal, "statistics", sure, reason, (proposal, *order))
    unlabelled = "without labels or batch normalisation the entropy alone decides, and that is weak"
    left = plausible(entropy)
    if own in left or not left:
        what = "nothing speaks against it" if own in left else "every candidate gives extreme answers, so it is kept"
        rest = [number for number in range(len(candidates)) if number != own]
        reason = f"{_name(candidates[own])}: the classifier's own; {what}, but {unlabelled}."
        return Choice(own, "entropy", 0.5, reason, (own, *rest))
    what = "undecided between all classes" if entropy[own] > 0.5 else "certain"
    rest = [*left[1:], *(number for number in range(len(candidates)) if number not in left)]
    reason = (
        f"{_name(candidates[left[0]])}: with its own, {_name(candidates[own])}, the classifier is {what} on every "
        f"image; {unlabelled}."
    )
    return Choice(left[0], "entropy", 0.5, reason, (left[0], *rest))


def judge(
    clf: Classifier,
    data: Dataset,
    plan: Plan,
    rows: Rows,
    seed: int,
) -> Diagnosis:
    """Draw the conclusions from the rows of all samples of the plan."""
    card, candidates, labels = clf.card, plan.candidates, plan.labels
    step = first_normalisation(clf.graph)
    variances = np.zeros(0, np.float32) if step is None else moments(step)[1]
    notes: list[str] = []
    right: Flags | None = None
    names = class_names(card, data.card)
    if labels is None:
        choice = choose_unlabelled(rows, variances, candidates)
        notes.append("Without labels the way of fitting and the order of the classes can't be judged.")
    else:
        flags, other_order = reordered(rows, labels, card.n_classes)
        right = flags if other_order else None
        compared = {**rows, "loss": np.zeros_like(rows["loss"])} if other_order else rows
        choice = choose(compared, flags, candidates)
        if not decidable(labels):
            notes.append(
                f"The order of the classes can't be judged from {len(labels):,} images of {len(np.unique(labels)):,} "
                f"classes: it takes {ENOUGH} of most classes."
            )
    scores = mismatches(rows, variances)
    order = None
    proposal = choice.proposal
    if right is not None and labels is not None:
        order = class_order(rows["predicted"][:, proposal], labels, right[:, proposal], names)
    trials = tuple(trial_of(candidates[number], number, rows, labels, right, scores[number]) for number in choice.order)
    return Diagnosis(
        model=card.fingerprint,
        model_name=card.name,
        dataset=data.fingerprint,
        dataset_name=data.card.name,
        n_samples=len(plan.ids),
        n_labelled=0 if labels is None else len(labels),
        n_classes=card.n_classes,
        seed=seed,
        criterion=choice.criterion,
        candidates=trials,
        proposal=choice.order.index(proposal),
        current=choice.order.index(0),
        sure=choice.sure,
        reason=choice.reason,
        class_order=order,
        problems=(*plan.problems, *found_problems(clf, data, plan, rows, proposal, order, names)),
        notes=tuple(notes),
    )


def class_names(card: ModelCard, data: DatasetCard) -> tuple[str, ...]:
    """Return the names of a classifier's outputs: its own, else the dataset's where their number fits, else numbers."""
    if card.class_names:
        return card.class_names
    if len(data.class_names) == card.n_classes:
        return data.class_names
    return tuple(str(number) for number in range(card.n_classes))
