"""The order in which a simulation takes its samples: every beginning of it is a fair sample of every class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.types import Ints

Positions = npt.NDArray[np.int64]
A_CLASS = 10  # samples of a class in the first round
LARGEST_FIRST = 256  # samples of the first round
SMALLEST_FIRST = 32


def stratified_order(labels: Ints | None, n: int, seed: int = 0) -> Positions:
    """Return the samples in a random order in which the classes take turns.

    Parameters
    ----------
    labels : (n,) int32 or None
        -1 stands for no label, and counts as a class here. None: one class.
    n : int
    seed : int

    Returns
    -------
    (n,) int64
        Of every beginning, the classes' shares differ by one sample at most, until a class is used up.
    """
    drawn = np.random.default_rng(seed).permutation(n)
    if labels is None:
        return drawn
    of_drawn = np.asarray(labels)[drawn]
    by_class = np.argsort(of_drawn, kind="stable")
    starts = np.flatnonzero(np.diff(of_drawn[by_class], prepend=of_drawn[by_class[:1]] - 1))
    turn = np.empty(n, np.int64)  # how many of its class come before
    turn[by_class] = np.arange(n) - np.repeat(starts, np.diff(np.append(starts, n)))
    return drawn[np.argsort(turn, kind="stable")]


def rounds(n: int, n_classes: int) -> list[tuple[int, int]]:
    """Return intervals of positions 0..n, the first small, each twice as far as all before it.

    >>> rounds(500, 10)
    [(0, 100), (100, 200), (200, 400), (400, 500)]
    """
    stop = min(n, max(SMALLEST_FIRST, min(A_CLASS * n_classes, LARGEST_FIRST)))
    found = [(0, stop)]
    while stop < n:
        found.append((stop, min(2 * stop, n)))
        stop = found[-1][1]
    return found


def segments(start: int, stop: int, n: int, n_changes: int, n_classes: int) -> list[tuple[int, int, int]]:
    """Return what an interval of a simulation's work is.

    The work is counted in (change, sample) pairs: round after round, in each every change over the round's samples.

    Returns
    -------
    list of (change, first position, last position + 1)
    """
    found = []
    for low, high in rounds(n, n_classes):
        size = high - low
        for number in range(n_changes):
            offset = low * n_changes + number * size
            first, last = max(start, offset), min(stop, offset + size)
            if first < last:
                found.append((number, low + first - offset, low + last - offset))
    return found
