"""Classes of several classifiers and a dataset come to one list: by name, else by number, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnvis_dash.analysis.suggestion.common_classes import common_classes
from nnvis_dash.errors import ParameterError

PETS = ("cat", "dog", "horse")


def test_another_order_and_a_subset_are_matched_by_name():
    found = common_classes([3, 2, 4], [PETS, ("horse", "cat"), ("dog", "owl", "cat", "horse")], PETS)
    assert found.names == ("cat", "dog", "horse", "owl")
    assert [outputs.tolist() for outputs in found.outputs] == [[0, 1, 2], [2, 0], [1, 3, 0, 2]]
    assert found.by_number == (False, False, False)
    assert found.alone(2) == ("owl",) and found.alone(0) == ()
    assert found.unknown_to(1) == ("dog", "owl") and found.unknown_to(0) == ("owl",)


def test_case_and_what_parts_words_make_no_difference_but_nothing_else_does():
    found = common_classes([3, 3], [("Great_White Shark", "hen", "hens"), ("great white-shark", "HEN", "hens")])
    assert found.names == ("Great_White Shark", "hen", "hens")
    assert found.outputs[1].tolist() == [0, 1, 2]


def test_of_a_name_that_stands_twice_the_first_meets_the_first():
    imagenet = ("crane", "flamingo", "crane")
    found = common_classes([3, 3, 1], [imagenet, ("flamingo", "crane", "crane"), ("crane",)], imagenet)
    assert len(found.names) == 3
    assert [outputs.tolist() for outputs in found.outputs] == [[0, 1, 2], [1, 0, 2], [0]]


def test_without_names_classes_are_matched_by_number():
    found = common_classes([3, 3], [(), PETS], PETS)
    assert found.names == PETS and found.outputs[0].tolist() == [0, 1, 2] and found.by_number == (True, False)
    found = common_classes([3, 2])
    assert found.names == ("class 0", "class 1", "class 2") and found.outputs[1].tolist() == [0, 1]
    assert found.alone(0) == ("class 2",) and found.n_labels == 0


def test_names_of_which_none_is_the_datasets_count_by_number_where_there_are_as_many():
    found = common_classes([3, 2], [("zero", "one", "two"), ("zero", "one")], ("0", "1", "2"))
    assert found.by_number == (True, False)
    assert found.names == ("0", "1", "2", "zero", "one") and found.outputs[1].tolist() == [3, 4]
    assert found.alone(1) == ("zero", "one")


@pytest.mark.parametrize(
    ("sizes", "names", "says"),
    [
        ([], [], "No classifier"),
        ([2], [("a", "b"), ("a",)], "names of 2 classifiers"),
        ([2], [("a",)], "1 class names for 2 outputs"),
    ],
)
def test_what_cannot_be_is_refused(sizes, names, says):
    with pytest.raises(ParameterError, match=says) as error:
        common_classes(sizes, names)
    assert error.value.mend


LISTS = st.lists(st.lists(st.sampled_from("abcdeABC"), min_size=1, max_size=6), min_size=1, max_size=4)


@given(LISTS, st.lists(st.sampled_from("abcdef"), max_size=5))
def test_every_output_has_one_class_and_no_two_outputs_of_a_classifier_share_one(lists, labels):
    found = common_classes([len(one) for one in lists], lists, labels)
    assert found.names[: found.n_labels] == tuple(labels)
    used = set(range(found.n_labels))
    for one, outputs, by_number in zip(lists, found.outputs, found.by_number, strict=True):
        assert outputs.dtype == np.int32 and len(outputs) == len(one) == len(set(outputs.tolist()))
        used |= set(outputs.tolist())
        if not by_number:
            assert [found.names[number].casefold() for number in outputs] == [name.casefold() for name in one]
    assert used == set(range(len(found.names)))
