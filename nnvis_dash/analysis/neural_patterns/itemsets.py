"""Patterns with gaps: the frequent sets of (layer, unit) of an aligned table, the rows of many sets at a time.

Columns are taken from left to right, and every set of earlier columns is extended by every frequent unit of the next.
For closed patterns, sets with the same rows are one: of those that end in the same column the longest holds all others,
so only that is kept, and a set is done with when one column more keeps all its rows. That makes each closed set once,
as the prefix-preserving extension of LCM does (Uno, Kiyomi and Arimura, "LCM ver. 2", FIMI 2004), but by sums over long
arrays in place of a look at each set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.mining import Flags, Ledger, Longs, Members, Mined, grouped, numbered
from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT, Table
from nnvis_dash.types import Ints

_CHUNK = 1 << 17  # rows of sets that are extended at once: arrays of a megabyte, near the processor
_EXACT = 53  # bits of a whole number that float64 holds


@dataclass(frozen=True, eq=False)
class _Sets:
    """Some sets with their rows."""

    channels: Table  # (P, L), -1 where a set has no unit
    support: Ints  # (P,)
    patterns: Ints  # (M,)
    rows: Ints  # (M,) that take part in them

    def of(self, chosen: Flags) -> _Sets:
        """Return some of them, in their order; `chosen` (P,) says which."""
        if chosen.all():
            return self
        numbers = numbered(chosen)[self.patterns]
        members = np.flatnonzero(numbers >= 0)
        return _Sets(self.channels[chosen], self.support[chosen], numbers[members], self.rows[members])


class _Going:
    """Sets that are being extended, in the numbers that every column needs."""

    def __init__(self, sets: _Sets, step: int) -> None:
        self.sets = sets
        self._step = step  # keys of each set; the first stands for rows without a unit
        self._rows = sets.rows.astype(np.intp)
        self._keys = sets.patterns.astype(np.intp)
        self._keys *= step
        self._keys += 1

    def extended(self, values: Table, column: int, least: int) -> tuple[_Sets, Longs]:
        """Return every set with each unit of a column that is frequent among its rows, and which set that was.

        Parameters
        ----------
        values : (n,) of the table
            The column.
        column : int
        least : int
            Support.
        """
        keys = self._keys + values[self._rows]
        groups = grouped(keys, len(self.sets.support) * self._step, least, never=self._step)
        parents = groups.keys // self._step
        channels = self.sets.channels[parents]
        channels[:, column] = groups.keys % self._step - 1
        return _Sets(channels, groups.support, groups.labels, self.sets.rows[groups.kept]), parents


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

    Raises
    ------
    ParameterError
        More patterns than `limit`; says which support would do.
    """
    n_rows, n_columns = table.shape
    ledger = Ledger(min_support, limit)
    columns, units = _coded(table, min_support)
    found: list[tuple[_Sets, Flags]] = []
    waiting: list[list[_Sets]] = [[] for _ in range(n_columns + 1)]  # by the column behind their last
    marks = _marks(n_rows)
    step = max((len(each) for each in units), default=0) + 1
    if n_rows >= min_support:
        every = np.arange(n_rows, dtype=np.int32)
        nothing = np.full((1, n_columns), NO_UNIT, table.dtype)
        waiting[0].append(_Sets(nothing, np.array([n_rows], np.int32), np.zeros(n_rows, np.int32), every))
    for first in range(n_columns + 1):
        ready = _distinct(waiting[first], marks) if closed else waiting[first]
        waiting[first] = []
        for batch in _batches(ready, ledger):
            chosen = np.count_nonzero(batch.channels != NO_UNIT, axis=1) >= min_length
            going, places = _Going(batch, step), np.arange(len(chosen))
            for column in range(first, n_columns):
                made, parents = going.extended(columns[column], column, ledger.least)
                if not len(made.support):
                    continue
                ledger.enter(made.support, made.support[:0])
                waiting[column + 1].append(made)
                if closed:
                    done = np.zeros(len(places), np.bool_)
                    done[parents[made.support == going.sets.support[parents]]] = True
                    if done.any():
                        chosen[places[done]] = False
                        going, places = _Going(going.sets.of(~done), step), places[~done]
            ledger.enter(batch.support[:0], batch.support[chosen])
            if ledger.overfull:
                found.clear()
            elif chosen.any():
                found.append((batch, chosen))
    ledger.check()
    return _together(table, units, found)


def _marks(n_rows: int) -> npt.NDArray[np.float64]:
    """Return a random whole number for each row, so that their sums are exact and hardly any two sets have the same."""
    return np.random.default_rng(0).integers(1, 2 ** (_EXACT - n_rows.bit_length()), n_rows).astype(np.float64)


def _coded(table: Table, least: int) -> tuple[Table, list[npt.NDArray[np.intp]]]:
    """Number the frequent units of each column; a unit that is rare is none.

    Returns
    -------
    (L, n) numbers, -1 for none, and the units of each column by number
    """
    columns = np.empty(table.shape[::-1], table.dtype)
    units = []
    for column, values in enumerate(table.T):
        places = values.astype(np.intp) + 1  # the first is that of no unit
        counts = np.bincount(places, minlength=1)
        counts[0] = 0
        frequent = np.flatnonzero(counts >= least)
        number = np.full(len(counts), NO_UNIT, table.dtype)
        number[frequent] = np.arange(len(frequent))
        columns[column] = number[places]
        units.append(frequent - 1)
    return columns, units


def _distinct(parts: list[_Sets], marks: npt.NDArray[np.float64]) -> list[_Sets]:
    """Keep the longest of the sets that have the same rows.

    Sets with equal sums of marks nearly always have the same rows. It is certain where one has all units of the other
    and the same number of rows: only then the other is left out. Sets whose sums are equal by chance are compared
    among themselves, so the result is exact.
    """
    if not parts:
        return parts
    channels = np.concatenate([part.channels for part in parts])
    support = np.concatenate([part.support for part in parts])
    sums = np.concatenate([np.bincount(part.patterns, marks[part.rows], len(part.support)) for part in parts])
    kept = np.ones(len(support), np.bool_)
    alike = np.lexsort((-np.count_nonzero(channels != NO_UNIT, axis=1), sums, support))
    while len(alike):
        new = np.ones(len(alike), np.bool_)
        new[1:] = (sums[alike[1:]] != sums[alike[:-1]]) | (support[alike[1:]] != support[alike[:-1]])
        longest = alike[np.maximum.accumulate(np.where(new, np.arange(len(alike)), 0))]
        again, kept_for = alike[~new], longest[~new]
        held = ((channels[again] == NO_UNIT) | (channels[again] == channels[kept_for])).all(axis=1)
        kept[again[held]] = False
        alike = again[~held]
    ends = np.cumsum([len(part.support) for part in parts])[:-1]
    return [part.of(chosen) for part, chosen in zip(parts, np.split(kept, ends), strict=True)]


def _batches(parts: list[_Sets], ledger: Ledger) -> Iterator[_Sets]:
    """Put sets together to batches of about equal size, without what has become too rare."""
    together: list[_Sets] = []
    size = 0
    for part in parts:
        if together and size + len(part.rows) > _CHUNK:
            yield _joined(together)
            together, size = [], 0
        together.append(part.of(part.support >= ledger.least))
        size += len(together[-1].rows)
    if together:
        yield _joined(together)


def _joined(parts: list[_Sets]) -> _Sets:
    """Return several lists of sets as one."""
    if len(parts) == 1:
        return parts[0]
    firsts = np.cumsum([0] + [len(part.support) for part in parts[:-1]])
    return _Sets(
        np.concatenate([part.channels for part in parts]),
        np.concatenate([part.support for part in parts]),
        np.concatenate([part.patterns + np.int32(first) for part, first in zip(parts, firsts, strict=True)]),
        np.concatenate([part.rows for part in parts]),
    )


def _together(table: Table, units: list[npt.NDArray[np.intp]], found: list[tuple[_Sets, Flags]]) -> Mined:
    """Put the chosen sets of all batches together, with the units that they stand for."""
    channels = np.concatenate(
        [np.zeros((0, table.shape[1]), table.dtype), *(batch.channels[chosen] for batch, chosen in found)]
    )
    for column, decoded in enumerate(units):
        channels[:, column] = np.append(decoded, NO_UNIT)[channels[:, column]]
    support = np.concatenate([np.zeros(0, np.int32), *(batch.support[chosen] for batch, chosen in found)])
    members, first = [], 0
    for batch, chosen in found:
        members.append(Members(numbered(chosen, first), batch.patterns, batch.rows))
        first += int(np.count_nonzero(chosen))
    return Mined(channels, support, tuple(members))
