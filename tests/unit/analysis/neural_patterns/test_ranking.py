"""Which patterns come first, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.neural_patterns import NeuralPattern, Sequences, neural_patterns, recommended_patterns
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit
from tests.unit.analysis.neural_patterns.paths import LABELS, PATHS, listed

NAMES = ("circle", "square", "triangle", "star", "cross")
PATTERNS = neural_patterns(PATHS, LABELS, min_support=2)
# By support, then length:  0: conv1 3, conv2 1: images 0 1 2     1: conv1 3, conv2 1, dense 0: images 0 1
#                           2: conv2 0, dense 1: images 4 5       3: conv2 1, dense 1: images 2 3


def ordered(**given: object) -> list[int]:
    """Return the places, among `PATTERNS`, of the recommended ones."""
    places = {tuple(pattern.units): place for place, pattern in enumerate(PATTERNS)}
    return [places[pattern.units] for pattern in recommended_patterns(PATTERNS, **given).patterns]


def test_support_counts_inside_the_selection() -> None:
    found = recommended_patterns(PATTERNS, samples=[2, 3])
    assert listed(found.patterns)[0] == ({"conv2": 1, "dense": 1}, [2, 3])
    assert found.inside.tolist() == [2, 1]
    assert found.n_selected == 2
    assert ordered(samples=[2, 3]) == [3, 0]
    assert ordered() == [0, 2, 1, 3]  # of two images each: the one whose class is the rarest first


def test_lift_is_of_the_chosen_class_or_of_the_most_frequent() -> None:
    """Of the five images with a label, three are of class 0 and two of class 1."""
    first = recommended_patterns(PATTERNS, label=1, order="lift")
    assert ordered(label=1, order="lift") == [2, 3, 0, 1]
    np.testing.assert_allclose(first.lift[:2], [1 / 0.4, 0.5 / 0.4])
    assert first.classes.tolist() == [1, 1, 1, 1]
    own = recommended_patterns(PATTERNS)
    assert own.classes.tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(own.lift, [1 / 0.6, 1 / 0.4, 1 / 0.6, 0.5 / 0.6])


def test_the_longest_come_first_on_request() -> None:
    assert ordered(order="length") == [1, 0, 2, 3]


def test_patterns_of_the_selected_units_and_those_with_more_of_them_first() -> None:
    assert ordered(units=[Unit("dense", 1)]) == [2, 3]
    assert ordered(units=[Unit("dense", 1), Unit("conv2", 1)]) == [0, 3, 2, 1]
    assert ordered(units=[Unit("conv1", 9)]) == []
    assert ordered(units=[Unit("dense", 1)], samples=[3]) == [3]


def test_without_labels_there_is_no_lift() -> None:
    bare = neural_patterns(PATHS, min_support=2)
    found = recommended_patterns(bare, samples=[0])
    assert found.classes.tolist() == [-1, -1] and found.lift.tolist() == [0, 0]
    with pytest.raises(ParameterError, match=r"no labels.*order by support"):
        recommended_patterns(bare, order="lift")


def test_no_patterns_and_no_selected_images_have_an_answer() -> None:
    none = neural_patterns(PATHS, LABELS, min_support=6)
    assert len(recommended_patterns(none, label=1, order="lift")) == 0
    assert len(recommended_patterns(PATTERNS, samples=[])) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"order": "beauty"}, "support, lift, length"),
        ({"label": 2}, "no class 2.*from 0 to 1"),
        ({"samples": [99]}, "no sample 99"),
    ],
)
def test_what_is_not_there_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        recommended_patterns(PATTERNS, **given)


def pattern_of(
    *counts: int, unknown: int = 0, elsewhere: tuple[int, ...] = (1000, 1000, 1000, 1000, 1000)
) -> NeuralPattern:
    """Return a pattern whose images have these classes, in a dataset with as many other images of each."""
    inside, outside = sum(counts) + unknown, sum(elsewhere)
    table = np.zeros((inside + outside, 2), np.int16)
    table[inside:] = -1
    labels = np.concatenate([np.repeat(np.arange(len(counts)), counts), np.full(unknown, -1), np.repeat(
        np.arange(len(elsewhere)), elsewhere
    )])  # fmt: skip
    (found,) = neural_patterns(Sequences(table, ("a", "b")), labels, min_support=1)
    return found


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((0, 0, 92, 8), "specific to triangle: 92 of its 100 images"),
        ((0, 0, 80, 20), "specific to triangle: 80 of its 100 images"),
        ((0, 0, 7), "specific to triangle: all its 7 images"),
        ((0, 1), "specific to square: all its 1 image"),
        ((50, 45, 5), "shared by circle and square: 95 of its 100 images"),
        ((79, 21), "shared by circle and square: all its 100 images"),
        ((20, 35, 30, 15), "shared by square, triangle and circle: 85 of its 100 images"),
        ((20, 20, 20, 20, 20), "shared by circle, square, triangle and 1 more class: 80 of its 100 images"),
        ((0, 0, 0, 0, 0, 9), "specific to class 5: all its 9 images"),
    ],
)
def test_a_pattern_is_specific_or_shared(counts: tuple[int, ...], words: str) -> None:
    assert pattern_of(*counts).said(NAMES) == words


def test_images_without_a_label_are_not_counted() -> None:
    assert pattern_of(0, 9, 1, unknown=5).said(NAMES) == "specific to square: 9 of its 10 images with a label"
    assert pattern_of(0, unknown=5).said(NAMES) == "5 images without labels"
    assert neural_patterns(PATHS, min_support=2)[0].said(NAMES) == "3 images without labels"


def test_a_class_that_nearly_all_images_have_is_not_specific() -> None:
    most = pattern_of(9, 1, elsewhere=(900, 100))
    assert most.said(NAMES) == "mostly circle, as all images are: 9 of its 10 images"
