"""Rows as bits: where they stand, what two units share, and counts of them, by hand and against plain comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.neural_patterns import bitmaps
from nnvis_dash.analysis.neural_patterns.counting import counted
from tests.unit.analysis.neural_patterns.paths import TABLE

MANY = np.random.default_rng(0).integers(-1, 5, (500, 4)).astype(np.int16)


def test_units_are_numbered_by_column() -> None:
    units = bitmaps.frequent_units(TABLE, 3)
    assert [each.tolist() for each in units] == [[3], [1], [1]]
    table = bitmaps.coded(TABLE, bitmaps.frequent_units(TABLE, 2))
    assert [each.tolist() for each in table.units] == [[2, 3], [0, 1], [0, 1]]
    assert table.codes.tolist() == [[1, 1, 1, 0, 0, 2, 2], [1, 1, 1, 1, 0, 0, 2], [0, 0, 1, 1, 1, 1, 2]]
    assert table.firsts.tolist() == [0, 2, 4, 6] and table.columns.tolist() == [0, 0, 1, 1, 2, 2]
    assert table.items(np.array([[3, -1, 0], [-1, 1, 1]])).tolist() == [[1, -1, 4], [-1, 3, 5]]


def test_the_rows_of_each_unit_begin_with_a_word() -> None:
    table = bitmaps.coded(TABLE, bitmaps.frequent_units(TABLE, 2))
    (slab,) = bitmaps.slabs(table, 0, 4)
    assert slab.support.tolist() == [2, 3] and slab.starts.tolist() == [0, 1] and slab.words.tolist() == [1, 1]
    assert slab.rows[:3].tolist() == [3, 4, 6]  # the last is no row
    assert slab.rows[64:68].tolist() == [0, 1, 2, 6]


@pytest.mark.parametrize("way", [bitmaps.Compared, bitmaps.Counted])
def test_what_units_share_is_the_same_both_ways(way: type[bitmaps.Compared] | type[bitmaps.Counted]) -> None:
    table = bitmaps.coded(MANY, bitmaps.frequent_units(MANY, 1))
    (slab,) = bitmaps.slabs(table, 0, 15)
    shared = way(table, slab, range(1, 4))
    expected = [
        [((MANY[:, 0] == one) & (MANY[:, c] == unit)).sum() for one in range(5)] for c in (1, 2, 3) for unit in range(5)
    ]
    assert shared.counts().tolist() == expected
    mine, others = np.array([4, 0, 2]), np.array([0, 14, 7])
    for number, (one, item) in enumerate(zip(mine, others, strict=True)):
        bits, numbers, starts = shared.bitmaps(mine, others)
        words = int(slab.words[one])
        found = bitmaps.windows(bits, numbers[[number]], starts[[number]], words)
        assert bitmaps.population(found).tolist() == [expected[item][one]]
        places = np.flatnonzero(np.unpackbits(found.view(np.uint8), bitorder="little")) + slab.starts[one] * 64
        both = (MANY[:, 0] == one) & (MANY[:, 1 + item // 5] == item % 5)
        assert slab.rows[places].tolist() == np.flatnonzero(both).tolist()


@pytest.mark.parametrize("n_groups", [1, 3, 200])
def test_rows_are_counted_by_group(n_groups: int) -> None:
    groups = np.random.default_rng(1).integers(-1, n_groups, 500)
    channels = np.array([[0, -1, 2, 1], [-1, 4, -1, -1], [-1, -1, 1, 3], [0, -1, -1, -1], [9, -1, 1, -1]], np.int16)
    found = counted(MANY, channels, groups, n_groups)
    for row, units in zip(found.tolist(), channels, strict=True):
        rows = ((units == -1) | (units == MANY)).all(axis=1) & (groups >= 0)
        assert row == np.bincount(groups[rows], minlength=n_groups).tolist()
    assert counted(MANY, channels, np.full(500, -1), n_groups).tolist() == np.zeros((5, n_groups)).tolist()
    assert counted(MANY, channels[:0], groups, n_groups).shape == (0, n_groups)
