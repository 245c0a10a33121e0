"""What can be said of a share, a mean or a difference from a sample, and how sure that is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_Z = 1.959963984540054  # 95 % of a normal distribution lie within so many deviations


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Parameters
    ----------
    successes, n : int

    Returns
    -------
    low, high : float
        0 and 1 where n is 0.

    References
    ----------
    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    >>> [round(end, 3) for end in wilson(5, 10)]
    [0.237, 0.763]
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, _Z * _Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


def mean_interval(values: npt.ArrayLike) -> tuple[float, float, float]:
    """Return the mean of values in 0..1 and its 95 % interval (normal); the interval of fewer than two is 0..1."""
    given = np.asarray(values, np.float64)
    if len(given) == 0:
        return 0.0, 0.0, 1.0
    mean = float(given.mean())
    if len(given) == 1:
        return mean, 0.0, 1.0
    half = _Z * float(given.std(ddof=1)) / math.sqrt(len(given))
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def better_share(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the probability that `one` is truly right more often than `other` on the same samples.

    Only samples where they differ tell: with b of them for `one` and c for `other`, the share of the first among such
    samples has the posterior Beta(b + 1, c + 1), and this is its part above one half (McNemar's comparison, Bayesian).

    Parameters
    ----------
    one, other : (n,) bool

    Returns
    -------
    float, 0..1
        0.5 where they never differ.
    """
    from scipy.special import betainc

    b = int((one & ~other).sum())
    c = int((other & ~one).sum())
    return float(betainc(c + 1, b + 1, 0.5))


def better_mean(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Return the probability that the true mean of `one` is below that of `other`, from the paired differences.

    Parameters
    ----------
    one, other : (n,) float

    Returns
    -------
    float, 0..1
        0.5 where they don't differ or there are fewer than two; from Student's distribution otherwise.
    """
    from scipy.special import stdtr

    difference = np.asarray(other, np.float64) - np.asarray(one, np.float64)
    n = len(difference)
    if n < 2 or not difference.any():
        return 0.5
    deviation = float(difference.std(ddof=1))
    if deviation == 0.0:
        return 1.0 if difference[0] > 0 else 0.0
    return float(stdtr(n - 1, difference.mean() / (deviation / math.sqrt(n))))


def stratified_order(strata: npt.ArrayLike, seed: int) -> npt.NDArray[np.int64]:
    """Return a random order of all samples in which every beginning holds each stratum about in proportion.

    Parameters
    ----------
    strata : (N,) int
    seed : int

    Returns
    -------
    (N,) int64
        Row numbers. After n of them a stratum that makes up the share s has between s·n − 1 and s·n + 1, nearly.
    """
    given = np.asarray(strata)
    rng = np.random.default_rng(seed)
    place = np.empty(len(given), np.float64)
    shuffled = rng.permutation(len(given))
    for stratum in np.unique(given):
        members = shuffled[given[shuffled] == stratum]
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return shuffled[np.argsort(place[shuffled], kind="stable")].astype(np.int64)
