"""Honest models of many shapes pass the check and give the same outputs from their clean copy; bombs get no memory."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nnvis_dash.analysis.loading import load_clean, reason
from nnvis_dash.analysis.preflight import check
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import ARRAYS, KERNEL, dense, layer, sequential, write_h5, write_keras


def _branched() -> Any:
    from keras import Input, Model, layers

    x = Input((12, 12, 3))
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    c = layers.SeparableConv2D(5, 3, padding="same", activation="swish")(x)
    y = layers.Concatenate()([a, b, c])
    y = layers.BatchNormalization()(y)
    y = layers.Add()([layers.LeakyReLU()(y), layers.PReLU(shared_axes=[1, 2])(y)])
    y = layers.GlobalAveragePooling2D()(y)
    return Model(x, layers.Dense(3, activation="softmax", kernel_regularizer="l2")(layers.Dropout(0.5)(y)))


def _nested() -> Any:
    from keras import Input, Model, Sequential, layers

    inner = Sequential([Input((12, 12, 3)), layers.Conv2D(4, 3), layers.MaxPooling2D()], name="inner")
    middle_in = Input((12, 12, 3))
    middle = Model(middle_in, layers.LayerNormalization()(inner(middle_in)), name="middle")
    x = Input((12, 12, 3))
    return Model(x, layers.Dense(4)(layers.Flatten()(middle(layers.Rescaling(1 / 255)(x)))))


def _shared() -> Any:
    from keras import Input, Model, layers

    x = Input((12, 12, 3))
    convolution = layers.Conv2D(3, 3, padding="same", activation="tanh")
    y = layers.Average()([convolution(x), convolution(convolution(x))])
    return Model(x, layers.Dense(1, activation="sigmoid")(layers.GlobalMaxPooling2D()(y)))


def _operations() -> Any:
    import keras
    from keras import Input, Model, layers, ops

    x = Input((12, 12, 3))
    y = x[..., ::-1] / 127.5 - np.array([1.0, 0.5, 0.25], dtype="float32")
    y = ops.relu6(ops.pad(layers.Conv2D(4, 1)(y), [[0, 0], [1, 1], [1, 1], [0, 0]])) * 0.5
    y = ops.concatenate([ops.mean(y, axis=(1, 2)), ops.max(y, axis=(1, 2))])
    return Model(x, keras.ops.softmax(layers.Dense(2)(y)))


def _augmented() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((12, 12, 3)),
            layers.RandomFlip(),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Conv2D(2, 3, kernel_constraint="max_norm", kernel_initializer="he_normal"),
            layers.SpatialDropout2D(0.1),
            layers.GaussianNoise(0.1),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )


def _transformer() -> Any:
    from keras import Input, Model, layers

    x = Input((12, 12, 3))
    y = layers.Reshape((16, 8))(layers.Conv2D(8, 3, strides=3, padding="same")(x))
    y = layers.Add()([y, layers.MultiHeadAttention(2, 4)(y, y)])
    y = layers.LayerNormalization()(layers.EinsumDense("abc,cd->abd", output_shape=(16, 6), bias_axes="d")(y))
    return Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.TimeDistributed(layers.Dense(5))(y))))


def _trained() -> Any:
    model = _nested()
    model.compile("adam", "mse", metrics=["accuracy"])
    model.fit(np.zeros((4, 12, 12, 3)), np.zeros((4, 4)), verbose=0)
    return model


def _mixed() -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [Input((12, 12, 3)), layers.Conv2D(2, 3, dtype="mixed_float16"), layers.Flatten(), layers.Dense(2)]
    )


def _mobilenet() -> Any:
    import keras

    return keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=7)


ZOO: dict[str, Callable[[], Any]] = {
    "branched": _branched,
    "nested": _nested,
    "shared": _shared,
    "operations": _operations,
    "augmented": _augmented,
    "transformer": _transformer,
    "trained": _trained,
    "mixed": _mixed,
    "mobilenet": _mobilenet,
}
ONLY_KERAS = {"operations"}  # what Keras 3 itself can't read back from an .h5 file


@pytest.mark.parametrize("name", ZOO)
def test_an_honest_model_passes_and_computes_the_same(name: str, tmp_path: Path):
    model = ZOO[name]()
    images = np.random.default_rng(0).uniform(0, 255, (2, *model.input_shape[1:])).astype(np.float32)
    expected = np.asarray(model(images, training=False))
    for ending in ("keras",) if name in ONLY_KERAS else ("keras", "h5"):
        path, folder = tmp_path / f"model.{ending}", tmp_path / ending
        folder.mkdir()
        model.save(path)
        checked = check(path, folder)
        loaded = load_clean(checked)
        assert not loaded.compiled
        assert loaded.count_params() == model.count_params() <= checked.n_parameters
        np.testing.assert_allclose(np.asarray(loaded(images, training=False)), expected, rtol=1e-5, atol=1e-6)


def test_crafted_files_load_with_their_weights(tmp_path: Path):
    for path in (write_keras(tmp_path / "model.keras"), write_h5(tmp_path / "model.h5")):
        model = load_clean(check(path, tmp_path))
        kernel, _ = model.get_weights()
        np.testing.assert_array_equal(kernel, KERNEL)


def test_the_list_names_only_what_keras_has_and_only_parts_of_a_model():
    import importlib

    import keras

    from nnvis_dash.analysis.preflight import allowed

    kinds: dict[str, tuple[type, frozenset[str]]] = {
        "keras.layers": (keras.layers.Layer, allowed.LAYERS),
        "keras.initializers": (keras.initializers.Initializer, allowed.INITIALIZERS),
        "keras.regularizers": (keras.regularizers.Regularizer, allowed.REGULARIZERS),
        "keras.constraints": (keras.constraints.Constraint, allowed.CONSTRAINTS),
        "keras.dtype_policies": (keras.dtype_policies.DTypePolicy, allowed.POLICIES),
        **{module: (keras.Operation, names) for module, names in allowed.OPS.items()},
    }
    for module, (kind, names) in kinds.items():
        held = importlib.import_module(module)
        for name in names:
            assert issubclass(getattr(held, name), kind), f"{module}.{name}"
    for module, name in allowed.APPLICATION_LAYERS:
        assert issubclass(getattr(importlib.import_module(module), name), keras.layers.Layer)
    for name in allowed.ACTIVATIONS:
        assert callable(keras.activations.get(name))
    for names, get in (
        (allowed.INITIALIZER_TEXTS, keras.initializers.get),
        (allowed.REGULARIZER_TEXTS, keras.regularizers.get),
        (allowed.CONSTRAINT_TEXTS, keras.constraints.get),
    ):
        for name in names - {"constant", "Constant", "identity"}:
            assert get(name) is not None


def test_no_other_function_or_class_of_keras_can_be_named():
    import importlib
    import pkgutil

    import keras

    from nnvis_dash.analysis.preflight import allowed
    from nnvis_dash.analysis.preflight.config import clean_config

    known = (
        allowed.MODELS | allowed.LAYERS | allowed.INITIALIZERS | allowed.REGULARIZERS | allowed.CONSTRAINTS
    ) | allowed.POLICIES
    tried = 0
    modules = [
        f"keras.{entry.name}" for entry in pkgutil.iter_modules(keras.__path__) if not entry.name.startswith("_")
    ]
    for module in ["keras", *(name for name in modules if name != "keras.src")]:
        for name, value in vars(importlib.import_module(module)).items():
            if not callable(value):
                continue
            tried += 1
            config = {"layers": [], "name": "n"} if name in allowed.MODELS else {"name": "n"}
            objects: list[dict[str, Any]] = []
            if not (module == "keras.activations" and name in allowed.ACTIVATIONS):
                objects.append({"module": module, "class_name": "function", "config": name, "registered_name": name})
            if name not in known:
                objects.append({"module": module, "class_name": name, "config": config, "registered_name": None})
            for entry in objects:
                with pytest.raises(RefusedModel):
                    clean_config(
                        sequential(dense(activation=entry)),
                        legacy=False,
                        max_parameters=1000,
                        extents=frozenset({16, 2}),
                    )
    assert tried > 800


def test_a_model_is_not_built_larger_than_its_file(tmp_path: Path):
    """The weights have an axis of 30,000, which bears the description out, but two such layers follow each other."""
    arrays = {
        "layers/dense/vars/0": np.zeros((16, 30_000), np.float32),
        "layers/dense/vars/1": np.zeros(30_000, np.float32),
        "layers/dense_1/vars/0": np.zeros((1, 30_000), np.float32),
    }
    layers = [layer("Flatten"), dense(30_000, name="first"), dense(30_000, name="second")]
    checked = check(write_keras(tmp_path / "bomb.keras", sequential(*layers), arrays), tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        RefusedModel, match=r"The layer second \(Dense\) brings the model to 900,5\d\d,\d\d\d parameters"
    ):
        load_clean(checked)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000, "3.6 GB would have been allocated, in kB here"

    import keras

    assert keras.layers.Layer.add_weight.__name__ == "add_weight", "Keras is left as it was"


def test_what_keras_says_is_passed_on_in_one_line(tmp_path: Path):
    missing = {"layers/dense/vars/0": ARRAYS["layers/dense/vars/0"]}
    for path in (
        write_keras(tmp_path / "missing.keras", arrays=missing),
        write_keras(tmp_path / "field.keras", sequential(layer("Flatten"), dense(groups=1))),
        write_h5(tmp_path / "h5.h5", sequential(layer("Flatten"), dense(groups=1))),
    ):
        with pytest.raises(ModelError) as caught:
            load_clean(check(path, tmp_path))
        text = str(caught.value)
        assert "can't load this model" in text and "\n" not in text and len(text) < 600
        assert str(tmp_path) not in text and "Traceback" not in text
    assert "written by Keras 2.8.0" in text


def test_reasons_have_no_paths_and_no_dumps():
    dumped = (
        "X could not be deserialized properly. config={'a': 1}.\n\nException encountered: Unrecognized keyword: y\n"
    )
    assert reason(TypeError(dumped)) == "Unrecognized keyword: y"
    assert (
        reason(OSError("Unable to open /srv/nnvis/cache/clean.h5 (no such file)"))
        == "Unable to open a file (no such file)"
    )
    assert reason(ValueError("")) == "ValueError"
    assert reason(ValueError("layer 'outer/inner' is 1/255")) == "layer 'outer/inner' is 1/255"


def test_the_weights_of_a_layer_inside_another_file_stay_there(tmp_path: Path):
    """An .h5 whose names of weights point outside its groups still reads only what was checked."""

    def change(file: h5py.File) -> None:
        file["model_weights/dense"].attrs["weight_names"] = np.array([b"/model_weights/dense/dense/kernel:0", b"../x"])

    with pytest.raises(ModelError):
        load_clean(check(write_h5(tmp_path / "model.h5", change=change), tmp_path))
