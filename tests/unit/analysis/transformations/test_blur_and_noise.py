"""Blur against scipy; noise by its statistics; JPEG against Pillow; pixelation by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from nnvis_dash.analysis.transformations import transform
from nnvis_dash.errors import ParameterError


def noise(*shape):
    return np.random.default_rng(8).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("sigma", [0.5, 1.25, 4.0, 10.0])
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 45, 1), (3, 2, 1)])
def test_blur_is_scipys_gaussian(shape, sigma):
    image = noise(*shape)
    expected = gaussian_filter(image.astype(np.float64), (sigma, sigma, 0), mode="nearest", truncate=4)
    assert np.abs(transform(image, "blur", sigma) - expected).max() <= 0.51


def test_gaussian_noise_has_the_deviation_asked_for():
    grey = np.full((2, 96, 96, 3), 128, np.uint8)
    added = transform(grey, "noise", 20).astype(int) - 128
    assert abs(added.mean()) < 0.4  # 27,648 values: 3 standard errors are 0.36
    assert abs(added.std() - 20) < 0.4
    np.testing.assert_array_equal(added[0], added[1])
    another = transform(grey, "noise", 20, seed=1).astype(int) - 128
    assert abs(np.corrcoef(added[0].ravel(), another[0].ravel())[0, 1]) < 0.03


def test_noise_beyond_black_and_white_is_cut_off():
    added = transform(np.full((64, 64, 1), 128, np.uint8), "noise", 100).astype(int) - 128
    for value in (0, 255):
        found = transform(np.full((64, 64, 1), value, np.uint8), "noise", 100).astype(int)
        inside = np.abs(added) < 127
        np.testing.assert_array_equal(found[inside], np.clip(value + added, 0, 255)[inside])


def test_a_tenth_of_the_pixels_turn_to_salt_and_pepper():
    grey = np.full((100, 100, 3), 128, np.uint8)
    found = transform(grey, "salt_and_pepper", 10)
    assert (found == found[..., :1]).all()
    share = [(found[..., 0] == value).mean() for value in (0, 255, 128)]
    np.testing.assert_allclose(share, [0.05, 0.05, 0.9], atol=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_that_of_pillow(channels):
    image = transform(noise(40, 33, channels), "blur", 1.5)
    file = io.BytesIO()
    Image.fromarray(image if channels == 3 else image[..., 0]).save(file, "JPEG", quality=25)
    expected = np.asarray(Image.open(file)).reshape(image.shape).astype(int)
    assert np.abs(transform(image, "jpeg", 75) - expected).max() <= 2  # two builds of the same library


def test_jpeg_loses_more_at_a_higher_degree():
    image = transform(noise(64, 64, 3), "blur", 1)
    lost = [np.abs(transform(image, "jpeg", degree).astype(int) - image).mean() for degree in (5, 50, 95)]
    assert lost == sorted(lost)


def test_jpeg_refuses_what_the_format_cannot_hold():
    with pytest.raises(ParameterError, match="65501 × 1 pixels"):
        transform(np.zeros((1, 65_501, 1), np.uint8), "jpeg")


def test_squares_of_pixels_get_their_mean_and_those_at_the_border_are_cut():
    image = np.array([[0, 10, 90], [20, 30, 110], [7, 8, 200]], np.uint8)[..., None]
    expected = [[15, 15, 100], [15, 15, 100], [8, 8, 200]]  # 7.5 rounds to the even 8
    np.testing.assert_array_equal(transform(image, "pixelate", 2)[..., 0], expected)
    np.testing.assert_array_equal(transform(image, "pixelate", 32)[..., 0], np.full((3, 3), round(475 / 9)))
