"""Transitions by hand, McNemar's test against scipy's binomial test, and how often the interval holds the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from nnvis_dash.analysis.contract.intervals import share_difference
from nnvis_dash.analysis.model_diff.transitions import EXACT_UP_TO, KINDS, mcnemar, transitions
from nnvis_dash.errors import NotFound, ParameterError

LABELS = np.array([0, 0, 0, 1, 1, 1, 2, -1, 2])
BEFORE = np.array([0, 1, 0, 0, 1, 0, -1, 2, 0])
AFTER = np.array([0, 0, 1, 0, 2, 2, -1, 1, 0])

triples = st.lists(st.tuples(*[st.integers(-1, 3)] * 3), min_size=1, max_size=40).map(np.array)


def test_by_hand():
    found = transitions(BEFORE, AFTER, LABELS)
    names = [KINDS[kind] if kind >= 0 else "" for kind in found.kinds]
    same, other = "both_wrong_same", "both_wrong_other"
    assert names == ["both_right", "fixed", "broken", same, "broken", other, other, "", same]
    assert found.counts.tolist() == [1, 1, 2, 2, 2]
    assert found.class_counts.tolist() == [[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 1, 1]]
    assert (found.n, found.unlabelled) == (8, 1)
    assert (found.accuracy_before, found.accuracy_after) == (3 / 8, 2 / 8)
    assert found.difference.value == pytest.approx(-1 / 8)
    assert found.difference.low < -1 / 8 < found.difference.high
    np.testing.assert_allclose(found.class_difference, [0, -1 / 3, 0], atol=1e-15)
    assert (found.test.fixed, found.test.broken) == (1, 2)


def test_ids():
    found = transitions(BEFORE, AFTER, LABELS)
    assert found.ids("broken").tolist() == [2, 4]
    assert found.ids("broken", 1).tolist() == [4]
    assert found.ids("both_wrong").tolist() == [3, 5, 6, 8]
    assert found.ids("fixed", 2).tolist() == []
    with pytest.raises(NotFound, match="both_wrong"):
        found.ids("mended")
    with pytest.raises(NotFound, match="Classes are 0 to 2"):
        found.ids("fixed", 3)


def test_two_classes_outside_the_list_are_not_taken_for_the_same():
    found = transitions([-1, 5], [-1, 5], [3, 3])
    assert [KINDS[kind] for kind in found.kinds] == ["both_wrong_other", "both_wrong_same"]


def test_a_class_without_samples_and_no_labels_at_all():
    found = transitions([0, 2], [0, 2], [0, 2], n_classes=4)
    assert found.class_counts.shape == (4, 5)
    assert np.isnan(found.class_difference).tolist() == [False, True, False, True]
    assert (found.class_low[1], found.class_high[1]) == (-1, 1)
    assert transitions([-1], [-1], [-1]).class_counts.tolist() == [[0] * 5]
    none = transitions([0, 1], [1, 1], [-1, -1])
    assert none.n == 0 and none.unlabelled == 2 and none.counts.sum() == 0
    assert math.isnan(none.accuracy_before) and none.difference[1:] == (-1, 1, 0)
    assert none.test.p_value == 1


def test_the_interval_of_each_class_is_that_of_its_samples():
    generator = np.random.default_rng(3)
    labels = generator.integers(-1, 4, 300)
    before = np.where(generator.random(300) < 0.6, labels, generator.integers(0, 4, 300))
    after = np.where(generator.random(300) < 0.8, labels, before)
    found = transitions(before, after, labels, n_classes=4)
    for number in range(4):
        of_class = labels == number
        wanted = share_difference((after == labels)[of_class], (before == labels)[of_class], 0.95)
        assert (found.class_difference[number], found.class_low[number], found.class_high[number]) == wanted[:3]


@settings(max_examples=50, deadline=None)
@given(triples)
def test_every_sample_is_counted_once(rows):
    before, after, labels = rows.T
    found = transitions(before, after, labels, n_classes=4)
    assert found.n + found.unlabelled == len(rows)
    np.testing.assert_array_equal(found.class_counts.sum(axis=0), found.counts)
    np.testing.assert_array_equal(found.class_counts.sum(axis=1), [(labels == number).sum() for number in range(4)])
    ids = np.concatenate([found.ids(kind) for kind in KINDS])
    np.testing.assert_array_equal(np.sort(ids), np.flatnonzero(labels >= 0))
    assert found.counts[0] + found.counts[1] == ((after == labels) & (labels >= 0)).sum()
    assert found.counts[0] + found.counts[2] == ((before == labels) & (labels >= 0)).sum()


@settings(max_examples=50, deadline=None)
@given(triples)
def test_the_way_back_fixes_what_the_way_there_breaks(rows):
    before, after, labels = rows.T
    there, back = transitions(before, after, labels), transitions(after, before, labels)
    np.testing.assert_array_equal(there.ids("fixed"), back.ids("broken"))
    np.testing.assert_array_equal(there.ids("both_wrong_same"), back.ids("both_wrong_same"))
    np.testing.assert_allclose(there.difference.low, -back.difference.high)
    assert there.test.p_value == back.test.p_value


def test_mcnemar_by_hand():
    found = mcnemar(1, 7)  # 2 (1 + 8) / 256, and half of 2 · 8 / 256 less
    assert found.method == "exact" and found.statistic is None
    assert found.p_value == pytest.approx(18 / 256)
    assert found.mid_p == pytest.approx(10 / 256)
    assert mcnemar(0, 5).p_value == pytest.approx(2 / 32)
    assert mcnemar(0, 5).mid_p == pytest.approx(1 / 32)
    equal = mcnemar(2, 2)
    assert equal.p_value == 1
    assert equal.mid_p == pytest.approx(1 - 6 / 16 / 2)
    assert (mcnemar(0, 0).p_value, mcnemar(0, 0).mid_p) == (1, 1)


@pytest.mark.parametrize("fixed, broken", [(0, 1), (3, 3), (3, 4), (10, 25), (40, 12), (480, 520), (0, 1000)])
def test_exact_is_scipys_binomial_test(fixed, broken):
    found = mcnemar(fixed, broken)
    assert found.method == "exact"
    assert found.p_value == pytest.approx(binomtest(fixed, fixed + broken).pvalue, rel=1e-9)
    assert mcnemar(broken, fixed).p_value == found.p_value
    assert found.mid_p < found.p_value


def test_chi_squared_of_many():
    found = mcnemar(700, 600)
    assert found.method == "chi_squared"
    assert found.statistic == pytest.approx(99**2 / 1300)
    assert found.p_value == pytest.approx(chi2.sf(99**2 / 1300, 1), rel=1e-12)
    assert found.p_value == pytest.approx(binomtest(700, 1300).pvalue, rel=0.02)
    assert mcnemar(650, 650).p_value == 1
    assert mcnemar(0, 60_000).p_value == 0  # below what a float holds


def test_both_tests_meet_where_one_takes_over():
    exact, approximate = mcnemar(460, EXACT_UP_TO - 460), mcnemar(460, EXACT_UP_TO + 1 - 460)
    assert (exact.method, approximate.method) == ("exact", "chi_squared")
    assert approximate.p_value == pytest.approx(binomtest(460, EXACT_UP_TO + 1).pvalue, rel=0.02)
    assert approximate.mid_p < exact.mid_p


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says():
    generator = np.random.default_rng(11)
    truth = np.array([0.70, 0.12, 0.05, 0.13])  # both right, fixed, broken, both wrong
    held = 0
    for counts in generator.multinomial(80, truth, 1000):
        before = np.repeat([0, 1, 0, 1], counts)
        after = np.repeat([0, 0, 1, 1], counts)
        _, low, high, _ = transitions(before, after, np.zeros(80, int)).difference
        held += low <= 0.07 <= high
    assert 0.93 < held / 1000 < 0.98


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([], [], []), "one or more"),
        (([0, 1], [0], [0, 1]), "1 predictions after of 2"),
        (([0, 1], [0, 1], [0, -2]), "labels is -2"),
        (([0, 7], [0, 1], [0, 1], 3), "before is 7.*0 to 2"),
        (([0, 1], [0, 1], [0, 1], 0), "0 classes"),
        (([0, 1], [0, 1], [0, 2**31 - 2]), "2147483647 classes.*65536"),
        (([0.5, 1.0], [0, 1], [0, 1]), "type float64"),
        (([[0, 1]], [0, 1], [0, 1]), r"shape \(1, 2\)"),
    ],
)
def test_what_cannot_be_compared(arguments, message):
    with pytest.raises(ParameterError, match=message):
        transitions(*arguments)


@pytest.mark.parametrize("counts", [(-1, 2), (2, 1.5)])
def test_counts_are_whole(counts):
    with pytest.raises(ParameterError, match="0 or more"):
        mcnemar(*counts)
