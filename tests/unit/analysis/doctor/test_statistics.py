"""Intervals and comparisons against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnvis_dash.analysis.doctor.statistics import better_mean, better_share, mean_interval, stratified_order, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        # z² = 3.8415: centre (0.5 + 3.8415 / 20) / (1 + 0.38415) = 0.5, half 1.96 / 1.38415 · √(0.025 + 0.0096036)
        (5, 10, 0.2366, 0.7634),
        (0, 10, 0.0, 0.2775),  # z² / (n + z²)
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
    ],
)
def test_wilson_by_hand(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_shrinks(case):
    successes, n = case
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    wider = wilson(successes, n)[1] - wilson(successes, n)[0]
    assert wilson(4 * successes, 4 * n)[1] - wilson(4 * successes, 4 * n)[0] < wider
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_mean_interval():
    assert mean_interval([]) == (0.0, 0.0, 1.0)
    assert mean_interval([0.25]) == (0.25, 0.0, 1.0)
    mean, low, high = mean_interval([0.4, 0.6])  # deviation √0.02 = 0.1414, over √2: 0.1
    assert (mean, low, high) == pytest.approx((0.5, 0.5 - 0.195996, 0.5 + 0.195996), abs=1e-6)
    assert mean_interval([0.0, 1.0])[1:] == (0.0, 1.0)  # never beyond a probability


def test_paired_shares_by_hand():
    one, other = np.zeros(10, bool), np.zeros(10, bool)
    assert better_share(one, other) == 0.5
    one[:1] = True
    assert better_share(one, other) == pytest.approx(0.75)  # Beta(2, 1) above 1/2: 1 − 1/4
    one[:3] = True
    assert better_share(one, other) == pytest.approx(1 - 1 / 16)
    assert better_share(other, one) == pytest.approx(1 / 16)
    one[:], other[:] = True, True
    assert better_share(one, other) == 0.5  # both right: nothing to tell them apart


def test_paired_means_by_hand():
    assert better_mean(np.array([1.0]), np.array([2.0])) == 0.5  # one sample says nothing
    assert better_mean(np.zeros(4), np.zeros(4)) == 0.5
    assert better_mean(np.zeros(4), np.ones(4)) == 1.0
    # differences 1, 3: mean 2, deviation √2, t = 2 / (√2/√2) = 2 with one degree of freedom: 1/2 + atan(2)/π
    assert better_mean(np.array([0.0, 0.0]), np.array([1.0, 3.0])) == pytest.approx(0.5 + math.atan(2) / math.pi)


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=60), st.integers(0, 3))
def test_every_beginning_of_the_order_is_stratified(strata, seed):
    given_strata = np.array(strata)
    order = stratified_order(given_strata, seed)
    assert sorted(order) == list(range(len(strata)))
    for n in range(1, len(strata) + 1):
        for stratum in set(strata):
            expected = n * float((given_strata == stratum).mean())
            assert abs(int((given_strata[order[:n]] == stratum).sum()) - expected) < 1 + len(set(strata)) / 2
    assert (stratified_order(given_strata, seed) == order).all()
