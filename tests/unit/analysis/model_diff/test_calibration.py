"""Calibration errors by hand, and limits in which they are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.model_diff.calibration import calibration, reliability
from nnvis_dash.analysis.simulation.curves import wilson
from nnvis_dash.errors import ParameterError

ROWS = np.array([[0.9, 0.1], [0.1, 0.9], [0.55, 0.45], [0.3, 0.7]])
LABELS = np.array([0, 0, 0, 1])


@st.composite
def answers(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, n_classes = draw(st.integers(1, 60)), draw(st.integers(1, 5))
    rows = generator.dirichlet(np.full(n_classes, draw(st.sampled_from([0.1, 1.0, 10.0]))), n)
    return rows, generator.integers(0, n_classes, n)


def test_by_hand():
    found = calibration(ROWS, LABELS, bins=5)
    diagram = found.reliability
    np.testing.assert_allclose(diagram.edges, [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert diagram.counts.tolist() == [0, 0, 1, 1, 2]
    np.testing.assert_allclose(diagram.confidence, [np.nan, np.nan, 0.55, 0.7, 0.9])
    np.testing.assert_allclose(diagram.accuracy, [np.nan, np.nan, 1, 1, 0.5])
    low, high = wilson(0.5, 2)
    np.testing.assert_allclose((diagram.low[4], diagram.high[4]), (low, high))
    assert np.isnan(diagram.low[0])
    assert found.ece == pytest.approx(0.45 / 4 + 0.3 / 4 + 0.4 * 2 / 4)
    assert found.mce == pytest.approx(0.45)
    assert found.brier == pytest.approx((2 * 0.1**2 + 2 * 0.9**2 + 2 * 0.45**2 + 2 * 0.3**2) / 4)
    assert found.nll == pytest.approx(-np.log([0.9, 0.1, 0.55, 0.7]).mean())
    assert (found.confidence, found.accuracy) == (pytest.approx(3.05 / 4), 0.75)


def test_a_bin_holds_its_upper_edge():
    rows = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]])
    assert calibration(rows, [0, 0, 0], bins=2).reliability.counts.tolist() == [1, 2]
    assert calibration(rows, [0, 0, 0], bins=4).reliability.counts.tolist() == [0, 1, 1, 1]


def test_samples_without_a_label_are_left_out():
    rows = np.vstack([ROWS, [[0.2, 0.8]]])
    found, wanted = calibration(rows, [*LABELS, -1], bins=5), calibration(ROWS, LABELS, bins=5)
    assert (found.n, found.unlabelled) == (4, 1)
    assert (found.ece, found.brier, found.nll) == (wanted.ece, wanted.brier, wanted.nll)


def test_always_certain_and_always_right_or_wrong():
    certain = np.eye(3, dtype=np.float32)
    right, wrong = calibration(certain, [0, 1, 2]), calibration(certain, [1, 2, 0])
    assert (right.ece, right.mce, right.brier, right.nll) == (0, 0, 0, 0)
    assert (wrong.ece, wrong.mce, wrong.brier) == (1, 1, 2)
    assert wrong.nll == pytest.approx(87.3, abs=0.1)
    one = calibration(np.ones((4, 1)), [0] * 4)
    assert (one.ece, one.brier, one.nll) == (0, 0, 0)


def test_a_calibrated_model_has_little_error():
    generator = np.random.default_rng(5)
    rows = generator.dirichlet([0.5, 0.5, 0.5], 20_000)
    labels = (generator.random((20_000, 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    assert calibration(rows, labels).ece < 0.02
    assert calibration(rows, labels, equal_mass=True).ece < 0.02
    assert calibration(rows, (labels + 1) % 3).ece > 0.2


def test_bins_of_equal_mass():
    confidence = np.array([0.31, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    found = reliability(confidence, np.ones(10, bool), 5, equal_mass=True)
    assert found.counts.tolist() == [2] * 5
    assert (found.edges[0], found.edges[-1]) == (0.31, 0.95)
    np.testing.assert_allclose(found.confidence, confidence.reshape(5, 2).mean(axis=1))


def test_equal_confidences_stay_together():
    many = np.array([0.6, 0.7, *[1.0] * 18])
    found = reliability(many, np.ones(20, bool), 5, equal_mass=True)
    assert found.counts.sum() == 20 and found.counts[-1] >= 18
    same = reliability(np.full(6, 0.8), np.array([True] * 3 + [False] * 3), 5, equal_mass=True)
    assert same.counts.tolist() == [6]
    assert same.ece == pytest.approx(0.3)


@settings(max_examples=50, deadline=None)
@given(answers(), st.integers(1, 20), st.booleans())
def test_errors_keep_their_bounds(given_answers, bins, equal_mass):
    rows, labels = given_answers
    found = calibration(rows, labels, bins, equal_mass=equal_mass)
    gap = abs(found.accuracy - found.confidence)
    assert gap - 1e-9 <= found.ece <= found.mce + 1e-9 <= 1 + 2e-9
    assert found.reliability.counts.sum() == found.n == len(rows)
    assert 0 <= found.brier <= 2 + 1e-9 and found.nll >= 0
    one = calibration(rows, labels, 1, equal_mass=equal_mass)
    assert one.ece == pytest.approx(gap, abs=1e-9) == one.mce


@settings(max_examples=50, deadline=None)
@given(answers(), st.randoms(use_true_random=False))
def test_the_order_of_samples_and_classes_does_not_matter(given_answers, random):
    rows, labels = given_answers
    classes = list(range(rows.shape[1]))
    random.shuffle(classes)
    samples = list(range(len(rows)))
    random.shuffle(samples)
    new_numbers = np.argsort(classes)
    found, wanted = calibration(rows[samples][:, classes], new_numbers[labels][samples]), calibration(rows, labels)
    for name in ("ece", "mce", "brier", "nll", "accuracy"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float_will_do(dtype):
    assert calibration(ROWS.astype(dtype), LABELS, bins=5).brier == pytest.approx(0.55625, abs=2e-3)


@pytest.mark.parametrize(
    "rows, labels, message",
    [
        (ROWS[0], LABELS, r"shape \(2,\)"),
        (np.empty((0, 2)), [], r"shape \(0, 2\)"),
        (ROWS, LABELS[:3], "3 labels of 4 samples"),
        (ROWS, [0, 1, 2, 0], "labels is 2.*0 to 1"),
        (ROWS, [-1] * 4, "None of 4 samples has a label"),
        (ROWS * 20, LABELS, "softmax"),
        (np.where(ROWS == 0.9, np.nan, ROWS), LABELS, "NaN or infinite"),
        (np.where(ROWS == 0.9, np.inf, ROWS), LABELS, "NaN or infinite"),
        (ROWS.astype(str), LABELS, "real numbers"),
    ],
)
def test_what_is_no_probability(rows, labels, message):
    with pytest.raises(ParameterError, match=message):
        calibration(rows, labels)


@pytest.mark.parametrize("bins", [0, 1001, 2.5])
def test_the_number_of_bins_is_checked(bins):
    with pytest.raises(ParameterError, match="bins are asked for"):
        calibration(ROWS, LABELS, bins)
