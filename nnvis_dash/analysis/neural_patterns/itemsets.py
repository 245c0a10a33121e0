"""Patterns with gaps: the frequent sets of items (layer, unit) of an aligned table, many sets at a time.

Items are in the order of their columns. A set's rows are bits among the rows of its first item. Sets that differ in
their last item only (siblings) are joined: the rows of the longer set are the AND of two bitmaps, its support is their
population count (Zaki, "Scalable algorithms for association mining", IEEE TKDE 2000).

For closed patterns, a set takes in every later item that all its rows have. It is left out, and all that it would grow
to, if all its rows have an item before its last that is no part of it: then the same set comes up with that item. That
makes each closed set once (Uno, Kiyomi and Arimura, "LCM ver. 2", FIMI 2004). Whether there is such an item is looked
up in a few of a set's rows, and in all of them where these agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.bitmaps import (
    BITS,
    Coded,
    Places,
    Slab,
    Words,
    coded,
    common,
    frequent_units,
    population,
    slabs,
    windows,
)
from nnvis_dash.analysis.neural_patterns.mining import Flags, Ledger, Mined
from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT, Table
from nnvis_dash.types import Ints

_CHUNK = 1 << 15  # words that are worked on at once: a quarter of a megabyte, near the processor
_JOINED = 1 << 20  # words of joined sets, before these are joined themselves: eight megabytes
_WAITING = 1 << 22  # words of pairs that wait until others have been counted: 32 megabytes
_PAIRS = 1 << 22  # pairs of items of which it is noted whether they are frequent
_SAMPLED = 16  # parts of a set's bits in which a row is looked at, or two where there are fewer words
_DIGITS = 62  # bits of the whole numbers that sets are sorted by
_NONE = np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class _Sets:
    """Some sets with their rows: siblings together, in the order of their last items."""

    bits: Words  # (P, words)
    items: Ints  # (P, L), -1 where a set has none
    support: Ints  # (P,)
    last: Places  # (P,) item; siblings may have taken in others
    siblings: Places  # (P,) the same number for all that are
    firsts: Places  # (P,) the place among the miner's rows of each one's first bit


class _Miner:
    """What is known of a table, the pairs that wait, and what was found."""

    def __init__(self, table: Coded, ledger: Ledger, min_length: int, closed: bool) -> None:
        self.found: list[tuple[Ints, Ints]] = []  # items and support
        self._table = table
        self._ledger = ledger
        self._min_length = min_length
        self._closed = closed
        self._columns = table.columns
        n_items = len(self._columns)
        self._frequent = np.zeros(max(1, min(_PAIRS, n_items**2)), np.bool_)
        self._support = np.zeros(n_items, np.int32)
        self._held = np.zeros(n_items, np.bool_)  # items with one before that all their rows have
        self._waiting: dict[int, list[_Sets]] = {}  # pairs, by the number of their words
        self._n_waiting = 0  # words
        self._rows: list[Places] = []  # of all slabs, one behind the other
        self._n_rows = 0
        self._codes = np.ascontiguousarray(table.codes.T) if closed else table.codes[:, :0].T

    def mine(self) -> None:
        """Find all sets."""
        n_columns = len(self._table.units)
        singles = [
            self._begun(slab, column)
            for column in reversed(range(n_columns))
            for slab in slabs(self._table, column, len(self._columns) - int(self._table.firsts[column + 1]))
        ]
        for items, support, last in singles:
            self._keep(items, support, ~self._held[last])
        self._go_on()

    def _begun(self, slab: Slab, column: int) -> tuple[Ints, Ints, Places]:
        """Take the items of a slab, with what all their rows have behind; let the other pairs wait."""
        table, n_columns = self._table, len(self._table.units)
        start = int(table.firsts[column + 1])
        shared = common(table, slab, range(column + 1, n_columns))
        counts = shared.counts()
        own = int(table.firsts[column]) + slab.first + np.arange(len(slab.support))
        self._support[own] = slab.support
        items = np.full((len(own), n_columns), NO_UNIT, np.int32)
        items[:, column] = own
        mine, others = np.nonzero((counts >= self._ledger.least).T)
        support = counts[others, mine]
        last = others + start
        self._frequent[self._pair(own[mine], last)] = True
        if self._closed:
            self._held[start:] |= (counts == self._support[start:, None]).any(axis=1)
            whole = support == slab.support[mine]
            items[mine[whole], self._columns[last[whole]]] = last[whole]
            mine, others, support, last = mine[~whole], others[~whole], support[~whole], last[~whole]
        bits, numbers, starts = shared.bitmaps(mine, others)
        for words in np.unique(slab.words[mine]).tolist():
            now = np.flatnonzero(slab.words[mine] == words)
            first = mine[now]
            pairs = items[first]
            pairs[np.arange(len(now)), self._columns[last[now]]] = last[now]
            self._waiting.setdefault(words, []).append(
                _Sets(
                    windows(bits, numbers[now], starts[now], words),
                    pairs,
                    support[now],
                    last[now],
                    own[first],
                    self._n_rows + slab.starts[first] * BITS,
                )
            )
            self._n_waiting += len(now) * words
        if self._closed:
            self._rows.append(slab.rows)
            self._n_rows += len(slab.rows)
        if self._n_waiting > _WAITING:
            self._go_on()
        return items, self._support[own], own

    def _go_on(self) -> None:
        """Extend the pairs that wait."""
        self._rows = [np.concatenate(self._rows)] if self._rows else []
        for parts in self._waiting.values():
            self._extend(_together(parts))
        self._waiting, self._n_waiting = {}, 0

    def _extend(self, sets: _Sets) -> None:
        """Join sets to longer ones until there are no more, and keep what is asked for."""
        wanted = ~self._held_before(sets) if self._closed else np.ones(len(sets.support), np.bool_)
        by_column = sets.siblings * len(self._table.units) + self._columns[sets.last]
        nexts, ends = _run_ends(by_column), _run_ends(sets.siblings)
        n_joins = np.where(wanted, ends - nexts, 0)
        for part in _parts(n_joins, _JOINED // sets.bits.shape[1]):
            numbers = np.arange(len(sets.support))[part]
            one = np.repeat(numbers, n_joins[part])
            before = np.cumsum(n_joins[part]) - n_joins[part]
            other = np.arange(len(one)) + np.repeat(nexts[part] - before, n_joins[part])
            likely = self._frequent[self._pair(sets.last[one], sets.last[other])]
            longer = self._joined(sets, one[likely], other[likely])
            self._keep(sets.items[part], sets.support[part], wanted[part])
            if longer is not None:
                self._extend(longer)

    def _joined(self, sets: _Sets, one: Places, other: Places) -> _Sets | None:
        """Return the frequent ones of joined sets; None where there are none.

        For closed patterns, items that all rows of a set have become part of it.
        """
        step = max(1, _CHUNK // sets.bits.shape[1])
        kept, supports, n_kept = [], [], 0
        bits = np.empty((len(one), sets.bits.shape[1]), np.uint64)
        size = (min(step, len(one)), sets.bits.shape[1])
        first, second = np.empty(size, np.uint64), np.empty(size, np.uint64)
        for start in range(0, len(one), step):
            mine, others = one[start : start + step], other[start : start + step]
            both, theirs = first[: len(mine)], second[: len(mine)]
            np.take(sets.bits, mine, axis=0, out=both, mode="clip")  # checked already: clip needs no buffer
            np.take(sets.bits, others, axis=0, out=theirs, mode="clip")
            both &= theirs
            support = population(both)
            enough = np.flatnonzero(support >= self._ledger.least)
            kept.append(enough + start)
            supports.append(support[enough])
            np.take(both, enough, axis=0, out=bits[n_kept : n_kept + len(enough)], mode="clip")
            n_kept += len(enough)
        if not n_kept:
            return None
        chosen, support, together = np.concatenate(kept), np.concatenate(supports), bits[:n_kept]
        one, last = one[chosen], sets.last[other[chosen]]
        if self._closed:
            whole = support == sets.support[one]
            if whole.any():
                sets.items[one[whole], self._columns[last[whole]]] = last[whole]
                one, last, support, together = one[~whole], last[~whole], support[~whole], together[~whole]
        items = sets.items[one]
        items[np.arange(len(one)), self._columns[last]] = last
        return _Sets(together, items, support, last, one, sets.firsts[one]) if len(one) else None

    def _held_before(self, sets: _Sets) -> Flags:
        """Return whether all rows of a set have an item before its last that is no part of it (P,)."""
        rows = self._rows[0][sets.firsts[:, None] + _sampled(sets.bits)]
        values = self._codes[rows[:, 0]]
        sizes = np.diff(self._table.firsts)
        before = np.arange(len(sizes)) < self._columns[sets.last][:, None]
        agreed = (values < sizes) & (sets.items == NO_UNIT) & before
        doubtful = np.arange(len(rows))
        for others in rows.T[1:]:
            agreed &= self._codes[others[doubtful]] == values[doubtful]
            some = agreed.any(axis=1)
            doubtful, agreed = doubtful[some], agreed[some]
        held = np.zeros(len(rows), np.bool_)
        for part in _parts(sets.support[doubtful].astype(np.intp) + sets.bits.shape[1], _CHUNK * 4):
            some = doubtful[part]
            each = np.unpackbits(sets.bits[some].view(np.uint8), axis=1, bitorder="little")
            numbers, at = np.nonzero(each)
            same = self._codes[self._rows[0][sets.firsts[some][numbers] + at]] == values[some][numbers]
            begins = np.cumsum(sets.support[some]) - sets.support[some]
            held[some] = (np.logical_and.reduceat(same, begins, axis=0) & agreed[part]).any(axis=1)
        return held

    def _pair(self, one: Places, other: Places) -> Places:
        """Return where it is noted whether pairs are frequent; with many items several pairs share a place."""
        return (one * len(self._columns) + other) % len(self._frequent)

    def _keep(self, items: Ints, support: Ints, wanted: Flags) -> None:
        """Keep the wanted ones of some sets that are long and frequent enough."""
        lengths = np.count_nonzero(items != NO_UNIT, axis=1)
        chosen = wanted & (lengths >= self._min_length) & (support >= self._ledger.least)
        self._ledger.enter(support[wanted], support[chosen])
        if self._ledger.overfull:
            self.found.clear()
        elif chosen.any():
            self.found.append((items[chosen], support[chosen]))


def gapped(table: Table, min_support: int, min_length: int, closed: bool, limit: int) -> Mined:
    """Find the patterns with gaps of an aligned table.

    Parameters
    ----------
    table : (n, L) whole numbers, -1 where there is no unit
    min_support : int
        Rows that a pattern has at least.
    min_length : int
        Columns that a pattern has at least.
    closed : bool
        Leave out a pattern if one with a column more has the same support.
    limit : int
        Patterns that there may be.

    Returns
    -------
    Mined
        Without members. Ascending by which columns a pattern has, the last one first, then by its channels.

    Raises
    ------
    ParameterError
        More patterns than `limit`; says which support would do.
    """
    ledger = Ledger(min_support, limit)
    numbered = coded(table, frequent_units(table, min_support))
    miner = _Miner(numbered, ledger, min_length, closed)
    miner.mine()
    ledger.check()
    items = np.concatenate([np.zeros((0, table.shape[1]), np.int32), *(items for items, _ in miner.found)])
    support = np.concatenate([_NONE, *(support for _, support in miner.found)])
    order = _order(items, numbered)
    channels = np.concatenate([*numbered.units, [NO_UNIT]]).astype(table.dtype)
    return Mined(channels[items[order]], support[order], ())


def _order(items: Ints, table: Coded) -> Places:
    """Sort sets by the columns that they have, the last one first, then by their items: (P, L) to (P,)."""
    columns = [(items[:, column] != NO_UNIT, 2) for column in reversed(range(items.shape[1]))]
    units = [
        (items[:, column] - (first - 1), size + 1)
        for column, (first, size) in enumerate(zip(table.firsts, np.diff(table.firsts), strict=False))
    ]
    keys: list[npt.NDArray[Any]] = []
    room = 1
    for digit, base in (*columns, *units):
        if room // int(base) < 1:
            keys.append(np.zeros(len(items), np.int64))
            room = 1 << _DIGITS
        keys[-1] = keys[-1] * base + digit
        room //= int(base)
    return np.lexsort(keys[::-1]) if keys else np.zeros(len(items), np.intp)


def _sampled(bits: Words) -> Places:
    """Return where some of each set's bits are: (P, words) to (P, s); the same ones several times where it has few."""
    at = np.unique(np.arange(_SAMPLED) * bits.shape[1] // _SAMPLED)
    words = bits[:, at]
    places = np.tile(at, (len(bits), 1))
    sparse = np.flatnonzero(np.count_nonzero(words, axis=1) < min(len(at), (_SAMPLED + 1) // 2))
    filled = bits[sparse] != 0
    for column, start in enumerate(at.tolist()):
        places[sparse, column] = start + filled[:, start:].argmax(axis=1)
    words[sparse] = bits[sparse[:, None], places[sparse]]
    numbers = np.arange(len(bits))[:, None]
    some = np.where(words != 0, np.arange(len(at)), (words != 0).argmax(axis=1)[:, None])
    words, places = words[numbers, some], places[numbers, some] * BITS
    lowest = words & (~words + np.uint64(1))
    found = places + np.bitwise_count(lowest - np.uint64(1))
    if len(at) == _SAMPLED:
        return found
    rest = words ^ lowest
    second = np.where(rest == 0, lowest, rest & (~rest + np.uint64(1)))
    return np.concatenate([found, places + np.bitwise_count(second - np.uint64(1))], axis=1)


def _run_ends(keys: Places) -> Places:
    """Return the place behind the run of equal neighbours that each key is in."""
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) + 1
    return np.repeat(ends, np.diff(ends, prepend=0))


def _parts(sizes: Places, most: int) -> Iterator[slice]:
    """Cut what has these sizes into parts of at most so much, or of one."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        done = int(ends[start] - sizes[start])
        stop = max(start + 1, int(np.searchsorted(ends, done + most, side="right")))
        yield slice(start, stop)
        start = stop


def _together(parts: list[_Sets]) -> _Sets:
    """Return several lists of sets as one."""
    if len(parts) == 1:
        return parts[0]
    return _Sets(
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.items for part in parts]),
        np.concatenate([part.support for part in parts]),
        np.concatenate([part.last for part in parts]),
        np.concatenate([part.siblings for part in parts]),
        np.concatenate([part.firsts for part in parts]),
    )
