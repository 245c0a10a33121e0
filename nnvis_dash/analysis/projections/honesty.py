"""How far a map can be believed: which neighbours on it are none among the features, and which it tore apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.projections.field.threads import Threads, threads
from nnvis_dash.analysis.projections.neighbours import nearest, ranks, scaled
from nnvis_dash.types import Floats, Ints

NEIGHBOURS = 10
BLOCK = 1024  # rows compared at once, while they stay in the cache


@dataclass(frozen=True, eq=False)
class Honesty:
    """How well the neighbours of each sample were kept.

    Parameters
    ----------
    trustworthiness : (N,) float32
        1: all its neighbours on the map are its neighbours among the features; the less, the farther away they are
        there. A false cluster is of samples with little trustworthiness.
    continuity : (N,) float32
        1: all its neighbours among the features are its neighbours on the map; the less, the farther off they lie.
    n_neighbours : int
        How many were looked at; 0 for fewer than 3 samples, which can't be wrong.
    """

    trustworthiness: Floats
    continuity: Floats
    n_neighbours: int


def honesty(reference: Floats, coordinates: Floats, n_neighbours: int = NEIGHBOURS) -> Honesty:
    """Measure a map, sample by sample.

    Parameters
    ----------
    reference : (N, d) float32
        The features.
    coordinates : (N, 2) float32
        The map.
    n_neighbours : int
        k, at least 1; lowered to less than N / 2.

    Returns
    -------
    Honesty
        Of sample i: 1 - 2 / (k (2N - 3k - 1)) · Σ (r(i, j) - k) over those of its k nearest in one space that aren't
        among its k nearest in the other, where j is the r-th; so that the mean over i is Venna and Kaski's measure. It
        may be less than 0 for a single sample. `analysis.progress` hears how far it is.

    References
    ----------
    Venna and Kaski, Neighborhood preservation in nonlinear projection methods, ICANN 2001,
    doi:10.1007/3-540-44668-0_68.
    """
    n = len(reference)
    k = min(n_neighbours, (n - 1) // 2)
    if k < 1:
        return Honesty(np.ones(n, np.float32), np.ones(n, np.float32), 0)
    features, plane = scaled(reference), scaled(coordinates)
    with threads() as held:
        with progress.part(0, 1, 2):
            trustworthiness = _kept(features, plane, k, held)
        with progress.part(1, 1, 2):
            continuity = _kept(plane, features, k, held)
    return Honesty(trustworthiness, continuity, k)


def _kept(truth: Floats, shown: Floats, k: int, held: Threads) -> Floats:
    """Return how well each sample's k nearest in `shown` are its nearest in `truth`, (N,) float32."""
    n = len(truth)
    with progress.part(0, 1, 2):
        near, _ = nearest(shown, shown, k, held, own=True)
    with progress.part(1, 1, 2):
        beyond = np.maximum(ranks(truth, near, held).astype(np.float64) - k, 0).sum(axis=1)
    return np.asarray(1 - beyond * (2 / (k * (2 * n - 3 * k - 1))), np.float32)


def neighbours_of(reference: Floats, row: int, n_neighbours: int = NEIGHBOURS) -> Ints:
    """Return the rows (k,) int32 of a sample's nearest among the features (N, d), the nearest first; k below N.

    One sample is compared with all, without numba: quick enough while a pointer rests on it (60,000 × 50: 4 ms).
    """
    squared = np.empty(len(reference), np.float32)
    own = np.asarray(reference[row])
    for begin in range(0, len(reference), BLOCK):
        apart = reference[begin : begin + BLOCK] - own
        np.einsum("ij,ij->i", apart, apart, out=squared[begin : begin + BLOCK])
    squared[row] = np.inf
    k = min(n_neighbours, len(reference) - 1)
    near = np.argpartition(squared, k - 1)[:k] if k else np.empty(0, np.int64)
    return near[np.lexsort((near, squared[near]))].astype(np.int32)
