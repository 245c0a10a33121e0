"""Grad-CAM against numbers worked by hand, and its limits as oracles."""

from __future__ import annotations

import time

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit
from tests import networks


def _by_hand_model():
    """Two 1 × 1 filters (doubling, negating) with ReLU, flattened, two classes; 2 × 2 × 1."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((2, 2, 1)),
            layers.Conv2D(2, 1, activation="relu", name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(2, activation="softmax", name="head"),
        ]
    )
    model.get_layer("conv").set_weights([np.array([[[[2.0, -1.0]]]]), np.array([0.0, 3.0])])
    # Rows: position by position, channel by channel.
    kernel = np.array([[1, 0], [-1, 1], [2, 0], [0, 1], [3, 0], [1, 1], [2, 4], [0, 1]], dtype="float32")
    model.get_layer("head").set_weights([kernel, np.array([0.0, 10.0])])
    return model


IMAGE = np.array([[[[0], [1]], [[2], [4]]]], dtype=np.uint8)
# Maps: channel 0 = relu(2x) = 0 2 / 4 8, channel 1 = relu(3 - x) = 3 2 / 1 0.
# Class 0: mean gradients (1+2+3+2)/4 = 2 and (-1+0+1+0)/4 = 0; class 1: (0+0+0+4)/4 = 1 and (1+1+1+1)/4 = 1.
CLASS_0 = [[0, 4], [8, 16]]
CLASS_1 = [[3, 4], [5, 8]]


@pytest.fixture(scope="module")
def by_hand():
    return Classifier.from_keras(_by_hand_model())


@pytest.mark.parametrize(("target", "expected"), [(0, CLASS_0), (1, CLASS_1)])
def test_by_hand(by_hand, target, expected):
    found = attribute(by_hand, IMAGE, "grad_cam", target=target)
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-6)
    assert found.layer == "conv"
    assert found.target.tolist() == [target]
    assert found.values.dtype == np.float32


def test_own_prediction_by_hand(by_hand):
    # Logits: 0·1 − 3 + 2·2 + 4·3 + 1·1 + 8·2 = 30, and 3·1 + 2·1 + 1·1 + 8·4 + 10 = 48: class 1 wins.
    np.testing.assert_allclose(by_hand.logits(IMAGE), [[30, 48]])
    found = attribute(by_hand, IMAGE, "grad_cam")
    assert found.target.tolist() == [1]
    np.testing.assert_allclose(found.values[0], CLASS_1, rtol=1e-6)
    np.testing.assert_allclose(found.probability, by_hand.predict(IMAGE)[:, 1])


def test_probabilities_scale_the_difference_of_the_logits():
    """d p0/d logits = p0·p1·(1, −1), so the map is p0·p1 times the difference of both classes' signed maps."""
    model = _by_hand_model()
    model.get_layer("head").bias.assign([8.0, 0.0])  # logits 38 and 38
    clf = Classifier.from_keras(model)
    expected = 0.25 * (np.array(CLASS_0) - np.array(CLASS_1))
    raw = attribute(clf, IMAGE, "grad_cam", target=0, output="probabilities", relu=False)
    np.testing.assert_allclose(raw.values[0], expected, rtol=1e-4, atol=1e-6)
    assert raw.output == "probabilities"
    positive = attribute(clf, IMAGE, "grad_cam", target=0, output="probabilities")
    np.testing.assert_allclose(positive.values[0], np.maximum(expected, 0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", networks.ALL)
def test_equals_the_eager_way(name):
    """The tutorial's way: record everything, differentiate the logit, one image at a time."""
    import tensorflow as tf

    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(3, clf.card.input_shape)
    target = np.array([0, 1, 0])
    found = attribute(clf, images, "grad_cam", target=target, relu=False)
    assert found.layer == clf.card.grad_cam_layer
    for number in range(3):
        kept = []

        def visit(layer, tensor, kept=kept):
            if layer == clf.card.grad_cam_layer:
                kept.append(tensor)
            return tensor

        with tf.GradientTape() as tape:
            x = tf.constant(images[number : number + 1])
            tape.watch(x_float := tf.cast(x, tf.float32))
            score = clf.scores(x_float, visit, "logits")[0, int(target[number])]
        gradient = tape.gradient(score, kept[0]).numpy()
        expected = (kept[0].numpy() * gradient.mean(axis=(1, 2), keepdims=True)).sum(axis=-1)[0]
        np.testing.assert_allclose(found.values[number], expected, rtol=1e-4, atol=1e-5)


def test_through_any_layer_with_a_map():
    clf = Classifier.from_keras(networks.nested())
    images = networks.images(2, clf.card.input_shape)
    for layer in clf.card.layers:
        if layer.is_map:
            found = attribute(clf, images, "grad_cam", layer=layer.name)
            assert found.values.shape == (2, *layer.output_shape[:2])
            assert (found.values >= 0).all()
    first = attribute(clf, images, "grad_cam", layer="base/conv", target=0).values
    second = attribute(clf, images, "grad_cam", layer="base:1/conv", target=0).values
    assert not np.allclose(first, second)


def test_a_class_that_nothing_supports_is_zero_everywhere():
    model = _by_hand_model()
    model.get_layer("head").kernel.assign(np.zeros((8, 2)))
    found = attribute(Classifier.from_keras(model), IMAGE, "grad_cam", target=0)
    np.testing.assert_array_equal(found.values, 0)
    np.testing.assert_array_equal(found.heatmap(), 0)


def test_the_model_and_its_weights_stay():
    model = networks.sequential()
    weights = model.get_weights()
    clf = Classifier.from_keras(model)
    attribute(clf, networks.images(2, clf.card.input_shape), "grad_cam")
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_warm_answer_for_one_image_takes_no_new_trace(by_hand):
    attribute(by_hand, IMAGE, "grad_cam", target=0)
    known = len(by_hand._compiled)
    began = time.perf_counter()
    for target in (0, 1, None):
        attribute(by_hand, IMAGE, "grad_cam", target=target)
    assert len(by_hand._compiled) == known
    assert time.perf_counter() - began < 1.0  # a trace of each would take longer; an answer takes milliseconds


def test_what_cannot_be_explained_is_refused(by_hand):
    with pytest.raises(ParameterError, match=r"'flat' \(Flatten\) gives \(8,\), not a map\. Choose one of: conv\."):
        attribute(by_hand, IMAGE, "grad_cam", layer="flat")
    with pytest.raises(ParameterError, match=r"no layer 'conv9'.*Choose one of: conv\."):
        attribute(by_hand, IMAGE, "grad_cam", layer="conv9")
    with pytest.raises(ParameterError, match="No layer with a map leads to the unit 0 of 'conv'"):
        attribute(by_hand, IMAGE, "grad_cam", unit=Unit("conv", 0))
    with pytest.raises(ParameterError, match="no parameter 'sigma'"):
        attribute(by_hand, IMAGE, "grad_cam", sigma=1)


def test_a_model_without_maps_is_refused():
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((2, 2, 1)), layers.Flatten(), layers.Dense(3), layers.Dense(2)])
    with pytest.raises(ParameterError, match="no layer with a map"):
        attribute(Classifier.from_keras(model), IMAGE, "grad_cam")
