"""Confusion counts and the samples behind them, by hand and against a plain scan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.model_diff.confusion import Cell, confusion
from nnvis_dash.errors import NotFound, ParameterError

ROWS = [0, 0, 1, 1, 1, 2, -1, 0, 1]
COLUMNS = [0, 1, 1, 0, 0, -1, 2, 0, 2]


def test_by_hand():
    found = confusion(ROWS, COLUMNS, 3)
    assert found.counts.tolist() == [[2, 1, 0], [2, 1, 1], [0, 0, 0]]
    assert found.left_out == 2
    assert found.cell(1, 0).tolist() == [3, 4]
    assert found.cell(0, 0).tolist() == [0, 7]
    assert found.cell(2, 2).tolist() == []
    np.testing.assert_allclose(found.shares("row"), [[2 / 3, 1 / 3, 0], [1 / 2, 1 / 4, 1 / 4], [0, 0, 0]])
    np.testing.assert_allclose(found.shares("column"), [[1 / 2, 1 / 2, 0], [1 / 2, 1 / 2, 1], [0, 0, 0]])
    np.testing.assert_allclose(found.shares("all"), found.counts / 7)


def test_the_largest_off_the_diagonal():
    found = confusion(ROWS, COLUMNS, 3)
    assert found.largest() == (Cell(1, 0, 2, 0.5), Cell(0, 1, 1, 1 / 3), Cell(1, 2, 1, 0.25))
    assert found.largest(1) == (Cell(1, 0, 2, 0.5),)
    assert found.largest(0) == ()
    assert confusion([0, 1], [0, 1], 2).largest() == ()
    with pytest.raises(ParameterError, match="0 or more"):
        found.largest(-1)


@pytest.mark.parametrize("n", [2, 256, 257, 1000])  # keys of 16 bits up to 256
def test_a_cell_holds_what_a_scan_finds(n):
    generator = np.random.default_rng(n)
    rows, columns = generator.integers(-1, n, (2, 3000))
    rows[:5] = columns[:5] = n - 1
    found = confusion(rows, columns, n)
    cells = [(n - 1, n - 1), (0, 0), (0, n - 1), (n - 1, 0), *generator.integers(0, n, (20, 2)).tolist()]
    for row, column in cells:
        np.testing.assert_array_equal(found.cell(row, column), np.flatnonzero((rows == row) & (columns == column)))
    assert found.counts.sum() == len(found.order) == 3000 - found.left_out


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=40).map(np.array))
def test_cells_share_the_samples_out(pairs):
    rows, columns = pairs.T
    found, turned = confusion(rows, columns, 5), confusion(columns, rows, 5)
    ids = [found.cell(row, column) for row in range(5) for column in range(5)]
    assert [len(cell) for cell in ids] == found.counts.ravel().tolist()
    np.testing.assert_array_equal(np.concatenate(ids), found.order)
    np.testing.assert_array_equal(np.sort(found.order), np.flatnonzero((pairs >= 0).all(axis=1)))
    np.testing.assert_array_equal(turned.counts, found.counts.T)
    np.testing.assert_array_equal(turned.shares("column"), found.shares("row").T)


def test_no_sample_with_both_numbers():
    found = confusion([-1, 0], [0, -1], 2)
    assert found.counts.tolist() == [[0, 0], [0, 0]]
    assert found.cell(0, 0).tolist() == [] and found.left_out == 2
    assert found.shares("row").tolist() == found.shares("all").tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([], [], 3), "one or more"),
        (([0, 1], [0], 3), "1 columns of 2"),
        (([0, 3], [0, 1], 3), "rows is 3.*0 to 2"),
        (([0, 1], [0, -5], 3), "columns is -5"),
        (([0, 1], [0, 1], 0), "0 classes.*from 1 to 4096"),
        (([0, 1], [0, 1], 5000), "5000 classes"),
        (([0, 1], [0, 1], 2.0), "2.0 classes"),
    ],
)
def test_what_cannot_be_counted(arguments, message):
    with pytest.raises(ParameterError, match=message):
        confusion(*arguments)


def test_cells_and_shares_that_are_not_there():
    found = confusion(ROWS, COLUMNS, 3)
    with pytest.raises(NotFound, match="row 3"):
        found.cell(3, 0)
    with pytest.raises(NotFound, match="column -1"):
        found.cell(0, -1)
    with pytest.raises(ParameterError, match="diagonal"):
        found.shares("diagonal")
