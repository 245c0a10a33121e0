"""Contiguous patterns: every column span of an aligned table whose values many rows share, level by level.

A span of length n + 1 is frequent only if its first n and its last n columns are, so each level joins neighbours of the
level before it and looks only at rows that are frequent in both. The join also tells which patterns are closed: those
that no longer one keeps all images of.

What both ways of mining share stands here too: numbering equal keys, and the ledger that keeps their number bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT, Table
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Ints

Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MOST_MEMBERS = 60_000_000  # images of all patterns together, each as often as it is in one: half a gigabyte
_BINS = 4  # of a count for each key, beyond which sorting the keys is faster


@dataclass(frozen=True, eq=False)
class Members:
    """Which rows of the table take part in some of the patterns.

    Attributes
    ----------
    numbers : (p,) int32
        Which of all patterns each of these is; -1 for one that was left out.
    patterns, rows : (m,) int32
        Which row takes part in which of these.
    """

    numbers: Ints
    patterns: Ints
    rows: Ints


@dataclass(frozen=True, eq=False)
class Mined:
    """Patterns, and the rows of each, unless they are left to be found again.

    Attributes
    ----------
    channels : (P, L) as the table
        -1 in the columns that a pattern leaves open.
    support : (P,) int32
    members : tuple of Members
    """

    channels: Table
    support: Ints
    members: tuple[Members, ...]


@dataclass
class Ledger:
    """Counts patterns, and raises the support it asks for where they become too many.

    Whatever the order in which patterns come, `least` ends as the lowest support that keeps within the limits.
    """

    least: int  # support asked for
    limit: int  # patterns
    asked: int = field(init=False)
    _counted: list[Ints] = field(init=False, default_factory=list)  # supports of the patterns that are asked for
    _held: list[Ints] = field(init=False, default_factory=list)  # of all whose rows are kept
    _n_counted: int = field(init=False, default=0)
    _n_members: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Remember what was asked for."""
        self.asked = self.least

    @property
    def overfull(self) -> bool:
        """Whether there are more patterns than can be kept; then nothing needs to be kept any more."""
        return self.least > self.asked

    def enter(self, held: Ints, counted: Ints) -> None:
        """Note the supports of patterns whose rows are kept, and of those among them that are asked for."""
        self._held.append(held[held >= self.least])
        self._counted.append(counted[counted >= self.least])
        self._n_members += int(self._held[-1].sum(dtype=np.int64))
        self._n_counted += len(self._counted[-1])
        if self._n_counted > self.limit:
            supports = np.concatenate(self._counted)
            self._raise(int(np.partition(supports, -self.limit - 1)[-self.limit - 1]))
        if self._n_members > MOST_MEMBERS:
            largest = np.sort(np.concatenate(self._held))[::-1]
            members = np.cumsum(largest, dtype=np.int64)
            self._raise(int(largest[np.searchsorted(members, MOST_MEMBERS, side="right")]))

    def _raise(self, too_low: int) -> None:
        """Ask for more than a support that is too low."""
        self.least = too_low + 1
        for supports in (self._held, self._counted):
            supports[:] = [np.concatenate(supports)]
            supports[0] = supports[0][supports[0] >= self.least]
        self._n_members = int(self._held[0].sum(dtype=np.int64))
        self._n_counted = len(self._counted[0])

    def check(self) -> None:
        """Raise a ParameterError if there were too many patterns; says which support would do."""
        if self.overfull:
            raise ParameterError(
                f"There are too many neural patterns with a min_support of {self.asked}: "
                f"more than {self.limit:,}, or with more than {MOST_MEMBERS:,} images on the way to them",
                f"A min_support of {self.least} would do.",
            )


@dataclass(frozen=True, eq=False)
class Groups:
    """Equal keys that are frequent, numbered in ascending order."""

    kept: npt.NDArray[np.intp]  # places of those keys that are frequent, ascending
    labels: Ints  # (kept,) number of each kept key
    keys: Longs  # (n,) ascending
    support: Ints  # (n,)


def grouped(keys: npt.NDArray[np.integer], n_keys: int, least: int, never: int = 0) -> Groups:
    """Number the keys that occur `least` times or more.

    Parameters
    ----------
    keys : (m,) whole numbers, 0..n_keys - 1
    n_keys : int
    least : int
    never : int
        Multiples of it are never frequent; 0: all may be.
    """
    if n_keys <= _BINS * len(keys) + 4096:
        counts = np.bincount(keys, minlength=n_keys)
        if never:
            counts[::never] = 0
        enough = counts >= least
        frequent = np.flatnonzero(enough)
        number = np.empty(n_keys, np.int32)
        number[frequent] = np.arange(len(frequent), dtype=np.int32)
        kept = np.flatnonzero(enough[keys])
        return Groups(kept, number[keys[kept]], frequent, counts[frequent].astype(np.int32))
    order = np.argsort(keys)
    ascending = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
    support = np.diff(np.append(starts, len(keys))).astype(np.int32)
    good = support >= least
    if never:
        good &= ascending[starts] % never != 0
    labels = np.empty(len(keys), np.int32)
    labels[order] = np.repeat(np.where(good, np.cumsum(good) - 1, -1).astype(np.int32), support)
    kept = np.flatnonzero(labels >= 0)
    return Groups(kept, labels[kept], ascending[starts[good]].astype(np.int64), support[good])


@dataclass(frozen=True, eq=False)
class _Span:
    """The frequent patterns of the columns from `start`, `length` of them."""

    start: int
    length: int
    rows: Ints  # (m,) that take part in one, ascending
    labels: Ints  # (m,) in which
    support: Ints  # (n,)
    closed: Flags  # (n,) until a longer pattern with the same support is found

    def of_row(self, n_rows: int) -> Ints:
        """Return the pattern of every row; -1 where it has none."""
        found = np.full(n_rows, -1, np.int32)
        found[self.rows] = self.labels
        return found


def contiguous(table: Table, min_support: int, min_length: int, closed: bool, limit: int) -> Mined:
    """Find the contiguous patterns of an aligned table.

    Parameters
    ----------
    table : (n, L) whole numbers, -1 where there is no unit
    min_support : int
        Rows that a pattern has at least.
    min_length : int
        Columns that a pattern has at least.
    closed : bool
        Leave out a pattern if one with a column more, on either side, has the same support.
    limit : int
        Patterns that there may be.

    Returns
    -------
    Mined

    Raises
    ------
    ParameterError
        More patterns than `limit`; says which support would do.
    """
    ledger = Ledger(min_support, limit)
    n_rows, n_columns = table.shape
    found: list[tuple[_Span, Flags]] = []
    level = [_column(table, start, ledger.least) for start in range(n_columns)]
    while level:
        longer = [
            _joined(before, behind, n_rows, ledger.least)
            for before, behind in pairwise(level)
            if len(before.support) and len(behind.support) and behind.start == before.start + 1
        ]
        for span in level:
            chosen = span.closed if closed else np.ones_like(span.closed)
            if span.length < min_length or not chosen.any():
                continue
            ledger.enter(span.support, span.support[chosen])  # rows of all its patterns are kept
            if ledger.overfull:
                found.clear()
            else:
                found.append((span, chosen))
        level = longer
    ledger.check()
    return _together(table, found)


def _column(table: Table, start: int, least: int) -> _Span:
    """Return the frequent units of one column."""
    rows = np.flatnonzero(table[:, start] != NO_UNIT).astype(np.int32)
    values = table[rows, start]
    groups = grouped(values, int(values.max(initial=0)) + 1, least)
    return _Span(start, 1, rows[groups.kept], groups.labels, groups.support, np.ones(len(groups.support), np.bool_))


def _joined(before: _Span, behind: _Span, n_rows: int, least: int) -> _Span:
    """Return the patterns that are one column longer; marks those of the two spans that aren't closed."""
    second = behind.of_row(n_rows)[before.rows]
    both = np.flatnonzero(second >= 0)
    n_behind = len(behind.support)
    keys = before.labels[both].astype(np.int64) * n_behind + second[both]
    groups = grouped(keys, len(before.support) * n_behind, least)
    for span, parents in ((before, groups.keys // n_behind), (behind, groups.keys % n_behind)):
        span.closed[parents[groups.support == span.support[parents]]] = False
    rows = before.rows[both[groups.kept]]
    closed = np.ones(len(groups.support), np.bool_)
    return _Span(before.start, before.length + 1, rows, groups.labels, groups.support, closed)


def _together(table: Table, found: Iterable[tuple[_Span, Flags]]) -> Mined:
    """Put the chosen patterns of all spans together."""
    tables, supports, members = [np.zeros((0, table.shape[1]), table.dtype)], [np.zeros(0, np.int32)], []
    first = 0
    for span, chosen in found:
        example = np.empty(len(chosen), np.int32)
        example[span.labels] = span.rows
        columns = slice(span.start, span.start + span.length)
        channels = np.full((np.count_nonzero(chosen), table.shape[1]), NO_UNIT, table.dtype)
        channels[:, columns] = table[example[chosen], columns]
        tables.append(channels)
        supports.append(span.support[chosen])
        members.append(Members(numbered(chosen, first), span.labels, span.rows))
        first += len(channels)
    return Mined(np.concatenate(tables), np.concatenate(supports), tuple(members))


def numbered(chosen: Flags, first: int = 0) -> Ints:
    """Number the chosen ones from `first` up; -1 for the others."""
    numbers = np.full(len(chosen), -1, np.int32)
    numbers[chosen] = np.arange(first, first + np.count_nonzero(chosen), dtype=np.int32)
    return numbers
