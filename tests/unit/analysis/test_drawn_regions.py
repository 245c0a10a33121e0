"""Drawn regions against masks drawn by hand and against scikit-image's polygons."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import polygon

from nnvis_dash.analysis.drawn_regions import MOST_POINTS, drawn_region
from nnvis_dash.errors import ParameterError


def mask(picture: str) -> np.ndarray:
    """Read a mask from lines of # and dots."""
    return np.array([[mark == "#" for mark in line] for line in picture.split()])


def test_a_rectangle_takes_the_pixels_whose_middle_it_holds():
    expected = mask(".....  .##..  .##..  .....")
    np.testing.assert_array_equal(drawn_region("rect:0.2,0.25,0.6,0.75", 4, 5), expected)
    np.testing.assert_array_equal(drawn_region("rect:0.6,0.75,0.2,0.25", 4, 5), expected)  # from any corner


def test_a_lasso_takes_what_it_surrounds():
    triangle = "lasso:0,0;1,0;0,1"  # middles on the long side, (0.5, 3.5) ... (3.5, 0.5), lie on the line
    found = drawn_region(triangle, 4, 4)
    assert found[np.add.outer(np.arange(4), np.arange(4)) < 3].all()
    assert not found[np.add.outer(np.arange(4), np.arange(4)) > 3].any()


def test_a_lasso_that_crosses_itself_leaves_out_what_it_surrounds_twice():
    twice = "lasso:0,0;1,0;1,1;0,1;0,0;0.25,0.25;0.75,0.25;0.75,0.75;0.25,0.75;0.25,0.25"
    np.testing.assert_array_equal(drawn_region(twice, 4, 4), mask("#### #..# #..# ####"))


@pytest.mark.parametrize("seed", range(8))
def test_lassos_agree_with_the_polygons_of_scikit_image(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(8, 50, 2)
    points = np.round(rng.uniform(-0.1, 1.1, (7, 2)), 4)
    expected = np.zeros((height, width), bool)
    expected[polygon(points[:, 1] * height - 0.5, points[:, 0] * width - 0.5, (height, width))] = True
    text = "lasso:" + ";".join(f"{x},{y}" for x, y in points)
    np.testing.assert_array_equal(drawn_region(text, height, width), expected)


def test_a_touch_of_the_brush_is_a_disc():
    found = drawn_region("brush:0.2;0.5,0.5", 10, 10)
    rows, columns = np.mgrid[:10, :10] + 0.5
    np.testing.assert_array_equal(found, (rows - 5) ** 2 + (columns - 5) ** 2 <= 4)


def test_a_stroke_has_round_ends_and_its_radius_is_of_the_width():
    found = drawn_region("brush:0.1;0.25,0.5;0.75,0.5", 10, 20)  # radius 2 px, from (5, 5) to (15, 5)
    rows, columns = np.mgrid[:10, :20] + 0.5
    beyond = np.maximum(np.abs(columns - 10) - 5, 0)
    np.testing.assert_array_equal(found, (rows - 5) ** 2 + beyond**2 <= 4)


def test_parts_add_up():
    found = drawn_region("rect:0,0,0.25,1|rect:0.75,0,1,1", 2, 4)
    np.testing.assert_array_equal(found, mask("#..# #..#"))


@pytest.mark.parametrize("text", ["rect:0.3,0.3,0.31,0.31", "lasso:0.3,0.3;0.31,0.3;0.3,0.31", "brush:0.001;0.3,0.3"])
def test_what_is_smaller_than_a_pixel_takes_the_one_it_lies_in(text):
    np.testing.assert_array_equal(drawn_region(text, 4, 4), mask(".... .#.. .... ...."))


def test_what_reaches_beyond_the_image_is_cut():
    assert drawn_region("rect:-0.5,-0.5,1.5,1.5", 3, 3).all()
    assert drawn_region("brush:1;1,1", 3, 3)[1:].all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Draw something"),
        ("  ", "Draw something"),
        ("circle:0.5,0.5,0.1", "can't be read"),
        ("rect:0,0,1", "can't be read"),
        ("rect:0,0,1,x", "can't be read"),
        ("rect:0,0,1,nan", "far outside"),
        ("rect:0,0,1,inf", "far outside"),
        ("rect:0,0,1,9", "far outside"),
        ("rect:1.2,0,1.3,1", "outside the image"),
        ("rect:0,0,1,1|", "can't be read"),
        ("lasso:0,0;1,1", "at least three"),
        ("lasso:0,0;1,1;1", "can't be read"),
        ("lasso:", "can't be read"),
        ("brush:0;0.5,0.5", "radius above 0"),
        ("brush:nan;0.5,0.5", "radius above 0"),
        ("brush:2;0.5,0.5", "radius above 0"),
        ("brush:0.1", "radius above 0"),
        ("brush:0.1;0.5", "can't be read"),
        ("brush:0.1" + ";0.5,0.5" * (MOST_POINTS + 1), "2001 points"),
        ("x" * 100_000, "100000 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_words(text, words):
    with pytest.raises(ParameterError, match=words):
        drawn_region(text, 8, 8)
