"""Transitions: which samples the next model fixes and which it breaks, and whether that is more than chance.

Two models with the same accuracy may be wrong on quite different samples, so samples are compared one by one; the test
and the interval are those of paired answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.contract.intervals import Estimate, share_difference
from nnvis_dash.analysis.model_diff.inputs import checked_class_count, class_numbers
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Ints

Array = npt.NDArray[np.float64]
Kind = Literal["both_right", "fixed", "broken", "both_wrong_same", "both_wrong_other"]
KINDS: tuple[Kind, ...] = ("both_right", "fixed", "broken", "both_wrong_same", "both_wrong_other")
BOTH_WRONG = "both_wrong"  # both of the last two
BOTH_RIGHT, FIXED, BROKEN, WRONG_SAME, WRONG_OTHER = range(len(KINDS))
UNLABELLED = -1
CONFIDENCE = 0.95
MOST_CLASSES = 65_536
EXACT_UP_TO = 1000  # discordant samples; above, the two tests agree to the second digit of any p that matters


@dataclass(frozen=True)
class McNemar:
    """Whether one model is right more often than the other, by the samples on which only one of them is.

    Attributes
    ----------
    fixed, broken : int
    method : {"exact", "chi_squared"}
        What `p_value` comes from: the binomial distribution, or chi-squared with continuity correction.
    statistic : float or None
        Chi-squared with one degree of freedom; None of the exact test.
    p_value : float, 0..1
        Two-sided.
    mid_p : float, 0..1
        Two-sided; outcomes as far from equal as this one count half. Less cautious than the exact test, and closer to
        its level.
    """

    fixed: int
    broken: int
    method: Literal["exact", "chi_squared"]
    statistic: float | None
    p_value: float
    mid_p: float


@dataclass(frozen=True, eq=False)
class Transitions:
    """What becomes of every sample from one model to the next.

    Attributes
    ----------
    kinds : (N,) int8
        Position in `KINDS`: 0 both right, 1 fixed, 2 broken, 3 both wrong with the same class, 4 both wrong with
        different classes; -1 without a label.
    labels : (N,) int32
    counts : (5,) int64
        Samples of each kind.
    class_counts : (K, 5) int64
        The same of the samples of each label.
    n, unlabelled : int
        Samples with a label, and without.
    accuracy_before, accuracy_after : float, 0..1
        NaN where no sample has a label.
    difference : Estimate
        Accuracy after minus before, -1..1, with its paired 95 % interval; NaN within -1..1 where there are no labels.
    class_difference, class_low, class_high : (K,) float64
        The same of the samples of each label.
    test : McNemar
        Over all samples. One for each class would be many tests, of which some come out small by chance.
    """

    kinds: npt.NDArray[np.int8]
    labels: Ints
    counts: npt.NDArray[np.int64]
    class_counts: npt.NDArray[np.int64]
    n: int
    unlabelled: int
    accuracy_before: float
    accuracy_after: float
    difference: Estimate
    class_difference: Array
    class_low: Array
    class_high: Array
    test: McNemar

    def ids(self, kind: str, label: int | None = None) -> npt.NDArray[np.int64]:
        """Return the samples of a kind, ascending.

        Parameters
        ----------
        kind : str
            One of `KINDS`, or "both_wrong".
        label : int, optional
            Only of this class.

        Raises
        ------
        NotFound
            No such kind or class.
        """
        if kind == BOTH_WRONG:
            chosen = self.kinds >= WRONG_SAME
        elif kind in KINDS:
            chosen = self.kinds == KINDS.index(kind)
        else:
            raise NotFound.among("transition", kind, (*KINDS, BOTH_WRONG))
        if label is not None:
            if not 0 <= label < len(self.class_counts):
                raise NotFound(f"There is no class {label}", f"Classes are 0 to {len(self.class_counts) - 1}.")
            chosen = chosen & (self.labels == label)
        return np.flatnonzero(chosen)


def transitions(
    before: npt.ArrayLike, after: npt.ArrayLike, labels: npt.ArrayLike, n_classes: int | None = None
) -> Transitions:
    """Compare the predictions of two models sample by sample.

    Parameters
    ----------
    before, after : (N,) int
        Predicted classes, as numbers of one list of classes; -1 a class that isn't in it, which is never right. Of two
        such nobody knows whether they are the same: they count as different.
    labels : (N,) int
        -1 unknown: left out.
    n_classes : int, optional
        Length of the list, 65,536 or less; by default as far as the numbers go.

    Returns
    -------
    Transitions

    Raises
    ------
    ParameterError
        Other shapes or types, no samples, or a number that is no class.

    References
    ----------
    Newcombe, "Improved Confidence Intervals for the Difference between Binomial Proportions Based on Paired Data",
    Statistics in Medicine 17, 1998, method 10: the interval of the difference.
    """
    n_classes = None if n_classes is None else checked_class_count(n_classes, MOST_CLASSES)
    truth = class_numbers("labels", labels, n_classes)
    old = class_numbers("predictions before", before, n_classes, len(truth))
    new = class_numbers("predictions after", after, n_classes, len(truth))
    highest = int(max(truth.max(), old.max(), new.max(), 0))
    classes = checked_class_count(highest + 1 if n_classes is None else n_classes, MOST_CLASSES)
    known = truth >= 0
    right_before, right_after = old == truth, new == truth
    by_rights = np.array([WRONG_OTHER, FIXED, BROKEN, BOTH_RIGHT], np.int8)
    kinds = by_rights[right_before.view(np.int8) * np.int8(2) + right_after.view(np.int8)]
    kinds[(kinds == WRONG_OTHER) & (old == new) & (old >= 0)] = WRONG_SAME
    kinds[~known] = UNLABELLED
    places = truth[known].astype(np.int64) * len(KINDS) + kinds[known]
    class_counts = np.bincount(places, minlength=classes * len(KINDS)).reshape(classes, len(KINDS))
    counts = class_counts.sum(axis=0)
    n = int(counts.sum())
    n_fixed, n_broken, n_right = int(counts[FIXED]), int(counts[BROKEN]), int(counts[BOTH_RIGHT])
    by_class = _class_differences(right_before, right_after, truth, class_counts.sum(axis=1))
    return Transitions(
        kinds=kinds,
        labels=truth,
        counts=counts,
        class_counts=class_counts,
        n=n,
        unlabelled=len(truth) - n,
        accuracy_before=(n_right + n_broken) / n if n else math.nan,
        accuracy_after=(n_right + n_fixed) / n if n else math.nan,
        difference=share_difference(right_after[known], right_before[known], CONFIDENCE),
        class_difference=by_class[:, 0],
        class_low=by_class[:, 1],
        class_high=by_class[:, 2],
        test=mcnemar(n_fixed, n_broken),
    )


def mcnemar(fixed: int, broken: int) -> McNemar:
    """Test whether as many samples are fixed as broken, but for chance.

    Were neither model better, each discordant sample would be fixed or broken like a coin that is thrown. Up to
    `EXACT_UP_TO` discordant samples the binomial distribution says how likely an outcome as far from equal is; above,
    chi-squared (|fixed − broken| − 1)² / (fixed + broken), 0 where they are equal.

    Parameters
    ----------
    fixed, broken : int, 0 or more
        Samples on which only the second, and only the first, model is right.

    Returns
    -------
    McNemar
        Both p are 1 where no sample is discordant.

    Raises
    ------
    ParameterError
        A count below 0, or not whole.

    References
    ----------
    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947;
    Edwards, "Note on the 'correction for continuity'...", 1948; Fagerland, Lydersen, Laake, "The McNemar test for
    binary matched-pairs data: mid-p and asymptotic are better than exact conditional", 2013: the mid-p.

    >>> round(mcnemar(1, 7).p_value, 4), round(mcnemar(1, 7).mid_p, 4)
    (0.0703, 0.0391)
    """
    for name, count in (("fixed", fixed), ("broken", broken)):
        if not isinstance(count, int | np.integer) or count < 0:
            raise ParameterError(f"{count!r} samples are {name}", "Give a whole number, 0 or more.")
    fixed, broken = int(fixed), int(broken)
    n, fewer = fixed + broken, min(fixed, broken)
    if n == 0:
        return McNemar(0, 0, "exact", None, 1.0, 1.0)
    from scipy.special import bdtr

    up_to = float(bdtr(fewer, n, 0.5))
    below = float(bdtr(fewer - 1, n, 0.5)) if fewer else 0.0
    mid_p = 1 - (up_to - below) / 2 if fixed == broken else up_to + below
    if n <= EXACT_UP_TO:
        return McNemar(fixed, broken, "exact", None, min(1.0, 2 * up_to), mid_p)
    statistic = max(0, abs(fixed - broken) - 1) ** 2 / n
    return McNemar(fixed, broken, "chi_squared", statistic, math.erfc(math.sqrt(statistic / 2)), mid_p)


def _class_differences(
    right_before: npt.NDArray[np.bool_],
    right_after: npt.NDArray[np.bool_],
    labels: Ints,
    sizes: npt.NDArray[np.int64],
) -> Array:
    """Return (K, 3): accuracy after minus before with both ends of its interval, of the samples of each label."""
    order = np.argsort(labels, kind="stable")[int((labels < 0).sum()) :]
    old, new = right_before[order], right_after[order]
    found = np.empty((len(sizes), 3))
    ends = np.cumsum(sizes)
    for number, (start, end) in enumerate(zip(ends - sizes, ends, strict=True)):
        found[number] = share_difference(new[start:end], old[start:end], CONFIDENCE)[:3]
    return found
