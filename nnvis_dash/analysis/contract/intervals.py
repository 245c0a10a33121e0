"""Confidence intervals of what a contract limits: a share, a mean, and the difference of two on the same images."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation import curves

Bools = npt.NDArray[np.bool_]


class Estimate(NamedTuple):
    """A value with its confidence interval, and of how many images it is."""

    value: float
    low: float
    high: float
    n: int


def share(right: Bools, confidence: float) -> Estimate:
    """Return the share of True with Wilson's interval; NaN and 0..1 of none.

    Parameters
    ----------
    right : (n,) bool
    confidence : float
        Between 0 and 1, such as 0.95.

    References
    ----------
    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    n, successes = len(right), int(np.count_nonzero(right))
    low, high = wilson(successes, n, confidence)
    return Estimate(successes / n if n else math.nan, low, high, n)


def wilson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's interval of a share; 0 and 1 where n is 0.

    >>> [round(end, 3) for end in wilson(5, 10, 0.95)]
    [0.237, 0.763]
    """
    if n == 0:
        return 0.0, 1.0
    low, high = curves.wilson(successes / n, n, confidence)
    return float(low), float(high)


def mean(values: npt.ArrayLike, confidence: float, low: float = 0.0, high: float = 1.0) -> Estimate:
    """Return the mean with Student's interval, cut to what is possible; that of fewer than two is all of it.

    Parameters
    ----------
    values : (n,) float, low..high
    confidence : float
    low, high : float
        What no value can be below and above.
    """
    from scipy.special import stdtrit

    given = np.asarray(values, np.float64)
    n = len(given)
    middle = float(given.mean()) if n else math.nan
    if n < 2:
        return Estimate(middle, low, high, n)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * float(given.std(ddof=1)) / math.sqrt(n)
    return Estimate(middle, max(low, middle - half), min(high, middle + half), n)


def median(values: npt.ArrayLike, confidence: float, low: float = 0.0, high: float = math.inf) -> Estimate:
    """Return the lower median with the interval between two order statistics, which holds for any distribution.

    Parameters
    ----------
    values : (n,) float, low..high
        May be infinite.
    confidence : float
        The interval holds the median at least so often (the binomial distribution goes by steps).
    low, high : float
        Of what the interval ends at where there are too few values.
    """
    from scipy.stats import binom

    given = np.sort(np.asarray(values, np.float64))
    n = len(given)
    if not n:
        return Estimate(math.nan, low, high, 0)
    rank = int(binom.ppf((1 - confidence) / 2, n, 0.5))  # of the lower end, from 1
    ends = (float(given[rank - 1]), float(given[n - rank])) if rank else (low, high)
    return Estimate(float(given[(n - 1) // 2]), *ends, n)


def share_difference(one: Bools, other: Bools, confidence: float) -> Estimate:
    """Return how much more often `one` is True than `other` on the same images, with Newcombe's paired interval.

    Wilson's intervals of both shares, put together by squares under the correlation of the two (method 10 of the
    paper). Unlike the usual normal interval it stays within −1..1, and doesn't vanish where the two never differ.

    Parameters
    ----------
    one, other : (n,) bool
    confidence : float

    References
    ----------
    Newcombe, "Improved Confidence Intervals for the Difference between Binomial Proportions Based on Paired Data",
    Statistics in Medicine 17, 1998.
    """
    n = len(one)
    if n == 0:
        return Estimate(math.nan, -1.0, 1.0, 0)
    both, first, second = int((one & other).sum()), int((one & ~other).sum()), int((~one & other).sum())
    neither = n - both - first - second
    p, q = (both + first) / n, (both + second) / n
    (p_low, p_high), (q_low, q_high) = wilson(both + first, n, confidence), wilson(both + second, n, confidence)
    phi = _correlation(both, first, second, neither)
    below, above = _joined(p - p_low, q_high - q, phi), _joined(p_high - p, q - q_low, phi)
    return Estimate(p - q, max(-1.0, p - q - below), min(1.0, p - q + above), n)


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """Return the correlation of two answers from their table, corrected for continuity where it is positive."""
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    product = float(both * neither - first * second)
    if product > 0:
        product = max(0.0, product - (both + first + second + neither) / 2)
    return product / math.sqrt(margins) if margins else 0.0


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))
