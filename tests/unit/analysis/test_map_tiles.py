"""Tiles of feature maps against blocks averaged by hand; which layers have channels, and whose they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis import map_tiles
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.layer_outputs import kernels, weights_are_images
from nnvis_dash.errors import ParameterError
from tests import networks


def test_blocks_are_averaged_and_the_last_ones_are_of_what_is_left():
    maps = np.arange(15, dtype=np.float32).reshape(3, 5, 1)  # k = 2: blocks of 2 × 2, 2 × 1, 1 × 2 and 1 × 1
    expected = [[(0 + 1 + 5 + 6) / 4, (2 + 3 + 7 + 8) / 4, (4 + 9) / 2], [10.5, 12.5, 14]]
    np.testing.assert_allclose(map_tiles.shrunk(maps, 3)[:, :, 0], expected)
    assert map_tiles.shrunk(maps, 5) is maps


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 8), st.integers(0, 99))
def test_tiles_fit_and_keep_the_mean_of_each_block(height, width, side, seed):
    maps = np.random.default_rng(seed).normal(size=(height, width, 2)).astype("f4")
    found = map_tiles.shrunk(maps, side)
    k = -(-max(height, width) // side)
    assert max(found.shape[:2]) <= side
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            block = maps[i * k : (i + 1) * k, j * k : (j + 1) * k].mean(axis=(0, 1))
            np.testing.assert_allclose(found[i, j], block, atol=1e-5)


def test_values_come_back_from_their_steps():
    tiles = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("f4")
    tiles[2] = 0.5  # a silent channel
    low, high = map_tiles.extremes(tiles)
    steps = map_tiles.quantised(tiles, low, high)
    back = low[:, None, None] + steps / 255 * (high - low)[:, None, None]
    assert np.abs(back - tiles).max() <= (high - low).max() / 510 + 1e-6
    assert steps[0].min() == 0 and steps[0].max() == 255 and not steps[2].any()
    reach = np.abs(tiles).max(axis=(1, 2))
    reach[1] = 0
    signed = map_tiles.signed(tiles, reach)
    assert (signed[1] == 128).all() and signed[2].max() == 255
    np.testing.assert_allclose((signed[0] - 128.0) / 127 * reach[0], tiles[0], atol=reach[0] / 250)


def test_what_is_not_finite_becomes_numbers():
    tiles = map_tiles.tiles_of(np.array([[[np.nan, np.inf]]], np.float32))
    assert np.isfinite(tiles).all() and tiles[0, 0, 0] == 0 and tiles[1, 0, 0] > 1e38
    low, high = map_tiles.extremes(tiles)
    assert map_tiles.quantised(tiles, low, high).shape == (2, 1, 1)


@pytest.fixture(scope="module")
def sequential():
    return Classifier.from_keras(networks.sequential())


def test_flattened_positions_are_no_channels_and_the_mend_names_layers_near(sequential):
    graph = sequential.graph
    with pytest.raises(ParameterError, match=r"'flatten' \(Flatten\) puts out 36 numbers.*dropout, hidden"):
        map_tiles.as_maps(np.zeros(36, np.float32), graph, "flatten")
    assert map_tiles.as_maps(np.zeros(8, np.float32), graph, "hidden").shape == (1, 1, 8)
    assert map_tiles.as_maps(np.zeros(8, np.float32), graph, "dropout2").shape == (1, 1, 8)
    assert map_tiles.as_maps(np.zeros((4, 7), np.float32), graph, "conv1").shape == (4, 1, 7)  # tokens
    with pytest.raises(ParameterError, match="no maps of channels"):
        map_tiles.as_maps(np.zeros((2, 2, 2, 2), np.float32), graph, "conv1")


def test_channels_belong_to_the_layer_that_made_them(sequential):
    residual = Classifier.from_keras(networks.residual()).graph
    graph = sequential.graph
    found = {name: map_tiles.unit_layer(graph, name) for name in ("conv1", "pool", "dropout", "flatten", "dropout2")}
    assert found == {"conv1": "conv1", "pool": "conv1", "dropout": "conv2", "flatten": None, "dropout2": "hidden"}
    assert map_tiles.unit_layer(residual, "relu") == "stem" and map_tiles.unit_layer(residual, "sum") is None
    assert map_tiles.has_channels(residual, residual.step("average"))


@pytest.mark.parametrize("build", [networks.sequential, networks.residual, networks.one_sigmoid, networks.nested])
def test_weights_are_images_where_kernels_have_one_or_three_channels(build):
    clf = Classifier.from_keras(build())
    for layer in clf.card.layers:
        try:
            channels = kernels(clf, layer.name).shape[3]
        except ParameterError:
            channels = 0
        assert weights_are_images(clf, layer.name) == (channels in (1, 3)), layer.name
