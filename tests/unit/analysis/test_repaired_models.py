"""Old files and today's model with the same weights give the same outputs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nnvis_dash.analysis.loading import load_clean
from nnvis_dash.analysis.preflight import Checked, check
from nnvis_dash.errors import ModelError
from tests.unit.analysis.old_files import (
    aged,
    behind,
    entry,
    old_functional,
    old_sequential,
    shake,
    weights_of,
    write_old_h5,
    write_tf_keras,
)

RNG = np.random.default_rng(7)


def loaded(path: Path, **options: Any) -> tuple[Any, Checked]:
    folder = path.parent / f"{path.stem}-{path.suffix}-clean"
    folder.mkdir(parents=True)
    checked = check(path, folder, **options)
    return load_clean(checked), checked


def same(model: Any, expected: Any, images: np.ndarray, *, turned: np.ndarray | None = None) -> None:
    """Hold a loaded model against the expected outputs for images as the original takes them."""
    values = np.asarray(model(images if turned is None else turned, training=False))
    np.testing.assert_allclose(values, np.asarray(expected), rtol=1e-5, atol=1e-5)
    assert values.std() > 1e-3, "the outputs say something"


# tf.keras 2.x and Keras 2.x


def _depthwise() -> Any:
    import keras

    return keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=3)


def _residual() -> Any:
    from keras import Input, Model, layers

    x = y = Input((8, 8, 3))
    for _ in range(2):
        z = layers.BatchNormalization()(layers.SeparableConv2D(3, 3, padding="same")(y))
        y = layers.Add()([y, layers.ReLU(max_value=6.0)(z)])
    y = layers.Concatenate()([layers.GlobalAveragePooling2D()(y), layers.GlobalMaxPooling2D()(y)])
    return Model(x, layers.Dense(4, activation="softmax")(y))


def _nested() -> Any:
    from keras import Input, Model, Sequential, layers

    inner = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()])
    start = Input((8, 8, 4))
    twice = Model(start, layers.Add()([layers.Conv2D(4, 1)(start), start]), name="twice")
    x = Input((8, 8, 3))
    y = layers.Flatten()(twice(twice(inner(x))))
    return Model(x, layers.Dense(3)(layers.LeakyReLU()(y)))


def _sequence() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((8, 8, 3)),
            layers.TimeDistributed(layers.Conv1D(4, 3)),
            layers.TimeDistributed(layers.Flatten()),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.GRU(3),
            layers.Dense(2),
        ]
    )


OLD: dict[str, Callable[[], Any]] = {
    "depthwise": _depthwise,
    "residual": _residual,
    "nested": _nested,
    "sequence": _sequence,
}


@pytest.mark.parametrize("name", OLD)
def test_an_old_file_computes_what_it_did(name: str, tmp_path: Path):
    """As an .h5 of tf.keras 2.8, and as .keras of 2.13 with either slash in the names of its weights."""
    original = shake(OLD[name]())
    images = RNG.normal(size=(2, *original.input_shape[1:])).astype(np.float32)
    expected = original(images, training=False)
    model, checked = loaded(write_old_h5(tmp_path / "old.h5", aged(original), weights_of(original), version="2.8.0"))
    same(model, expected, images)
    assert checked.written_by == "Keras 2.8.0" and any("batch_input_shape" in words for words in checked.repaired)
    for number, (slash, word) in enumerate((("/", "_layer_checkpoint_dependencies"), ("\\", "layers"))):
        if name == "sequence":
            continue  # its layers keep their weights deeper than the writer of the test goes
        path = write_tf_keras(tmp_path / f"tf{number}.keras", original, slash=slash, word=word)
        model, checked = loaded(path)
        same(model, expected, images)
        assert checked.repaired[-1] == "weights: found under the names of tf.keras 2"


def test_the_weights_of_wrapped_layers_are_found_in_a_file_of_tf_keras(tmp_path: Path):
    from keras import Input, Sequential, layers

    original = shake(
        Sequential([Input((6, 4)), layers.TimeDistributed(layers.Dense(3)), layers.Bidirectional(layers.LSTM(2))])
    )
    images = RNG.normal(size=(2, 6, 4)).astype(np.float32)
    path = tmp_path / "wrapped.keras"
    write_tf_keras(path, original)
    spread, wrapped = {}, original.layers
    for place, layer in (
        ("time_distributed/layer", wrapped[0].layer),
        ("bidirectional/forward_layer/cell", wrapped[1].forward_layer.cell),
        ("bidirectional/backward_layer/cell", wrapped[1].backward_layer.cell),
    ):
        for key, weight in enumerate(layer.weights):
            spread[f"_layer_checkpoint_dependencies/{place}/vars/{key}"] = np.asarray(weight)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    from tests.security.crafted import write_keras

    members = {"metadata.json": json.dumps({"keras_version": "2.13.1"}).encode()}
    model, _ = loaded(write_keras(path, config, spread, members=members))
    same(model, original(images), images)


def test_names_with_slashes_find_their_weights(tmp_path: Path):
    kernel, bias = RNG.normal(size=(16, 2)).astype(np.float32), np.ones(2, np.float32)
    config = old_functional(
        behind(entry("Flatten", "conv1/flat"), "x"),
        behind(entry("Dense", "conv1/bn/dense", units=2), "conv1/flat"),
        output="conv1/bn/dense",
    )
    model, checked = loaded(write_old_h5(tmp_path / "m.h5", config, {"x": [], "conv1/bn/dense": [kernel, bias]}))
    images = RNG.normal(size=(3, 4, 4, 1)).astype(np.float32)
    same(model, images.reshape(3, 16) @ kernel + bias, images)
    assert "names of layers: / replaced by _" in checked.repaired


def test_layers_are_matched_by_name_where_a_repair_changes_their_order(tmp_path: Path):
    """The second branch gets a Permute, so that Keras would put it in front; both have weights of one shape."""
    from keras import Input, Model, layers

    x = Input((1, 5, 5))
    first = layers.Dense(25, name="first")(layers.Flatten(data_format="channels_first", name="f")(x))
    conv = layers.Conv2D(1, 1, data_format="channels_first", name="conv")(x)
    second = layers.Dense(25, name="second")(layers.Flatten(name="g")(conv))
    original = shake(Model(x, layers.Subtract(name="out")([first, second])))
    images = RNG.normal(size=(2, 1, 5, 5)).astype(np.float32)
    for ending in ("h5", "keras"):
        original.save(tmp_path / f"m.{ending}")
        model, _ = loaded(tmp_path / f"m.{ending}")
        same(model, original(images), images, turned=images.transpose(0, 2, 3, 1))


# Keras 1


def _keras_1(order: str) -> dict[str, Any]:
    first = order == "th"
    return {
        "class_name": "Sequential",
        "config": [
            entry("Convolution2D", "c", nb_filter=3, nb_row=3, nb_col=2, border_mode="valid", subsample=[1, 1],
                  dim_ordering=order, activation="relu", bias=True, init="glorot_uniform",
                  batch_input_shape=[None, 2, 7, 6] if first else [None, 7, 6, 2], input_dtype="float32"),
            entry("BatchNormalization", "b", mode=0, axis=1 if first else 3, epsilon=0.01, gamma_init="one"),
            entry("MaxPooling2D", "p", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering=order),
            entry("Dropout", "o", p=0.5),
            entry("Flatten", "f"),
            entry("Dense", "d", output_dim=4, input_dim=None, activation="softmax", init="uniform", bias=True),
        ],
    }  # fmt: skip


@pytest.mark.parametrize(("order", "backend"), [("tf", None), ("th", None), ("th", "theano"), ("th", "tensorflow")])
def test_a_network_of_keras_1(order: str, backend: str | None, tmp_path: Path):
    """The same network written today with its channels last, its dense rows in the order of the map of the file."""
    from keras import Input, Sequential, layers

    original = shake(
        Sequential(
            [
                Input((7, 6, 2)),
                layers.Conv2D(3, (3, 2), activation="relu", name="c"),
                layers.BatchNormalization(epsilon=0.01, name="b"),
                layers.MaxPooling2D(name="p"),
                *([layers.Permute((3, 1, 2), name="turn")] if order == "th" else []),
                layers.Flatten(name="f"),
                layers.Dense(4, activation="softmax", name="d"),
            ]
        )
    )
    weights = weights_of(original)
    if order == "th":
        kernel = weights["c"][0].transpose(3, 2, 0, 1)
        weights["c"][0] = kernel if backend == "tensorflow" else kernel[:, :, ::-1, ::-1]
        del weights["turn"]
    path = write_old_h5(tmp_path / "k1.h5", _keras_1(order), weights, version="1.2.2", backend=backend)
    model, checked = loaded(path)
    images = RNG.normal(size=(3, 7, 6, 2)).astype(np.float32)
    same(model, original(images, training=False), images)
    assert any("a guess" in words for words in checked.repaired) == (order == "th" and backend is None)


def test_weights_that_are_not_of_keras_1_are_refused(tmp_path: Path):
    weights = {"c": [np.zeros((3, 2), np.float32), np.zeros(3, np.float32)]}
    with pytest.raises(ModelError, match="aren't of the form that Keras 1 wrote"):
        check(write_old_h5(tmp_path / "k1.h5", _keras_1("th"), weights | {"d": [np.zeros((12, 4))]}), tmp_path)


# TensorFlow's functions


def test_the_preprocessing_inside_a_model_of_tf_keras(tmp_path: Path):
    """keras.applications' Caffe preprocessing and arithmetic, as tf.keras 2.4 to 2.15 wrote it."""

    def call(kind: str, own: str, function: str, before: str, **arguments: Any) -> dict[str, Any]:
        layer = entry(kind, own, function=function)
        return {**layer, "inbound_nodes": [[before, 0, 0, arguments]]}

    means = [-103.9, -116.8, -123.7]
    slices = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
    config = old_functional(
        call("SlicingOpLambda", "bgr", "__operators__.getitem", "x", slice_spec=slices),
        call("TFOpLambda", "mean", "nn.bias_add", "bgr", bias=means, data_format="NHWC"),
        call("TFOpLambda", "half", "math.truediv", "mean", y=2.0, name=None),
        call("TFOpLambda", "minus", "math.subtract", "half", y=["mean", 0, 0], name=None),
        {**entry("TensorFlowOpLayer", "without_prefix", node_def={"op": "Relu"}, constants={}), "name": "relu",
         "inbound_nodes": [[["minus", 0, 0, {}]]]},
        {**entry("TensorFlowOpLayer", "from1", node_def="\n\x04from\x12\x03Sub", constants={"0": 1.0}),
         "inbound_nodes": [[["relu", 0, 0, {}]]]},
        call("TFOpLambda", "pooled", "math.reduce_mean", "from1", axis=[1, 2], keepdims=False),
        behind(entry("Dense", "d", units=2), "pooled"),
        output="d",
        shape=(4, 4, 3),
    )  # fmt: skip
    kernel = RNG.normal(size=(3, 2)).astype(np.float32)
    path = write_old_h5(tmp_path / "ops.h5", config, {"x": [], "d": [kernel, np.zeros(2, np.float32)]}, version="2.8.0")
    model, checked = loaded(path)
    images = RNG.uniform(0, 255, (3, 4, 4, 3)).astype(np.float32)
    mean = images[..., ::-1] + np.float32(means)
    expected = (1 - np.maximum(mean / 2 - mean, 0)).mean((1, 2)) @ kernel
    values = np.asarray(model(images))
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    assert any("tf.nn.bias_add" in words for words in checked.repaired)


def test_hard_sigmoid_keeps_its_slope(tmp_path: Path):
    kernel = RNG.normal(size=(16, 2)).astype(np.float32)
    config = old_sequential(entry("Flatten"), entry("Dense", "d", units=2, activation="hard_sigmoid"))
    path = write_old_h5(tmp_path / "m.h5", config, {"flatten": [], "d": [kernel, np.zeros(2, np.float32)]})
    model, _ = loaded(path)
    images = RNG.normal(size=(50, 4, 4, 1)).astype(np.float32)
    same(model, np.clip(0.2 * (images.reshape(50, 16) @ kernel) + 0.5, 0, 1), images)


# Channels that come first


def _every_layer(flatten: str) -> Callable[[], Any]:
    def build() -> Any:
        from keras import Input, Model, layers

        first = {"data_format": "channels_first"}
        x = Input((3, 12, 12))
        y = layers.Conv2D(4, 3, padding="same", activation="relu", **first)(x)
        y = layers.BatchNormalization(axis=1)(y)
        a = layers.DepthwiseConv2D(3, padding="same", **first)(y)
        b = layers.SeparableConv2D(4, 3, padding="same", **first)(y)
        y = layers.Concatenate(axis=1)([layers.Add()([a, b]), a])
        y = layers.MaxPooling2D(2, **first)(layers.ReLU()(y))
        y = layers.ZeroPadding2D(((1, 0), (0, 2)), **first)(y)
        y = layers.Cropping2D(((0, 1), (1, 0)), **first)(y)
        y = layers.AveragePooling2D((1, 2), **first)(layers.UpSampling2D((1, 2), **first)(y))
        y = layers.Conv2DTranspose(3, 2, strides=2, **first)(y)
        y = layers.LeakyReLU()(layers.SpatialDropout2D(0.2, **first)(y))
        y = layers.BatchNormalization(axis=-1)(layers.Softmax(axis=1)(y))
        return Model(x, layers.Dense(5)(layers.Flatten(data_format=flatten)(y)))

    return build


def _squeezed() -> Any:
    from keras import Input, Model, layers

    first = {"data_format": "channels_first"}
    x = Input((3, 8, 8))
    y = layers.Conv2D(4, 3, **first)(x)
    s = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(**first)(y))
    y = layers.Conv2D(2, 3, **first)(layers.Multiply()([y, layers.Reshape((4, 1, 1))(s)]))
    y = layers.PReLU()(layers.Reshape((-1,))(layers.Dense(3)(layers.Permute((2, 3, 1))(y))))
    return Model(x, layers.Dense(3)(y))


def _first_inside() -> Any:
    from keras import Input, Model, Sequential, layers

    first = {"data_format": "channels_first"}
    inner = Sequential(
        [
            Input((3, 9, 9)),
            layers.Conv2D(4, 3, **first),
            layers.PReLU(shared_axes=[2, 3]),
            layers.BatchNormalization(axis=1),
        ]
    )
    start, shared = Input((4, 7, 7)), layers.Conv2D(4, 3, padding="same", **first)
    twice = Model(start, layers.Add()([shared(shared(start)), start]))
    x = Input((3, 9, 9))
    y = layers.GlobalMaxPooling2D(keepdims=True, **first)(twice(twice(inner(x))))
    return Model(x, layers.Dense(2)(layers.Flatten()(y)))


def _map_out() -> Any:
    from keras import Input, Sequential, layers

    return Sequential([Input((1, 6, 6)), layers.Conv2D(3, 3, data_format="channels_first"), layers.Softmax()])


def _reshaped_in() -> Any:
    from keras import Input, Sequential, layers

    conv = layers.Conv2D(3, 3, data_format="channels_first")
    return Sequential([Input((6, 6)), layers.Reshape((1, 6, 6)), conv, layers.Flatten(), layers.Dense(4)])


FIRST: dict[str, Callable[[], Any]] = {
    "every layer": _every_layer("channels_last"),
    "flatten knows": _every_layer("channels_first"),
    "squeezed": _squeezed,
    "inside": _first_inside,
    "map out": _map_out,
    "reshaped in": _reshaped_in,
}


@pytest.mark.parametrize("name", FIRST)
def test_channels_first_gives_the_same_with_channels_last(name: str, tmp_path: Path):
    """Held against the model itself, which today's Keras can run with its channels first."""
    original = shake(FIRST[name]())
    images = RNG.normal(size=(2, *original.input_shape[1:])).astype(np.float32)
    turned = images.transpose(0, 2, 3, 1) if images.ndim == 4 else images[..., None]
    for ending in ("keras", "h5"):
        original.save(tmp_path / f"m.{ending}")
        model, checked = loaded(tmp_path / f"m.{ending}")
        same(model, original(images, training=False), images, turned=turned)
        assert any("channels put last" in words for words in checked.repaired)
        formats = {getattr(layer, "data_format", "channels_last") for layer in model.layers}
        assert formats == {"channels_last"}


# What is said and dropped


@pytest.mark.parametrize("training", [True, False])
def test_training_settings_are_left_out_and_only_then_mentioned(training: bool, tmp_path: Path):
    """The learning rate `lr` and the reduction `auto` are what stops Keras 3 from reading such a file."""
    kernel = np.ones((16, 2), np.float32)
    config = old_sequential(entry("Flatten"), entry("Dense", "d", units=2))
    path = write_old_h5(tmp_path / "m.h5", config, {"d": [kernel, np.zeros(2, np.float32)]})
    if training:
        settings = {
            "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.001, "decay": 0.0}},
            "loss": {"class_name": "CategoricalCrossentropy", "config": {"reduction": "auto", "name": "c"}},
        }
        with h5py.File(path, "a") as file:
            file.attrs["training_config"] = json.dumps(settings).encode()
    model, checked = loaded(path)
    assert not model.compiled and ("training settings left out" in checked.repaired) == training
    with h5py.File(checked.clean) as copy:
        assert "training_config" not in copy.attrs


def test_a_model_without_any_word_on_its_input_is_refused(tmp_path: Path):
    layers = [entry("Flatten"), entry("Dense", "d", units=2)]
    config = {"class_name": "Sequential", "config": {"name": "old", "layers": layers}}
    with pytest.raises(ModelError, match="what size of images"):
        loaded(write_old_h5(tmp_path / "m.h5", config, {"d": [np.ones((16, 2)), np.ones(2)]}))
