"""Patterns with gaps: the frequent sets of (layer, unit) of an aligned table, all rows of many sets at a time.

Closed sets are found as LCM finds them (Uno, Kiyomi and Arimura, "LCM ver. 2", FIMI 2004): a closed set is extended by
a unit of a later column than the one it was made with, completed by all units that its rows share, and dropped if one
of those stands in an earlier column. So each closed set is made exactly once and none has to be looked up.

The order is by column, not depth first: every set made with column c is extended only after all of them are known, so
that numpy works on long arrays and not set by set.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.mining import Ledger, Mined, concatenated, grouped
from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT, Table
from nnvis_dash.types import Ints

_CHUNK = 1 << 18  # rows of sets that are extended at once: arrays of a megabyte, near the processor


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
    coded, units = _coded(table, min_support)
    columns = np.ascontiguousarray(coded.T)
    found: list[Mined] = []
    waiting: list[list[Mined]] = [[] for _ in range(n_columns + 1)]  # by the column behind the one they were made with

    def enter(made: Mined, column: int) -> None:
        chosen = np.count_nonzero(made.channels != NO_UNIT, axis=1) >= min_length
        ledger.enter(made.support, made.support[chosen])
        if not ledger.overfull:
            found.append(made.of(chosen))
        waiting[column].append(made)

    if n_rows >= min_support:
        every = np.arange(n_rows, dtype=np.int32)
        nothing = np.full((1, n_columns), NO_UNIT, table.dtype)
        start = Mined(nothing, np.array([n_rows], np.int32), np.zeros(n_rows, np.int32), every)
        enter(_completed(start, coded, columns, -1) if closed else start, 0)
    for first in range(n_columns):
        for batch in _batches(waiting[first], ledger, table):
            patterns = batch.patterns.astype(np.intp)
            for column in range(first, n_columns):
                made = _extended(batch, patterns, columns[column], column, len(units[column]), ledger.least)
                if closed:
                    made = _completed(made, coded, columns, column)
                if len(made.support):
                    enter(made, column + 1)
        waiting[first].clear()
    ledger.check()
    mined = concatenated(found, table)
    for column, decoded in enumerate(units):
        mined.channels[:, column] = np.append(decoded, NO_UNIT)[mined.channels[:, column]]
    return mined


def _coded(table: Table, least: int) -> tuple[Table, list[npt.NDArray[np.intp]]]:
    """Number the frequent units of each column; a unit that is rare is none.

    Returns
    -------
    (n, L) numbers, -1 for none, and the units of each column by number
    """
    coded = np.full_like(table, NO_UNIT)
    units = []
    for column, values in enumerate(table.T):
        counts = np.bincount(values[values != NO_UNIT])
        frequent = np.flatnonzero(counts >= least)
        number = np.full(len(counts) + 1, NO_UNIT, table.dtype)  # the last entry is that of no unit, -1
        number[frequent] = np.arange(len(frequent))
        coded[:, column] = number[values]
        units.append(frequent)
    return coded, units


def _batches(waiting: list[Mined], ledger: Ledger, table: Table) -> Iterator[Mined]:
    """Put what waits together to batches of about equal size, without what has become too rare."""
    together: list[Mined] = []
    for part in waiting:
        if sum(len(other.rows) for other in together) + len(part.rows) > _CHUNK and together:
            yield concatenated(together, table)
            together = []
        together.append(part.of(part.support >= ledger.least))
    if together:
        yield concatenated(together, table)


def _extended(
    batch: Mined, patterns: npt.NDArray[np.intp], values: Table, column: int, n_units: int, least: int
) -> Mined:
    """Return every set of a batch with each unit of a column that is frequent among its rows.

    Parameters
    ----------
    batch : Mined
    patterns : (M,) intp
        `batch.patterns`.
    values : (n,) of the table
        The column.
    column : int
    n_units : int
        Of the column.
    least : int
        Support.
    """
    step = n_units + 1  # the first of a set's keys stands for rows without a unit
    keys = patterns * step
    keys += values[batch.rows]
    keys += 1
    groups = grouped(keys, len(batch.support) * step, least, never=step)
    parents = groups.keys // step
    channels = batch.channels[parents]
    new = channels[:, column] == NO_UNIT
    channels[:, column] = groups.keys % step - 1
    return Mined(channels, groups.support, groups.labels, batch.rows[groups.kept]).of(new)


def _completed(made: Mined, table: Table, columns: Table, column: int) -> Mined:
    """Add every unit that all rows of a set share; leave out sets that share one in an earlier column."""
    examples = table[_examples(made, len(table))]
    shared = (made.channels == NO_UNIT) & (examples[0] != NO_UNIT) & (examples == examples[0]).all(axis=0)
    kept = np.ones(len(made.support), np.bool_)
    for other in np.flatnonzero(shared.any(axis=0)):
        asked = shared[:, other] & kept
        members = asked[made.patterns]
        patterns = made.patterns[members]
        differ = columns[other][made.rows[members]] != examples[0][patterns, other]
        asked[patterns[differ]] = False
        if other < column:
            kept &= ~asked
        else:
            made.channels[asked, other] = examples[0][asked, other]
    return made.of(kept)


def _examples(made: Mined, n_rows: int) -> Ints:
    """Return four rows of each set (4, P), from both halves of the table: most sets differ in those already."""
    examples = np.empty((4, len(made.support)), np.int32)
    examples[::2, made.patterns[::-1]] = made.rows[::-1]
    examples[1::2, made.patterns] = made.rows
    early = made.rows < n_rows // 2
    examples[2, made.patterns[early]] = made.rows[early]
    examples[3, made.patterns[~early][::-1]] = made.rows[~early][::-1]
    return examples
