"""Samples of a dataset chosen at random, each class in proportion to its number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def choose_samples(
    labels: npt.NDArray[np.int32] | None, n_total: int, n_samples: int, seed: int
) -> npt.NDArray[np.int64]:
    """Choose samples at random, each label in proportion to its number.

    Parameters
    ----------
    labels : (N,) int32 or None
        -1: no label, which counts as a label of its own.
    n_total : int
        N.
    n_samples : int
        How many; 0 or more than N: all.
    seed : int

    Returns
    -------
    (n,) int64
        Row numbers, ascending. Every label that is there gets one at least, as long as n allows it.
    """
    if n_samples <= 0 or n_samples >= n_total:
        return np.arange(n_total, dtype=np.int64)
    rng = np.random.default_rng(seed)
    strata = np.zeros(n_total, np.int64) if labels is None else np.asarray(labels, np.int64)
    _, group, counts = np.unique(strata, return_inverse=True, return_counts=True)
    exact = counts * (n_samples / n_total)
    quota = np.floor(exact).astype(np.int64)
    if n_samples >= len(counts):
        quota = np.maximum(quota, 1)
    while quota.sum() > n_samples:
        quota[np.argmax(np.where(quota > 1, quota - exact, -np.inf))] -= 1
    rest = exact - quota
    for index in np.argsort(-rest, kind="stable")[: n_samples - int(quota.sum())]:
        quota[index] += 1
    order = rng.permutation(n_total)
    rank = np.empty(n_total, np.int64)  # of each sample among those of its label, in random order
    for index in range(len(counts)):
        members = order[group[order] == index]
        rank[members] = np.arange(len(members))
    return np.flatnonzero(rank < quota[group]).astype(np.int64)
