"""Log-odds with the Laplace correction and their change, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference.evidence import log_odds, log_odds_slope, weight_of_evidence
from nnvis_dash.analysis.prediction_difference.lattice import Lattice
from nnvis_dash.analysis.prediction_difference.tally import Scale, Tally


def test_the_laplace_correction_by_hand():
    """Of p = 3/4, K = 2 and N = 10: p' = 8.5 / 12, so the odds are 8.5 : 3.5."""
    assert log_odds(0.75, 0.25, 2, 10) == pytest.approx(np.log2(8.5 / 3.5))
    assert log_odds(0.5, 0.5, 2, 10) == pytest.approx(0)
    # of five classes p = 1/5 is what nothing known gives, whatever N: p' = p
    for n in (1, 10, 100_000):
        assert log_odds(0.2, 0.8, 5, n) == pytest.approx(-2)
    # certain: (N + 1) to (K − 1)
    assert log_odds(1.0, 0.0, 3, 100_000) == pytest.approx(np.log2(100_001 / 2))
    assert log_odds(0.0, 1.0, 3, 100_000) == pytest.approx(-np.log2(100_002))


def test_the_weight_of_evidence_by_hand():
    """From odds of 3 : 1 to 1 : 1 it is log2 3 bits, and back as many below zero."""
    assert weight_of_evidence(0.75, 0.25, 0.5, 0.5, 2, 10**12) == pytest.approx(np.log2(3))
    assert weight_of_evidence(0.5, 0.5, 0.75, 0.25, 2, 10**12) == pytest.approx(-np.log2(3))
    assert weight_of_evidence(0.3, 0.7, 0.3, 0.7, 4, 100) == 0


def test_what_float32_cannot_tell_from_certain_is_told_by_its_complement():
    close, closer = (log_odds(np.float32(1), np.float32(q), 2, 10**12) for q in (1e-9, 1e-10))
    assert closer - close == pytest.approx(np.log2(10), abs=0.02)


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.97, 1 - 1e-6])
def test_the_slope_is_the_derivative(p):
    step = 1e-9
    change = log_odds(p + step, 1 - p - step, 4, 1000) - log_odds(p - step, 1 - p + step, 4, 1000)
    assert log_odds_slope(p, 1 - p, 4, 1000) == pytest.approx(change / (2 * step), rel=1e-4)


def test_probabilities_are_averaged_before_they_become_odds():
    """Of 0.1 and 0.5 it is the odds of 0.3, not the mean of two odds."""
    tally = Tally(Lattice((2, 2), (1, 1)), [0.5, 0.5, 0.0], Scale(True, 2, 10**12))
    read = np.array([[[0.1, 0.9, -2.2], [0.5, 0.5, 0.0]]])
    tally.add(np.array([3]), read, 1)
    bits, difference = tally.evidence()[1, 1]
    assert bits == pytest.approx(-np.log2(0.3 / 0.7), rel=1e-6)
    assert bits != pytest.approx(-0.5 * np.log2(0.1 / 0.9), rel=0.05)
    assert difference == pytest.approx(1.1)
    assert np.isnan(tally.evidence()[0]).all()


def test_evidence_of_several_classes_and_of_channels():
    scale = Scale(True, 3, 100)
    original = np.array([0.6, 0.3, 0.4, 0.7, 2.0, 1.0])  # p of two classes, then 1 − p, then logits
    without = np.array([[0.5, 0.4, 0.5, 0.6, 1.5, 1.2]])
    found = scale.evidence(original, without)
    expected = [log_odds(0.6, 0.4, 3, 100) - log_odds(0.5, 0.5, 3, 100)]
    expected += [log_odds(0.3, 0.7, 3, 100) - log_odds(0.4, 0.6, 3, 100), 0.5, -0.2]
    np.testing.assert_allclose(found, [expected])
    np.testing.assert_array_equal(scale.shown(without), [[0.5, 0.4, 1.5, 1.2]])
    channels = Scale(False, 3, 100)
    np.testing.assert_allclose(channels.evidence(np.array([2.0, 3.0]), np.array([1.5, 3.5])), [0.5, -0.5])
