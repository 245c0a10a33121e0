"""Nearest neighbours in a few dozen dimensions: exact, by comparing all with all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.projections.field.threads import Threads
from nnvis_dash.types import Floats, Ints

COMPARED = 2**26  # pairs between two words about how far the search is: about half a second
SHARED = 8  # rows that a thread takes at least


def nearest(rows: Floats, reference: Floats, k: int, held: Threads, own: bool = False) -> tuple[Ints, Floats]:
    """Return the k nearest reference samples of each row.

    Parameters
    ----------
    rows : (M, d) float32
    reference : (N, d) float32
        Of such a size that squared distances fit float32; see `scaled`.
    k : int
        1 to N, to N - 1 if `own`.
    held : Threads
    own : bool
        Row i is the reference sample i, and none of its own neighbours.

    Returns
    -------
    (M, k) int32, (M, k) float32
        Numbers of reference samples, the nearest first, of equally near ones the first; squared Euclidean distances.
        `progress.step` hears how far the search is, and what it raises ends it.
    """
    from nnvis_dash.analysis.projections.field import kernels

    padded, columns = _padded(rows), np.ascontiguousarray(_padded(reference).T)
    found, squared = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)

    def search(first: int, last: int) -> None:
        kernels.nearest(padded, columns, int(own), first, last, found, squared)

    _each_block(len(rows), len(reference), search, held)
    return found, squared


def ranks(reference: Floats, named: Ints, held: Threads) -> Ints:
    """Return how near (1: the nearest) the named samples (N, k) are to each of the reference samples (N, d).

    Of equally near ones the first counts as nearer. `progress.step` hears how far it is.
    """
    from nnvis_dash.analysis.projections.field import kernels

    padded = _padded(reference)
    columns, asked = np.ascontiguousarray(padded.T), np.ascontiguousarray(named, np.int32)
    rank = np.empty_like(asked)

    def count(first: int, last: int) -> None:
        kernels.ranks(padded, columns, asked, first, last, rank)

    _each_block(len(reference), len(reference), count, held)
    return rank


def scaled(reference: Floats) -> Floats:
    """Return features at a scale at which squared distances fit float32: divided by a power of two."""
    return reference / unit(reference)


def unit(reference: Floats) -> np.float32:
    """Return what `scaled` divides by."""
    largest = float(np.abs(reference).max(initial=0))
    return np.float32(2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1)


def _padded(rows: Floats) -> Floats:
    """Return rows with zeros behind, so that their length is a multiple of 4."""
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))), np.float32)


def _each_block(n_rows: int, n_columns: int, work: Callable[[int, int], None], held: Threads) -> None:
    """Call `work(first, last)` for all rows, and tell after each block how far it is."""
    size = max(1, COMPARED // max(1, n_columns))
    for begin in range(0, n_rows, size):
        end = min(begin + size, n_rows)
        held.each(end - begin, partial(_from, work, begin), SHARED)
        progress.step(end, n_rows)


def _from(work: Callable[[int, int], None], begin: int, first: int, last: int) -> None:
    work(begin + first, begin + last)
