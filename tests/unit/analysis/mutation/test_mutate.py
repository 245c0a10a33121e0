"""Freezing units gives what the same layers give when they are called one by one with masks between them."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.mutation import mutate, recording
from nnvis_dash.analysis.mutation.frozen import mask
from nnvis_dash.errors import NotFound, ParameterError
from tests import networks
from tests.unit.analysis.mutation.by_hand import BY_HAND, Flow, vgg_like

FROZEN = {
    "vgg_like": {"conv1_2": [0, 3], "conv2_1": [5], "fc1": [1, 2, 9], "predictions": [4]},
    "sequential": {"conv1": [1], "conv2": [0, 2, 4], "hidden": [3]},
    "residual": {"stem": [2], "depthwise": [0, 1], "separable": [1], "scores": [3]},
    "nested": {"base/conv": [0], "base:1/conv": [1, 3], "head/hidden": [2, 5], "head/classes": [0]},
}


@pytest.fixture(scope="module")
def vgg():
    return Classifier.from_keras(vgg_like(), preprocessing="unit")


@pytest.mark.parametrize("name", BY_HAND)
def test_equals_the_layers_called_by_hand_with_masks(name):
    build, walk = BY_HAND[name]
    model = build()
    clf = Classifier.from_keras(model, preprocessing="raw")
    images = networks.images(3, clf.card.input_shape)
    flow = Flow(mask(clf.card, FROZEN[name]))
    expected = walk(model, images.astype("float32"), flow)
    layers = [layer.name for layer in clf.card.layers if layer.name in flow.outputs]
    found = mutate(clf, images, FROZEN[name], layers)
    assert found.frozen == {layer: tuple(sorted(units)) for layer, units in FROZEN[name].items()}
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5, atol=1e-6)
    assert list(found.outputs) == layers and len(layers) >= 6
    for layer in layers:
        np.testing.assert_allclose(found.outputs[layer], flow.outputs[layer], rtol=1e-4, atol=1e-3, err_msg=layer)


@pytest.mark.shared_data
def test_a_mobilenet_equals_its_two_halves_with_a_mask_between_them(shared_data):
    import keras

    clf = load_classifier(shared_data / "models" / "imagenet" / "mobilenet_v1_05_160.keras", "symmetric")
    images, units = networks.images(1, (160, 160, 3)), list(range(0, 128, 3))
    model = clf.model
    middle = model.get_layer("conv_pw_5").output
    own = keras.Model(model.inputs[0], middle)(images.astype("float32") / 127.5 - 1, training=False).numpy()
    masked = own.copy()
    masked[..., units] = 0
    found = mutate(clf, images, {"conv_pw_5": units}, ["conv_pw_5"])
    np.testing.assert_allclose(found.outputs["conv_pw_5"], own, rtol=1e-3, atol=1e-4 * np.abs(own).max())
    expected = keras.Model(middle, model.outputs[0])(masked, training=False)
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-3, atol=1e-6)
    assert np.abs(found.probabilities - clf.predict(images)).max() > 1e-3


def test_a_frozen_layers_own_output_is_the_one_before_the_mask(vgg):
    images = networks.images(2, (16, 16, 3))
    before, after = mutate(vgg, images, {}), mutate(vgg, images, {"conv1_2": [0, 1, 2, 3]})
    np.testing.assert_array_equal(after.outputs["conv1_2"], before.outputs["conv1_2"])
    assert np.abs(after.outputs["conv1_2"]).max() > 0
    assert np.abs(after.outputs["conv2_1"] - before.outputs["conv2_1"]).max() > 0


def test_by_default_all_layers_with_units_are_kept(vgg):
    found = mutate(vgg, networks.images(1, (16, 16, 3)), {})
    assert list(found.outputs) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "fc1", "predictions"]
    assert found.outputs["conv2_1"].shape == (1, 8, 8, 6) and found.outputs["fc1"].shape == (1, 10)
    assert found.outputs["conv2_1"].dtype == found.probabilities.dtype == np.float32
    assert list(mutate(vgg, networks.images(1, (16, 16, 3)), {}, "pool1").outputs) == ["pool1"]
    assert mutate(vgg, networks.images(1, (16, 16, 3)), {}, ()).outputs == {}


def test_with_everything_frozen_all_images_are_answered_alike(vgg):
    everything = {layer.name: range(layer.n_units) for layer in vgg.card.layers if layer.n_units}
    head = everything.pop("predictions")
    images = networks.images(3, (16, 16, 3))
    found = mutate(vgg, images, everything)
    bias = vgg.model.get_layer("predictions").bias.numpy()
    expected = np.exp(bias - bias.max())
    np.testing.assert_allclose(found.probabilities, np.tile(expected / expected.sum(), (3, 1)), rtol=1e-5)
    assert not mutate(vgg, images, {**everything, "predictions": head}).probabilities.any()


def test_freezing_a_dead_unit_changes_nothing():
    model = vgg_like()
    conv = model.get_layer("conv2_1")
    kernel, bias = conv.get_weights()
    kernel[..., 2], bias[2] = 0.0, -1.0
    conv.set_weights([kernel, bias])
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = networks.images(3, (16, 16, 3))
    before, after = mutate(clf, images, {}), mutate(clf, images, {"conv2_1": [2]})
    assert not before.outputs["conv2_1"][..., 2].any()
    np.testing.assert_array_equal(after.probabilities, before.probabilities)


def test_another_set_of_units_is_not_traced_again(vgg, monkeypatch):
    images = networks.images(2, (16, 16, 3))
    mutate(vgg, images, {"conv1_1": [0]})
    traced = []
    run = vgg.graph.run
    monkeypatch.setattr(vgg.graph, "run", lambda *args, **kwargs: traced.append(1) or run(*args, **kwargs))
    for frozen, layers in (({"fc1": [3]}, None), ({"conv1_1": [1], "conv2_2": [0, 1]}, "pool2"), ({"fc1": []}, None)):
        mutate(vgg, images[:1], frozen, layers)
    assert len(traced) <= 1  # freezing nothing is another graph, without masks


def test_many_images_are_run_in_parts_that_hold_only_what_is_asked_for(vgg, monkeypatch):
    images = networks.images(9, (16, 16, 3))
    frozen = {"conv1_1": [2], "conv2_2": [1]}
    whole = mutate(vgg, images, frozen, ["conv2_1", "fc1"])
    monkeypatch.setattr(recording, "ROOM", 4_000)
    parts = mutate(vgg, images, frozen, ["conv2_1", "fc1"])
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)
    for layer in ("conv2_1", "fc1"):
        np.testing.assert_allclose(parts.outputs[layer], whole.outputs[layer], rtol=1e-5, atol=1e-5)


def test_outputs_too_large_to_be_held_are_said_before_anything_is_computed(vgg):
    many = np.broadcast_to(np.uint8(0), (10**6, 16, 16, 3))
    with pytest.raises(ParameterError, match=r"outputs of 6 layers for 1000000 images take 10\.5 GB\. Ask for fewer"):
        mutate(vgg, many, {})


def test_no_images_give_empty_arrays(vgg):
    found = mutate(vgg, np.empty((0, 16, 16, 3), np.uint8), {"fc1": [0]})
    assert found.probabilities.shape == (0, 5)
    assert found.outputs["conv1_1"].shape == (0, 16, 16, 4) and found.outputs["fc1"].shape == (0, 10)


def test_pixels_with_fractions_and_images_of_other_sizes_are_taken(vgg):
    images = networks.images(2, (16, 16, 3))
    np.testing.assert_allclose(
        mutate(vgg, images.astype("float32"), {"fc1": [0]}).probabilities,
        mutate(vgg, images, {"fc1": [0]}).probabilities,
        atol=1e-6,
    )
    large = [networks.images(1, (20, 30, 3))[0], networks.images(1, (16, 16, 3))[0]]
    assert mutate(vgg, large, {"fc1": [0]}).outputs["fc1"].shape == (2, 10)


def test_what_can_not_be_frozen_or_looked_at_is_said(vgg):
    images = networks.images(1, (16, 16, 3))
    with pytest.raises(ParameterError, match=r"'conv1_1' has no unit 4\. It has 4"):
        mutate(vgg, images, {"conv1_1": [4]})
    with pytest.raises(ParameterError, match="'pool1' of 'vgg_like' has no units of its own"):
        mutate(vgg, images, {"pool1": [0]})
    with pytest.raises(NotFound, match=r"no layer with units 'conv7'\. Choose one of: conv1_1"):
        mutate(vgg, images, {"conv7": [0]})
    with pytest.raises(NotFound, match="no layer 'conv7'"):
        mutate(vgg, images, {}, ["conv7"])
    with pytest.raises(ParameterError, match="for one image"):
        mutate(vgg, images[0], {"fc1": [0]})


def test_a_graph_without_layers_is_said(tmp_path):
    from dataclasses import replace

    model = networks.logits()
    clf = Classifier.from_keras(model)
    opaque = Classifier(model, replace(clf.card, layers=()))
    with pytest.raises(ParameterError, match="without layers"):
        mutate(opaque, networks.images(1, (8, 8, 3)), {"conv": [0]})
