"""Intervals against published examples, SciPy, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_rel

from nnvis_dash.analysis.contract.intervals import mean, share, share_difference, wilson


def table(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    one = np.repeat([True, True, False, False], [both, first, second, neither])
    other = np.repeat([True, False, True, False], [both, first, second, neither])
    return one, other


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95, 0.99])
)
def test_the_interval_of_a_share_is_scipys_wilson_interval(case: tuple[int, int], confidence: float) -> None:
    successes, n = case
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_paired_interval_is_newcombes_of_a_table_worked_by_hand() -> None:
    # n 50, p 0.64, q 0.44; Wilson 0.50142..0.75858 and 0.31156..0.57693; phi (20*16 - 12*2 - 25)/sqrt(32*18*22*28)
    # is 0.45496; below sqrt(0.13858² - 2*0.45496*0.13858*0.13693 + 0.13693²) is 0.14384, above likewise 0.12921
    found = share_difference(*table(20, 12, 2, 16), 0.95)
    assert found.value == pytest.approx(0.2) and found.n == 50
    assert (found.low, found.high) == pytest.approx((0.05616, 0.32921), abs=1e-5)


def test_the_difference_of_equal_answers_is_not_thought_to_be_known_exactly() -> None:
    found = share_difference(*table(60, 0, 0, 0), 0.95)
    assert found.value == 0 and found.low < -0.04 and found.high > 0.04


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 4).filter(any))
def test_swapping_two_classifiers_turns_the_interval_around(cells: tuple[int, int, int, int]) -> None:
    both, first, second, neither = cells
    there = share_difference(*table(both, first, second, neither), 0.95)
    back = share_difference(*table(both, second, first, neither), 0.95)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert -1 <= there.low <= there.value <= there.high <= 1


def test_the_paired_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    truth, held = 0.1, 0
    for _ in range(400):
        cells = rng.multinomial(80, [0.7, 0.15, 0.05, 0.1])
        found = share_difference(*table(*cells), 0.9)
        held += found.low <= truth <= found.high
    assert 0.85 <= held / 400 <= 0.95


def test_the_mean_of_paired_differences_has_students_interval() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random(30), rng.random(30)
    expected = ttest_rel(one, other).confidence_interval(0.9)
    found = mean(one - other, 0.9, -1.0, 1.0)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_of_no_image_nothing_is_known() -> None:
    none = np.zeros(0, bool)
    for found, low in ((share(none, 0.95), 0.0), (mean([], 0.95), 0.0), (share_difference(none, none, 0.95), -1.0)):
        assert math.isnan(found.value) and (found.low, found.high, found.n) == (low, 1.0, 0)
    assert mean([0.4], 0.95) == (0.4, 0.0, 1.0, 1)
