"""Regions, masks and coalitions: what is covered, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution.rise import RISE, random_mask
from nnvis_dash.analysis.perturbation.coalitions import drawn, growing, shown
from nnvis_dash.analysis.perturbation.kernel_shap import coalitions_for, solve
from nnvis_dash.analysis.perturbation.regions import regions, spread
from nnvis_dash.errors import ParameterError


def _two_halves(channels: int) -> np.ndarray:
    image = np.zeros((20, 20, channels), np.uint8)
    image[:, 9:] = 220
    return image


@pytest.mark.parametrize("channels", [1, 3])
def test_superpixels_follow_edges(channels):
    numbers = regions(_two_halves(channels), "superpixels", 12)
    assert numbers.dtype == np.int32
    assert set(np.unique(numbers)) == set(range(numbers.max() + 1))
    assert not set(np.unique(numbers[:, :9])) & set(np.unique(numbers[:, 9:]))


@pytest.mark.parametrize("kind", ["superpixels", "grid"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (7, 5, 3), (20, 20, 1)])
@pytest.mark.parametrize("n", [2, 9, 1000])
def test_regions_of_any_size_are_numbered_without_gaps(kind, shape, n):
    for image in (np.zeros(shape, np.uint8), np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)):
        numbers = regions(image, kind, n)
        assert numbers.shape == shape[:2]
        assert set(np.unique(numbers)) == set(range(numbers.max() + 1))


def test_a_grid_has_about_as_many_cells_as_asked_for_of_about_a_size():
    numbers = regions(np.zeros((30, 60, 3)), "grid", 50)
    sizes = np.bincount(numbers.ravel())
    assert len(sizes) == 50
    assert sizes.max() <= 1.5 * sizes.min()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [6, 40])
def test_noise_is_taken_apart_as_well(channels, n):
    image = np.random.default_rng(0).integers(0, 256, (12, 10, channels), dtype=np.uint8)
    assert regions(image, "superpixels", n).max() + 1 > n / 2


def test_unknown_regions_are_refused_in_words():
    with pytest.raises(ParameterError, match=r"superpixels, grid"):
        regions(np.zeros((4, 4, 3)), "hexagons", 4)


def test_spread_keeps_the_sum():
    numbers = regions(_two_halves(3), "superpixels", 12)
    values = np.random.default_rng(0).normal(size=numbers.max() + 1).astype(np.float32)
    pixels = spread(values, numbers)
    assert pixels.sum() == pytest.approx(values.sum(), abs=1e-4)
    np.testing.assert_allclose(pixels[numbers == 3].sum(), values[3], rtol=1e-4)


def test_drawn_coalitions_start_with_all_and_hold_half():
    kept = drawn(20, 2000, seed=1)
    assert kept[0].all()
    assert kept.mean(axis=0) == pytest.approx(np.full(20, 0.5), abs=0.05)


def test_growing_coalitions_gain_one_region_at_a_time():
    kept, orders = growing(5, 4, seed=0)
    grown = kept.reshape(4, 6, 5)
    for order, steps in zip(orders, grown, strict=True):
        assert not steps[0].any()
        for place, region in enumerate(order):
            assert set(np.flatnonzero(steps[place + 1] & ~steps[place])) == {region}
        assert steps[-1].all()
    np.testing.assert_array_equal(orders[1], orders[0][::-1])
    np.testing.assert_array_equal(orders[3], orders[2][::-1])


def test_shown_lays_coalitions_over_each_images_own_regions():
    numbers = [np.array([[0, 1], [1, 2]], np.int32), np.array([[0, 0], [0, 1]], np.int32)]
    kept = [np.array([[True, False, True], [False, True, False]]), np.array([[False, True], [True, True]])]
    masks = shown(kept, numbers, 0, 1)
    np.testing.assert_array_equal(masks[:, 0], [[[1, 0], [0, 1]], [[0, 0], [0, 1]]])


@pytest.mark.parametrize("samples", [64, 40])
def test_kernel_shap_keeps_its_sum_and_finds_an_additive_game(samples):
    gains = np.array([3.0, -1.0, 0.5, 0.0, 2.0])
    kept, weights = coalitions_for(5, samples, seed=0)
    assert not kept[0].any()
    assert kept[1].all()
    found = solve(kept, weights, (kept @ gains + 7).astype(np.float32))
    np.testing.assert_allclose(found, gains, atol=1e-5)
    surprising = np.random.default_rng(1).normal(size=len(kept)).astype(np.float32)
    assert solve(kept, weights, surprising).sum() == pytest.approx(surprising[1] - surprising[0], abs=1e-5)


def test_kernel_shap_draws_pairs_where_there_are_too_many_coalitions():
    kept, weights = coalitions_for(12, 102, seed=0)
    assert kept.shape == (102, 12)
    np.testing.assert_array_equal(kept[2:52], ~kept[52:])
    assert (weights[2:] == 1).all()
    sizes = kept[2:].sum(axis=1)
    assert (sizes > 0).all()
    assert (sizes < 12).all()


def test_random_masks_show_the_share_and_depend_on_their_number_only():
    parameters = RISE(cells=4, share=0.3)
    masks = np.stack([random_mask(parameters, number, (21, 30)) for number in range(400)])
    assert masks.dtype == np.uint8
    assert masks.shape == (400, 21, 30)
    assert (masks.mean(axis=0) / 255).mean() == pytest.approx(0.3, abs=0.03)
    np.testing.assert_array_equal(masks[7], random_mask(parameters, 7, (21, 30)))
    assert not np.array_equal(masks[7], masks[8])


def test_masks_of_more_cells_than_pixels():
    assert random_mask(RISE(cells=64), 0, (5, 3)).shape == (5, 3)
