"""Windows and pixels: against loops, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference.lattice import Lattice
from tests.unit.analysis.prediction_difference.scenes import starts

LATTICES = [
    Lattice((10, 13), (3, 3)),
    Lattice((10, 13), (4, 4), 2),
    Lattice((9, 7), (2, 5), 3),
    Lattice((5, 6), (1, 1)),
    Lattice((8, 8), (7, 7)),
    Lattice((12, 11), (2, 2), 4),
    Lattice((40, 37), (10, 10)),
]
every = pytest.mark.parametrize("lattice", LATTICES, ids=str)


@every
def test_the_last_windows_end_with_the_image(lattice):
    assert lattice.rows.tolist() == starts(lattice.size[0], lattice.window[0], lattice.stride)
    assert lattice.columns.tolist() == starts(lattice.size[1], lattice.window[1], lattice.stride)
    rows, columns = lattice.corners(np.arange(lattice.shape[0] * lattice.shape[1]))
    np.testing.assert_array_equal(rows.reshape(lattice.shape), np.repeat(lattice.rows[:, None], lattice.shape[1], 1))
    np.testing.assert_array_equal(columns.reshape(lattice.shape)[0], lattice.columns)


@every
def test_a_pixel_is_the_mean_of_the_windows_that_hold_it(lattice):
    values = np.random.default_rng(0).normal(size=(*lattice.shape, 2))
    total, variance, cover = np.zeros((2, *lattice.size)), np.zeros((2, *lattice.size)), np.zeros(lattice.size)
    for i, row in enumerate(lattice.rows):
        for j, column in enumerate(lattice.columns):
            inside = np.s_[..., row : row + lattice.window[0], column : column + lattice.window[1]]
            total[inside] += values[i, j, :, None, None]
            variance[inside] += values[i, j, :, None, None] ** 2
            cover[inside] += 1
    np.testing.assert_array_equal(lattice.cover, cover)
    held = np.maximum(cover, 1)
    np.testing.assert_allclose(lattice.pixels(values), total / held, rtol=0, atol=1e-12)
    np.testing.assert_allclose(lattice.pixel_errors(values**2), np.sqrt(variance) / held, rtol=0, atol=1e-12)


@every
def test_levels_go_from_half_a_window_to_all(lattice):
    sizes = []
    for rows, columns in lattice.levels:
        assert (rows[0], columns[0]) == (0, 0)
        assert (rows[-1], columns[-1]) == tuple(n - 1 for n in lattice.shape)
        sizes.append(len(rows) * len(columns))
    assert sizes == sorted(sizes)
    assert sizes[-1] == lattice.shape[0] * lattice.shape[1]
    for (rows, columns), (finer_rows, finer_columns) in zip(lattice.levels, lattice.levels[1:], strict=False):
        assert set(rows) <= set(finer_rows)
        assert set(columns) <= set(finer_columns)


def _known(lattice, values, extra=0.0, seed=0):
    """Return the values of the coarsest level, and of a share of the others; NaN elsewhere."""
    known = np.random.default_rng(seed).uniform(size=lattice.shape) < extra
    rows, columns = lattice.levels[0]
    known[np.ix_(rows, columns)] = True
    return np.where(known[..., None], values, np.nan), known


@every
def test_what_is_bilinear_is_filled_exactly(lattice):
    i, j = np.meshgrid(*(np.arange(n, dtype=float) for n in lattice.shape), indexing="ij")
    values = np.stack([1 + 2 * i - 3 * j + 0.5 * i * j, 4 - i, np.ones_like(i)], axis=-1)
    np.testing.assert_allclose(lattice.filled(_known(lattice, values)[0]), values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(lattice.filled(_known(lattice, values, 0.3)[0]), values, rtol=0, atol=1e-9)


@every
def test_what_is_known_is_kept_and_what_is_not_lies_between(lattice):
    values = np.random.default_rng(1).normal(size=(*lattice.shape, 2))
    given, known = _known(lattice, values, 0.4)
    found = lattice.filled(given)
    np.testing.assert_array_equal(found[known], values[known])
    assert np.isfinite(found).all()
    assert (np.abs(found) <= np.abs(values).max()).all()
    np.testing.assert_array_equal(lattice.filled(values), values)
    assert (lattice.filled(np.full_like(values, np.nan)) == 0).all()


def test_means_around_a_window_pass_over_what_is_not_known():
    lattice = Lattice((5, 4), (1, 1))
    values = np.full((5, 4, 1), np.nan)
    values[0, 0], values[1, 1], values[4, 3] = 3, 5, 7
    found = lattice.around(values)[..., 0]
    assert found[0, 0] == found[0, 1] == found[1, 0] == pytest.approx(4)
    assert found[2, 2] == pytest.approx(5)
    assert found[3, 3] == pytest.approx(7)
    assert np.isnan(found[4, 0])


def test_roughness_is_the_spread_of_nine():
    lattice = Lattice((7, 7), (1, 1))
    values = np.random.default_rng(2).normal(size=(7, 7, 1))
    assert lattice.roughness(values)[3, 4, 0] == pytest.approx(values[2:5, 3:6].std())
    flat = lattice.roughness(np.full((7, 7, 1), 3.0))
    np.testing.assert_allclose(flat, 0, atol=1e-6)
