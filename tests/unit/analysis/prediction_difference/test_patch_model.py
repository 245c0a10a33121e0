"""What small patches look like: fitted as numpy does it, kept and read again."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel, grouped, ungrouped
from nnvis_dash.errors import ParameterError
from nnvis_dash.workspace.store import Workspace
from tests.unit.analysis.prediction_difference.scenes import covariances, smooth

SHAPE = (7, 6, 2)


def every_patch(images, outer):
    windows = np.lib.stride_tricks.sliding_window_view(images.astype(np.float64), (outer, outer), axis=(1, 2))
    return np.moveaxis(windows, 3, -1).reshape(-1, outer, outer, images.shape[3])


@pytest.mark.parametrize("per_channel", [False, True])
def test_mean_and_covariance_are_those_of_all_patches(per_channel):
    images = smooth(40, SHAPE)
    patches = every_patch(images, 3)
    model = PatchModel.fit(images, 3, per_channel, n_patches=60_000)
    spread = patches.std()
    np.testing.assert_allclose(model.mean, patches.mean(axis=0), rtol=0, atol=0.03 * spread)
    expected = np.cov(patches.reshape(len(patches), -1).T, ddof=0).reshape((3, 3, 2) * 2)
    if per_channel:
        expected[:, :, 0, :, :, 1] = expected[:, :, 1, :, :, 0] = 0
    np.testing.assert_allclose(covariances(model), expected, rtol=0, atol=0.04 * spread**2)
    assert model.cholesky.shape == ((2, 9, 9) if per_channel else (1, 18, 18))
    assert (model.outer, model.n_images, model.n_patches) == (3, 40, 60_000)


def test_bright_images_that_hardly_differ_keep_their_digits():
    """The sums of squares are of 65,000 with a variance of 1/4."""
    images = np.random.default_rng(0).integers(254, 256, (30, 6, 6, 1)).astype(np.uint8)
    model = PatchModel.fit(images, 2)
    np.testing.assert_allclose(model.mean, 254.5, atol=0.05)
    np.testing.assert_allclose(np.diag(covariances(model).reshape(4, 4)), 0.25 + 0.01, atol=0.01)
    assert (model.low, model.high) == (254, 255)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_images_have_a_distribution_too(value):
    model = PatchModel.fit(np.full((12, 8, 8, 3), value, np.uint8), 4)
    np.testing.assert_array_equal(model.mean, value)
    assert np.isfinite(model.cholesky).all()
    hidden = np.zeros((4, 4), bool)
    hidden[1:3, 1:3] = True
    assert np.isfinite(model.given(hidden).weights).all()
    assert np.isfinite(model.given(hidden).spread).all()


def test_the_seed_says_which_patches_are_taken():
    images = smooth(40, SHAPE)
    one, same, other = (PatchModel.fit(images, 3, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.cholesky, same.cholesky)
    assert (one.cholesky != other.cholesky).any()


def test_a_kept_model_is_read_as_it_was(tmp_path):
    artifacts = Workspace(tmp_path).artifacts
    for per_channel in (False, True):
        model = PatchModel.fit(smooth(40, SHAPE), 3, per_channel)
        key = f"{int(per_channel):064x}"
        artifacts.save(key, model.arrays(), model.card())
        found = PatchModel.from_artifact(artifacts.load(key))
        np.testing.assert_array_equal(found.mean, model.mean)
        np.testing.assert_array_equal(found.cholesky, model.cholesky)
        assert found.cholesky.dtype == np.float64
        assert found.card() == model.card()
        assert found.per_channel == per_channel


@pytest.mark.parametrize("per_channel", [False, True])
def test_groups_are_put_back_as_they_were(per_channel):
    patches = np.arange(2 * 3 * 3 * 2.0).reshape(2, 3, 3, 2)
    flat = grouped(patches, per_channel)
    assert flat.shape == ((2, 2, 9) if per_channel else (1, 2, 18))
    np.testing.assert_array_equal(ungrouped(flat, 9, 2).reshape(2, 3, 3, 2), patches)


@pytest.mark.parametrize(
    ("images", "outer", "words"),
    [
        (smooth(40, SHAPE), 7, r"outer window has 7 pixels, the images 6 × 7.*Give 2 to 6 pixels"),
        (smooth(40, SHAPE), 1, r"outer window has 1 pixels"),
        (smooth(9, SHAPE), 3, r"There are 9 images.*Give 10 images or more.*marginal"),
        (smooth(12, SHAPE), 6, r"There are 12 images to learn patches from, with 24 patches of 6 × 6.*Give 72 images"),
    ],
)
def test_what_cannot_be_learned_from_is_named(images, outer, words):
    with pytest.raises(ParameterError, match=words):
        PatchModel.fit(images, outer)


def test_as_many_images_as_were_asked_for_are_enough():
    assert PatchModel.fit(smooth(72, SHAPE), 6).n_images == 72
