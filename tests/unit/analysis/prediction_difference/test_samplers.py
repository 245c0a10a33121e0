"""What is drawn for a window: the right distribution, the same numbers whoever asks, and of the right place."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.samplers import ConditionalSampler, MarginalSampler
from nnvis_dash.errors import ParameterError
from tests.unit.analysis.prediction_difference.scenes import conditional, patch_corner, smooth, unbounded

SHAPE = (9, 8, 2)
OUTER, WINDOW = 5, 2
CORNERS = ((3, 3), (0, 0), (0, 6), (7, 0), (7, 6), (4, 0), (0, 3), (1, 5))


@pytest.fixture(scope="module")
def pictures():
    return smooth(50, SHAPE)


@pytest.fixture(scope="module")
def image():
    return smooth(1, SHAPE, seed=9)[0]


@pytest.fixture(scope="module", params=[False, True], ids=["over channels", "per channel"])
def model(request, pictures):
    return unbounded(PatchModel.fit(pictures, OUTER, request.param))


def _corners(*some):
    return tuple(np.array(axis) for axis in zip(*some, strict=True))


@pytest.mark.parametrize("corner", CORNERS)
def test_pairs_lie_around_the_conditional_mean(model, image, corner):
    """At the borders it is the mean of the patch shifted inside."""
    draws = ConditionalSampler(model, image, (WINDOW, WINDOW)).draw(*_corners(corner), 0, 6)[0].astype(np.float64)
    mean, _ = conditional(model, image, corner, patch_corner(corner, WINDOW, OUTER, SHAPE[:2]), WINDOW)
    for first in range(0, 6, 2):
        np.testing.assert_allclose(draws[first : first + 2].mean(axis=0), mean, rtol=0, atol=2e-3)
        assert np.abs(draws[first] - draws[first + 1]).max() > 0.5


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("corner", CORNERS[:2])
def test_many_draws_have_the_conditional_mean_and_covariance(model, image, corner, antithetic):
    sampler = ConditionalSampler(model, image, (WINDOW, WINDOW), seed=1, antithetic=antithetic)
    draws = sampler.draw(*_corners(corner), 0, 8000)[0].astype(np.float64).reshape(8000, -1)
    mean, covariance = conditional(model, image, corner, patch_corner(corner, WINDOW, OUTER, SHAPE[:2]), WINDOW)
    deviation = np.sqrt(np.diag(covariance))
    assert (np.abs(draws.mean(axis=0) - mean.ravel()) < 5 * deviation / np.sqrt(8000)).all()
    found = (draws - mean.ravel()).T @ (draws - mean.ravel()) / 8000
    np.testing.assert_allclose(
        found / np.outer(deviation, deviation), covariance / np.outer(deviation, deviation), atol=0.08
    )


def test_a_window_of_odd_size_and_a_patch_of_even_size(image, pictures):
    """The patch can't hold the window in its middle: it begins half of what is around it before, rounded down."""
    model = unbounded(PatchModel.fit(pictures, 6))
    draws = ConditionalSampler(model, image, (3, 3)).draw(*_corners((3, 2)), 0, 2)[0].astype(np.float64)
    mean, _ = conditional(model, image, (3, 2), (2, 1), 3)
    np.testing.assert_allclose(draws.mean(axis=0), mean, rtol=0, atol=2e-3)


def test_per_channel_a_channel_does_not_know_the_others(pictures, image):
    changed = image.copy()
    changed[..., 1] = 255 - changed[..., 1]
    for per_channel in (True, False):
        model = unbounded(PatchModel.fit(pictures, OUTER, per_channel))
        assert model.per_channel == per_channel
        one, two = (
            ConditionalSampler(model, picture, (WINDOW, WINDOW)).draw(*_corners((3, 3)), 0, 4)
            for picture in (image, changed)
        )
        assert np.abs(one[..., 1] - two[..., 1]).max() > 1
        assert (one[..., 0] == two[..., 0]).all() == per_channel


def test_per_channel_means_nothing_to_grey_images():
    pictures = smooth(50, (8, 8, 1))
    one, two = (PatchModel.fit(pictures, 4, per_channel) for per_channel in (True, False))
    np.testing.assert_allclose(one.cholesky, two.cholesky, rtol=1e-6)
    assert not one.per_channel


@pytest.fixture(scope="module", params=["conditional", "antithetic", "marginal"])
def sampler(request, pictures, image):
    if request.param == "marginal":
        return MarginalSampler(pictures, (WINDOW, WINDOW), 20, seed=5)
    model = PatchModel.fit(pictures, OUTER)
    return ConditionalSampler(model, image, (WINDOW, WINDOW), seed=5, antithetic=request.param == "antithetic")


def test_more_samples_keep_the_first_ones(sampler):
    corners = _corners(*CORNERS)
    eight = sampler.draw(*corners, 0, 8)
    assert eight.shape == (len(CORNERS), 8, WINDOW, WINDOW, 2)
    assert eight.dtype == np.float32
    np.testing.assert_array_equal(eight[:, :4], sampler.draw(*corners, 0, 4))
    np.testing.assert_array_equal(eight[:, 4:], sampler.draw(*corners, 4, 8))
    np.testing.assert_array_equal(eight[:, 2:6], sampler.draw(*corners, 2, 6))


def test_a_window_does_not_depend_on_which_others_are_asked(sampler):
    together = sampler.draw(*_corners(*CORNERS), 0, 4)
    for number in (0, 3, 5):
        alone = sampler.draw(*_corners(CORNERS[number]), 0, 4)[0]
        np.testing.assert_allclose(alone, together[number], rtol=1e-6, atol=1e-4)
    backwards = sampler.draw(*_corners(*CORNERS[::-1]), 0, 4)[::-1]
    np.testing.assert_allclose(backwards, together, rtol=1e-6, atol=1e-4)


def test_windows_have_random_numbers_of_their_own(pictures, image):
    """Also those with the same row or column, and with rows and columns exchanged."""
    model = unbounded(PatchModel.fit(pictures, OUTER))
    sampler = ConditionalSampler(model, image, (WINDOW, WINDOW), antithetic=True)
    corners = [(row, column) for row in range(3, 6) for column in range(2, 5)]
    drawn = sampler.draw(*_corners(*corners), 0, 200)
    noise = (drawn[:, ::2] - drawn[:, 1::2]).reshape(9, -1)
    apart = np.corrcoef(noise)
    assert np.abs(apart - np.eye(9)).max() < 0.3
    assert np.abs(apart[~np.eye(9, dtype=bool)]).mean() < 0.06


def test_another_seed_draws_other_samples(pictures, image):
    model = PatchModel.fit(pictures, OUTER)
    for make in (
        lambda seed: ConditionalSampler(model, image, (WINDOW, WINDOW), seed),
        lambda seed: MarginalSampler(pictures, (WINDOW, WINDOW), 20, seed),
    ):
        one, two = (make(seed).draw(*_corners(*CORNERS), 0, 8) for seed in (1, 2))
        assert (one != two).any(axis=(1, 2, 3, 4)).all()


def test_samples_stay_in_the_range_of_the_images(pictures, image):
    model = PatchModel.fit(pictures, OUTER)
    assert (model.low, model.high) == (pictures.min(), pictures.max())
    narrow = dataclasses.replace(model, low=120.0, high=130.0)
    drawn = ConditionalSampler(narrow, image, (WINDOW, WINDOW)).draw(*_corners(*CORNERS), 0, 50)
    assert (drawn.min(), drawn.max()) == (120, 130)


def test_marginal_samples_are_what_other_images_have_there():
    """Pixels say which image they are of and where; every image is drawn about as often as the others."""
    n = 20
    number, row, column = np.meshgrid(np.arange(n), np.arange(9), np.arange(8), indexing="ij")
    pictures = np.stack([number, row, column], axis=-1).astype(np.uint8)
    drawn = MarginalSampler(pictures, (3, 2), n, seed=0).draw(*_corners((5, 6), (0, 1)), 0, 4000)
    assert drawn.shape == (2, 4000, 3, 2, 3)
    assert (drawn[..., 0] == drawn[:, :, :1, :1, 0]).all()  # a window is of one image
    for place, (top, left) in enumerate(((5, 6), (0, 1))):
        assert (drawn[place, ..., 1] == np.arange(top, top + 3)[:, None]).all()
        assert (drawn[place, ..., 2] == np.arange(left, left + 2)).all()
        counts = np.bincount(drawn[place, :, 0, 0, 0].astype(int), minlength=n)
        assert (np.abs(counts - 200) < 5 * np.sqrt(200)).all()


def test_too_few_images_are_refused():
    with pytest.raises(ParameterError, match=r"There are 5 images to draw 20 samples from.*Give 20 images or more"):
        MarginalSampler(smooth(5), (2, 2), 20)


def test_a_patch_no_larger_than_the_window_is_refused(pictures, image):
    with pytest.raises(ParameterError, match=r"window has 5 pixels and the patch around it 5.*larger"):
        ConditionalSampler(PatchModel.fit(pictures, 5), image, (5, 5))


def test_what_pages_need_loads_without_tensorflow():
    code = """
import sys
import nnvis_dash.analysis.prediction_difference.samplers
import nnvis_dash.analysis.prediction_difference.patch_model
import nnvis_dash.analysis.prediction_difference.stored
sys.exit(sorted({"tensorflow", "keras"} & set(sys.modules)) or 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
