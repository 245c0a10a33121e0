"""Colour against formulas written out again, and Python's own colour conversions."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from nnvis_dash.analysis.transformations import transform

LUMINANCE = np.array([0.299, 0.587, 0.114])


def noise(*shape):
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def test_brightness_is_added_and_cut_off():
    image = np.array([[0, 100, 230]], np.uint8)[..., None]
    np.testing.assert_array_equal(transform(image, "brightness", 40)[0, :, 0], [40, 140, 255])
    np.testing.assert_array_equal(transform(image, "brightness", -40)[0, :, 0], [0, 60, 190])


def test_brightness_reaches_every_channel_of_four_pixels():
    for shape in ((4, 1, 1, 1), (1, 4, 1, 1), (4, 1, 1, 3), (1, 1, 1, 3)):
        found = transform(np.full(shape, 50, np.uint8), "brightness", 7)
        np.testing.assert_array_equal(found, np.full(shape, 57))


def test_contrast_stretches_about_the_mean_luminance():
    image = np.array([[10, 90, 50, 50]], np.uint8)[..., None]  # mean 50
    np.testing.assert_array_equal(transform(image, "contrast", 0.5)[0, :, 0], [30, 70, 50, 50])
    np.testing.assert_array_equal(transform(image, "contrast", 1.25)[0, :, 0], [0, 100, 50, 50])


def test_without_contrast_an_image_is_its_mean_grey():
    image = noise(13, 9, 3)
    grey = image.reshape(-1, 3).mean(axis=0) @ LUMINANCE
    np.testing.assert_array_equal(transform(image, "contrast", 0), np.full(image.shape, round(grey)))


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.7, 3.0])
def test_saturation_stretches_about_each_pixels_luminance(factor):
    image = noise(40, 30, 3)
    grey = (image @ LUMINANCE)[..., None]
    expected = np.clip(grey + factor * (image - grey), 0, 255)
    found = transform(image, "saturation", factor)
    assert np.abs(found - expected).max() <= 1
    if not factor:
        assert (found == found[..., :1]).all()


@pytest.mark.parametrize("angle", [-180, -61.5, -1, 33, 120])
def test_hue_agrees_with_pythons_colour_conversion(angle):
    image = noise(9, 21, 3)

    def turned(pixel):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
        return 255 * np.array(colorsys.hsv_to_rgb((hue + angle / 360) % 1, saturation, value))

    expected = np.apply_along_axis(turned, 2, image.astype(float))
    assert np.abs(transform(image, "hue", angle) - expected).max() <= 0.51


def test_a_third_of_the_circle_makes_red_green_green_blue_and_blue_red():
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 100, 50]]], np.uint8)
    expected = [[[0, 255, 0], [0, 0, 255], [255, 0, 0], [50, 200, 100]]]
    np.testing.assert_array_equal(transform(image, "hue", 120), expected)


@pytest.mark.parametrize("name", ["hue", "saturation"])
def test_greys_have_no_colour_to_change(name):
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    for degree in (0.25, 2.9):
        np.testing.assert_array_equal(transform(grey, name, degree), grey)
        np.testing.assert_array_equal(transform(grey[..., :1], name, degree), grey[..., :1])


def test_hue_does_not_know_how_an_image_is_cut_into_pieces():
    image = noise(150, 150, 3)  # more pixels than are computed at once
    rows = [transform(row[None], "hue", 77) for row in image]
    np.testing.assert_array_equal(transform(image, "hue", 77), np.concatenate(rows))


def test_gamma_leaves_black_and_white_and_squares_what_is_between():
    image = np.array([[0, 51, 102, 255]], np.uint8)[..., None]  # 0, 0.2, 0.4, 1
    np.testing.assert_array_equal(transform(image, "gamma", 2)[0, :, 0], [0, 10, 41, 255])  # 0.04, 0.16 of 255
