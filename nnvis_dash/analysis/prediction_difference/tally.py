"""Running sums over the samples of every window, and the evidence and its standard error that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.prediction_difference.evidence import log_odds_slope, weight_of_evidence
from nnvis_dash.analysis.prediction_difference.lattice import Lattice

Doubles = npt.NDArray[np.float64]
_SUMS = ("counts", "draws", "sums", "squares", "singles")
_PRIOR = 4.0  # draws that the neighbours' variance counts for, beside a window's own


@dataclass(frozen=True)
class Scale:
    """How what was read of an image becomes evidence.

    Attributes
    ----------
    classes : bool
        Columns are p, 1 − p and logit of T classes; else U activations.
    n_classes : int
        K of the classifier.
    laplace : int
    """

    classes: bool
    n_classes: int
    laplace: int

    def evidence(self, original: Doubles, without: Doubles) -> Doubles:
        """Return (..., R): of T classes the weights of evidence in bits, then the differences of logits; or differences
        of activations. `original` is (Q,), `without` (..., Q)."""
        if not self.classes:
            return original - without
        p, q, z = np.split(without, 3, axis=-1)
        own = np.split(original, 3)
        bits = weight_of_evidence(own[0], own[1], p, q, self.n_classes, self.laplace)
        return np.concatenate([bits, own[2] - z], axis=-1)

    def variance(self, without: Doubles, variance: Doubles) -> Doubles:
        """Return (..., R) variances of the evidence from those (..., Q) of the means `without`, to first order."""
        if not self.classes:
            return variance
        p, q, _ = np.split(without, 3, axis=-1)
        of_p, of_q, of_z = np.split(variance, 3, axis=-1)
        slope = log_odds_slope(p, q, self.n_classes, self.laplace)
        return np.concatenate([np.where(p < 0.5, of_p, of_q) * slope**2, of_z], axis=-1)

    def shown(self, columns: Doubles) -> Doubles:
        """Return (..., R) values of the readouts from (..., Q): probabilities, then logits; or activations."""
        if not self.classes:
            return columns
        p, _, z = np.split(columns, 3, axis=-1)
        return np.concatenate([p, z], axis=-1)


class Sums(NamedTuple):
    """Sums over the samples of some windows, each (n, Q)."""

    sums: Doubles
    squares: Doubles
    singles: Doubles
    n_samples: int
    n_draws: int


class Tally:
    """What is known of each window of a lattice.

    Parameters
    ----------
    lattice : Lattice
    original : (Q,) float
        What is read of the unchanged image.
    scale : Scale

    Attributes
    ----------
    counts : (n, m) int64
        Samples.
    draws : (n, m) int64
        Independent ones: pairs, where samples are antithetic.
    sums, squares : (n, m, Q) float64
        Over draws.
    singles : (n, m, Q) float64
        Squares over samples, each by itself.
    """

    def __init__(self, lattice: Lattice, original: npt.ArrayLike, scale: Scale) -> None:
        self.lattice, self.scale = lattice, scale
        self.original = np.asarray(original, np.float64)
        self.counts = np.zeros(lattice.shape, np.int64)
        self.draws = np.zeros(lattice.shape, np.int64)
        self.sums = np.zeros((*lattice.shape, len(self.original)))
        self.squares = np.zeros_like(self.sums)
        self.singles = np.zeros_like(self.sums)

    def add(self, places: npt.NDArray[np.int64], read: npt.NDArray[Any], step: int) -> None:
        """Add (n, S, Q) that was read with samples of n windows (numbers in the lattice); `step` samples are a draw."""
        self.add_sums(places, summed(read, step))

    def add_sums(self, places: npt.NDArray[np.int64], found: Sums) -> None:
        """Add what `summed` gave of windows."""
        at = np.unravel_index(places, self.lattice.shape)
        self.sums[at] += found.sums
        self.squares[at] += found.squares
        self.singles[at] += found.singles
        self.counts[at] += found.n_samples
        self.draws[at] += found.n_draws

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(n, m): which windows have samples."""
        return self.counts > 0

    def without(self) -> Doubles:
        """Return (n, m, Q) means over the samples; NaN where there are none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.sums / np.where(self.draws > 0, self.draws, np.nan)[..., None]

    def evidence(self) -> Doubles:
        """Return (n, m, R); NaN where there are no samples."""
        return self.scale.evidence(self.original, self.without())

    def variances(self) -> Doubles:
        """Return (n, m, R) variances of the evidence; NaN where there are no samples.

        A window's own draws count together with those of its neighbours, as if these were four more; where no neighbour
        has two draws either, the variance of the neighbours' evidence takes its place, which is too large rather than
        too small.
        """
        without, evidence = self.without(), self.evidence()
        n = self.draws[..., None].astype(float)
        own = np.where(n > 1, (self.squares - n * np.nan_to_num(without) ** 2) / np.maximum(n - 1, 1), np.nan)
        own = self.scale.variance(without, np.maximum(own, 0.0))  # of one draw
        around = self.lattice.around(own)
        rough = self.lattice.roughness(evidence) ** 2
        prior = np.where(np.isfinite(around), around, rough)
        pooled = (_PRIOR * prior + np.where(n > 1, (n - 1) * np.nan_to_num(own), 0.0)) / (_PRIOR + np.maximum(n - 1, 0))
        return np.where(n > 0, pooled / np.maximum(n, 1), np.nan)

    def independent(self, n_samples: int) -> Doubles:
        """Return (n, m, R) variances that the evidence would have from so many samples, each drawn by itself."""
        without, n = self.without(), self.counts[..., None].astype(float)
        own = np.where(n > 1, (self.singles - n * np.nan_to_num(without) ** 2) / np.maximum(n - 1, 1), np.nan)
        return self.lattice.around(self.scale.variance(without, np.maximum(own, 0.0))) / n_samples

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state as arrays."""
        names = (*_SUMS, "original")
        return {name: getattr(self, name) for name in names}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Take the state that `arrays` gave."""
        for name in _SUMS:
            setattr(self, name, np.array(arrays[name]))


def summed(read: npt.NDArray[Any], step: int) -> Sums:
    """Sum up what was read, (n, S, Q), over draws; a draw is the mean of `step` samples."""
    n, samples, columns = read.shape
    values = np.asarray(read, np.float64)
    draws = values.reshape(n, samples // step, step, columns).mean(axis=2)
    singles = np.einsum("nsq,nsq->nq", values, values)
    return Sums(draws.sum(axis=1), np.einsum("nsq,nsq->nq", draws, draws), singles, samples, samples // step)
