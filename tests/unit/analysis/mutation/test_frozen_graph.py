"""A classifier with frozen units goes through every analysis, and answers there as a model with masks in it would."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attacks import attack
from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import index
from nnvis_dash.analysis.mutation import mutate
from nnvis_dash.analysis.mutation.frozen_graph import NOTE, frozen_classifier, frozen_graph
from nnvis_dash.analysis.prediction_difference import prediction_difference
from nnvis_dash.analysis.response import respond
from nnvis_dash.errors import ParameterError
from tests import networks
from tests.unit.analysis.mutation.by_hand import vgg_like

FROZEN = {"conv1_2": [0, 3], "conv2_1": [5], "fc1": [1, 2, 9]}


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(vgg_like(), preprocessing="unit")


@pytest.fixture(scope="module")
def frozen(clf):
    return frozen_classifier(clf, FROZEN)


@pytest.fixture(scope="module")
def masked(clf):
    """The same network with a mask layer behind each frozen layer, as a Keras model of its own."""
    import keras
    from keras import layers

    inputs = x = keras.Input((16, 16, 3))
    original = clf.model
    for layer in original.layers:
        twin = type(layer).from_config(layer.get_config())
        x = twin(x)
        twin.set_weights(layer.get_weights())
        if layer.name in FROZEN:
            mask = np.ones(x.shape[-1], np.float32)
            mask[FROZEN[layer.name]] = 0
            x = layers.Multiply(name=f"{layer.name}_mask")([x, mask.reshape([1] * (len(x.shape) - 1) + [-1])])
    return Classifier.from_keras(keras.Model(inputs, x, name="masked"), preprocessing="unit")


@pytest.fixture(scope="module")
def images():
    return networks.images(3, (16, 16, 3))


def every_unit(clf: Classifier, step: int = 3) -> dict[str, list[int]]:
    return {layer.name: list(range(0, layer.n_units, step)) for layer in clf.card.layers if layer.n_units}


@pytest.mark.parametrize("name", networks.ALL)
def test_predicts_what_a_mutation_predicts(name):
    model = networks.ALL[name]()
    weights = [weight.numpy() for weight in model.weights]
    clf = Classifier.from_keras(model, preprocessing="raw")
    images = networks.images(4, clf.card.input_shape)
    before = clf.predict(images)
    frozen = every_unit(clf)
    found = frozen_classifier(clf, frozen).predict(images)
    np.testing.assert_allclose(found, mutate(clf, images, frozen).probabilities, atol=1e-6)
    np.testing.assert_array_equal(clf.predict(images), before)
    for weight, kept in zip(model.weights, weights, strict=True):
        np.testing.assert_array_equal(weight, kept)


@pytest.mark.parametrize(
    "layer",
    [
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "activation": "gelu"}),
        ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}),
        ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2, "activation": "tanh"}),
        ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 3, "use_bias": False, "activation": "sigmoid"}),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "activation": "softplus"}),
        ("Dense", {"units": 4, "activation": "elu"}),
        ("Dense", {"units": 4, "activation": "exponential"}),
    ],
    ids=lambda layer: f"{layer[0]}-{layer[1].get('activation')}",
)
def test_every_kind_of_layer_is_frozen_as_if_masked(layer):
    import keras
    from keras import layers

    kind, arguments = layer
    model = networks.seeded(
        keras.Sequential(
            [
                layers.Input((8, 8, 3)),
                getattr(layers, kind)(**arguments, name="first"),
                layers.Conv2D(3, 3, activation="relu", name="second"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, name="head"),
            ],
            name="kinds",
        )
    )
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = networks.images(2, (8, 8, 3))
    frozen = {"first": [1, 2]}
    found = frozen_classifier(clf, frozen).predict(images)
    np.testing.assert_allclose(found, mutate(clf, images, frozen).probabilities, atol=1e-6)
    assert np.abs(found - clf.predict(images)).max() > 1e-4


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("gradient", {}),
        ("input_times_gradient", {}),
        ("integrated_gradients", {"steps": 4}),
        ("guided_backprop", {}),
        ("grad_cam", {"layer": "conv2_2"}),
        ("layer_cam", {"layer": "conv1_2"}),
        ("occlusion", {}),
    ],
)
def test_attributions_equal_those_of_a_model_with_masks(frozen, masked, images, method, parameters):
    found, expected = (attribute(each, images, method, **parameters) for each in (frozen, masked))
    np.testing.assert_array_equal(found.target, expected.target)
    assert np.abs(expected.values).max() > 0
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-3, atol=1e-4 * np.abs(expected.values).max())


@pytest.mark.parametrize(
    "method", ["lrp_epsilon", "lrp_alpha_2_beta_1", "lrp_preset_a_flat", "deep_taylor", "deep_lift"]
)
def test_relevance_goes_back_past_frozen_units(clf, frozen, images, method):
    own, left = attribute(clf, images, method), attribute(frozen, images, method)
    assert np.isfinite(left.values).all() and np.abs(left.values).max() > 0
    assert not np.allclose(own.values, left.values)


def test_relevance_is_kept_with_frozen_units():
    import keras
    from keras import layers

    model = networks.seeded(
        keras.Sequential(
            [
                layers.Input((8, 8, 3)),
                layers.Conv2D(6, 3, activation="relu", use_bias=False, name="conv"),
                layers.Flatten(),
                layers.Dense(3, activation="softmax", use_bias=False, name="head"),
            ]
        )
    )
    clf = frozen_classifier(Classifier.from_keras(model, preprocessing="unit"), {"conv": [1, 4]})
    images = networks.images(2, (8, 8, 3))
    found = attribute(clf, images, "lrp_z", target=1)
    np.testing.assert_allclose(found.values.sum(axis=(1, 2, 3)), clf.logits(images)[:, 1], rtol=1e-3)


def test_a_dead_unit_frozen_leaves_every_heatmap_as_it_was(images):
    model = vgg_like()
    conv = model.get_layer("conv2_1")
    kernel, bias = conv.get_weights()
    kernel[..., 2], bias[2] = 0.0, 0.0
    conv.set_weights([kernel, bias])
    clf = Classifier.from_keras(model, preprocessing="unit")
    frozen = frozen_classifier(clf, {"conv2_1": [2]})
    for method in ("grad_cam", "lrp_flat"):
        np.testing.assert_allclose(
            attribute(frozen, images, method).values, attribute(clf, images, method).values, rtol=1e-5, atol=1e-7
        )


def test_a_frozen_class_has_no_probability_and_the_others_keep_theirs(images):
    model = vgg_like()
    head = model.get_layer("predictions")
    head.set_weights([weights / 50 for weights in head.get_weights()])  # probabilities that aren't 0 or 1
    clf = Classifier.from_keras(model, preprocessing="unit")
    found = frozen_classifier(clf, {"predictions": [2]})
    before, after = clf.predict(images), found.predict(images)
    assert not after[:, 2].any()
    np.testing.assert_array_equal(np.delete(after, 2, axis=1), np.delete(before, 2, axis=1))
    np.testing.assert_allclose(found.logits(images), np.log(np.maximum(after, 1e-30)), rtol=1e-4)
    for method in ("gradient", "lrp_epsilon"):
        values = attribute(found, images, method, target=0).values
        assert np.isfinite(values).all() and np.abs(values).max() > 0


def test_attacks_and_responses_take_it(frozen, masked, images):
    adversarial = attack(frozen, images, None, "fgsm", epsilon=4 / 255)
    np.testing.assert_array_equal(adversarial.images, attack(masked, images, None, "fgsm", epsilon=4 / 255).images)
    curves = [respond(each, images, "brightness", [0, 20]).probabilities for each in (frozen, masked)]
    np.testing.assert_allclose(*curves, atol=1e-6)


def test_incremental_inference_goes_through_a_mask_behind_a_layer():
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 1))
    conv = layers.Conv2D(3, 3, activation="sigmoid", name="conv")
    head = [layers.Flatten(), layers.Dense(2, activation="softmax", name="head")]
    x = conv(inputs)
    clf = Classifier.from_keras(networks.seeded(keras.Model(inputs, head[1](head[0](x)))), preprocessing="unit")
    masked = keras.Model(inputs, head[1](head[0](layers.Multiply()([x, np.float32([[[[1, 0, 1]]]])]))))
    images = networks.images(4, (8, 8, 1))
    evidence = [
        prediction_difference(each, images[0], window=4, samples=2, sampler="marginal", patches=images, stride=4)
        for each in (frozen_classifier(clf, {"conv": [1]}), Classifier.from_keras(masked, preprocessing="unit"))
    ]
    assert np.abs(evidence[1].values).max() > 0
    np.testing.assert_allclose(evidence[0].values, evidence[1].values, atol=1e-4)


def test_the_index_is_that_of_the_frozen_network_in_both_precisions(clf, frozen, masked, images):
    found, expected = index(frozen, images), index(masked, images)
    np.testing.assert_allclose(
        found.features, np.where(np.isin(np.arange(10), FROZEN["fc1"]), 0, expected.features), 1e-5
    )
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
    assert found.units == index(clf, images).units
    columns = [(unit.layer, unit.channel) for unit in found.units]
    for layer, channels in FROZEN.items():
        assert not found.unit_activations[:, [columns.index((layer, channel)) for channel in channels]].any()
    np.testing.assert_allclose(index(frozen, images, "bfloat16").probabilities, expected.probabilities, atol=0.1)


def test_its_card_says_so(clf, frozen):
    assert frozen.card.name == "vgg_like · 6 frozen"
    assert frozen.card.notes[NOTE] == "2 of conv1_2, 1 of conv2_1, 3 of fc1"
    assert frozen.card.layers == clf.card.layers
    assert frozen.card.preprocessing == clf.card.preprocessing
    prints = [
        frozen_classifier(clf, units).card.fingerprint
        for units in (FROZEN, {"conv1_2": [0]}, {"conv1_2": [1]}, {"conv2_1": [0]}, {})
    ]
    assert len(set(prints)) == 5 and prints[-1] == clf.card.fingerprint
    assert frozen_classifier(clf, {"fc1": [9, 2, 1, 1], "conv2_1": {5}, "conv1_2": (3, 0)}).card == frozen.card


def test_freezing_nothing_gives_the_classifier_itself_and_twice_is_once(clf, frozen, images):
    assert frozen_classifier(clf, {}) is clf
    assert frozen_classifier(clf, {"fc1": []}) is clf
    np.testing.assert_array_equal(frozen_classifier(frozen, FROZEN).predict(images), frozen.predict(images))


def test_another_preprocessing_keeps_the_units_frozen(frozen, images):
    other = frozen.with_preprocessing("raw")
    assert other.card.notes[NOTE] == frozen.card.notes[NOTE]
    np.testing.assert_allclose(other.predict(images / np.float32(255)), frozen.predict(images), atol=1e-6)


def test_a_mask_stands_behind_a_softmax_and_the_layer_keeps_its_own_output(clf):
    mask = np.float32([1, 0, 1, 1, 1])
    graph = frozen_graph(clf.graph, {"predictions": mask, "conv1_1": np.float32([0, 1, 1, 1])})
    assert [step.name for step in graph.steps if step.name.endswith(":behind")] == ["predictions:behind"]
    assert clf.graph.ending == "softmax" and graph.ending is None
    seen = {}

    def watch(name, tensor):
        seen[name] = tensor.numpy()
        return tensor

    x = networks.images(1, (16, 16, 3)).astype("float32")
    found = graph.run(x, watch)
    np.testing.assert_array_equal(found, seen["predictions"] * mask)
    assert not seen["conv1_1"][..., 0].any() and seen["conv1_1"][..., 1].any()


def test_units_that_do_not_fit_are_said(clf):
    with pytest.raises(ParameterError, match=r"'fc1' has no unit 10\. It has 10"):
        frozen_classifier(clf, {"fc1": [10]})
