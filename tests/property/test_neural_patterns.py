"""Neural patterns of any small table against all that can be made of its rows, one by one."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.neural_patterns import NeuralPatterns, Sequences, itemsets, neural_patterns
from nnvis_dash.errors import ParameterError

Named = dict[frozenset[tuple[str, int]], list[int]]


@st.composite
def tables(draw: st.DrawFn) -> Sequences:
    """Draw paths of few units through few layers, so that much of them is shared."""
    n_layers, highest = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    row = st.lists(st.integers(-1, highest), min_size=n_layers, max_size=n_layers)
    rows = draw(st.lists(row, max_size=14))
    table = np.array(rows, np.int16).reshape(-1, n_layers)
    return Sequences(table, tuple("abcde"[:n_layers]))


def by_force(paths: Sequences, min_support: int, min_length: int, gaps: bool, closed: bool) -> Named:
    """Return the same patterns by making every part of every row."""
    made: dict[frozenset[tuple[str, int]], list[int]] = {}
    n_layers = len(paths.layers)
    for row, channels in enumerate(paths.channels.tolist()):
        for length in range(1, n_layers + 1):
            for columns in combinations(range(n_layers), length):
                connected = columns[-1] - columns[0] == length - 1
                if (gaps or connected) and all(channels[column] >= 0 for column in columns):
                    units = frozenset((paths.layers[column], channels[column]) for column in columns)
                    made.setdefault(units, []).append(row)
    frequent = {units: rows for units, rows in made.items() if len(rows) >= min_support}
    return {
        units: rows
        for units, rows in frequent.items()
        if len(units) >= min_length
        and not (closed and any(units < other and len(rows) == len(more) for other, more in frequent.items()))
    }


def named(patterns: NeuralPatterns) -> Named:
    """Return the images of each pattern; no pattern is there twice."""
    found = {frozenset((unit.layer, unit.channel) for unit in one.units): one.sample_ids.tolist() for one in patterns}
    assert len(found) == len(patterns)
    return found


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
@settings(max_examples=100, deadline=None)
@given(paths=tables(), min_support=st.integers(1, 4), min_length=st.integers(1, 3))
def test_patterns_are_all_that_there_are(
    gaps: bool, closed: bool, paths: Sequences, min_support: int, min_length: int
) -> None:
    found = neural_patterns(paths, min_support=min_support, min_length=min_length, gaps=gaps, closed=closed)
    assert named(found) == by_force(paths, min_support, min_length, gaps, closed)
    keys = list(zip((-found.support).tolist(), (-found.lengths).tolist(), strict=True))
    assert keys == sorted(keys)
    images = [pattern.sample_ids.tolist() for pattern in found]
    assert found.support.tolist() == [len(ids) for ids in images]
    for sample in range(len(paths)):
        inside = found.inside(np.arange(len(paths)) == sample)
        assert inside.tolist() == [int(sample in ids) for ids in images]


@settings(max_examples=100, deadline=None)
@given(paths=tables(), data=st.data())
def test_class_counts_are_those_of_the_images(paths: Sequences, data: Any) -> None:
    labels = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=len(paths), max_size=len(paths))), int)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(paths), max_size=len(paths))), bool)
    found = neural_patterns(paths, labels, min_support=1, gaps=data.draw(st.booleans()), samples=chosen)
    inside = found.inside(labels == 1)
    for number, pattern in enumerate(found):
        own = labels[pattern.sample_ids]
        assert chosen[pattern.sample_ids].all()
        assert pattern.class_counts.tolist() == np.bincount(own[own >= 0], minlength=found.n_classes).tolist()
        assert inside[number] == np.count_nonzero(own == 1)


@pytest.mark.parametrize("gaps", [False, True])
@settings(max_examples=60, deadline=None)
@given(paths=tables(), limit=st.integers(1, 6), min_length=st.integers(1, 2))
def test_a_limit_names_the_least_support_that_keeps_it(
    gaps: bool, paths: Sequences, limit: int, min_length: int
) -> None:
    every = neural_patterns(paths, min_support=1, min_length=min_length, gaps=gaps)
    if len(every) <= limit:
        assert len(neural_patterns(paths, None, 1, min_length, gaps=gaps, limit=limit)) == len(every)
        return
    enough = int(every.support[limit]) + 1
    with pytest.raises(ParameterError, match=f"min_support of {enough} "):
        neural_patterns(paths, None, 1, min_length, gaps=gaps, limit=limit)


@pytest.mark.parametrize("sampled", [1, 2, 16])
def test_columns_that_say_the_same_are_found_from_however_few_rows(
    monkeypatch: pytest.MonkeyPatch, sampled: int
) -> None:
    table = np.random.default_rng(1).integers(0, 2, (200, 6)).astype(np.int16)
    table[:, 3] = table[:, 1]  # so that many sets have the same rows
    table[:190, 4] = table[:190, 2]  # and nearly the same
    paths = Sequences(table, tuple("abcdef"))
    monkeypatch.setattr(itemsets, "_SAMPLED", sampled)
    assert named(neural_patterns(paths, None, 2, 1, gaps=True)) == by_force(paths, 2, 1, gaps=True, closed=True)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [
        {"itemsets._CHUNK": 1, "itemsets._JOINED": 10, "counting._CHUNK": 3},  # few sets at a time
        {"itemsets._WAITING": 20, "bitmaps._SLAB": 40},  # few rows at a time
        {"itemsets._PAIRS": 7},  # pairs of items that share a place
        {"bitmaps._COMPARED": 0},  # many units
        {"bitmaps._COMPARED": 0, "bitmaps._SLAB": 1},
    ],
)
def test_work_in_other_portions_finds_the_same(
    monkeypatch: pytest.MonkeyPatch, sizes: dict[str, int], closed: bool
) -> None:
    table = np.random.default_rng(0).integers(-1, 4, (700, 5)).astype(np.int16)
    paths = Sequences(table, tuple("abcde"))
    labels = np.random.default_rng(1).integers(-1, 3, 700)
    whole = neural_patterns(paths, labels, min_support=6, gaps=True, closed=closed)
    counts, inside = whole.class_counts, whole.inside(labels == 1)
    for name, size in sizes.items():
        monkeypatch.setattr(f"nnvis_dash.analysis.neural_patterns.{name}", size)
    again = neural_patterns(paths, labels, min_support=6, gaps=True, closed=closed)
    assert again.channels.tolist() == whole.channels.tolist()
    assert again.support.tolist() == whole.support.tolist()
    assert again.class_counts.tolist() == counts.tolist()
    assert again.inside(labels == 1).tolist() == inside.tolist() == counts[:, 1].tolist()
    assert named(whole) == by_force(paths, 6, 2, gaps=True, closed=closed)
