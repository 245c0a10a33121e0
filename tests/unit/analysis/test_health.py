"""A broken model is told so: which layer, how many values, how many images."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.card import describe
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.health import WARNING, check_weights, probe, probes
from nnvis_dash.analysis.inspection import DOCTOR, fitted_to, inspected
from nnvis_dash.analysis.preprocessing_choice import is_blind_guess
from nnvis_dash.errors import ModelError
from nnvis_dash.types import PREPROCESSINGS
from nnvis_dash.workspace.datasets import load_dataset
from tests import networks
from tests.unit.analysis.doctor.colours import NAMES, classifier, colours, dataset, network


@pytest.mark.parametrize("name", networks.ALL)
def test_whole_models_pass(name):
    model = networks.ALL[name]()
    check_weights(model)
    assert probe(Classifier.from_keras(model)) == ""


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused_by_layer(value):
    model = networks.sequential()
    kernel, bias = model.get_layer("conv2").get_weights()
    kernel[0, 0, 0, :3] = value
    model.get_layer("conv2").set_weights([kernel, bias])
    with pytest.raises(
        ModelError, match=r"'conv2' hold NaN or infinity \(3 of 222 values\)|\(3 of 216 values\)"
    ) as caught:
        check_weights(model)
    assert "more layers" not in str(caught.value)
    model.get_layer("head").set_weights([np.full((8, 5), value), np.zeros(5)])
    with pytest.raises(ModelError, match="and those of 1 more layer"):
        check_weights(model)


def test_weights_inside_nested_models_are_seen():
    model = networks.nested()
    norm = model.get_layer("base").get_layer("norm")
    values = norm.get_weights()
    values[3][0] = np.nan
    norm.set_weights(values)
    with pytest.raises(ModelError, match="norm"):
        check_weights(model)


def test_dead_units_are_no_error():
    model = networks.sequential()
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[..., 0], bias[0] = 0, -1
    model.get_layer("conv1").set_weights([kernel, bias])
    check_weights(model)
    assert probe(Classifier.from_keras(model)) == ""


def test_an_answer_that_never_changes_is_noted():
    model = networks.sequential()
    model.get_layer("head").set_weights([np.zeros((8, 5)), np.arange(5.0)])
    card = inspected(model, describe(model))
    assert "the same answer for every one of 4 test images" in card.notes[WARNING]
    assert card.fingerprint == describe(model).fingerprint


def test_answers_that_are_no_numbers_are_counted_with_their_layer():
    import keras
    from keras import layers

    inputs = keras.Input((6, 6, 3))
    x = keras.ops.log(layers.GlobalAveragePooling2D()(inputs))  # minus infinity for black
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    named = next(step.name for step in model.operations if step.name.startswith("log"))
    assert probe(Classifier.from_keras(model)).startswith("gives NaN or infinity for 1 of 4 test images")
    assert f"'{named}'" in probe(Classifier.from_keras(model))


def test_a_model_too_large_to_try_is_not_tried(monkeypatch):
    monkeypatch.setattr("nnvis_dash.analysis.health._LARGEST", 10)
    model = networks.sequential()
    model.get_layer("head").set_weights([np.zeros((8, 5)), np.arange(5.0)])
    assert probe(Classifier.from_keras(model)) == ""


def test_test_images_differ():
    for shape in ((1, 1, 1), (5, 7, 3)):
        made = probes(shape)
        assert made.shape == (4, *shape) and made.dtype == np.uint8
        assert made[0].max() == 0 and made[1].min() == 255


@pytest.mark.parametrize("name", ["unit", "symmetric", "raw", "imagenet", "caffe"])
def test_a_guess_from_nothing_is_made_again_where_batch_normalisation_tells(name):
    model = network(PREPROCESSINGS[name], normalised=True, size=16)
    card = describe(model, preprocessing="auto", class_names=NAMES)
    assert card.preprocessing.name == "unit" and is_blind_guess(card)
    better = inspected(model, card)
    assert better.preprocessing.name == name
    assert better.notes["preprocessing"].startswith(f"guessed: {name}, its first batch normalisation")
    assert better.fingerprint == describe(model, preprocessing=name).fingerprint
    chosen = describe(model, preprocessing="raw")
    assert inspected(model, chosen).preprocessing.name == "raw"  # a person's own choice stays


def test_without_batch_normalisation_the_guess_stays():
    model = network(PREPROCESSINGS["raw"])
    assert inspected(model, describe(model, preprocessing="auto")).preprocessing.name == "unit"


def test_with_a_dataset_the_doctor_decides_and_the_card_says_so():
    clf = fitted_to(classifier(PREPROCESSINGS["caffe"]), dataset(), automatic=True)
    assert clf.card.preprocessing.name == "caffe"
    assert clf.card.notes["preprocessing"].startswith("doctor: caffe, squash, accuracy 0.9")
    assert DOCTOR not in clf.card.notes
    kept = fitted_to(classifier(PREPROCESSINGS["caffe"]), dataset(), automatic=False)
    assert kept.card.preprocessing.name == "unit"


@pytest.mark.parametrize("automatic", [True, False])
def test_a_dataset_of_other_classes_is_noted(automatic):
    images, labels = colours()
    other = load_dataset(images, labels % 4, ["a", "b", "c", "d"])
    noted = fitted_to(classifier(PREPROCESSINGS["unit"]), other, automatic=automatic).card.notes[DOCTOR]
    assert "6 outputs" in noted and "4 classes" in noted
