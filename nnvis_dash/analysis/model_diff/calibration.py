"""Calibration: whether a model that says 80 % is right in 80 % of the cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.model_diff.inputs import labelled
from nnvis_dash.analysis.simulation.curves import wilson
from nnvis_dash.errors import ParameterError

Array = npt.NDArray[np.float64]
BINS = 15
MOST_BINS = 1000
SMALLEST = float(np.finfo(np.float32).tiny)  # the smallest probability whose logarithm is taken: −87.3


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram; NaN in bins without a sample.

    Attributes
    ----------
    edges : (B + 1,) float64, 0..1
        Of the bins, each without its lower and with its upper edge; the first has both.
    counts : (B,) int64
        Samples in each bin.
    confidence : (B,) float64
        Mean probability of the predicted class.
    accuracy, low, high : (B,) float64
        Share that is right, and Wilson's 95 % interval.
    ece : float, 0..1
        Expected calibration error: |accuracy − confidence| of the bins, weighed by their counts.
    mce : float, 0..1
        Maximum calibration error: the largest of them.
    """

    edges: Array
    counts: npt.NDArray[np.int64]
    confidence: Array
    accuracy: Array
    low: Array
    high: Array
    ece: float
    mce: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """How well a model's probabilities fit what is right.

    Attributes
    ----------
    reliability : Reliability
    confidence, accuracy : float, 0..1
        Mean over all samples; a model is overconfident where the first is larger.
    brier : float, 0..2
        Mean over samples of Σ over classes (p − y)², y being 1 for the label and 0 for the others.
    nll : float, nats
        Mean of −ln p of the label; p below 1.18e-38, where float32 ends, counts as that.
    n, unlabelled : int
        Samples with a label, and without: these are left out.
    """

    reliability: Reliability
    confidence: float
    accuracy: float
    brier: float
    nll: float
    n: int
    unlabelled: int

    @property
    def ece(self) -> float:
        """Expected calibration error, 0..1."""
        return self.reliability.ece

    @property
    def mce(self) -> float:
        """Maximum calibration error, 0..1."""
        return self.reliability.mce


def calibration(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS, *, equal_mass: bool = False
) -> Calibration:
    """Hold a model's confidence against how often it is right.

    Parameters
    ----------
    probabilities : (N, K) float, 0..1
    labels : (N,) int
        -1 unknown: left out.
    bins, equal_mass
        As `reliability` takes them.

    Returns
    -------
    Calibration

    Raises
    ------
    ParameterError
        Other shapes, no sample with a label, a label that is no column, numbers that aren't finite or outside 0..1.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599, eq. 1-6; Brier, "Verification
    of forecasts expressed in terms of probability", 1950.
    """
    values, numbers, unlabelled = labelled(probabilities, labels)
    samples = np.arange(len(values))
    predicted = values.argmax(axis=1)
    confidence = values[samples, predicted].astype(np.float64)
    of_label = values[samples, numbers].astype(np.float64)
    right = predicted == numbers
    squares = np.einsum("ij,ij->i", values, values).mean(dtype=np.float64)
    return Calibration(
        reliability=reliability(confidence, right, bins, equal_mass=equal_mass),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        brier=max(0.0, float(squares - 2 * of_label.mean() + 1)),
        nll=float(-np.log(np.maximum(of_label, SMALLEST)).mean()) + 0.0,  # no −0
        n=len(values),
        unlabelled=unlabelled,
    )


def reliability(
    confidence: npt.NDArray[Any], right: npt.NDArray[np.bool_], bins: int = BINS, *, equal_mass: bool = False
) -> Reliability:
    """Sort samples into bins by confidence and say how often those of each bin are right.

    Parameters
    ----------
    confidence : (n,) float, 0..1
        Of the predicted class; one or more.
    right : (n,) bool
    bins : int, 1 to 1000
    equal_mass : bool
        Bins between quantiles, with as many samples in each, instead of bins of equal width. Samples of one confidence
        stay together, so that there are fewer bins where many have the same.

    Returns
    -------
    Reliability

    Raises
    ------
    ParameterError
        Another number of bins.

    References
    ----------
    Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015: both
    errors; Nguyen, O'Connor, "Posterior calibration and exploratory analysis for natural language processing models",
    2015, arXiv:1508.05154: bins of equal mass.
    """
    if not isinstance(bins, int | np.integer) or not 1 <= bins <= MOST_BINS:
        raise ParameterError(f"{bins!r} bins are asked for", f"Ask for 1 to {MOST_BINS}.")
    values = np.asarray(confidence, np.float64)
    edges = np.linspace(0.0, 1.0, int(bins) + 1)
    if equal_mass:
        edges = np.unique(np.quantile(values, edges))
        edges = np.repeat(edges, 2) if len(edges) == 1 else edges
    n_bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, values) - 1, 0, n_bins - 1)
    counts = np.bincount(place, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, values, n_bins) / counts
        accuracy = np.bincount(place, right, n_bins) / counts
    low, high = wilson(accuracy, counts)
    filled = counts > 0
    gaps = np.abs(accuracy - means)[filled]
    return Reliability(
        edges=edges,
        counts=counts,
        confidence=means,
        accuracy=accuracy,
        low=low,
        high=high,
        ece=float(gaps @ counts[filled] / len(values)),
        mce=float(gaps.max()),
    )
