"""Erasing and keeping drawn regions, their fillings, cut-out, and images looked up for an edit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from nnvis_dash.analysis.transformations import checked_edits, edited, transform
from nnvis_dash.errors import ParameterError
from nnvis_dash.state.edits import Edit

LEFT = "rect:0,0,0.5,1"


def noise(*shape):
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


def test_what_is_drawn_turns_black_and_the_rest_stays():
    image = noise(6, 8, 3)
    found = transform(image, "erase", region=LEFT, filling="black")
    np.testing.assert_array_equal(found[:, :4], 0)
    np.testing.assert_array_equal(found[:, 4:], image[:, 4:])
    kept = transform(image, "keep", region=LEFT, filling="black")
    np.testing.assert_array_equal(kept[:, 4:], 0)
    np.testing.assert_array_equal(kept[:, :4], image[:, :4])


def test_the_mean_is_each_images_own_colour():
    images = noise(2, 6, 8, 3)
    found = transform(images, "erase", region=LEFT, filling="mean")
    for image, mended in zip(images, found, strict=True):
        np.testing.assert_array_equal(mended[:, :4], np.broadcast_to(np.rint(image.mean(axis=(0, 1))), (6, 4, 3)))


def test_half_the_strength_is_halfway_to_the_filling():
    image = np.full((4, 4, 1), 100, np.uint8)
    found = transform(image, "erase", 0.25, region=LEFT, filling="black")
    np.testing.assert_array_equal(found[:, :2], 75)


def test_noise_has_the_images_mean_and_deviation_and_is_drawn_from_its_seed():
    image = (100 + 20 * np.random.default_rng(0).standard_normal((80, 80, 1))).astype(np.uint8)
    found = transform(image, "erase", region=LEFT, filling="noise")[:, :40]
    assert abs(found.mean() - image.mean()) < 2
    assert abs(found.std() - image.std()) < 2
    assert (transform(image, "erase", region=LEFT, filling="noise", seed=1)[:, :40] != found).any()


def test_blur_takes_details_away_and_leaves_the_light():
    image = np.repeat(np.tile(np.array([60, 140], np.uint8), 32)[None], 64, axis=0)[..., None]  # stripes 1 px wide
    found = transform(image, "erase", region="rect:0,0,1,1", filling="blur")[:, 28:36]
    assert np.abs(found.astype(int) - 100).max() <= 2


@pytest.mark.parametrize("shape", [(40, 28, 1), (150, 140, 3), (260, 300, 1)])
def test_blur_is_a_gaussian_of_an_eighth_also_where_it_is_computed_at_a_smaller_size(shape):
    coarse = np.random.default_rng(4).uniform(0, 255, (5, 5, shape[2]))
    image = np.rint(zoom(coarse, (shape[0] / 5, shape[1] / 5, 1), order=1)).astype(np.uint8)
    sigma = min(shape[:2]) / 8
    expected = gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="nearest")
    found = transform(image, "erase", region="rect:0,0,1,1", filling="blur")
    assert np.abs(found - expected).mean() < 0.6
    assert np.abs(found - expected).max() < 6


def test_inpainting_goes_on_with_what_stands_around():
    image = np.zeros((40, 40, 3), np.uint8)
    image[..., 0] = np.arange(40) * 4  # a ramp from left to right
    broken = image.copy()
    broken[14:24, 14:24] = 255
    found = transform(broken, "erase", region="rect:0.35,0.35,0.6,0.6", filling="inpaint")
    assert np.abs(found.astype(int) - image).max() <= 20
    assert np.abs(found.astype(int) - image)[14:24, 14:24].mean() < 4


def test_where_nothing_is_left_inpainting_is_the_mean():
    image = noise(8, 8, 1)
    found = transform(image, "erase", region="rect:0,0,1,1", filling="inpaint")
    np.testing.assert_array_equal(found, np.full(image.shape, np.rint(image.mean())))


def test_another_image_is_stretched_to_fit_and_gets_the_colours():
    image = noise(6, 8, 3)
    grey = np.full((3, 20, 1), 77, np.uint8)
    found = transform(image, "erase", region=LEFT, filling="image", other=grey)
    np.testing.assert_array_equal(found[:, :4], 77)
    np.testing.assert_array_equal(found[:, 4:], image[:, 4:])
    same = noise(6, 8, 3)
    np.testing.assert_array_equal(
        transform(image, "keep", region=LEFT, filling="image", other=same)[:, 4:], same[:, 4:]
    )


@pytest.mark.parametrize("other", [None, 3, np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 1), "u1")])
def test_another_image_that_is_none_is_refused(other):
    with pytest.raises(ParameterError, match="other image"):
        transform(noise(6, 8, 3), "erase", region=LEFT, filling="image", other=other)


@pytest.mark.parametrize("name", ["erase", "keep"])
def test_without_a_drawing_a_person_is_asked_for_one(name):
    with pytest.raises(ParameterError, match="Draw something on the image first"):
        transform(noise(6, 8, 3), name)


def test_an_edit_names_an_image_by_its_number():
    image, other = noise(6, 8, 3), noise(6, 8, 3)
    asked = []

    def lookup(number):
        asked.append(number)
        return other

    edit = Edit("erase", (("filling", "image"), ("other", 12), ("region", LEFT)))
    found = edited(image, [Edit("flip_vertical"), edit], lookup)
    np.testing.assert_array_equal(found[:, :4], other[:, :4])
    np.testing.assert_array_equal(found[:, 4:], image[::-1, 4:])
    assert asked == [12]
    assert checked_edits([edit]) == (edit,)


def test_an_image_that_another_filling_does_not_need_is_not_looked_up():
    image = noise(6, 8, 3)
    edit = Edit("erase", (("filling", "black"), ("other", 12), ("region", LEFT)))
    np.testing.assert_array_equal(edited(image, [edit])[:, :4], 0)


@pytest.mark.parametrize("other", [-1, 1.5, "one", True])
def test_a_number_that_names_no_image_is_refused(other):
    edit = Edit("erase", (("filling", "image"), ("other", other), ("region", LEFT)))
    for read in (lambda: checked_edits([edit]), lambda: edited(noise(6, 8, 3), [edit], lambda number: noise(6, 8, 3))):
        with pytest.raises(ParameterError, match="other"):
            read()


def test_without_a_lookup_the_image_is_named():
    edit = Edit("erase", (("filling", "image"), ("other", 12), ("region", LEFT)))
    with pytest.raises(ParameterError, match="image 12"):
        edited(noise(6, 8, 3), [edit])


def test_edits_are_applied_in_their_order():
    image = np.full((1, 1, 1), 100, np.uint8)
    lighter, darker = Edit("brightness", (("degree", 128),)), Edit("gamma", (("degree", 2),))
    assert edited(image, [lighter, darker]).item() == round(228 * 228 / 255)
    assert edited(image, [darker, lighter]).item() == round(100 * 100 / 255) + 128


def test_a_square_is_cut_out_of_the_middle_or_elsewhere():
    image = np.full((10, 20, 1), 255, np.uint8)
    middle = transform(image, "cut_out", 40, filling="black")[..., 0] == 0  # 40 % of 10: four pixels
    assert middle.sum() == 16
    assert middle[3:7, 8:12].all()
    corner = transform(image, "cut_out", 40, row=0, column=100, filling="black")[..., 0] == 0
    assert corner.sum() == 4
    assert corner[:2, 18:].all()
