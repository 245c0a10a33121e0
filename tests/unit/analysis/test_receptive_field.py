"""Receptive fields: against what really changes when one pixel does, and against published sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.graph import Graph
from nnvis_dash.analysis.receptive_field import Box, receptive_field
from nnvis_dash.errors import NotFound, ParameterError
from tests import networks

SIZE = (13, 11)


def changed(graph: Graph, layer: str) -> np.ndarray:
    """Return (h, w, H, W): whether a position's output changes when one pixel is raised; weights are made positive."""
    rng = np.random.default_rng(0)
    for weight in graph.model.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape).astype("float32"))
    height, width, channels = (int(size or 0) for size in graph.input_shape)
    pixels = rng.uniform(0, 1, (height * width + 1, height, width, channels)).astype("float32")
    pixels[1:] = pixels[0]
    places = np.arange(height * width)
    pixels[1 + places, places // width, places % width] += 1e3
    seen: list[np.ndarray] = []

    def visit(name: str, tensor: Any) -> Any:
        if name == layer:
            seen.append(np.asarray(tensor))
        return tensor

    graph.run(pixels, visit)
    moved = np.abs(seen[0][1:] - seen[0][:1]).max(axis=-1) > 1e-3
    return np.moveaxis(moved.reshape(height, width, *moved.shape[1:]), (0, 1), (2, 3))


def hull(mask: np.ndarray) -> Box:
    """Return the smallest rectangle around what is true."""
    if not mask.any():
        return Box(0, 0, 0, 0)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def assert_exact(model: Any, layer: str) -> None:
    graph = Graph(model)
    field = receptive_field(graph, layer)
    found = changed(graph, layer)
    assert field.positions == found.shape[:2]
    for row, column in np.ndindex(*field.positions):
        assert field.box((row, column)) == hull(found[row, column]), (row, column)


def chain(*layers: Any, channels: int = 1) -> Any:
    import keras

    return keras.Sequential([keras.layers.Input((*SIZE, channels)), *layers, keras.layers.Identity(name="end")])


def stacks() -> dict[str, list[Any]]:
    from keras import layers as of

    return {
        "same": [of.Conv2D(1, 3, padding="same"), of.Conv2D(1, (5, 2), padding="same")],
        "strided": [of.Conv2D(1, 3, strides=2), of.Conv2D(1, 3, strides=(2, 1), padding="same")],
        "even": [of.Conv2D(1, 4, strides=3, padding="same"), of.Conv2D(1, 2, padding="same")],
        "dilated": [of.Conv2D(1, 3, dilation_rate=2, padding="same"), of.Conv2D(1, 2, dilation_rate=(3, 2))],
        "pooled": [of.MaxPooling2D(2), of.Conv2D(1, 3, padding="same"), of.AveragePooling2D(3, 2, padding="same")],
        "max same": [of.MaxPooling2D(3, 2, padding="same"), of.Conv2D(1, 3)],
        "padded": [of.ZeroPadding2D(((3, 0), (1, 4))), of.Conv2D(1, 2, strides=2), of.Cropping2D(((1, 0), (0, 1)))],
        "cropped": [of.Cropping2D(2), of.Conv2D(1, 3, padding="same")],
        "thrown away": [of.Conv2D(1, 3, strides=5), of.Conv2D(1, 3, padding="same")],
        "only padding": [of.ZeroPadding2D(2), of.Conv2D(1, 1)],
        "depthwise": [of.DepthwiseConv2D(3, strides=2, padding="same"), of.SeparableConv2D(1, 3)],
        "points": [of.Conv2D(2, 3), of.BatchNormalization(), of.Activation("relu"), of.Dense(2)],
    }


@pytest.mark.parametrize("name", list(stacks()))
def test_a_box_is_what_a_position_sees(name: str):
    assert_exact(chain(*stacks()[name]), "end")


def test_joined_branches_see_what_any_of_them_sees():
    import keras
    from keras import layers

    inputs = keras.Input((*SIZE, 1))
    stem = layers.Conv2D(2, 3, strides=2, padding="same")(inputs)
    branch = layers.Conv2D(2, 3, padding="same")(layers.Conv2D(2, 3, padding="same")(stem))
    sides = layers.Concatenate()([layers.Add()([stem, branch]), layers.MaxPooling2D((1, 5), 1, padding="same")(stem)])
    model = keras.Model(inputs, layers.Identity(name="end")(sides * 0.5 + 1.0))
    field = receptive_field(Graph(model), "end")
    assert field.size == (3 + 2 * 4, 3 + 2 * 4) and field.stride == (2, 2)
    assert_exact(model, "end")


def test_theory_by_hand():
    from keras import layers as of

    model = chain(of.Conv2D(1, 3, name="one"), of.MaxPooling2D(2, name="two"), of.Conv2D(1, 3, name="three"))
    one, two, three = (receptive_field(Graph(model), name) for name in ("one", "two", "three"))
    assert (one.size, one.stride, one.offset) == ((3, 3), (1, 1), (0, 0))
    assert (two.size, two.stride, two.offset) == ((4, 4), (2, 2), (0, 0))
    assert (three.size, three.stride, three.offset) == ((8, 8), (2, 2), (0, 0))
    np.testing.assert_allclose(three.centres(0)[:2], [3.5, 5.5])
    padded = receptive_field(Graph(chain(of.Conv2D(1, 5, padding="same", name="same"))), "same")
    assert padded.offset == (-2, -2) and padded.box((0, 0)) == (0, 0, 3, 3)


def test_behind_other_layers_the_whole_image_is_seen():
    from keras import layers as of

    stacked = [of.Conv2D(1, 3), of.Resizing(4, 6), of.Conv2D(1, 3, name="behind"), of.GlobalMaxPooling2D(name="most")]
    model = chain(*stacked, of.Dense(2, name="dense"))
    behind = receptive_field(Graph(model), "behind")
    assert behind.is_whole and behind.positions == (2, 4) and behind.box((1, 3)) == (0, 0, *SIZE)
    assert behind.size == SIZE and behind.stride == (0, 0) and behind.offset == (0, 0)
    np.testing.assert_allclose(behind.centres(1), (np.arange(4) + 0.5) * 11 / 4 - 0.5)
    for name in ("most", "dense"):
        field = receptive_field(Graph(model), name)
        assert field.positions == (1, 1) and field.box() == (0, 0, *SIZE)


def test_every_layer_of_every_network_has_an_answer():
    for build in networks.ALL.values():
        clf = Classifier.from_keras(build())
        for layer in clf.card.layers:
            field = receptive_field(clf, layer.name)
            last = (field.positions[0] - 1, field.positions[1] - 1)
            box = field.box(last)
            assert 0 <= box.top < box.bottom <= clf.card.input_shape[0]
            assert 0 <= box.left < box.right <= clf.card.input_shape[1]


# Araujo et al., "Computing receptive fields of convolutional neural networks", Distill 2019, table: 212, 315
@pytest.mark.parametrize(
    ("name", "layer", "size", "stride"),
    [("VGG16", "block5_pool", 212, 32), ("VGG16", "block5_conv3", 196, 16), ("MobileNet", "conv_pw_13_relu", 315, 32)],
)
def test_published_sizes(name: str, layer: str, size: int, stride: int):
    import keras

    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(224, 224, 3))
    field = receptive_field(Graph(model), layer)
    assert field.size == (size, size) and field.stride == (stride, stride)


def test_an_open_size_needs_the_classifier():
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((None, None, 3)),
            layers.Conv2D(2, 3, strides=2, padding="same", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
    with pytest.raises(ParameterError, match="any size"):
        receptive_field(Graph(model), "conv")
    field = receptive_field(Classifier.from_keras(model, input_size=(7, 8)), "conv")
    assert field.positions == (4, 4) and field.offset == (-1, 0)


def test_what_is_not_there_is_named():
    graph = Graph(chain())
    with pytest.raises(NotFound, match="layer 'nowhere'"):
        receptive_field(graph, "nowhere")
    with pytest.raises(ParameterError, match=r"position \(13, 0\).*13 × 11"):
        receptive_field(graph, "end").box((13, 0))
