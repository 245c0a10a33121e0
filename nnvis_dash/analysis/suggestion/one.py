"""What one classifier says of each sample, as numbers to make histograms of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.uncertainty import confidence, entropy, margin
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.index import Index

SCORES = {
    "confidence": "probability of the predicted class",
    "margin": "the first minus the second probability",
    "entropy": "Shannon's entropy of the probabilities, in nats",
    "deep_gini": "1 − Σp²: the chance that two draws from the probabilities differ",
    "shortfall": "probability of the prediction minus that of the label: 0 where it is right",
}
BINS = 40
MOST_BINS = 1000
_BLOCK = 1 << 17  # probabilities looked at at once: they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many samples lie in each of B equal intervals.

    Attributes
    ----------
    edges : (B + 1,) float64
        Ascending; the last interval holds its upper end.
    counts : (B,) int64
    bin_of : (N,) int32
        Each sample's interval; -1 where its value isn't finite.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    bin_of: npt.NDArray[np.int32]

    def counts_of(self, ids: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the counts (B,) of some samples alone."""
        chosen = self.bin_of[np.asarray(ids, np.int64)]
        return np.bincount(chosen[chosen >= 0], minlength=len(self.counts))

    def between(self, low: float, high: float, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the samples whose values lie from `low` to `high`, both included, ascending."""
        found = np.asarray(values)
        return np.flatnonzero((found >= low) & (found <= high))


def sample_scores(index: Index | npt.NDArray[np.floating], labels: npt.ArrayLike | None = None) -> dict[str, Floats]:
    """Return for every sample each of `SCORES`.

    Parameters
    ----------
    index : Index, or (N, K) float array of probabilities
    labels : (N,) int, optional
        Outputs of the classifier, -1 where unknown. Without them there is no "shortfall".

    Returns
    -------
    dict of name to (N,) float32; "shortfall" is NaN where the label is unknown.

    Raises
    ------
    ParameterError
        Probabilities or labels that can't be.

    References
    ----------
    DeepGini: Feng et al., "DeepGini: prioritizing massive tests to enhance the robustness of deep neural networks",
    2020.
    """
    table = np.asarray(getattr(index, "probabilities", index))
    if table.ndim != 2 or table.shape[1] == 0:
        raise ParameterError(f"Probabilities have the shape {table.shape}", "Give one row a sample: (N, K).")
    found = {name: np.empty(len(table), np.float32) for name in ("confidence", "margin", "entropy", "deep_gini")}
    step = max(1, _BLOCK // table.shape[1])
    for start in range(0, len(table), step):
        rows = slice(start, start + step)
        block = table[rows]
        found["confidence"][rows] = confidence(block)
        found["margin"][rows] = margin(block)
        found["entropy"][rows] = entropy(block)
        found["deep_gini"][rows] = 1 - np.einsum("nk,nk->n", block, block)
    if labels is None:
        return found
    truth = np.asarray(labels)
    if truth.shape != (len(table),) or truth.dtype.kind not in "iu":
        raise ParameterError(
            f"Labels have the shape {truth.shape}", f"Give one output for each of {len(table)} samples."
        )
    if len(truth) and not -1 <= truth.min() <= truth.max() < table.shape[1]:
        raise ParameterError(
            f"Labels are from {int(truth.min())} to {int(truth.max())}", f"Give -1 (unknown) to {table.shape[1] - 1}."
        )
    own = np.take_along_axis(table, np.maximum(truth, 0).astype(np.int64)[:, None], 1)[:, 0]
    found["shortfall"] = np.where(truth >= 0, found["confidence"] - own, np.nan).astype(np.float32)
    return found


def histogram(
    values: npt.ArrayLike, bins: int = BINS, low: float | None = None, high: float | None = None
) -> Histogram:
    """Count values in equal intervals.

    Parameters
    ----------
    values : (N,) float
    bins : int, 1..1000
    low, high : float, optional
        The ends; those of the finite values by default. What lies outside is in no interval.

    Returns
    -------
    Histogram

    Raises
    ------
    ParameterError
        A shape, number of intervals or ends that can't be.
    """
    found = np.asarray(values, np.float64)
    if found.ndim != 1:
        raise ParameterError(f"Values have the shape {found.shape}", "Give one number a sample.")
    if not 1 <= bins <= MOST_BINS:
        raise ParameterError(f"bins is {bins!r}", f"Give a whole number from 1 to {MOST_BINS}.")
    known = np.isfinite(found)
    first = float(found[known].min()) if low is None and known.any() else (low or 0.0)
    last = float(found[known].max()) if high is None and known.any() else (first + 1.0 if high is None else high)
    if not np.isfinite([first, last]).all() or first > last:
        raise ParameterError(f"The ends are {first!r} and {last!r}", "Give two numbers, the smaller one first.")
    if first == last:
        first, last = first - 0.5, last + 0.5
    edges = np.linspace(first, last, bins + 1)
    inside = known & (found >= first) & (found <= last)
    place = np.searchsorted(edges, found[inside], side="right") - 1
    bin_of = np.full(len(found), -1, np.int32)
    bin_of[inside] = np.minimum(place, bins - 1)
    return Histogram(edges, np.bincount(bin_of[inside], minlength=bins), bin_of)
