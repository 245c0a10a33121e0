"""Holding sweeps against a contract: what of it is kept, how sure that is, and which images broke it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.contract.intervals import Estimate
from nnvis_dash.analysis.contract.measures import Answers, measured, subjects
from nnvis_dash.analysis.contract.terms import BREAKING, Contract, Rule, covers
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.simulation.breaking import BreakingPoints
    from nnvis_dash.analysis.simulation.change import Change
    from nnvis_dash.analysis.simulation.sweep import Sweep

PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"
SHOWN = 20  # images named for each broken limit
_ROUNDING = 1e-9  # 0.95 - 0.93 is no more than 0.02


@dataclass(frozen=True)
class Verdict:
    """What came of one limit: one class at one degree.

    Attributes
    ----------
    subject : str
        A class's name, or "all images".
    degree : float or None
        None: unchanged.
    estimate : Estimate
        What is limited (of a comparison the loss), its interval, and of how many images.
    limit : float
    status : {"passed", "failed", "undecided"}
    images : tuple of int
        Up to 20 samples that speak against it, those that the change broke first; none where it passed.
    n_images : int
        How many there are.
    """

    subject: str
    degree: float | None
    estimate: Estimate
    limit: float
    status: str
    images: tuple[int, ...] = ()
    n_images: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of one rule.

    Attributes
    ----------
    rule : Rule
    verdicts : tuple of Verdict
        Class by class, degrees ascending.
    note : str
        What has to be known of the numbers; empty where there is nothing.
    seconds : float
        Of judging, without measuring.
    """

    rule: Rule
    verdicts: tuple[Verdict, ...]
    note: str = ""
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """Return "failed" where any limit did, else "undecided" where any is, else "passed"."""
        found = {verdict.status for verdict in self.verdicts}
        return next((status for status in (FAILED, UNDECIDED) if status in found), PASSED)

    def count(self, status: str) -> int:
        """Return how many limits have a status."""
        return sum(verdict.status == status for verdict in self.verdicts)

    @property
    def worst(self) -> Verdict:
        """Return the verdict that is furthest beyond its limit, or nearest to it; one that isn't known before all."""

        def room(verdict: Verdict) -> float:
            if np.isnan(verdict.estimate.value):
                return -np.inf
            apart = verdict.estimate.value - verdict.limit
            return -apart if self.rule.upper else apart

        return min(self.verdicts, key=room)


@dataclass(frozen=True)
class Report:
    """What came of a contract.

    Attributes
    ----------
    contract : Contract
    outcomes : tuple of Outcome
        In the order of its rules.
    n_images : int
    """

    contract: Contract
    outcomes: tuple[Outcome, ...]
    n_images: int

    def holds(self, outcome: Outcome) -> bool:
        """Whether a rule counts as kept."""
        return outcome.status == PASSED or (outcome.status == UNDECIDED and self.contract.undecided == "passes")

    @property
    def held(self) -> bool:
        """Whether all rules count as kept."""
        return all(self.holds(outcome) for outcome in self.outcomes)


def judge(
    contract: Contract,
    sweeps: Sequence[Sweep],
    others: Sequence[Sweep] = (),
    breaking: Mapping[Change, BreakingPoints] | None = None,
    class_names: Sequence[str] | None = None,
) -> Report:
    """Hold sweeps against a contract.

    A limit is decided by the estimate, or by its interval where the rule says so: then it passes if the whole interval
    keeps it, fails if none of it does, and is undecided otherwise. A limit on a class without images is undecided.

    Parameters
    ----------
    contract : Contract
    sweeps : sequence of Sweep
        Of the classifier: at least `contract.changes()`.
    others : sequence of Sweep
        Of the one that it is compared with, with the same images: at least `contract.changes_of_other()`.
    breaking : mapping of Change to BreakingPoints, optional
        For the change of each rule on breaking distances.
    class_names : sequence of str, optional
        The classes' names, by output; the classifier's by default.

    Returns
    -------
    Report

    Raises
    ------
    NotFound, ParameterError
        A class that isn't there; a sweep that is missing; a comparison of answers that are held against labels with
        some that are held against predictions.
    """
    outcomes = []
    for rule in contract.rules:
        began = time.perf_counter()
        answers = _answers(rule, sweeps, others, breaking or {}, class_names)
        verdicts = tuple(_verdicts(contract, rule, answers))
        outcomes.append(Outcome(rule, verdicts, answers.note, time.perf_counter() - began))
    return Report(contract, tuple(outcomes), max(len(each) for each in sweeps))


def _answers(
    rule: Rule,
    sweeps: Sequence[Sweep],
    others: Sequence[Sweep],
    breaking: Mapping[Change, BreakingPoints],
    class_names: Sequence[str] | None,
) -> Answers:
    """Return what a rule is held against, all of the same images in one order."""
    wanted: tuple[Change | None, ...] = rule.changes or (rule.change,)
    own = [_sweep_for(rule, each, sweeps) for each in wanted]
    theirs = [_sweep_for(rule, each, others) for each in wanted] if rule.of_both else []
    if theirs and theirs[0].against != own[0].against:
        note = own[0].note or theirs[0].note
        raise ParameterError(
            f"The rule in line {rule.line} compares answers that are counted in two ways: {note}",
            "Compare with a classifier of the same classes.",
        )
    points = None
    ids = own[0].ids
    if rule.of == BREAKING and rule.change is not None:
        points = breaking.get(rule.change) or _missing(rule)
        ids = points.ids
    for each in (*own, *theirs):
        ids = ids[np.isin(ids, each.ids)]
    return Answers(
        tuple(_taken(each, ids) for each in own),
        tuple(_taken(each, ids) for each in theirs),
        points,
        tuple(class_names or own[0].class_names),
    )


def _sweep_for(rule: Rule, wanted: Change | None, sweeps: Sequence[Sweep]) -> Sweep:
    for each in sweeps:
        if covers(each.change, wanted):
            return each
    _missing(rule)


def _missing(rule: Rule) -> NoReturn:
    raise ParameterError(f"Nothing was measured for the rule {rule.title!r}", "Measure what the contract names first.")


def _taken(found: Sweep, ids: npt.NDArray[np.int64]) -> Sweep:
    """Return the sweep's rows of these samples, in their order, without what no limit is on."""
    order = np.argsort(found.ids)
    return replace(found, probabilities=None).take(order[np.searchsorted(found.ids[order], ids)])


def _verdicts(contract: Contract, rule: Rule, answers: Answers) -> Iterator[Verdict]:
    degrees: tuple[float | None, ...] = (None,)
    if rule.change is not None and rule.by_degree:
        degrees = rule.change.degrees
    for subject, rows in subjects(rule, answers):
        for degree, limit in zip(degrees, rule.limits, strict=True):
            estimate, broke = measured(rule, answers, degree, rows, limit, contract.confidence)
            status = _status(rule, estimate, limit)
            if status == PASSED:
                yield Verdict(subject, degree, estimate, limit, status)
                continue
            images = tuple(int(sample) for sample in answers.sweep.ids[broke[:SHOWN]])
            yield Verdict(subject, degree, estimate, limit, status, images, len(broke))


def _status(rule: Rule, estimate: Estimate, limit: float) -> str:
    if np.isnan(estimate.value):
        return UNDECIDED
    ends = (estimate.value, estimate.value) if rule.decide == "estimate" else (estimate.low, estimate.high)
    if rule.upper:
        ends, limit = (-ends[1], -ends[0]), -limit
    if ends[0] >= limit - _ROUNDING:
        return PASSED
    return FAILED if ends[1] < limit - _ROUNDING else UNDECIDED
