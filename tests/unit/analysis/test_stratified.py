"""Which samples stand for a dataset."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.stratified import choose_samples


def test_all_samples() -> None:
    for n in (0, 5, 9):
        assert choose_samples(None, 5, n, seed=0).tolist() == [0, 1, 2, 3, 4]


def test_samples_are_sorted_seeded_and_in_proportion() -> None:
    labels = np.repeat(np.arange(3), [60, 30, 10]).astype(np.int32)
    ids = choose_samples(labels, 100, 10, seed=7)
    assert ids.tolist() == sorted(set(ids.tolist()))
    assert np.bincount(labels[ids]).tolist() == [6, 3, 1]
    assert ids.tolist() == choose_samples(labels, 100, 10, seed=7).tolist()
    assert ids.tolist() != choose_samples(labels, 100, 10, seed=8).tolist()


def test_a_rare_label_is_not_lost_and_the_number_is_kept() -> None:
    labels = np.array([0] * 997 + [1, 2, -1], np.int32)
    ids = choose_samples(labels, 1000, 20, seed=0)
    assert len(ids) == 20
    assert sorted(set(labels[ids].tolist())) == [-1, 0, 1, 2]


def test_fewer_samples_than_labels() -> None:
    labels = np.arange(50, dtype=np.int32)
    ids = choose_samples(labels, 50, 7, seed=0)
    assert len(set(ids.tolist())) == 7


def test_without_labels() -> None:
    ids = choose_samples(None, 1000, 300, seed=0)
    assert len(ids) == 300
    assert abs(ids.mean() - 499.5) < 60  # spread over the whole
