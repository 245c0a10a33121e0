"""Laws of relevance that hold for any image on random small nets, with and without biases, normalisation, residuals."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.types import Unit

SHAPE = (8, 8, 3)
few = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 2**32 - 1)
classes = st.sampled_from([None, 0, 1, 2])
bodies = st.sampled_from(["plain", "residual", "normalised", "nested"])


def images(seed: int, n: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


@cache
def classifier(body: str, bias: bool) -> Classifier:
    """Return a net of two to four convolutions with random weights, whose variances stay positive."""
    import keras
    from keras import layers

    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(5, 3, activation="relu", padding="same", use_bias=bias, name="first")(inputs)
    if body == "residual":
        branch = layers.Conv2D(5, 3, padding="same", use_bias=bias, activation="relu")(x)
        x = layers.ReLU(name="joined")(layers.Add()([x, layers.Conv2D(5, 1, use_bias=bias)(branch)]))
    if body == "normalised":
        x = layers.Conv2D(4, 3, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(center=bias)(x))
    if body == "nested":
        parts = [layers.Input((*SHAPE[:2], 5)), layers.SeparableConv2D(6, 3, use_bias=bias, activation="relu")]
        x = keras.Sequential([*parts, layers.AveragePooling2D(2)])(x)
    x = layers.Conv2D(4, 2, activation="relu", use_bias=bias)(layers.MaxPooling2D(2, padding="same")(x))
    x = layers.Dense(8, activation="relu", use_bias=bias, name="hidden")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", use_bias=bias)(x))
    rng = np.random.default_rng(11)
    for weight in model.weights:
        fan = int(np.prod(weight.shape[:-1])) or 1
        values = rng.normal(0.05, 1.5 / np.sqrt(fan), weight.shape)
        if "variance" in weight.path:
            values = rng.uniform(0.5, 2.0, weight.shape)
        if not bias and "mean" in weight.path:
            values = np.zeros(weight.shape)
        weight.assign(values.astype("float32"))
    return Classifier.from_keras(model, preprocessing="unit")


def explained(clf: Classifier, pixels: np.ndarray, method: str, **given: Any) -> np.ndarray:
    return attribute(clf, pixels, method, **given).values


def scores(clf: Classifier, pixels: np.ndarray, target: int | None) -> np.ndarray:
    logits = clf.logits(pixels)
    chosen = logits.argmax(axis=1) if target is None else np.full(len(pixels), target)
    return logits[np.arange(len(pixels)), chosen]


def assert_adds_up(values: np.ndarray, expected: np.ndarray) -> None:
    """Compare sums, as exactly as float32 adds up values of that size."""
    sums, sizes = values.sum(axis=(1, 2, 3), dtype=np.float64), np.abs(values).sum(axis=(1, 2, 3), dtype=np.float64)
    assert (np.abs(sums - expected) <= 1e-3 * np.abs(expected) + 1e-4 * sizes + 1e-6).all(), (sums, expected)


@few
@given(bodies, classes, seeds)
def test_lrp_z_keeps_the_score_without_biases(body, target, seed):
    clf, pixels = classifier(body, bias=False), images(seed)
    assert_adds_up(explained(clf, pixels, "lrp_z", target=target), scores(clf, pixels, target))


@few
@given(bodies, classes, seeds)
def test_lrp_z_is_input_times_gradient_in_a_net_of_rectifiers(body, target, seed):
    clf, pixels = classifier(body, bias=True), images(seed)
    found = explained(clf, pixels, "lrp_z", target=target)
    expected = explained(clf, pixels, "input_times_gradient", target=target)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max() + 1e-6)


@few
@given(st.sampled_from(["residual", "normalised"]), seeds)
def test_epsilon_goes_to_z_and_takes_up_relevance_as_it_grows(body, seed):
    clf, pixels = classifier(body, bias=True), images(seed)
    exact = explained(clf, pixels, "lrp_z")
    size = np.abs(exact).max()
    far = [np.abs(explained(clf, pixels, "lrp_epsilon", epsilon=e) - exact).max() / size for e in (1.0, 1e-6)]
    assert far[1] <= min(1e-2, far[0] + 1e-6)
    assert np.abs(explained(clf, pixels, "lrp_epsilon", epsilon=1e3)).max() <= 1e-2 * size


@few
@given(bodies, st.sampled_from(["lrp_alpha_1_beta_0", "lrp_z_plus"]), seeds)
def test_what_supports_a_positive_score_adds_up_to_it(body, method, seed):
    clf, pixels = classifier(body, bias=False), images(seed)
    score = scores(clf, pixels, None)
    values = explained(clf, pixels, method)[score > 0]
    assert_adds_up(values, score[score > 0])
    assert (values >= -1e-6 * np.abs(values).max(initial=0)).all()


@few
@given(bodies, seeds)
def test_relevance_stays_bounded_where_normalisation_is_folded(body, seed):
    clf, pixels = classifier(body, bias=True), images(seed)
    score = scores(clf, pixels, None)
    for method in ("lrp_alpha_2_beta_1", "lrp_preset_b_flat"):
        values = explained(clf, pixels, method, ignore_bias=True)
        assert np.isfinite(values).all()
        assert (np.abs(values.sum(axis=(1, 2, 3))) <= 100 * np.abs(score)).all(), method


@few
@given(bodies, classes, st.sampled_from(["logits", "probabilities"]), seeds)
def test_deep_lift_is_complete(body, target, output, seed):
    clf, pixels = classifier(body, bias=True), images(seed)
    values = explained(clf, pixels, "deep_lift", target=target, output=output)
    outputs = (clf.logits if output == "logits" else clf.predict)(np.concatenate([pixels, np.zeros_like(pixels)]))
    chosen = clf.predict(pixels).argmax(axis=1) if target is None else np.full(len(pixels), target)
    of = outputs[np.arange(len(outputs)), np.tile(chosen, 2)]
    assert_adds_up(values, of[: len(pixels)] - of[len(pixels) :])


@few
@given(st.sampled_from(["plain", "nested"]), st.sampled_from([0, 5]), seeds)
def test_a_units_relevance_adds_up_to_its_activation(body, channel, seed):
    clf, pixels = classifier(body, bias=False), images(seed)
    seen: list[np.ndarray] = []

    def watch(name: str, tensor: Any) -> Any:
        if name == "hidden":
            seen.append(np.asarray(tensor))
        return tensor

    import tensorflow as tf

    clf.scores(tf.constant(pixels), watch)
    values = explained(clf, pixels, "lrp_z", unit=Unit("hidden", channel))
    assert_adds_up(values, seen[0][:, channel])


@pytest.mark.parametrize(
    "method", ["lrp_z", "lrp_alpha_2_beta_1", "lrp_preset_a", "lrp_w_square", "deep_taylor", "deep_lift"]
)
@pytest.mark.parametrize("where", ["behind", "before"])
def test_a_normalisation_is_what_its_neighbour_makes_of_it(method, where):
    import keras
    from keras import layers

    rng = np.random.default_rng(4)
    norm = layers.BatchNormalization()
    kernel, bias = rng.normal(0, 0.3, (3, 3, 4, 5)), rng.normal(0, 0.3, 5)
    n = 5 if where == "behind" else 4
    gamma, beta, mean = (rng.normal(0.2, 1, n) for _ in range(3))
    variance = rng.uniform(0.5, 2, n)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    shift = beta - mean * scale
    if where == "behind":
        folded = [kernel * scale, bias * scale + shift]
    else:
        folded = [kernel * scale[:, None], bias + np.einsum("hwio,i->o", kernel, shift)]

    def net(normalised: bool) -> Classifier:
        inputs = keras.Input(SHAPE)
        stem, conv, head = layers.Conv2D(4, 1, activation="relu"), layers.Conv2D(5, 3), layers.Dense(3)
        x = stem(inputs)
        if normalised and where == "before":
            x = norm(x)
        x = conv(x)
        if normalised and where == "behind":
            x = norm(x)
        model = keras.Model(inputs, head(layers.Flatten()(layers.ReLU()(x))))
        given = np.random.default_rng(5)
        stem.set_weights([given.normal(0, 0.5, (1, 1, 3, 4)), given.normal(0, 0.1, 4)])
        head.set_weights([given.normal(0, 0.1, (180, 3)), given.normal(0, 0.1, 3)])
        conv.set_weights([kernel, bias] if normalised else folded)
        if normalised:
            norm.set_weights([gamma, beta, mean, variance])
        return Classifier.from_keras(model, preprocessing="unit", output="logits")

    one, other = net(True), net(False)
    np.testing.assert_allclose(one.logits(images(0)), other.logits(images(0)), rtol=1e-4, atol=1e-4)
    found, expected = (explained(clf, images(0), method, target=1) for clf in (one, other))
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max())
