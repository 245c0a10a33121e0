"""What several classifiers say of samples together, held against counting by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnvis_dash.analysis.suggestion.several import QUADRANTS, suggest
from nnvis_dash.errors import ParameterError

A = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.2, 0.7, 0.1], [0.0, 0.05, 0.95]], np.float32)
B = np.array([[0.8, 0.2, 0.0], [0.3, 0.4, 0.3], [0.8, 0.1, 0.1], [0.1, 0.4, 0.5]], np.float32)
C = np.array([[0.7, 0.3, 0.0], [0.3, 0.3, 0.4], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], np.float32)


def test_three_classifiers_by_hand():
    found = suggest([A, B, C], labels=[0, 1, 2, -1])
    assert found.predictions.tolist() == [[0, 0, 1, 2], [0, 1, 0, 2], [0, 2, 2, 2]]
    assert np.allclose(found.mean_confidence, [0.8, 0.4, 2.2 / 3, 1.85 / 3])
    assert found.distinct_classes.tolist() == [1, 3, 3, 1]
    assert [list(QUADRANTS)[place] for place in found.quadrant] == [
        "agree and confident",
        "disagree, not confident",
        "disagree and confident",
        "agree and confident",
    ]
    assert np.allclose(found.vote_entropy, [0, np.log(3), np.log(3), 0])
    assert found.right.tolist() == [[True, False, False, False], [True, True, False, False], [True, False, True, False]]
    assert found.right_set.tolist() == [0b111, 0b010, 0b100, -1]
    assert found.most_contested().tolist() == [2, 1, 0, 3]
    assert suggest([A, B, C], confident=0.7).quadrant.tolist() == [0, 2, 3, 1]


def test_classes_are_compared_by_name_not_by_number():
    names = ("cat", "dog", "horse")
    turned = B[:, [2, 0, 1]]
    plain = suggest([A, B], [names, names], labels=[0, 1, 2, 0], label_names=names)
    other = suggest([A, turned], [names, ("horse", "cat", "dog")], labels=[0, 1, 2, 0], label_names=names)
    for name in ("mean_confidence", "distinct_classes", "predictions", "right", "vote_entropy"):
        assert np.array_equal(getattr(plain, name), getattr(other, name))


def test_a_classifier_of_fewer_classes_answers_with_its_own():
    found = suggest([A, B[:, :2]], [("cat", "dog", "horse"), ("horse", "cat")])
    assert found.predictions[1].tolist() == [2, 0, 2, 0]
    assert found.classes.unknown_to(1) == ("dog",)


def test_one_classifier_agrees_with_itself_and_no_samples_are_no_mistake():
    alone = suggest([A])
    assert (alone.distinct_classes == 1).all() and not alone.vote_entropy.any() and alone.right is None
    none = suggest([A[:0], B[:0]], labels=np.empty(0, np.int32))
    assert len(none) == 0 and len(none.quadrant) == 0 and len(none.vote_entropy) == 0


@given(arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 20)), elements=st.integers(0, 4)))
def test_votes_are_counted_as_by_hand(votes):
    tables = [np.eye(5, dtype=np.float32)[row] for row in votes]
    found = suggest(tables)
    for sample, column in enumerate(votes.T):
        counts = np.array(list(Counter(column.tolist()).values())) / len(column)
        assert found.distinct_classes[sample] == len(counts)
        assert abs(found.vote_entropy[sample] + (counts * np.log(counts)).sum()) < 1e-6
    assert (found.mean_confidence == 1).all()
    order = found.most_contested()
    assert sorted(order) == list(range(len(order))) and (np.diff(found.distinct_classes[order]) <= 0).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([],), "0 classifiers"),
        (([A, B[:3]],), "shapes"),
        (([A[0]],), "shapes"),
        (([A], [("a", "b")]), "2 class names for 3 outputs"),
        (([A], (), [0, 1]), "shape"),
        (([A], (), [0, 1, 2, 3]), "from 0 to 3"),
        (([A], (), [0.0, 1.0, 2.0, 0.0]), "whole number"),
        (([A], (), None, (), 1.5), "confident is 1.5"),
    ],
)
def test_what_cannot_be_is_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        suggest(*arguments)
