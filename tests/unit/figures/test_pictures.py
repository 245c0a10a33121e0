"""Colours and heatmap pictures against values worked by hand."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from nnvis_dash.figures import heatmap, theme


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_class_colours_are_stable_distinct_and_enough() -> None:
    many = theme.class_colours(200)
    assert len(set(many)) == 200
    assert theme.class_colours(3) == many[:3]
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in many)


def test_class_colours_are_told_apart_without_red_or_green_cones_too() -> None:
    views = theme.seen(theme.class_colours(200))
    apart = np.linalg.norm(views[:, :, None] - views[:, None], axis=3) + 9 * np.eye(200)
    for n, least in ((10, 0.08), (20, 0.05), (50, 0.03), (200, 0.015)):  # in OKLab, black and white are 1 apart
        assert apart[:, :n, :n].min() > least
    white, grey = theme.seen(["#ffffff", "#808080"])[:, :, 1:].transpose(1, 0, 2)
    np.testing.assert_allclose([white, grey], 0, atol=1e-3)  # no eye sees a colour in grey
    hues = theme.seen(["#ee3333", "#338833"])[:, :, 1]  # from green to red
    assert hues[0, 0] - hues[0, 1] > 4 * np.abs(hues[1:, 0] - hues[1:, 1]).max()


def test_colours_come_again_when_all_are_taken() -> None:
    many = theme.class_colours(4000)
    first = many.index(many[0], 1)
    assert len(set(many)) == first and many[first:] == (many * 2)[: len(many) - first]


def test_a_scale_starts_and_ends_in_its_end_colours() -> None:
    table = theme.lookup(theme.HEAT)
    assert table.shape == (256, 3)
    assert table[0].tolist() == [0x0B, 0x07, 0x24]
    assert table[-1].tolist() == [0xFC, 0xF6, 0xB8]


def test_a_scale_is_linear_between_its_colours() -> None:
    table = theme.lookup(((0.0, "#000000"), (1.0, "#ff8000")), n=3)
    assert table.tolist() == [[0, 0, 0], [128, 64, 0], [255, 128, 0]]


def test_a_heatmap_is_scaled_to_its_maximum_and_its_layer_is_as_opaque_as_its_value() -> None:
    alone, layer = (pixels(png) for png in heatmap.pictures(np.array([[0.0, 1.0], [0.5, 2.0]], dtype=np.float32)))
    table = theme.lookup(theme.HEAT)
    assert alone.tolist() == [[table[0].tolist(), table[128].tolist()], [table[64].tolist(), table[255].tolist()]]
    assert layer[..., 3].tolist() == [[0, round(255 * 0.5**0.5)], [round(255 * 0.25**0.5), 255]]


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full((3, 3), 2.0), np.full((2, 2), -1.0)])
def test_a_flat_heatmap_is_drawn_flat(values: np.ndarray) -> None:
    values = values.astype(np.float32)
    assert heatmap.is_flat(values)
    alone, layer = (pixels(png) for png in heatmap.pictures(values))
    assert len(np.unique(alone.reshape(-1, 3), axis=0)) == 1
    assert (layer[..., 3] == 0).all()


def test_a_map_in_the_scale_of_a_stronger_one() -> None:
    values = np.array([[0.0, 1.0], [0.5, 2.0]], dtype=np.float32)
    assert heatmap.strongest(values) == 2.0 and heatmap.strongest(np.ones((2, 2), np.float32)) == 0.0
    alone = pixels(heatmap.pictures(values, most=4.0)[0])
    table = theme.lookup(theme.HEAT)
    assert alone.tolist() == [[table[0].tolist(), table[64].tolist()], [table[32].tolist(), table[128].tolist()]]


def test_a_picture_as_text_holds_the_picture() -> None:
    text = heatmap.data_uri(b"abc")
    assert text.startswith("data:image/png;base64,")
    assert base64.b64decode(text.split(",")[1]) == b"abc"


def test_a_signed_heatmap_is_red_for_blue_against_and_white_for_nothing() -> None:
    values = np.array([[-2.0, 0.0, 2.0], [-1.0, 1.0, 0.0]], dtype=np.float32)
    assert heatmap.is_signed(values)
    assert heatmap.is_signed(np.abs(values), {"slow"}) and not heatmap.is_signed(np.abs(values))
    assert not heatmap.is_signed(np.abs(values), {"positive"})
    alone, layer = (pixels(png) for png in heatmap.pictures(values))
    assert alone[0, 1].tolist() == [255, 255, 255]
    assert alone[0, 0].tolist() == [5, 48, 97] and alone[0, 2].tolist() == [103, 0, 31]
    assert alone[1, 0, 2] > alone[1, 0, 0] and alone[1, 1, 0] > alone[1, 1, 2]
    assert layer[0, :, 3].tolist() == [255, 0, 255]


def test_clipping_draws_what_is_stronger_as_strong_as_the_percentile() -> None:
    values = np.arange(101, dtype=np.float32)[None]
    assert heatmap.shares(values)[0, 50] == 0.5
    clipped = heatmap.shares(values, 50)
    assert clipped[0, 25] == 0.5 and (clipped[0, 50:] == 1).all()
    assert heatmap.shares(np.array([[0, 0, 0, 5]], np.float32), 50).tolist() == [[0, 0, 0, 1]]  # the percentile is zero


def test_an_exported_picture_says_how_it_was_made() -> None:
    data = heatmap.exported(np.array([[0.0, 1.0]], np.float32), 99.0, False, {"method": "gradient", "name": "\u202e"})
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (2, 1)
    assert json.loads(picture.text["nnvis"]) == {"method": "gradient", "name": "\u202e"}
