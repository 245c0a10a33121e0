"""Permutations are found where they are true, and chance doesn't look like one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnvis_dash.analysis.doctor.class_order import best_permutation, decidable, held_out, renumbered


def test_best_permutation_by_hand():
    predicted = np.array([0, 0, 1, 1, 2, 2, -2], np.int32)
    labels = np.array([1, 1, 0, 0, 2, 2, 0], np.int32)
    assert best_permutation(predicted, labels, 3).tolist() == [1, 0, 2]
    assert renumbered(predicted, np.array([1, 0, 2], np.int32)).tolist() == [1, 1, 0, 0, 2, 2, -2]


def test_a_single_sample_moves_nothing():
    predicted, labels = np.array([0, 0, 0, 1], np.int32), np.array([0, 0, 0, 0], np.int32)
    assert best_permutation(predicted, labels, 4).tolist() == [0, 1, 2, 3]


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_every_permutation_is_found_again(n_classes, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(n_classes).astype(np.int32)
    labels = np.repeat(np.arange(n_classes, dtype=np.int32), 6)
    predicted = np.argsort(order).astype(np.int32)[labels]  # output k stands for the class order[k]
    assert best_permutation(predicted, labels, n_classes).tolist() == order.tolist()
    assert held_out(predicted, labels, n_classes).all()


def test_chance_gains_nothing_on_samples_that_the_order_was_not_found_with():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(50, dtype=np.int32), 6)
    predicted = rng.integers(0, 50, len(labels)).astype(np.int32)
    found = best_permutation(predicted, labels, 50)
    assert (renumbered(predicted, found) == labels).mean() > 0.2  # found and judged on the same: ten times chance
    assert held_out(predicted, labels, 50).mean() < 0.06


def test_what_can_be_decided():
    assert decidable(np.repeat(np.arange(3), 4))
    assert not decidable(np.arange(200))
    assert not decidable(np.repeat(np.arange(50), 3))
    assert decidable(np.array([0] * 10 + [1, 2, 3]))
    assert not decidable(np.array([-1, -1]))
