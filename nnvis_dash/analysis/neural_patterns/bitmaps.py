"""Rows of an aligned table as bits: which of the rows that share one unit have another.

The rows of every unit of a column stand together, from a whole 64-bit word on, so that what two units have in common is
one AND and a population count of few words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT, Table
from nnvis_dash.types import Ints

Places = npt.NDArray[np.intp]
Words = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.unsignedinteger[Any]]

BITS = 64  # of a word
_COMPARED = 32  # units of a column up to which comparing with each of them is faster than counting pairs
_POWERS = 2.0 ** np.arange(32)
_SLAB = 1 << 22  # words of the bitmaps that are made at once, where one unit has no more: 32 MB


@dataclass(frozen=True, eq=False)
class Coded:
    """An aligned table with the units of each column numbered, and all of them as items.

    Attributes
    ----------
    units : L arrays
        The units of each column that have a number, ascending.
    codes : (L, n + 1) unsigned
        The number of each row's unit; the number of units where it has none. The last row has none at all.
    firsts : (L + 1,)
        The item that is each column's first unit; the last one is how many there are.
    """

    units: tuple[Places, ...]
    codes: Codes
    firsts: Places

    @property
    def columns(self) -> Places:
        """Return the column of each item."""
        return np.repeat(np.arange(len(self.units)), np.diff(self.firsts))

    def items(self, channels: Table) -> Places:
        """Return the items that some channels (P, L) stand for, which all have a number; -1 for no unit."""
        found = np.full(channels.shape, NO_UNIT, np.intp)
        for column, units in enumerate(self.units):
            has = np.flatnonzero(channels[:, column] != NO_UNIT)
            found[has, column] = np.searchsorted(units, channels[has, column]) + self.firsts[column]
        return found


def coded(table: Table, units: tuple[Places, ...]) -> Coded:
    """Number some units of each column of a table (n, L)."""
    sizes = [len(each) for each in units]
    codes = np.empty((len(units), len(table) + 1), np.min_scalar_type(max(sizes, default=0)))
    for column, (known, size) in enumerate(zip(units, sizes, strict=True)):
        values = table[:, column]
        highest = max(int(values.max(initial=NO_UNIT)), int(known.max(initial=NO_UNIT)))
        number = np.full(highest + 2, size, codes.dtype)  # the last is that of no unit
        number[known] = np.arange(size, dtype=codes.dtype)
        number.take(values, out=codes[column, :-1], mode="wrap")
        codes[column, -1] = size
    return Coded(units, codes, np.cumsum([0, *sizes], dtype=np.intp))


def frequent_units(table: Table, least: int) -> tuple[Places, ...]:
    """Return the units of each column of a table (n, L) that `least` rows or more have."""
    counts = (np.bincount(column.astype(np.intp) - NO_UNIT, minlength=1) for column in table.T)
    return tuple(np.flatnonzero(each[1:] >= least) for each in counts)  # the first is that of no unit


@dataclass(frozen=True, eq=False)
class Slab:
    """The rows of some neighbouring units of a column, those of each unit together.

    Attributes
    ----------
    first : int
        The unit's number that is the first of them.
    support : (u,)
        Rows of each unit.
    starts, words : (u,)
        Where the words of each unit's rows begin, and how many there are.
    rows : (words of all * 64,)
        The rows; behind those of each unit the row that has no unit at all, up to its last word's end.
    """

    first: int
    support: Places
    starts: Places
    words: Places
    rows: Places


class Compared:
    """What the units of a slab (u) share with the items of some columns (b), by comparing with each of them."""

    def __init__(self, coded: Coded, slab: Slab, columns: range) -> None:
        start = coded.firsts[columns.start]
        self._starts = slab.starts
        self._bits = np.zeros((coded.firsts[columns.stop] - start, len(slab.rows) // BITS), np.uint64)
        for column in columns:
            values = coded.codes[column][slab.rows]
            same = values == np.arange(len(coded.units[column]), dtype=values.dtype)[:, None]
            bits = np.packbits(same, axis=1, bitorder="little").view("<u8")
            self._bits[coded.firsts[column] - start : coded.firsts[column + 1] - start] = bits

    def counts(self) -> Ints:
        """Count the rows that each unit of the slab shares with each item (b, u)."""
        return np.asarray(np.add.reduceat(np.bitwise_count(self._bits), self._starts, axis=1, dtype=np.int32))

    def bitmaps(self, mine: Places, others: Places) -> tuple[Words, Places, Places]:
        """Return which rows of some units of the slab have an item: for `windows`, numbers and starts of the pairs."""
        return self._bits, others, self._starts[mine]


class Counted:
    """The same as `Compared`, by counting pairs: faster where there are many units."""

    def __init__(self, coded: Coded, slab: Slab, columns: range) -> None:
        self._slab = slab
        self._firsts = coded.firsts[columns.start : columns.stop + 1] - coded.firsts[columns.start]
        self._keys = []
        own = np.repeat(np.arange(len(slab.support)), slab.words * BITS)
        for column in columns:
            keys = own * (len(coded.units[column]) + 1)  # with that for no unit
            keys += coded.codes[column][slab.rows]
            self._keys.append(keys)

    def counts(self) -> Ints:
        """Count the rows that each unit of the slab shares with each item (b, u)."""
        n_units = len(self._slab.support)
        counts = np.empty((self._firsts[-1], n_units), np.int32)
        for first, stop, keys in zip(self._firsts, self._firsts[1:], self._keys, strict=False):
            each = np.bincount(keys, minlength=n_units * (stop - first + 1)).reshape(n_units, -1)
            counts[first:stop] = each[:, :-1].T
        return counts

    def bitmaps(self, mine: Places, others: Places) -> tuple[Words, Places, Places]:
        """Return which rows of some units of the slab have an item: for `windows`, numbers and starts of the pairs."""
        slab = self._slab
        words = slab.words[mine]
        columns = np.searchsorted(self._firsts, others, side="right") - 1
        starts = np.empty(len(mine), np.intp)
        parts = [np.zeros(0, np.uint64)]
        done = 0
        for column, keys in enumerate(self._keys):
            now = np.flatnonzero(columns == column)
            if not len(now):
                continue
            begins = np.cumsum(words[now]) - words[now]
            n_words = int(begins[-1] + words[now[-1]])
            starts[now] = begins + done
            done += n_words
            first, size = self._firsts[column], self._firsts[column + 1] - self._firsts[column] + 1
            moves = np.full(len(slab.support) * size, len(slab.rows) * -2, np.intp)  # of places in the slab, in words
            moves[mine[now] * size + others[now] - first] = begins * BITS - slab.starts[mine[now]] * BITS
            places = moves[keys]
            rows = np.flatnonzero(places > len(slab.rows) * -2)
            bits = places[rows] + rows
            sums = np.bincount(bits >> 5, _POWERS[bits & 31], minlength=2 * n_words)  # exact: below 2 ** 32
            parts.append(sums.astype("<u4").view("<u8"))
        return np.concatenate(parts)[None], np.zeros(len(mine), np.intp), starts


def common(coded: Coded, slab: Slab, columns: range) -> Compared | Counted:
    """Compare the units of a slab with those of some neighbouring columns, in the way that is faster."""
    n_items = int(coded.firsts[columns.stop] - coded.firsts[columns.start])
    return (Compared if n_items <= _COMPARED * len(columns) else Counted)(coded, slab, columns)


def slabs(coded: Coded, column: int, n_items: int) -> Iterator[Slab]:
    """Take the units of a column from the first to the last, so many at once that `n_items` bitmaps stay small."""
    codes = coded.codes[column, :-1]
    size = len(coded.units[column])
    support = np.bincount(codes, minlength=size + 1)[:size]
    by_unit = np.split(np.argsort(codes, kind="stable"), np.cumsum(support))
    words = _rounded(-(-support // BITS))
    ends = np.cumsum(words)
    first = 0
    while first < size:
        done = ends[first] - words[first]
        stop = max(first + 1, int(np.searchsorted(ends, done + _SLAB // max(n_items, 1), side="right")))
        chosen = slice(first, stop)
        starts = ends[chosen] - words[chosen] - done
        rows = np.full((ends[stop - 1] - done) * BITS, len(codes), np.intp)
        for start, mine in zip((starts * BITS).tolist(), by_unit[chosen], strict=True):
            rows[start : start + len(mine)] = mine
        yield Slab(first, support[chosen], starts, words[chosen], rows)
        first = stop


def _rounded(words: Places) -> Places:
    """Round small numbers of words up to powers of two, so that many units have the same."""
    powers = np.int64(1) << np.ceil(np.log2(np.maximum(words, 1))).astype(np.int64)
    return np.where(words > BITS, words, powers)


def windows(bitmaps: Words, numbers: Places, starts: Places, words: int) -> Words:
    """Return so many words of each bitmap with one of these numbers, from its start on: (m, words)."""
    views = np.lib.stride_tricks.sliding_window_view(bitmaps, words, axis=1)
    return np.asarray(views[numbers, starts])


def population(bits: Words) -> Ints:
    """Count the bits of each row (m, words): (m,)."""
    return np.bitwise_count(bits).sum(axis=1, dtype=np.int32)
