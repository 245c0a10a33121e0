"""Guided backpropagation and DeconvNet by hand, whatever way a model writes its rectifiers."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from tests import networks

# Hidden a, −a + b, b − 9 of the pixels a and b, all rectified; scores h1 − h2 + h3 and −h1 + h2.
HIDDEN = [np.array([[1.0, -1.0, 0.0], [0.0, 1.0, 1.0]]), np.array([0.0, 0.0, -9.0])]
SCORES = [np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, 0.0]]), np.zeros(2)]
IMAGE = np.array([[[[2], [5]]]], np.uint8)  # hidden 2, 3 and 0
# Gradient of the first score: h1 gives 1 0, −h2 gives 1 −1, h3 is closed.
GRADIENT = [2, -1]
GUIDED = [1, 0]  # only h1 is open and speaks for it
DECONVOLVED = [1, 1]  # h1, and h3 though it is closed


def _dense(units: int, activation: object = None, name: str | None = None):
    from keras import layers

    return layers.Dense(units, activation=activation, name=name)


def _argument(x):
    return _dense(3, "relu", "hidden")(x)


def _tensorflows(x):
    import tensorflow as tf

    return _dense(3, tf.nn.relu, "hidden")(x)


def _layer(x):
    from keras import layers

    return layers.ReLU()(_dense(3, name="hidden")(x))


def _activation_layer(x):
    from keras import layers

    return layers.Activation("relu")(_dense(3, name="hidden")(x))


def _layer_as_argument(x):
    from keras import layers

    return _dense(3, layers.ReLU(), "hidden")(x)


def _operation(x):
    import keras

    return keras.ops.relu(_dense(3, name="hidden")(x))


def _activation_function(x):
    import keras

    return keras.activations.relu(_dense(3, name="hidden")(x))


def _six(x):
    from keras import layers

    return layers.ReLU(max_value=6.0)(_dense(3, name="hidden")(x))


def _six_as_argument(x):
    return _dense(3, "relu6", "hidden")(x)


def _in_a_nested_model(x):
    import keras
    from keras import layers

    inner = keras.Sequential([layers.Input((2,)), _dense(3, name="hidden"), layers.ReLU()], name="inner")
    outer = keras.Sequential([layers.Input((2,)), inner], name="outer")
    return outer(x)


FORMS = {
    form.__name__.strip("_"): form
    for form in (
        _argument,
        _tensorflows,
        _layer,
        _activation_layer,
        _layer_as_argument,
        _operation,
        _activation_function,
        _six,
        _six_as_argument,
        _in_a_nested_model,
    )
}


def _model(form):
    import keras
    from keras import layers

    inputs = keras.Input((1, 2, 1))
    model = keras.Model(inputs, _dense(2, "softmax", "scores")(form(layers.Flatten()(inputs))))
    model.set_weights([*HIDDEN, *SCORES])
    return model


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_rectifier_by_hand(form):
    model = _model(FORMS[form])
    clf = Classifier.from_keras(model)
    before = clf.predict(IMAGE)
    for method, expected in (("gradient", GRADIENT), ("guided_backprop", GUIDED), ("deconvnet", DECONVOLVED)):
        found = attribute(clf, IMAGE, method, target=0)
        np.testing.assert_allclose(found.values.ravel(), expected, err_msg=method)
        np.testing.assert_allclose(found.probability, before[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(clf.predict(IMAGE), before)
    np.testing.assert_allclose(attribute(clf, IMAGE, "gradient", target=0).values.ravel(), GRADIENT)


def test_a_rectifier_with_a_ceiling_is_closed_above_it():
    clf = Classifier.from_keras(_model(_six))
    image = np.array([[[[8], [3]]]], np.uint8)  # hidden 8 (over the ceiling), 0 and 0
    assert not attribute(clf, image, "guided_backprop", target=0).values.any()
    np.testing.assert_allclose(attribute(clf, image, "deconvnet", target=0).values.ravel(), DECONVOLVED)
    np.testing.assert_allclose(clf.logits(image), [[6, -6]])


def test_other_activations_keep_their_gradient():
    import keras
    from keras import layers

    for activation in ("tanh", layers.LeakyReLU(), "elu", None):
        inputs = keras.Input((6, 6, 1))
        x = layers.Conv2D(3, 3, activation=activation)(inputs)
        model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.LeakyReLU(0.3)(x))))
        clf = Classifier.from_keras(model, preprocessing="unit")
        images = networks.images(2, (6, 6, 1))
        plain = attribute(clf, images, "gradient").values
        for method in ("guided_backprop", "deconvnet"):
            np.testing.assert_allclose(attribute(clf, images, method).values, plain, rtol=1e-5, atol=1e-7)


def test_nested_models_are_not_the_plain_gradient():
    """The mistake of libraries that replace activations by cloning the outer model only."""
    clf = Classifier.from_keras(networks.nested())
    images = networks.images(2, clf.card.input_shape)
    plain = attribute(clf, images, "gradient").values
    assert not np.allclose(attribute(clf, images, "guided_backprop").values, plain)


def test_the_users_model_keeps_its_gradient_and_configuration():
    import tensorflow as tf

    model = _model(_argument)
    config = model.to_json()
    clf = Classifier.from_keras(model)
    attribute(clf, IMAGE, "guided_backprop")
    assert model.to_json() == config
    assert model.get_layer("hidden").activation.__name__ == "relu"
    with tf.GradientTape() as tape:
        x = tf.constant(IMAGE, tf.float32)
        tape.watch(x)
        score = tf.math.log(model(x))[:, 0] - tf.math.log(model(x))[:, 1]
    np.testing.assert_allclose(np.ravel(tape.gradient(score, x)), [4, -2], rtol=1e-4)
