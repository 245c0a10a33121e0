"""Sketches are centred and scaled as MNIST is, wherever and however large they were drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from nnvis_dash.analysis.sketch import BLACK, WHITE, border_brightness, centred, ground_of, sketched
from nnvis_dash.errors import ParameterError


def pad(*boxes: tuple[int, int, int, int], ground: int = BLACK, channels: int = 1, side: int = 280) -> np.ndarray:
    """Draw filled boxes (top, bottom, left, right) in the ink that the ground asks for."""
    drawing = np.full((side, side, channels), ground, np.uint8)
    for top, bottom, left, right in boxes:
        drawing[top:bottom, left:right] = 255 - ground
    return drawing


def hook(left: float, top: float, size: float) -> np.ndarray:
    """Draw a hook, a shape without any symmetry, with a brush as wide as its size asks for."""
    picture = Image.new("L", (280, 280), 0)
    points = [(0, 0), (0.7, 0.1), (0.6, 0.9), (0.2, 0.6)]
    at = [(left + size * x, top + size * y) for x, y in points]
    ImageDraw.Draw(picture).line(at, fill=255, width=max(1, round(size / 8)), joint="curve")
    return np.asarray(picture)[..., None]


def extent(image: np.ndarray) -> tuple[int, int, int, int]:
    ink = np.abs(image.astype(int) - int(image[0, 0, 0])).max(axis=2) > 25
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def test_a_box_of_100_by_50_becomes_20_by_10_in_the_middle() -> None:
    image = centred(pad((17, 117, 200, 250)), (28, 28))
    assert image.shape == (28, 28, 1) and image.dtype == np.uint8
    expected = np.zeros((28, 28), np.uint8)
    expected[4:24, 9:19] = 255
    np.testing.assert_array_equal(image[..., 0], expected)


def test_white_paper_stays_white_and_colours_stay_colours() -> None:
    drawing = pad((100, 200, 100, 150), ground=WHITE, channels=3)
    drawing[100:150, 100:150] = (255, 0, 0)
    image = centred(drawing, (28, 28), WHITE)
    assert image.shape == (28, 28, 3)
    np.testing.assert_array_equal(image[0, 0], [255, 255, 255])
    np.testing.assert_array_equal(image[8, 14], [255, 0, 0])
    np.testing.assert_array_equal(image[20, 14], [0, 0, 0])


def test_the_centre_of_mass_is_in_the_middle_not_that_of_the_box() -> None:
    # A "T": a bar of 100 x 20 above a stem of 20 x 80. Its mass lies at row (2000*10 + 1600*60)/3600 = 32.2 of 100.
    image = centred(pad((50, 70, 90, 190), (70, 150, 130, 150)), (28, 28)).astype(float)[..., 0]
    row = (image.sum(axis=1) * (np.arange(28) + 0.5)).sum() / image.sum()
    column = (image.sum(axis=0) * (np.arange(28) + 0.5)).sum() / image.sum()
    assert row == pytest.approx(14, abs=0.05) and column == pytest.approx(14, abs=0.05)
    top, bottom, *_ = extent(image[..., None])
    assert (top, bottom) == (7, 28)  # 14 - 32.2 / 5 = 7.6 to 27.6


def test_what_would_leave_the_image_is_moved_back_inside() -> None:
    # Nearly all mass at the lower end of a long thin stem: its middle in the middle would put the stem's top outside.
    image = centred(pad((20, 200, 134, 146), (200, 240, 60, 220)), (28, 28))
    top, bottom, left, right = extent(image)
    assert (top, bottom) == (0, 20) and right - left <= 16


@settings(max_examples=25, deadline=None)
@given(left=st.integers(15, 110), top=st.integers(15, 110))
def test_where_it_was_drawn_does_not_matter(left: int, top: int) -> None:
    np.testing.assert_array_equal(centred(hook(left, top, 150), (28, 28)), centred(hook(60, 60, 150), (28, 28)))


@settings(max_examples=25, deadline=None)
@given(size=st.integers(80, 240))
def test_how_large_it_was_drawn_hardly_matters(size: int) -> None:
    change = centred(hook(20, 20, size), (28, 28)).astype(float) - centred(hook(20, 20, 160), (28, 28))
    assert np.abs(change).mean() < 8  # grey levels; a shift by one pixel changes 15 or more


@settings(max_examples=25, deadline=None)
@given(height=st.integers(8, 96), width=st.integers(8, 96), thick=st.integers(3, 60), long=st.integers(60, 200))
def test_of_any_size_it_fills_twenty_parts_of_twenty_eight(height: int, width: int, thick: int, long: int) -> None:
    image = centred(pad((40, 40 + long, 100, 100 + thick)), (height, width))
    assert image.shape == (height, width, 1)
    top, bottom, left, right = extent(image)
    filled = max((bottom - top) / (20 / 28 * height), (right - left) / (20 / 28 * width))
    assert 1 - 2 / min(height, width) < filled < 1 + 3 / min(height, width) * 28 / 20


def test_a_dot_is_enlarged_without_steps_of_whole_pixels() -> None:
    image = centred(pad((3, 9, 3, 9), side=280), (224, 224))
    assert 155 <= extent(image)[1] - extent(image)[0] <= 190
    assert len(np.unique(image)) > 20


def test_an_empty_pad_says_draw_something_first() -> None:
    for ground in (BLACK, WHITE):
        with pytest.raises(ParameterError, match="Draw something first"):
            centred(pad(ground=ground), (28, 28), ground)
        with pytest.raises(ParameterError, match="Draw something first"):
            sketched(pad(ground=ground, channels=3), ground, True)


def test_a_drawing_is_grey_or_coloured_and_centred_or_as_it_is() -> None:
    drawing = pad((0, 10, 0, 10), channels=3)
    assert sketched(drawing, BLACK, True).shape == (280, 280, 1)
    np.testing.assert_array_equal(sketched(drawing, BLACK, False), drawing)
    assert sketched(drawing, BLACK, True, (14, 28)).shape == (14, 28, 1)
    assert sketched(drawing, BLACK, False, (14, 28)).shape == (14, 28, 3)


def test_a_full_pad_has_no_edge_beyond_itself() -> None:
    image = centred(pad((0, 280, 0, 280)), (28, 28))
    assert extent(image) == (4, 24, 4, 24)


def test_the_ground_follows_the_borders_of_the_images() -> None:
    dark = np.zeros((6, 5, 1), np.uint8)
    dark[1:-1, 1:-1] = 255  # what is inside doesn't count
    light = np.full((3, 4, 3), 255, np.uint8)
    assert border_brightness([dark]) == 0 and ground_of([dark, dark]) == BLACK
    assert border_brightness([light]) == 255 and ground_of([light]) == WHITE
    assert border_brightness([dark, light]) == pytest.approx(127.5)
    row = np.array([[[10], [20]], [[30], [40]]], np.uint8)
    assert border_brightness([row]) == pytest.approx(25)
    assert border_brightness([np.full((1, 1, 1), 7, np.uint8)]) == pytest.approx(7)
    assert ground_of([]) == BLACK
