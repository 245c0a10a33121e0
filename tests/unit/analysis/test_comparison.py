"""Samples by classifiers and methods: pages, the class of a row in every classifier, agreement, layers by rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnvis_dash.analysis.comparison import (
    agreeing,
    explained_classes,
    layer_by_rule,
    own_classes,
    page_of,
    top_classes,
)
from nnvis_dash.analysis.suggestion.common_classes import common_classes
from nnvis_dash.errors import ParameterError
from tests.unit.layouts.test_controls import MODEL


@pytest.mark.parametrize(
    ("page", "rows", "number"),
    [(1, [0, 1, 2, 3, 4], 1), (2, [5, 6, 7, 8, 9], 2), (3, [10], 3), (9, [10], 3), (-1, [0, 1, 2, 3, 4], 1)],
)
def test_pages_of_eleven_rows(page: int, rows: list[int], number: int) -> None:
    assert page_of(range(11), page, 5) == (rows, number, 3)


def test_no_rows_are_one_empty_page() -> None:
    assert page_of([], 4) == ([], 1, 1)


@given(st.integers(0, 60), st.integers(1, 9))
def test_every_row_is_on_one_page(n: int, size: int) -> None:
    n_pages = page_of(range(n), 1, size)[2]
    assert [row for page in range(1, n_pages + 1) for row in page_of(range(n), page, size)[0]] == list(range(n))


def test_the_class_of_a_row_is_the_chosen_one_else_the_label_else_the_prediction() -> None:
    labels, predictions = np.array([2, -1, -1], np.int32), np.array([0, 1, -1], np.int32)
    assert explained_classes(labels, predictions).tolist() == [2, 1, -1]
    assert explained_classes(labels, predictions, 4).tolist() == [4, 4, 4]


def test_classes_are_matched_by_name_and_one_that_is_missing_is_said() -> None:
    names = (("cat", "dog", "eel"), ("Dog", "cat"), ("fox", "eel"))
    classes = common_classes([3, 2, 2], names, ("cat", "dog", "eel"))
    wanted = np.array([0, 1, 2, -1], np.int32)  # cat, dog, eel, unknown
    assert own_classes(classes, 0, wanted).tolist() == [0, 1, 2, -1]
    assert own_classes(classes, 1, wanted).tolist() == [1, 0, -1, -1]
    assert own_classes(classes, 2, wanted).tolist() == [-1, -1, 1, -1]


def test_who_agrees_with_most() -> None:
    answers = np.array([[1, 1, 1, 1, -1], [1, 2, 2, 1, 3], [1, 1, 3, -1, 3]])
    assert agreeing(answers).T.tolist() == [
        [True, True, True],  # all three
        [True, False, True],  # two of them
        [False, False, False],  # each its own
        [True, True, False],  # one gave none
        [False, True, True],
    ]
    assert not agreeing(np.array([[1], [1], [2], [2]])).any()  # two against two
    assert not agreeing(np.array([[1], [-1]])).any() and not agreeing(np.array([[4]])).any()


def test_top_classes_with_the_first_of_equals_first() -> None:
    assert top_classes(np.array([[0.2, 0.5, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7]]), 3).tolist() == [[1, 0, 2], [3, 0, 1]]
    assert top_classes(np.array([[0.4, 0.6]]), 5).tolist() == [[1, 0]]


def test_layers_by_rule() -> None:
    convolutions = [layer.name for layer in MODEL.layers if layer.is_map and "Conv" in layer.kind]
    assert convolutions
    assert layer_by_rule(MODEL, "last") is None
    assert layer_by_rule(MODEL, "first") == convolutions[0]
    assert layer_by_rule(MODEL, "middle") == convolutions[(len(convolutions) - 1) // 2]
    with pytest.raises(ParameterError, match="layer rule 'best'"):
        layer_by_rule(MODEL, "best")
