"""Geometry against cases worked by hand and against scipy's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from nnvis_dash.analysis.transformations import transform
from nnvis_dash.errors import ParameterError

RAMP = np.arange(20, dtype=np.uint8).reshape(4, 5, 1) * 10


def noise(*shape):
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [6, 7])
def test_a_quarter_turn_is_that_of_numpy(size, channels):
    image = noise(size, size, channels)
    np.testing.assert_array_equal(transform(image, "rotation", 90), np.rot90(image))
    np.testing.assert_array_equal(transform(image, "rotation", -90, border="black"), np.rot90(image, -1))
    np.testing.assert_array_equal(transform(image, "rotation", 180, border="reflect"), np.rot90(image, 2))


def test_a_positive_angle_turns_against_the_clock():
    image = np.zeros((41, 41, 1), np.uint8)
    image[20, 38] = 255  # on the right
    turned = transform(image, "rotation", 30)[..., 0]
    row, column = np.unravel_index(turned.argmax(), turned.shape)
    assert (row, column) == (20 - 9, 20 + 16)  # 18 px away: up by 18 sin 30° = 9, right by 18 cos 30° = 15.6


@pytest.mark.parametrize(("border", "mode"), [("edge", "nearest"), ("reflect", "reflect"), ("black", "grid-constant")])
@pytest.mark.parametrize("name", ["rotation", "scale", "shear"])
def test_warps_agree_with_interpolation_by_scipy(name, border, mode):
    image = noise(17, 24, 1)
    degree = {"rotation": 23.0, "scale": 0.7, "shear": -20.0}[name]
    angle = np.deg2rad(degree)
    matrix = {  # from (row, column) to (row, column)
        "rotation": [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]],
        "scale": np.eye(2) / 0.7,
        "shear": [[1, 0], [np.tan(angle), 1]],
    }[name]
    middle = (np.array(image.shape[:2]) - 1) / 2
    expected = affine_transform(
        image[..., 0].astype(float), matrix, middle - matrix @ middle, order=1, mode=mode, cval=0.0
    )
    found = transform(image, name, degree, border=border)[..., 0]
    assert np.abs(found - expected).max() <= 1


def test_a_translation_by_whole_pixels_moves_rows_and_columns():
    right = transform(RAMP, "translation_x", 40)[..., 0]  # 40 % of 5: two pixels
    np.testing.assert_array_equal(right[:, 2:], RAMP[:, :3, 0])
    np.testing.assert_array_equal(right[:, :2], RAMP[:, [0, 0], 0])
    down = transform(RAMP, "translation_y", 25, border="black")[..., 0]  # 25 % of 4: one pixel
    np.testing.assert_array_equal(down[1:], RAMP[:3, :, 0])
    np.testing.assert_array_equal(down[0], 0)
    up = transform(RAMP, "translation_y", -25, border="reflect")[..., 0]
    np.testing.assert_array_equal(up[:3], RAMP[1:, :, 0])
    np.testing.assert_array_equal(up[3], RAMP[3, :, 0])


def test_a_translation_by_half_a_pixel_is_the_mean_of_neighbours():
    image = np.array([[0, 100, 40, 60]], np.uint8)[..., None]
    moved = transform(image, "translation_x", 12.5)  # half a pixel of 4
    np.testing.assert_array_equal(moved[0, :, 0], [0, 50, 70, 50])


def test_scaling_by_two_puts_a_pixel_every_other_place():
    image = np.array([[0, 40, 80, 120, 160]], np.uint8)[..., None]
    np.testing.assert_array_equal(transform(image, "scale", 2)[0, :, 0], [40, 60, 80, 100, 120])
    np.testing.assert_array_equal(transform(image, "scale", 0.5, border="black")[0, :, 0], [0, 0, 80, 160, 0])


def test_shear_moves_the_top_to_the_right_and_the_bottom_to_the_left():
    image = np.zeros((5, 9, 1), np.uint8)
    image[:, 4] = 255
    leaning = transform(image, "shear", 45)[..., 0]
    np.testing.assert_array_equal(leaning.argmax(axis=1), [6, 5, 4, 3, 2])


def test_flips_exchange_sides():
    np.testing.assert_array_equal(transform(RAMP, "flip_horizontal"), RAMP[:, ::-1])
    np.testing.assert_array_equal(transform(RAMP, "flip_vertical"), RAMP[::-1])


def test_half_a_flip_is_refused():
    with pytest.raises(ParameterError, match="whole number"):
        transform(RAMP, "flip_vertical", 0.5)
