"""How breaking points are distributed: quantiles, the share that never flips and a survival curve, class by class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.breaking import BreakingPoints
from nnvis_dash.analysis.simulation.curves import LEVEL, wilson
from nnvis_dash.errors import ParameterError

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ALL = -1  # stands for all images where a class stands
ALL_IMAGES = "all images"

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Distribution:
    """The distances from the identity at which predictions flip, of G groups: the chosen classes, then all images.

    A distance is infinite where the images it speaks of don't flip within the scanned degrees, NaN where a group has no
    image.

    Attributes
    ----------
    classes : (G,) int64
        Outputs of the classifier; -1, the last one, stands for all images, those without a class among them.
    names : tuple of G str
    counts : (G,) int64
    quantiles : (G, 5) float64
        The smallest distance by which 5, 25, 50, 75 and 95 % of the group's images have flipped.
    median_low, median_high : (G,) float64
        Interval of the median with at least 95 % confidence, from the binomial distribution of the ranks.
    never : (G,) float64
        Share of images that none of the scanned degrees flips.
    distances : (M,) float64
        0 and the distances of the scanned degrees from the identity, ascending.
    survival, survival_low, survival_high : (G, M) float64
        Share of the group's images whose prediction has not flipped within that distance, on either side, and Wilson's
        95 % interval. All images are followed over the same degrees, so Kaplan and Meier's estimate is this share.

    References
    ----------
    Interval of the median: Conover, Practical Nonparametric Statistics, 3rd edition 1999, section 3.2.
    """

    classes: npt.NDArray[np.int64]
    names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    quantiles: Array
    median_low: Array
    median_high: Array
    never: Array
    distances: Array
    survival: Array
    survival_low: Array
    survival_high: Array

    @property
    def median(self) -> Array:
        """(G,) float64: the distance by which half of the images have flipped."""
        return self.quantiles[:, QUANTILES.index(0.5)]


def distribution(points: BreakingPoints, classes: Iterable[int] | None = None) -> Distribution:
    """Describe breaking points class by class.

    Parameters
    ----------
    points : BreakingPoints
        `points.take(~points.wrong_clean)` leaves out images that are wrong with nothing changed.
    classes : iterable of int, optional
        Outputs of the classifier, all by default. All images come behind them.

    Returns
    -------
    Distribution

    Raises
    ------
    ParameterError
        No such class.
    """
    n_classes = len(points.class_names)
    chosen = list(range(n_classes)) if classes is None else [int(number) for number in classes]
    for number in chosen:
        if not 0 <= number < n_classes:
            raise ParameterError(f"There is no class {number}", f"Give numbers from 0 to {n_classes - 1}.")
    away = np.abs(np.asarray(points.change.degrees) - points.identity)
    distances = np.unique(np.append(away, 0.0))
    groups = [np.sort(points.distance[points.labels == number]) for number in chosen]
    groups.append(np.sort(points.distance))
    counts = np.array([len(group) for group in groups], np.int64)
    survival = np.stack([_survival(group, distances) for group in groups])
    low, high = wilson(survival, counts[:, None])
    ends = np.array([_median_interval(group) for group in groups])
    return Distribution(
        classes=np.array([*chosen, ALL], np.int64),
        names=(*(points.class_names[number] for number in chosen), ALL_IMAGES),
        counts=counts,
        quantiles=np.stack([_quantiles(group) for group in groups]),
        median_low=ends[:, 0],
        median_high=ends[:, 1],
        never=np.array([np.isinf(group).mean() if len(group) else np.nan for group in groups]),
        distances=distances,
        survival=survival,
        survival_low=low,
        survival_high=high,
    )


def _quantiles(ordered: Array) -> Array:
    """Return (5,) of ascending distances (n,) those that the shares of `QUANTILES` don't exceed."""
    if not len(ordered):
        return np.full(len(QUANTILES), np.nan)
    ranks = np.ceil(np.array(QUANTILES) * len(ordered) - 1e-9).astype(np.int64)
    return ordered[np.maximum(ranks, 1) - 1]


def _median_interval(ordered: Array) -> tuple[float, float]:
    """Return the interval of the median of ascending distances (n,): between two of them, 0 and infinity outside."""
    from scipy.stats import binom

    n = len(ordered)
    if not n:
        return np.nan, np.nan
    below = int(binom.ppf((1 - LEVEL) / 2, n, 0.5))  # P(fewer lie below the median) <= 2.5 %
    first, last = below - 1, n - below
    return float(ordered[first]) if first >= 0 else 0.0, float(ordered[last]) if last < n else np.inf


def _survival(ordered: Array, distances: Array) -> Array:
    if not len(ordered):
        return np.full(len(distances), np.nan)
    return 1 - np.searchsorted(ordered, distances, side="right") / len(ordered)
