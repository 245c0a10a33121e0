"""Scores of one classifier, and their histograms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnvis_dash.analysis.suggestion.one import SCORES, histogram, sample_scores
from nnvis_dash.errors import ParameterError

TABLE = np.array([[0.5, 0.5, 0.0], [0.2, 0.7, 0.1], [0.0, 0.0, 1.0]], np.float32)


def test_scores_by_hand():
    found = sample_scores(TABLE, [1, 0, -1])
    assert set(found) == set(SCORES)
    assert np.allclose(found["confidence"], [0.5, 0.7, 1])
    assert np.allclose(found["margin"], [0, 0.5, 1])
    assert np.allclose(found["entropy"], [np.log(2), -(0.2 * np.log(0.2) + 0.7 * np.log(0.7) + 0.1 * np.log(0.1)), 0])
    assert np.allclose(found["deep_gini"], [0.5, 1 - 0.04 - 0.49 - 0.01, 0], atol=1e-6)
    assert np.allclose(found["shortfall"], [0, 0.5, np.nan], equal_nan=True)
    assert set(sample_scores(TABLE)) == set(SCORES) - {"shortfall"}


def test_labels_that_cannot_be_are_refused():
    for labels in ([0, 1], [0, 1, 3], [0.0, 1.0, 2.0]):
        with pytest.raises(ParameterError, match="Labels"):
            sample_scores(TABLE, labels)


def test_a_histogram_by_hand():
    found = histogram([0.0, 0.25, 0.5, 1.0, np.nan], bins=4)
    assert found.edges.tolist() == [0, 0.25, 0.5, 0.75, 1] and found.counts.tolist() == [1, 1, 1, 1]
    assert found.bin_of.tolist() == [0, 1, 2, 3, -1]
    assert found.counts_of([3, 4]).tolist() == [0, 0, 0, 1]
    assert found.between(0.25, 0.5, [0.0, 0.25, 0.5, 1.0, np.nan]).tolist() == [1, 2]
    assert histogram([2.0, 2.0], bins=2).counts.sum() == 2
    assert histogram([], bins=3).counts.tolist() == [0, 0, 0]
    assert histogram([-1.0, 0.5, 2.0], bins=2, low=0, high=1).bin_of.tolist() == [-1, 1, -1]


VALUES = arrays(np.float32, st.integers(0, 40), elements=st.floats(-1e6, 1e6, width=32) | st.just(np.float32("nan")))


@given(VALUES, st.integers(1, 50))
def test_every_finite_value_is_in_the_interval_that_holds_it(values, bins):
    found = histogram(values, bins)
    assert found.counts.sum() == np.isfinite(values).sum() and len(found.edges) == bins + 1
    for value, place in zip(values.astype(np.float64), found.bin_of, strict=True):
        if np.isfinite(value):
            assert found.edges[place] <= value <= found.edges[place + 1]
        else:
            assert place == -1
    assert found.counts_of(np.arange(len(values))).tolist() == found.counts.tolist()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([[1.0]],), "shape"),
        (([1.0], 0), "bins"),
        (([1.0], 4, 2.0, 1.0), "ends"),
        (([1.0], 4, float("nan"), 1.0), "ends"),
    ],
)
def test_a_histogram_that_cannot_be_is_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        histogram(*arguments)
