"""Laws of transformations that hold for any image: identities, inverses, nesting, one image at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nnvis_dash.analysis.drawn_regions import drawn_region
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, edited, identity_of, transform
from nnvis_dash.state.edits import Edit

few = settings(max_examples=25, deadline=None)
batches = st.tuples(st.integers(1, 3), st.integers(1, 19), st.integers(1, 19), st.sampled_from((1, 3))).flatmap(
    lambda shape: arrays.arrays(np.uint8, shape)
)
OWN = [name for name, entry in TRANSFORMATIONS.items() if not {"corruption", "drawn"} & entry.traits]


def test_it_is_known_which_are_drawn_from_here():
    assert {"rotation", "hue", "noise", "cut_out"} <= set(OWN)


@st.composite
def regions(draw):
    """Draw the text of a region with a rectangle, a lasso and a brush, each or none."""
    place = st.floats(0, 1).map(lambda number: f"{number:.4f}")
    pair = st.tuples(place, place).map(",".join)
    rectangle = st.tuples(pair, pair).map(lambda corners: "rect:" + ",".join(corners))
    lasso = st.lists(pair, min_size=3, max_size=8).map(lambda pairs: "lasso:" + ";".join(pairs))
    brush = st.tuples(st.sampled_from(("0.01", "0.08", "0.5")), st.lists(pair, min_size=1, max_size=5)).map(
        lambda found: ";".join((f"brush:{found[0]}", *found[1]))
    )
    return "|".join(draw(st.lists(st.one_of(rectangle, lasso, brush), min_size=1, max_size=3)))


@few
@given(batches, st.sampled_from(OWN), st.data())
def test_any_degree_of_any_image_gives_pixels_one_image_at_a_time(images, name, data):
    entry = TRANSFORMATIONS[name].form()[0]
    numbers = st.integers(int(entry.low), int(entry.high))
    degree = data.draw(numbers if entry.type is int else st.floats(entry.low, entry.high))
    changed = transform(images, name, degree)
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8  # so that every value is from 0 to 255
    np.testing.assert_array_equal(changed, [transform(image, name, degree) for image in images])
    np.testing.assert_array_equal(transform(images, name, identity_of(TRANSFORMATIONS[name])), images)


@few
@given(batches, st.sampled_from(("flip_horizontal", "flip_vertical")))
def test_flips_twice_change_nothing(images, name):
    np.testing.assert_array_equal(transform(transform(images, name), name), images)


@few
@given(batches)
def test_both_flips_are_half_a_turn(images):
    flipped = edited(images, [Edit("flip_vertical"), Edit("flip_horizontal")])
    np.testing.assert_array_equal(flipped, transform(images, "rotation", 180, border="black"))


@few
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 2), st.just(9), st.just(9), st.just(3))), st.integers(-2, 2))
def test_quarter_turns_of_a_square_move_pixels_only(images, quarters):
    turned = transform(images, "rotation", 90 * quarters)
    np.testing.assert_array_equal(turned, np.rot90(images, quarters, axes=(1, 2)))


@few
@given(batches, st.floats(0, 10), st.integers(0, 5))
def test_even_images_stay_even_when_blurred_and_moved(images, sigma, seed):
    even = np.broadcast_to(images[:, :1, :1], images.shape)
    for name, degree in (("blur", sigma), ("pixelate", 5), ("rotation", 33), ("scale", 0.4), ("translation_y", 30)):
        np.testing.assert_array_equal(transform(even, name, degree), even)


@few
@given(batches, st.integers(0, 9), st.floats(1, 49), st.floats(0, 1))
def test_the_pixels_that_little_salt_and_pepper_hits_are_hit_by_more(images, seed, percent, share):
    much = transform(images, "salt_and_pepper", percent, seed=seed)
    little = transform(images, "salt_and_pepper", percent * share, seed=seed)
    hit = little != images
    np.testing.assert_array_equal(much[hit], little[hit])


@few
@given(batches, st.integers(0, 9), st.floats(0, 50), st.floats(0, 1))
def test_the_grains_of_noise_grow_with_the_degree(images, seed, sigma, share):
    images = images // 8 + 112
    little, much = (
        transform(images, "noise", degree, seed=seed).astype(int) - images for degree in (share * sigma, sigma)
    )
    assert (np.abs(little) <= np.abs(much)).all()
    assert (little * much >= 0).all()


@few
@given(batches, st.floats(0, 100), st.floats(0, 1), st.floats(0, 100), st.floats(0, 100))
def test_a_larger_cut_holds_a_smaller_one(images, side, share, row, column):
    white = np.full_like(images, 255)
    small, large = (
        transform(white, "cut_out", degree, row=row, column=column, filling="black") == 0
        for degree in (side * share, side)
    )
    assert (large | ~small).all()


@few
@given(batches, regions(), st.sampled_from(("mean", "blur", "noise", "black", "inpaint")))
def test_erasing_and_keeping_share_the_image_between_them(images, region, filling):
    inside = drawn_region(region, *images.shape[1:3])
    erased, kept = (transform(images, name, region=region, filling=filling) for name in ("erase", "keep"))
    np.testing.assert_array_equal(erased[:, ~inside], images[:, ~inside])
    np.testing.assert_array_equal(kept[:, inside], images[:, inside])


@settings(max_examples=100, deadline=None)
@given(batches, regions(), st.integers(0, 255))
def test_inpainting_does_not_see_what_is_erased(images, region, value):
    inside = drawn_region(region, *images.shape[1:3])
    if inside.all():
        return
    other = images.copy()
    other[:, inside] = value
    painted = [transform(batch, "erase", region=region, filling="inpaint") for batch in (images, other)]
    np.testing.assert_array_equal(painted[0], painted[1])


@few
@given(regions(), st.integers(1, 40), st.integers(1, 40))
def test_what_is_drawn_on_the_image_always_takes_a_pixel(region, height, width):
    found = drawn_region(region, height, width)
    assert found.shape == (height, width)
    assert found.any()


@few
@given(batches)
def test_half_a_circle_of_hues_is_its_own_inverse(images):
    half = transform(images, "hue", 180)
    np.testing.assert_array_equal(half, transform(images, "hue", -180))
    np.testing.assert_array_equal(transform(half, "hue", 180), images)
