"""Patterns: the signal's direction is found where the weights point elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.relevance.patterns import learn_patterns
from nnvis_dash.errors import ParameterError
from tests import networks

SIGNAL, DISTRACTOR, WEIGHTS = np.array([1.0, 0.0]), np.array([1.0, 1.0]), np.array([1.0, -1.0])


def example(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 1, 2, 1) images that are signal and distractor together, and each one's amount of signal."""
    rng = np.random.default_rng(seed)
    amount = rng.uniform(0, 100, n)
    pixels = amount[:, None] * SIGNAL + rng.uniform(0, 100, n)[:, None] * DISTRACTOR
    return pixels.reshape(n, 1, 2, 1).astype(np.float32), amount


@pytest.fixture(scope="module")
def reader() -> Classifier:
    """Return the net that reads the amount of signal: its weights cancel the distractor."""
    import keras

    inputs = keras.Input((1, 2, 1))
    layer = keras.layers.Dense(2)
    model = keras.Model(inputs, layer(keras.layers.Flatten()(inputs)))
    layer.set_weights([np.stack([WEIGHTS, -WEIGHTS], axis=1), np.zeros(2)])
    return Classifier.from_keras(model, output="logits")


def test_the_signal_is_told_from_the_distractor(reader):
    pixels, amount = example(4000)
    patterns = learn_patterns(reader, np.round(pixels).clip(0, 255).astype(np.uint8), n_samples=0)
    (kernel,) = patterns.kernels.values()
    np.testing.assert_allclose(kernel[:, 0], SIGNAL, atol=0.05)
    np.testing.assert_allclose((kernel[:, 0] * WEIGHTS).sum(), 1.0, rtol=1e-4)
    found = attribute(reader, pixels[:5], "pattern_net", target=0, patterns=patterns).values.reshape(5, 2)
    np.testing.assert_allclose(found, amount[:5, None] * SIGNAL, rtol=0.1, atol=6)
    found = attribute(reader, pixels[:5], "pattern_attribution", target=0, patterns=patterns).values.reshape(5, 2)
    np.testing.assert_allclose(found.sum(axis=1), amount[:5], rtol=1e-2)  # weights × pattern add up to 1


def test_the_last_softmax_is_not_gone_back_through():
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(20, clf.card.input_shape)
    patterns = learn_patterns(clf, images)
    for kernel in patterns.kernels.values():
        assert np.isfinite(kernel).all()
    head = patterns.kernels["head"]
    weights = clf.model.get_layer("head").get_weights()[0]
    read = (head * weights).sum(axis=0)
    assert ((np.abs(read - 1) < 1e-3) | (read == 0)).all()
    assert attribute(clf, images[:2], "pattern_attribution", target=3, patterns=patterns).values.any()


def test_patterns_are_asked_for_and_belong_to_their_classifier(reader):
    other = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    patterns = learn_patterns(other, networks.images(4, other.card.input_shape))
    pixels, _ = example(2)
    with pytest.raises(ParameterError, match="learn_patterns"):
        attribute(reader, pixels, "pattern_net")
    with pytest.raises(ParameterError, match="another classifier"):
        attribute(reader, pixels, "pattern_net", patterns=patterns)
    with pytest.raises(ParameterError, match="images"):
        learn_patterns(reader, np.zeros((1, 1, 2, 1), np.uint8))
