"""Colours and heatmap pictures against values worked by hand."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from nnvis_dash.figures import heatmap, theme
from nnvis_dash.figures.embedding_map import MISTAKES, POINTS, embedding_map


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_class_colours_are_stable_distinct_and_enough() -> None:
    many = theme.class_colours(200)
    assert len(set(many)) == 200
    assert theme.class_colours(3) == many[:3]
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in many)


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


def test_a_picture_as_text_holds_the_picture() -> None:
    text = heatmap.data_uri(b"abc")
    assert text.startswith("data:image/png;base64,")
    assert base64.b64decode(text.split(",")[1]) == b"abc"


def test_the_map_is_a_frame_without_geometry() -> None:
    figure = embedding_map()
    assert [trace.name for trace in figure.data] == ["samples", "mistakes"]
    assert (POINTS, MISTAKES) == (0, 1)
    assert all(len(trace.x) == 0 for trace in figure.data)
    assert figure.layout.uirevision == "fixed"
