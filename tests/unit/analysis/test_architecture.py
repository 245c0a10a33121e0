"""Weights and architecture in two files, or an architecture of keras.applications."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nnvis_dash.analysis.intake import checked_copy
from nnvis_dash.analysis.loading import load_clean
from nnvis_dash.analysis.preflight import check
from nnvis_dash.errors import ModelError, NotFound, RefusedModel
from tests.security.crafted import BIAS, KERNEL, h5_bytes, layer, sequential, write_h5, write_keras
from tests.unit.analysis.old_files import aged, entry, old_sequential, shake, weights_of, write_old_h5

OLD = old_sequential(entry("Flatten"), entry("Dense", "dense", units=2))
WEIGHTS = {"flatten": [], "dense": [KERNEL, BIAS]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "clean"
    made.mkdir()
    return made


def write_json(path: Path, config: Any) -> Path:
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def write_numbered(path: Path) -> Path:
    path.write_bytes(h5_bytes())
    return path


def error(path: Path, folder: Path, architecture: Path | str | None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_clean(check(path, folder, architecture=None if architecture is None else str(architecture)))
    assert caught.value.mend and str(path.parent) not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("today", [False, True])
def test_weights_find_the_layers_of_a_json(numbered: bool, today: bool, tmp_path: Path, folder: Path):
    """Both layouts of weights, with what any version of Keras writes as to_json()."""
    config = sequential() if today else {**OLD, "keras_version": "2.3.1", "backend": "tensorflow"}
    architecture = write_json(tmp_path / "model.json", config)
    path = tmp_path / "model.weights.h5"
    write_numbered(path) if numbered else write_old_h5(path, None, WEIGHTS, version="2.0.8")
    checked = check(path, folder, architecture=str(architecture))
    assert [entry.name for entry in folder.iterdir()] == ["clean.h5"]
    assert checked.written_by == ("Keras 2.3.1" if not today else "" if numbered else "Keras 2.0.8")
    model = load_clean(checked)
    for given, own in zip((KERNEL, BIAS), model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, own)


def test_the_content_is_that_of_both_files(tmp_path: Path, folder: Path):
    path = write_numbered(tmp_path / "model.weights.h5")
    contents = set()
    for number, name in enumerate(("one", "two")):
        config = sequential()
        config["config"]["name"] = name
        contents.add(check(path, folder, architecture=str(write_json(tmp_path / f"{number}.json", config))).content)
    assert len(contents) == 2 and all(len(content) == 64 for content in contents)


def test_an_architecture_may_stand_in_for_a_files_own(tmp_path: Path, folder: Path):
    """A whole .h5 whose description is refused is of use with one that isn't."""
    path = write_h5(tmp_path / "model.h5", sequential(layer("Lambda")))
    with pytest.raises(RefusedModel, match="Lambda"):
        check(path, folder)
    model = load_clean(check(path, folder, architecture=str(write_json(tmp_path / "model.json", sequential()))))
    np.testing.assert_array_equal(model.get_weights()[0], KERNEL)


def test_layers_with_other_names_are_matched_in_their_order(tmp_path: Path, folder: Path):
    old = old_sequential(entry("Flatten"), entry("Dense", "a", units=2), entry("Dense", "b", units=2))
    more = [KERNEL, BIAS, KERNEL[:2] * 3, BIAS * 3]
    path = write_old_h5(tmp_path / "w.h5", None, {"x": more[:2], "y": more[2:]})
    model = load_clean(check(path, folder, architecture=str(write_json(tmp_path / "m.json", old))))
    for given, own in zip(more, model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, own)


def test_names_decide_where_they_agree_whatever_the_order(tmp_path: Path, folder: Path):
    old = old_sequential(entry("Flatten"), entry("Dense", "b", units=16), entry("Dense", "a", units=16))
    square = np.arange(256, dtype=np.float32).reshape(16, 16)
    weights = {"a": [square, np.ones(16, np.float32)], "b": [square * 2, np.ones(16, np.float32)]}
    path = write_old_h5(tmp_path / "w.h5", None, weights)
    model = load_clean(check(path, folder, architecture=str(write_json(tmp_path / "m.json", old))))
    np.testing.assert_array_equal(model.get_layer("a").get_weights()[0], square)
    np.testing.assert_array_equal(model.get_layer("b").get_weights()[0], square * 2)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"dense": [KERNEL]}, "for the layer dense the file holds 1 arrays, dense (Dense) takes 2"),
        ({"dense": [KERNEL.T, BIAS]}, "an array of shape (2, 16), dense (Dense) takes (16, 2)"),
        ({"dense": [KERNEL, BIAS], "more": [BIAS]}, "2 layers, the model has 1: only the file has more"),
        ({"other": [KERNEL, BIAS, BIAS]}, "for the layer other the file holds 3 arrays"),
        ({}, "0 layers, the model has 1: only the model has dense"),
    ],
)
def test_the_first_layer_that_does_not_fit_is_named(weights: Any, says: str, tmp_path: Path, folder: Path):
    path = write_old_h5(tmp_path / "w.h5", None, {"k": [], **weights})
    if not weights:
        with h5py.File(path, "a") as file:
            file.create_dataset("extents", data=KERNEL)
    assert says in error(path, folder, write_json(tmp_path / "m.json", OLD)).what


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"layers/dense/vars/0": KERNEL}, "the file holds 1 arrays"),
        ({"layers/dense/vars/0": KERNEL.T, "layers/dense/vars/1": BIAS}, "shape (2, 16)"),
        ({"layers/dense/vars/0": KERNEL, "layers/dense/vars/5": BIAS}, "no such array"),
        ({"layers/dense/vars/0": KERNEL, "layers/dense_9/vars/1": BIAS}, "Dense than the model's 1"),
        ({"layers/conv2d/vars/0": KERNEL}, "the file holds nothing"),
    ],
)
def test_numbered_weights_that_do_not_fit_are_named(arrays: Any, says: str, tmp_path: Path, folder: Path):
    path = tmp_path / "m.weights.h5"
    path.write_bytes(h5_bytes(arrays))
    assert says in error(path, folder, write_json(tmp_path / "m.json", sequential())).what


def test_what_is_given_the_wrong_way_round_or_is_something_else_is_said(tmp_path: Path, folder: Path):
    weights = write_numbered(tmp_path / "m.weights.h5")
    architecture = write_json(tmp_path / "m.json", sequential())
    swapped = error(architecture, folder, weights)
    assert "the wrong way round" in swapped.what and "Give m.weights.h5 as the model" in swapped.mend
    assert "--architecture" in error(architecture, folder, None).mend, "a JSON alone is half of a model"
    assert "only the weights" in error(weights, folder, None).what
    assert "isn't JSON" in error(weights, folder, weights).what
    assert "no architecture 'none.json'" in error(weights, folder, tmp_path / "none.json").what
    assert "its own architecture" in error(write_keras(tmp_path / "m.keras"), folder, architecture).what
    broken = tmp_path / "broken.json"
    broken.write_text("{not json")
    assert "damaged" in error(weights, folder, broken).what
    images = tmp_path / "images.h5"
    images.write_bytes(h5_bytes({"images": KERNEL}))
    assert "no weights" in error(images, folder, architecture).what
    assert "no weights" in error(images, folder, "keras:MobileNet").what


def test_a_hostile_architecture_is_refused_like_a_hostile_model(tmp_path: Path, folder: Path):
    weights = write_numbered(tmp_path / "m.weights.h5")
    for config in (sequential(layer("Lambda")), {"class_name": "Sequential", "config": [entry("Lambda")]}):
        with pytest.raises(RefusedModel, match="is a Lambda"):
            check(weights, folder, architecture=str(write_json(tmp_path / "m.json", config)))
    big = sequential(layer("Flatten"), layer("Dense", units=50_000))
    with pytest.raises(RefusedModel, match="no weights of that size"):
        check(weights, folder, architecture=str(write_json(tmp_path / "m.json", big)))
    assert not list(folder.glob("clean*"))


def test_weights_of_keras_0_are_named(tmp_path: Path, folder: Path):
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = 3
    assert "before its version 1" in error(path, folder, None).what


# keras.applications


def mobilenet(**options: Any) -> Any:
    import keras

    return shake(keras.applications.MobileNet(weights=None, alpha=0.25, **options))


@pytest.mark.parametrize("numbered", [True, False])
def test_an_application_is_built_as_wide_and_for_as_many_classes_as_its_weights(
    numbered: bool, tmp_path: Path, folder: Path
):
    original = mobilenet(classes=4, input_shape=(224, 224, 1))
    path = tmp_path / "m.weights.h5"
    original.save_weights(path) if numbered else write_old_h5(path, None, weights_of(original), version="2.2.4")
    checked = check(path, folder, architecture="keras:MobileNet")
    model = load_clean(checked)
    assert (checked.application, model.input_shape, model.output_shape) == (
        "MobileNet",
        (None, 224, 224, 1),
        (None, 4),
    )
    for given, own in zip(original.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, own)


def test_weights_of_another_application_are_refused_by_what_does_not_fit(tmp_path: Path, folder: Path):
    headless = mobilenet(include_top=False, input_shape=(32, 32, 3))
    numbered, layered = tmp_path / "m.weights.h5", tmp_path / "m.h5"
    headless.save_weights(numbered)
    write_old_h5(layered, None, weights_of(headless))
    for path in (numbered, layered):
        assert "without the classes (include_top=False)" in error(path, folder, "keras:MobileNet").what
    assert "from another model" in error(numbered, folder, "keras:MobileNetV2").what
    weights = weights_of(mobilenet(classes=4))
    weights["conv_pw_3_bn"][1] = np.zeros(7, np.float32)
    found = error(write_old_h5(tmp_path / "other.h5", None, weights), folder, "keras:MobileNet")
    assert "As keras:MobileNet: the weights don't fit" in found.what and "conv_pw_3_bn" in found.what
    assert "aren't those of keras:mobilenetv2" in error(layered, folder, "keras:MobileNetV2").what


def test_the_name_of_an_application_is_checked_before_the_file(tmp_path: Path, folder: Path):
    path = write_numbered(tmp_path / "m.weights.h5")
    with pytest.raises(NotFound, match="NoSuchNet"):
        checked_copy(path, folder, architecture="keras:NoSuchNet")


def test_both_files_go_through_the_child(tmp_path: Path, folder: Path):
    path = write_old_h5(tmp_path / "w.h5", None, WEIGHTS)
    checked = checked_copy(path, folder, architecture=write_json(tmp_path / "m.json", OLD))
    assert checked.clean.parent == folder and checked.repaired and checked.application == ""


def test_a_json_of_a_real_model_of_an_earlier_keras(tmp_path: Path, folder: Path):
    """With nested models, whose weights stand in one group."""
    from keras import Input, Model, Sequential, layers

    inner = Sequential([Input((6, 6, 1)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten()])
    x = Input((6, 6, 1))
    original = shake(Model(x, layers.Dense(3)(inner(x))))
    path = write_old_h5(tmp_path / "w.h5", None, weights_of(original))
    config = {**aged(original), "keras_version": "2.8.0"}
    model = load_clean(check(path, folder, architecture=str(write_json(tmp_path / "m.json", config))))
    images = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(model(images)), np.asarray(original(images)), rtol=1e-5, atol=1e-6)
