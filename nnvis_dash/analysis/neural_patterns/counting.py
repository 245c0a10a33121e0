"""How many rows of each group some patterns have, counted in the table when it is asked for."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.neural_patterns.bitmaps import (
    BITS,
    Coded,
    Codes,
    Places,
    Slab,
    Words,
    coded,
    common,
    slabs,
    windows,
)
from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT, Table
from nnvis_dash.types import Ints

_CHUNK = 1 << 15  # words that are worked on at once: a quarter of a megabyte, near the processor


def counted(table: Table, channels: Table, groups: Places, n_groups: int) -> Ints:
    """Count the rows of each group that have each pattern.

    Parameters
    ----------
    table : (n, L) whole numbers, -1 where there is no unit
    channels : (P, L)
        Units of each pattern, one or more; -1 in the columns that it leaves open.
    groups : (n,) whole numbers below n_groups
        Of the rows; negative for those that aren't counted.
    n_groups : int

    Returns
    -------
    (P, n_groups) int32
    """
    counts = np.zeros((len(channels), n_groups), np.int32)
    known = np.flatnonzero(groups >= 0)
    if not counts.size or not len(known):
        return counts
    known = known[np.argsort(groups[known], kind="stable")]  # so each group's rows are neighbours among a unit's
    units = tuple(np.flatnonzero(np.bincount(column[column != NO_UNIT], minlength=1)) for column in channels.T)
    numbered = coded(table[known], units)
    items = numbered.items(channels)
    firsts = (items != NO_UNIT).argmax(axis=1)
    for column in np.unique(firsts).tolist():
        mine = np.flatnonzero(firsts == column)
        own = items[mine, column] - numbered.firsts[column]
        for slab in slabs(numbered, column, int(numbered.firsts[-1] - numbered.firsts[column])):
            here = (own >= slab.first) & (own < slab.first + len(slab.support))
            _count(numbered, column, slab, groups[known], mine[here], items, counts)
    return counts


def _count(table: Coded, column: int, slab: Slab, groups: Places, mine: Places, items: Places, counts: Ints) -> None:
    """Count for those patterns whose first item is in a slab of a column."""
    places = _ends(table.codes[column, :-1], slab, groups, counts.shape[1])
    start = int(table.firsts[column])
    numbers, nths = np.nonzero(items[mine] != NO_UNIT)
    lengths = np.bincount(numbers, minlength=len(mine))
    own = items[mine, column] - start - slab.first
    others = items[mine][numbers, nths] - start
    shared = common(table, slab, range(column, len(table.units)))
    pairs = np.zeros((len(slab.support), table.firsts[-1] - start), np.intp)
    pairs[own[numbers], others] = 1
    each = np.nonzero(pairs)
    pairs[each] = np.arange(len(each[0]))
    listed = pairs[own[numbers], others]  # of each pattern with its items, one pattern behind the other
    bits, which, starts = shared.bitmaps(*each)
    firsts = np.cumsum(lengths) - lengths
    by_length = np.argsort(-lengths, kind="stable")
    for words in np.unique(slab.words[own]).tolist():
        same = by_length[slab.words[own[by_length]] == words]
        for begin in range(0, len(same), max(1, _CHUNK // words)):
            some = same[begin : begin + max(1, _CHUNK // words)]
            chosen = listed[firsts[some]]
            rows = windows(bits, which[chosen], starts[chosen], words)
            for nth in range(1, int(lengths[some[0]])):
                longer = some[lengths[some] > nth]
                chosen = listed[firsts[longer] + nth]
                rows[: len(longer)] &= windows(bits, which[chosen], starts[chosen], words)
            counts[mine[some]] = np.diff(_before(rows, places[own[some]]), axis=1)


def _ends(codes: Codes, slab: Slab, groups: Places, n_groups: int) -> Places:
    """Return where each group's rows of each unit of a slab end, and before them where the first begin: (u, K + 1)."""
    here = np.flatnonzero((codes >= slab.first) & (codes < slab.first + len(slab.support)))
    keys = (codes[here].astype(np.intp) - slab.first) * n_groups + groups[here]
    sizes = np.bincount(keys, minlength=len(slab.support) * n_groups).reshape(-1, n_groups)
    return np.concatenate([np.zeros((len(sizes), 1), np.intp), np.cumsum(sizes, axis=1)], axis=1)


def _before(rows: Words, places: Places) -> Places:
    """Count the bits of each set (P, words) that stand before each of some places (P, b)."""
    whole = np.zeros((len(rows), rows.shape[1] + 1), np.intp)
    np.cumsum(np.bitwise_count(rows), axis=1, out=whole[:, 1:])
    word = places // BITS
    numbers = np.arange(len(rows))[:, None]
    rest = rows[numbers, np.minimum(word, rows.shape[1] - 1)]
    rest &= (np.uint64(1) << (places % BITS).astype(np.uint64)) - np.uint64(1)  # nothing of it at a word's begin
    return whole[numbers, word] + np.bitwise_count(rest)
