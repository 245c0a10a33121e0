from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.projections import reduction
from nnvis_dash.analysis.projections.reduction import Reduction, checked_features
from nnvis_dash.errors import ParameterError

CROSS = np.array([[4, 1], [-2, 1], [1, 2], [1, 0]], np.float32)  # mean (1, 1); variance 18 along x, 2 along y


def test_components_by_hand() -> None:
    found = Reduction.fit(CROSS, 2, always=True)
    np.testing.assert_allclose(found.mean, [1, 1])
    np.testing.assert_allclose(found.components, [[1, 0], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(found.explained, [0.9, 0.1], rtol=1e-6)
    np.testing.assert_allclose(found.apply(CROSS), [[3, 0], [-3, 0], [0, 1], [0, -1]], atol=1e-6)


def test_the_largest_entry_of_a_component_is_positive() -> None:
    slope = np.array([[1, -2], [2, -4], [4, -8]], np.float32)  # along (1, -2): the larger entry is turned to +2
    np.testing.assert_allclose(Reduction.fit(slope, 1).components, [[-1 / 5**0.5, 2 / 5**0.5]], atol=1e-6)


def test_few_features_are_centred_and_not_turned() -> None:
    found = Reduction.fit(CROSS, 2)
    assert found.components.shape == (0, 2)
    np.testing.assert_array_equal(found.apply(CROSS), CROSS - 1)


def test_length_one_leaves_the_angle_alone() -> None:
    rows = np.array([[3, 4], [6, 8], [0, 0], [-3, 4]], np.float32)
    found = Reduction.fit(rows, 2, unit_length=True)
    back = found.apply(rows) + found.mean
    np.testing.assert_allclose(back, [[0.6, 0.8], [0.6, 0.8], [0, 0], [-0.6, 0.8]], atol=1e-6)
    squared = ((back[0] - back[3]) ** 2).sum()
    np.testing.assert_allclose(squared, 2 * (1 - (-9 + 16) / 25), rtol=1e-5)  # twice the cosine distance


@pytest.mark.parametrize("shape", [(40, 200), (200, 40), (60, 60)])
def test_it_is_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).normal(size=shape).astype(np.float32) * np.linspace(
        3, 1, shape[1], dtype=np.float32
    )
    found = Reduction.fit(rows, 5)
    _, lengths, vectors = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs((found.components * vectors[:5]).sum(axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(found.explained, lengths[:5] ** 2 / (lengths**2).sum(), rtol=1e-3)


def test_the_approximate_way_finds_the_same_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).normal(size=(80, 60)).astype(np.float32)
    rows[:, 0] *= 9
    rows[:, 1] *= 6
    exact = Reduction.fit(rows, 2, always=True)
    monkeypatch.setattr(reduction, "EXACT", 10)
    np.testing.assert_allclose(Reduction.fit(rows, 2, always=True).apply(rows), exact.apply(rows), atol=1e-2)


def test_directions_without_variance_are_zero_and_not_noise() -> None:
    line = np.outer(np.arange(6), np.ones(70)).astype(np.float32)
    found = Reduction.fit(line, 3)
    assert (found.components[1:] == 0).all()
    assert (found.apply(line)[:, 1:] == 0).all()
    np.testing.assert_allclose(found.explained, [1, 0, 0], atol=1e-6)


@pytest.mark.parametrize("scale", [1e-37, 1, 1e37])
def test_every_scale_of_float32_works(scale: float) -> None:
    found = Reduction.fit((CROSS * scale).astype(np.float32), 2, always=True)
    np.testing.assert_allclose(found.components, [[1, 0], [0, 1]], atol=1e-5)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(2).normal(size=(50, 7)).astype(np.float32)
    found = Reduction.fit(rows, 3)
    whole = found.apply(rows)
    monkeypatch.setattr(reduction, "BLOCK", 8)
    np.testing.assert_allclose(found.apply(rows), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (np.zeros((3, 4, 5)), "(3, 4, 5)"),
        (np.zeros(4), "(4,)"),
        (np.zeros((0, 4)), "nothing to project"),
        (np.zeros((4, 0)), "nothing to project"),
        (np.array([["a", "b"]]), "type <U1"),
        (np.array([[1 + 2j]]), "complex"),
        (np.array([[1, None]], dtype=object), "object"),
        ([[0, 1], [np.nan, 0], [0, np.inf]], "2 of 3 samples are NaN or infinite, first those of row 1"),
        ([[1e300, 0]], "1 of 1 samples"),
    ],
)
def test_what_is_not_features_is_refused_with_the_mend(features: object, says: str) -> None:
    with pytest.raises(ParameterError) as error:
        checked_features(features)  # type: ignore[arg-type]
    assert says in str(error.value)
    assert error.value.mend


def test_other_features_than_the_maps_are_refused() -> None:
    with pytest.raises(ParameterError, match="3 columns, those of the map have 2"):
        checked_features(np.zeros((1, 3)), 2)
