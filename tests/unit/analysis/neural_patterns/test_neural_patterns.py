"""What is found in a table worked out by hand, what the objects say, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.neural_patterns import Sequences, mining, neural_patterns, unit_sequences
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit
from tests.unit.analysis.neural_patterns.paths import LABELS, LAYERS, PATHS, TABLE, listed
from tests.unit.analysis.neural_patterns.test_sequences import indexed

LONGEST_ONLY = [
    ({"conv1": 3, "conv2": 1}, [0, 1, 2]),
    ({"conv1": 3, "conv2": 1, "dense": 0}, [0, 1]),
    ({"conv2": 0, "dense": 1}, [4, 5]),
    ({"conv2": 1, "dense": 1}, [2, 3]),
]


def test_neighbouring_layers_by_hand() -> None:
    assert listed(neural_patterns(PATHS, min_support=2)) == LONGEST_ONLY


def test_the_part_of_a_pattern_with_the_same_images_is_there_on_request() -> None:
    found = listed(neural_patterns(PATHS, min_support=2, closed=False))
    assert [entry for entry in found if entry not in LONGEST_ONLY] == [({"conv2": 1, "dense": 0}, [0, 1])]
    assert len(found) == 5


def test_with_gaps_by_hand() -> None:
    found = listed(neural_patterns(PATHS, min_support=2, gaps=True))
    assert [entry for entry in found if entry not in LONGEST_ONLY] == [({"conv1": 2, "dense": 1}, [3, 4])]
    assert len(found) == 5
    every = listed(neural_patterns(PATHS, min_support=2, gaps=True, closed=False))
    assert [entry for entry in every if entry not in found] == [
        ({"conv1": 3, "dense": 0}, [0, 1]),
        ({"conv2": 1, "dense": 0}, [0, 1]),
    ]


def test_no_unit_is_never_part_of_a_pattern() -> None:
    silent = Sequences(np.full((9, 3), -1, np.int16), LAYERS)
    for gaps in (False, True):
        assert len(neural_patterns(silent, min_support=2, min_length=1, gaps=gaps)) == 0


def test_a_pattern_of_one_unit_may_be_asked_for() -> None:
    found = listed(neural_patterns(PATHS, min_support=4, min_length=1))
    assert found == [({"conv2": 1}, [0, 1, 2, 3]), ({"dense": 1}, [2, 3, 4, 5])]


def test_class_counts_leave_out_unknown_labels() -> None:
    found = neural_patterns(PATHS, LABELS, min_support=2)
    assert [pattern.class_counts.tolist() for pattern in found] == [[3, 0], [2, 0], [0, 1], [1, 1]]
    assert [pattern.support for pattern in found] == [3, 2, 2, 2]
    assert neural_patterns(PATHS, min_support=2)[0].class_counts is None


def test_only_the_chosen_images_are_looked_at() -> None:
    found = neural_patterns(PATHS, LABELS, min_support=2, samples=[5, 2, 3, 4, 4])
    assert listed(found) == [({"conv2": 0, "dense": 1}, [4, 5]), ({"conv2": 1, "dense": 1}, [2, 3])]
    assert found.class_counts.tolist() == [[0, 1], [1, 1]]
    chosen = np.array([False, False, True, True, True, True])
    assert listed(neural_patterns(PATHS, min_support=2, samples=chosen)) == listed(found)


def test_no_images_and_fewer_than_asked_for_give_no_patterns() -> None:
    for gaps in (False, True):
        assert len(neural_patterns(PATHS, LABELS, min_support=2, gaps=gaps, samples=[])) == 0
        assert len(neural_patterns(PATHS, LABELS, min_support=7, min_length=1, gaps=gaps)) == 0
        assert len(neural_patterns(PATHS, LABELS, min_support=2, min_length=4, gaps=gaps)) == 0
        assert neural_patterns(PATHS, LABELS, min_support=7, gaps=gaps).class_counts.shape == (0, 2)


def test_an_index_is_read_by_itself() -> None:
    index = indexed([[0, 2, 1, 5, 4]] * 3 + [[2, 0, 1, 4, 5]])
    found = neural_patterns(index, np.array([0, 1, 1, 0]), min_support=3)
    assert found[0].units == (Unit("conv", 1), Unit("dense", 0))
    assert found[0].class_counts.tolist() == [1, 2]
    assert listed(neural_patterns(unit_sequences(index), min_support=3)) == listed(found)


def test_patterns_are_a_sequence() -> None:
    found = neural_patterns(PATHS, LABELS, min_support=2)
    assert listed(found[1:3]) == LONGEST_ONLY[1:3]
    assert found[1:3].class_counts.tolist() == [[2, 0], [0, 1]]
    assert found[-1].units == found[3].units
    assert listed(found.take(np.array([2, 0]))) == [LONGEST_ONLY[2], LONGEST_ONLY[0]]
    with pytest.raises(IndexError):
        found[4]


def test_images_and_units_are_counted() -> None:
    found = neural_patterns(PATHS, min_support=2)
    assert found.inside(np.array([True, False, True, True, False, False])).tolist() == [2, 1, 0, 2]
    assert found.holding([Unit("conv1", 3), Unit("dense", 0), Unit("other", 1)]).tolist() == [1, 2, 0, 0]
    assert found.lengths.tolist() == [2, 3, 2, 2]


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("closed", [False, True])
def test_too_many_patterns_name_the_support_that_would_do(gaps: bool, closed: bool) -> None:
    table = np.random.default_rng(1).integers(0, 3, (300, 6)).astype(np.int16)
    paths = Sequences(table, tuple("abcdef"))
    support = np.sort(neural_patterns(paths, min_support=1, gaps=gaps, closed=closed).support)[::-1]
    limit = 40
    lowest = int(support[limit]) + 1  # with one less there are more
    with pytest.raises(ParameterError, match=f"too many.*more than 40.*min_support of {lowest} "):
        neural_patterns(paths, min_support=1, gaps=gaps, closed=closed, limit=limit)
    kept = neural_patterns(paths, min_support=lowest, gaps=gaps, closed=closed, limit=limit)
    assert kept.support.tolist() == support[support >= lowest].tolist()
    exactly = len(kept)
    assert len(neural_patterns(paths, min_support=lowest, gaps=gaps, closed=closed, limit=exactly)) == exactly


@pytest.mark.parametrize("gaps", [False, True])
def test_too_many_images_of_all_patterns_name_a_support_that_would_do(
    monkeypatch: pytest.MonkeyPatch, gaps: bool
) -> None:
    table = np.random.default_rng(2).integers(0, 3, (300, 6)).astype(np.int16)
    paths = Sequences(table, tuple("abcdef"))
    monkeypatch.setattr(mining, "MOST_MEMBERS", 2500)
    with pytest.raises(ParameterError, match="2,500 images on the way") as error:
        neural_patterns(paths, min_support=1, gaps=gaps)
    enough = int(error.value.mend.split("min_support of ")[1].split()[0])
    found = neural_patterns(paths, min_support=enough, gaps=gaps)
    assert 0 < found.support.sum() <= 2500


def test_few_and_many_units_are_counted_alike() -> None:
    """Keys are counted where there are few of them, and sorted where there are many."""
    keys = np.random.default_rng(3).integers(0, 40, 200)
    few = mining.grouped(keys, 40, 5, never=3)
    many = mining.grouped(keys * 10_000 + keys % 3, 400_003, 5)
    allowed = np.flatnonzero(few.keys % 3)
    assert allowed.size == few.keys.size
    third = [place for place, key in enumerate((many.keys // 10_000).tolist()) if key % 3]
    assert (many.keys[third] // 10_000).tolist() == few.keys.tolist()
    assert many.support[third].tolist() == few.support.tolist()
    sparse = mining.grouped(keys * 3_000, 120_000, 5, never=9_000)
    assert (sparse.keys // 3_000).tolist() == few.keys.tolist()
    assert sparse.kept.tolist() == few.kept.tolist() and sparse.labels.tolist() == few.labels.tolist()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"min_support": 0}, "min_support is 0"),
        ({"min_support": 2.5}, "min_support is 2.5"),
        ({"min_length": True}, "min_length is True"),
        ({"limit": -1}, "limit is -1"),
        ({"labels": [0, 1]}, r"The labels are \(2,\)"),
        ({"labels": [0.5] * 6}, "float64 for 6 images"),
        ({"samples": [0, 6]}, "There is no sample 6. Give ids from 0 to 5"),
        ({"samples": [-1]}, "There is no sample -1"),
        ({"samples": [[0], [1]]}, r"samples are \(2, 1\)"),
        ({"samples": ["a"]}, "The samples are"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        neural_patterns(PATHS, **given)


def test_the_table_is_not_changed() -> None:
    before = TABLE.copy()
    for gaps in (False, True):
        neural_patterns(PATHS, LABELS, min_support=2, gaps=gaps)
    assert (before == TABLE).all()
