"""How far a map can be believed, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.projections import project
from nnvis_dash.analysis.projections.honesty import honesty, neighbours_of


def line(*places: float) -> np.ndarray:
    return np.array([[place, 0] for place in places], np.float32)


def test_a_false_neighbour_by_hand() -> None:
    """On a line 0 … 5 the map puts sample 5 beside sample 0; with one neighbour each, N = 6."""
    truth, shown = line(0, 1, 2.1, 3.3, 4.6, 6), line(0, 1, 2.1, 3.3, 4.6, -0.5)
    found = honesty(truth, shown, 1)
    # 0 has 5 for a neighbour, which is its 5th: 1 - 2 / (1 (12 - 3 - 1)) (5 - 1) = 0; so has 5 sample 0
    np.testing.assert_allclose(found.trustworthiness, [0, 1, 1, 1, 1, 0])
    # the nearest of 0 is 1, on the map its second: 1 - (2 - 1) / 4; that of 5 is 4, on the map its 5th: 0
    np.testing.assert_allclose(found.continuity, [0.75, 1, 1, 1, 1, 0])


@pytest.mark.parametrize(("n", "k"), [(40, 5), (300, 10), (300, 149)])
def test_the_mean_is_scikit_learns(n: int, k: int) -> None:
    from sklearn.manifold import trustworthiness

    rng = np.random.default_rng(n + k)
    rows = rng.normal(size=(n, 9)).astype(np.float32)
    plane = (rows[:, :2] + rng.normal(size=(n, 2)) / 3).astype(np.float32)
    found = honesty(rows, plane, k)
    assert found.n_neighbours == k
    assert found.trustworthiness.mean() == pytest.approx(trustworthiness(rows, plane, n_neighbors=k), abs=1e-6)
    assert found.continuity.mean() == pytest.approx(trustworthiness(plane, rows, n_neighbors=k), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 99))
def test_a_map_that_is_the_features_is_wholly_true(n: int, k: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    found = honesty(rows, rows * 3, k)
    assert (found.trustworthiness == 1).all() and (found.continuity == 1).all()
    assert found.n_neighbours == min(k, (n - 1) // 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.integers(0, 99))
def test_it_is_at_most_1_and_its_mean_at_least_0(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = honesty(rng.normal(size=(n, 5)).astype(np.float32), rng.normal(size=(n, 2)).astype(np.float32))
    for values in (found.trustworthiness, found.continuity):
        assert values.max() <= 1 and values.mean() >= -1e-6


def test_a_map_tells_its_own_honesty() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32)
    plane = project(rows, "pca")
    found = plane.honesty()
    assert plane.reference.shape == (60, 12)  # held against all the features, not against itself
    assert found.trustworthiness.mean() < 0.99
    order = np.square(rows - rows[7]).sum(axis=1).argsort()
    assert plane.neighbours(7).tolist() == order[1:11].tolist()
    assert plane.neighbours(7, 3).dtype == np.int32


def test_neighbours_of_few_and_of_equal_samples() -> None:
    assert neighbours_of(np.zeros((1, 3), np.float32), 0).tolist() == []
    assert neighbours_of(np.zeros((4, 3), np.float32), 2).tolist() == [0, 1, 3]
