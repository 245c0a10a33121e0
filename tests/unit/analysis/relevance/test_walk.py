"""Relevance worked by hand, and the nets on which a walk back could go wrong unseen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.relevance.deep_lift import of_softmax
from nnvis_dash.analysis.relevance.walk import Walk
from nnvis_dash.errors import ParameterError
from tests import networks


def dense(weights: Any, bias: Any, activation: str | None = None) -> Classifier:
    """Return a net of one dense layer that sees two pixels."""
    import keras

    inputs = keras.Input((1, 2, 1))
    layer = keras.layers.Dense(np.shape(weights)[1], activation=activation)
    model = keras.Model(inputs, layer(keras.layers.Flatten()(inputs)))
    layer.set_weights([np.array(weights, np.float32), np.array(bias, np.float32)])
    return Classifier.from_keras(model, output=None if activation else "logits")


def relevance(clf: Classifier, pixels: Any, method: str, **given: Any) -> list[float]:
    return attribute(clf, np.array(pixels, np.float32).reshape(1, 1, 2, 1), method, **given).values.ravel().tolist()


def of(clf: Classifier, method: str, n: int = 2, **given: Any) -> np.ndarray:
    return attribute(clf, networks.images(n, clf.card.input_shape), method, **given).values


@pytest.mark.parametrize(
    ("method", "given", "expected"),
    [
        ("lrp_z", {}, [2.0, -3.0]),  # z = 1 × 2 − 3 × 1 + 2 = 1: x w / z × 1
        ("lrp_z", {"ignore_bias": True}, [-2.0, 3.0]),  # shares of −1
        ("lrp_epsilon", {"epsilon": 1.0}, [1.0, -1.5]),  # z + 1 = 2
        ("lrp_w_square", {}, [0.8, 0.2]),
        ("lrp_flat", {}, [0.5, 0.5]),
        ("lrp_alpha_1_beta_0", {}, [0.5, 0.0]),  # 2 / (2 + 2)
        ("lrp_alpha_1_beta_0", {"ignore_bias": True}, [1.0, 0.0]),
        ("lrp_alpha_2_beta_1", {}, [1.0, -1.0]),
        ("lrp_z_plus", {}, [1.0, 0.0]),
        ("lrp_z", {"input_layer_rule": (0, 4)}, [2 / 3, 1 / 3]),  # 2 and −3 + 4, shares of 3
        ("deep_taylor_bounded", {"low": 0.0, "high": 4.0}, [2 / 3, 1 / 3]),
        ("deep_lift", {}, [2.0, -3.0]),
    ],
)
def test_one_neuron_by_hand(method, given, expected):
    clf = dense([[2.0, 0.0], [-1.0, 0.0]], [2.0, 0.0])
    assert relevance(clf, [1.0, 3.0], method, target=0, **given) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_the_first_class_of_one_output_is_explained_by_what_speaks_for_it():
    clf = dense([[1.0], [-1.0]], [0.0], "sigmoid")  # z = 1 − 3: class 0 by the second pixel
    assert relevance(clf, [1.0, 3.0], "lrp_alpha_1_beta_0", target=0) == pytest.approx([0.0, 2.0], abs=1e-6)
    assert relevance(clf, [3.0, 1.0], "lrp_alpha_1_beta_0", target=1) == pytest.approx([2.0, 0.0], abs=1e-6)


def test_deep_lift_of_a_saturated_softmax_adds_up():
    z, z0 = (np.array(values, np.float32) for values in ([[300.0, 0, 5], [1, 2, 3]], [[-400.0, 0, 100], [1, 2, 3]]))
    multipliers = of_softmax(z, z0, np.array([0, 1], np.int32)).numpy()
    assert np.isfinite(multipliers).all()
    np.testing.assert_allclose((multipliers * (z - z0)).sum(axis=1), [1.0, 0.0], atol=1e-5)


def test_bounds_are_what_the_model_makes_of_the_extreme_colours():
    import keras
    from keras import layers

    def net(own: bool) -> Any:
        keras.utils.set_random_seed(1)
        inputs = keras.Input((4, 4, 3))
        x = layers.Flatten()(layers.Rescaling(1 / 127.5, -1.0)(inputs) if own else inputs)
        return keras.Model(inputs, layers.Dense(3)(layers.Dense(5, activation="relu")(x)))

    inside = Classifier.from_keras(net(True), preprocessing="raw", output="logits")
    outside = Classifier.from_keras(net(False), preprocessing="symmetric", output="logits")
    for method, given in (("deep_taylor_bounded", {}), ("lrp_z", {"input_layer_rule": (0, 255)})):
        found = [of(clf, method, target=1, **given) for clf in (inside, outside)]
        np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-4 * np.abs(found[0]).max())


@pytest.mark.parametrize("kind", ["broadcast", "itself", "minimum", "crop", "softmax"])
def test_layers_on_which_a_walk_could_stumble(kind):
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, activation="relu")(layers.RandomCrop(6, 6)(inputs) if kind == "crop" else inputs)
    if kind == "broadcast":
        x = layers.Add()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)])
    if kind == "itself":
        x = layers.Add()([x, x])
    if kind == "minimum":
        x = layers.Minimum()([x, layers.Conv2D(4, 1)(x)])
    x = layers.Dense(3)(layers.Flatten()(x))
    clf = Classifier.from_keras(keras.Model(inputs, keras.ops.softmax(x) if kind == "softmax" else x), output=None)
    logits = clf.logits(networks.images(2, (6, 6, 3)))[:, 1]
    np.testing.assert_allclose(of(clf, "lrp_z", target=1).sum(axis=(1, 2, 3)), logits, rtol=1e-2, atol=1e-2)
    assert np.isfinite(of(clf, "lrp_alpha_2_beta_1", target=1)).all()


def test_a_layer_without_a_rule_is_named():
    import keras
    from keras import layers

    inputs = keras.Input((6, 6, 3))
    x = layers.LayerNormalization(name="strange")(layers.Conv2D(4, 3)(inputs))
    clf = Classifier.from_keras(keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x))))
    for method in ("lrp_z", "deep_taylor", "deep_lift"):
        with pytest.raises(ParameterError, match=r"strange.*LayerNormalization"):
            of(clf, method)


@pytest.mark.parametrize("method", ["lrp_z", "lrp_epsilon", "lrp_alpha_2_beta_1", "lrp_preset_b"])
@pytest.mark.parametrize("name", ["sequential", "residual", "nested", "behind_a_rectifier"])
def test_outputs_that_the_way_forward_left_give_what_computing_them_again_gives(
    name: str, method: str, monkeypatch: pytest.MonkeyPatch
):
    made = normalised_behind_a_rectifier if name == "behind_a_rectifier" else networks.ALL[name]
    images = networks.images(4, Classifier.from_keras(made(), preprocessing="unit").card.input_shape)
    kept = attribute(Classifier.from_keras(made(), preprocessing="unit"), images, method, target=1).values
    monkeypatch.setattr(Walk, "_known", lambda *_: None)
    again = attribute(Classifier.from_keras(made(), preprocessing="unit"), images, method, target=1).values
    np.testing.assert_allclose(kept, again, rtol=1e-3, atol=1e-4 * np.abs(again).max())


def normalised_behind_a_rectifier() -> Any:
    """A normalisation that stands alone: relevance comes back to where the rectifier before it is closed."""
    import keras

    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 3)),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(5, 2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    norm = model.layers[1]
    norm.set_weights([np.full(6, value, np.float32) for value in (1.5, 0.4, 0.1, 0.7)])
    return model
