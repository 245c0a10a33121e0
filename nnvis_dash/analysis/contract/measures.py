"""What a contract can limit: how each measure is read from sweeps, its interval, and which images speak against it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.contract.intervals import Estimate, mean, median, share, share_difference
from nnvis_dash.analysis.contract.terms import (
    ACCURACY,
    ALL,
    AREA,
    BREAKING,
    EVERY,
    PROBABILITY,
    RELATIVE_ERROR,
    Rule,
)
from nnvis_dash.analysis.simulation.corruption_errors import SEVERITIES, corruption_errors
from nnvis_dash.analysis.simulation.curves import resampled_means
from nnvis_dash.errors import NotFound

if TYPE_CHECKING:
    from nnvis_dash.analysis.simulation.breaking import BreakingPoints
    from nnvis_dash.analysis.simulation.sweep import Sweep

RESAMPLES = 500  # of the bootstrap of corruption errors
Rows: TypeAlias = npt.NDArray[np.int64]
Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What a rule is held against: the same images, in the same order, in all of it.

    Attributes
    ----------
    own : tuple of Sweep
        Of the classifier: one, or of corruption errors one a corruption.
    others : tuple of Sweep
        Of the one that it is compared with; empty where it isn't.
    points : BreakingPoints or None
    class_names : tuple of str
        By output.
    """

    own: tuple[Sweep, ...]
    others: tuple[Sweep, ...]
    points: BreakingPoints | None
    class_names: tuple[str, ...]

    @property
    def sweep(self) -> Sweep:
        """The classifier's first sweep."""
        return self.own[0]

    @property
    def note(self) -> str:
        """What has to be known of the numbers; empty where there is nothing."""
        return next((each.note for each in (*self.own, *self.others) if each.note), "")


def subjects(rule: Rule, answers: Answers) -> Iterator[tuple[str, Rows]]:
    """Yield what a rule speaks of, and its rows: every class that has images, the classes it names, or all images.

    Breaking distances are of images that are right as they are: another prediction than a wrong one is no harm.

    Raises
    ------
    NotFound
        A class that isn't there.
    """
    labels, names = answers.sweep.labels, answers.class_names
    if rule.of == BREAKING:
        labels = np.where(answers.sweep.clean_prediction == labels, labels, -1)
    if rule.classes == ALL:
        yield "all images", np.flatnonzero(labels >= 0)
        return
    if rule.classes == EVERY:
        wanted = [int(number) for number in np.unique(labels[labels >= 0])]
        if not wanted:
            yield "every class", np.zeros(0, np.int64)
    else:
        for name in rule.classes:
            if name not in names:
                raise NotFound.among(f"class for the rule in line {rule.line}:", name, names)
        wanted = [names.index(name) for name in rule.classes]
    for number in wanted:
        yield names[number], np.flatnonzero(labels == number)


def measured(
    rule: Rule, answers: Answers, degree: float | None, rows: Rows, limit: float, confidence: float
) -> tuple[Estimate, Rows]:
    """Return what a rule limits, of some rows, and which of them speak against the limit.

    Parameters
    ----------
    rule : Rule
    answers : Answers
    degree : float or None
        None: unchanged, or all degrees together.
    rows : (m,) int64
    limit, confidence : float

    Returns
    -------
    Estimate
        Of a comparison the loss.
    (k,) int64
        Rows of the sweep. Of accuracy and agreement those whose prediction the change broke come first, of other
        measures those that are furthest from the limit.
    """
    if rule.of_errors:
        return _corruption_error(rule, answers, rows, confidence)
    if rule.of == BREAKING and answers.points is not None:
        distance = answers.points.distance[rows]
        return median(distance, confidence), rows[_furthest(limit - distance)]
    values = _values(rule, answers.sweep, degree, rows)
    if answers.others:
        theirs = _values(rule, answers.others[0], degree, rows)
        if values.dtype == bool:
            return share_difference(theirs, values, confidence), _broken(answers.sweep, rows, ~values & theirs)
        return mean(theirs - values, confidence, -1.0, 1.0), rows[_furthest(theirs - values)]
    if values.dtype == bool:
        return share(values, confidence), _broken(answers.sweep, rows, ~values)
    return mean(values, confidence), rows[_furthest(limit - values)]


def _values(rule: Rule, found: Sweep, degree: float | None, rows: Rows) -> npt.NDArray[Any]:
    """Return (m,) bool, or float64 of a probability or an area."""
    if rule.of == AREA and rule.change is not None:
        epsilon = sorted({found.identity, *rule.change.degrees})
        columns = [found.change.degrees.index(each) for each in epsilon]
        right = found.right[rows][:, columns].astype(np.float64)
        return np.asarray(np.trapezoid(right, epsilon, axis=1) / epsilon[-1], np.float64)
    column = found.change.degrees.index(found.identity if degree is None else degree)
    if rule.of == PROBABILITY:
        return np.asarray(found.true_probability[rows, column], np.float64)
    known = found.labels if rule.of == ACCURACY else found.clean_prediction
    return np.asarray(found.prediction[rows, column] == known[rows])


def _broken(found: Sweep, rows: Rows, wrong: npt.NDArray[np.bool_]) -> Rows:
    """Return the rows that are wrong, those first that were right unchanged."""
    some = rows[wrong]
    before = found.clean_prediction[some] == found.labels[some]
    return np.asarray(some[np.argsort(~before, kind="stable")], np.int64)


def _furthest(short: Array) -> Rows:
    """Return where `short` is above 0, the largest first."""
    order = np.argsort(-short, kind="stable")
    return np.asarray(order[short[order] > 0], np.int64)


def _corruption_error(rule: Rule, answers: Answers, rows: Rows, confidence: float) -> tuple[Estimate, Rows]:
    """Return mCE or relative mCE over some rows, its interval by a bootstrap over the images, and who speaks against.

    The interval is the percentiles; images are drawn for both classifiers together.
    """
    own, theirs = ([each.take(rows) for each in some] for some in (answers.own, answers.others))
    if not len(rows):
        return Estimate(math.nan, 0.0, math.inf, 0), rows
    found = corruption_errors(own, theirs)
    relative = rule.of == RELATIVE_ERROR
    value = found.relative_mce if relative else found.mce
    wrong = [np.stack([_wrong(each, relative) for each in some], axis=1) for some in (own, theirs)]  # (m, T) twice
    drawn = resampled_means(np.concatenate(wrong, axis=1), RESAMPLES, np.random.default_rng(0))
    above, below = np.split(drawn[:, np.tile(found.counted, 2)], 2, axis=1)
    ratios = np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
    known = ratios[~np.isnan(ratios).all(axis=1)]
    low, high = -math.inf if relative else 0.0, math.inf
    if len(known):
        means = np.nanmean(known, axis=1)
        low, high = (float(end) for end in np.quantile(means, ((1 - confidence) / 2, (1 + confidence) / 2)))
    estimate = Estimate(math.nan if value is None else value, low, high, len(rows))
    return estimate, rows[_furthest(wrong[0].sum(axis=1) - wrong[1].sum(axis=1))]


def _wrong(found: Sweep, relative: bool) -> Array:
    """Return (m,) at how many severities each image is wrong; relative: more than unchanged."""
    columns = [found.change.degrees.index(severity) for severity in SEVERITIES]
    wrong = np.asarray((~found.right[:, columns]).sum(axis=1), np.float64)
    return wrong - len(columns) * (found.clean_prediction != found.labels) if relative else wrong
