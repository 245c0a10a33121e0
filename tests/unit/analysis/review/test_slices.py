"""Slices: intervals and adjusted p-values by hand, a planted slice, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.index import Index
from nnvis_dash.analysis.review.reviewing import typical_units
from nnvis_dash.analysis.review.slices import Slice, benjamini_hochberg, clopper_pearson, slices
from nnvis_dash.analysis.review.wording import said
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit


def test_intervals_and_adjusted_values_by_hand() -> None:
    low, high = clopper_pearson(0, 10)
    assert low == 0 and high == pytest.approx(1 - 0.025 ** (1 / 10))
    low, high = clopper_pearson(10, 10)
    assert low == pytest.approx(0.025 ** (1 / 10)) and high == 1
    assert clopper_pearson(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert benjamini_hochberg([]) == []


def clouds(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(6, 8)) * 3
    return np.concatenate([rng.normal(size=(50, 8)) * 0.3 + middle for middle in middles]), np.arange(300) // 50


def test_a_planted_slice_is_found_and_nothing_where_errors_fall_by_chance() -> None:
    features, cloud = clouds()
    rng = np.random.default_rng(1)
    errors = rng.random(300) < 0.05
    errors[cloud == 4] = rng.random(50) < 0.8
    found = slices(features, errors)
    ids = np.concatenate([one.ids for one in found])
    assert len(np.unique(ids)) == len(ids)  # no sample is in two
    assert found and (cloud[ids] == 4).all() and len(ids) >= 25
    first = found[0]
    assert first.low < first.rate < first.high and first.q <= 0.05 and errors[first.ids[: first.wrong]].all()
    assert not errors[first.ids[first.wrong :]].any()
    assert slices(features, rng.random(300) < 0.1) == [] and slices(features, np.zeros(300, bool)) == []


def test_labels_part_what_features_do_not() -> None:
    features, cloud = clouds(2)
    labels = np.where(np.arange(300) % 5 == 0, 1, 0)  # in every cloud every fifth is of the other class
    errors = (cloud == 2) & (labels == 1)
    assert [set(one.ids.tolist()) for one in slices(features, errors, labels)] == [set(np.flatnonzero(errors).tolist())]


def test_the_sentence() -> None:
    labels, predictions = np.array([0, 0, 0, 1, 1, 0]), np.array([1, 1, 2, 1, 1, 0])
    one = Slice(np.array([0, 1, 2, 3], np.int32), 3, 0.2, 0.99, 0.25, 0.01, 0.02)
    assert (
        said(one, labels, predictions, ("cat", "dog", "eel"))
        == "3 of 4 wrong, 3 times the rest; mostly cat taken for dog"
    )
    two = Slice(np.array([0, 2], np.int32), 2, 0.2, 1.0, 0.0, 0.01, 0.02)
    assert said(two, labels, np.array([1, 1, 2, 1, 1, 0]), ("cat", "dog", "eel")).startswith(
        "2 of 2 wrong, and none of"
    )
    mixed = Slice(np.array([0, 1, 2], np.int32), 3, 0.2, 1.0, 0.7, 0.01, 0.02)
    words = said(mixed, np.array([0, 1, 2]), np.array([3, 3, 3]), ("a", "b", "c", "d"))
    assert words == "3 of 3 wrong, 1.4 times the rest; all taken for d"


def test_units_that_a_slice_excites() -> None:
    units = tuple(Unit(layer, channel) for layer, n in (("conv", 2), ("head", 1)) for channel in range(n))
    labels, predictions = np.array([0, 0, 0, 0, 1, 1], np.int32), np.array([0, 0, 1, 1, 1, 1], np.int32)
    means = np.array([[0, 1, 0], [0, 1, 0], [4, 1, 9], [4, 1, 9], [4, 0, 9], [4, 0, 9]], np.float32)
    index = Index(np.eye(2, dtype=np.float32)[predictions], means, means, means, units)
    one = Slice(np.array([2, 3], np.int32), 2, 0.2, 1.0, 0.0, 0.01, 0.02)
    assert typical_units(index, [one], labels, predictions) == ((Unit("conv", 0),),)  # the outputs' don't count
    bare = Index(index.probabilities, means, means[:, :0], means[:, :0], ())
    assert typical_units(bare, [one], labels, predictions) == ((),)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ParameterError, match="Errors"):
        slices(np.zeros((5, 2)), np.zeros(4, bool))
    with pytest.raises(ParameterError, match="Labels"):
        slices(np.eye(40), np.arange(40) < 3, np.zeros(3, int))
