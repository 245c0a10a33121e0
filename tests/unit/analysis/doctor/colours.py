"""Images of six colours and small networks that are exactly right on them under one preprocessing, without training."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.types import Preprocessing
from nnvis_dash.workspace.datasets import Dataset, load_dataset

NAMES = ("brick", "moss", "sky", "sand", "plum", "slate")
_COLOURS = np.array(
    [(190, 80, 60), (70, 120, 50), (110, 160, 220), (215, 190, 140), (120, 60, 130), (90, 100, 110)], np.float64
)


def colours(n: int = 240, channels: int = 3, seed: int = 0, size: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, size, size, channels) uint8 and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % len(NAMES))
    base = _COLOURS[labels] if channels == 3 else np.array([20.0, 60, 100, 150, 200, 240])[labels][:, None]
    noise = rng.normal(0, 30 if channels == 3 else 8, (n, size, size, channels)) + rng.normal(
        0, 12, (n, 1, 1, channels)
    )
    return np.clip(base[:, None, None, :] + noise, 0, 255).astype(np.uint8), labels.astype(np.int32)


def dataset(n: int = 240, channels: int = 3, labelled: bool = True, seed: int = 0) -> Dataset:
    """Return the images as a dataset."""
    images, labels = colours(n, channels, seed)
    return load_dataset(images, labels if labelled else None, NAMES if labelled else None, name="colours")


def scaled(images: np.ndarray, record: Preprocessing) -> np.ndarray:
    """Apply a preprocessing in numpy."""
    x = images.astype(np.float32)
    if record.bgr:
        x = x[..., ::-1]
    return (x * np.float32(record.scale) - np.float32(record.mean)) / np.float32(record.deviation)


def network(record: Preprocessing, channels: int = 3, normalised: bool = False, size: int = 6) -> Any:
    """Return a network that tells the colours apart when its images are preprocessed as `record` says.

    Its head is Gaussian discriminant analysis in closed form; `normalised` puts a convolution and a batch normalisation
    with the right statistics before it.
    """
    import keras
    from keras import layers

    images, labels = colours(600, channels, seed=1, size=size)
    inputs = x = keras.Input((size, size, channels))
    if normalised:
        rng = np.random.default_rng(5)
        x = layers.Conv2D(8, 1, use_bias=False, name="conv")(x)
        x = layers.BatchNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling2D()(x)
    body = keras.Model(inputs, x)
    if normalised:
        kernel = rng.normal(size=(1, 1, channels, 8)).astype(np.float32)
        body.get_layer("conv").set_weights([kernel])
        seen = np.einsum("nhwc,ck->nhwk", scaled(images, record), kernel[0, 0]).reshape(-1, 8)
        body.get_layer("norm").set_weights([np.ones(8), np.zeros(8), seen.mean(0), seen.var(0)])
    features = np.asarray(body(scaled(images, record))).astype(np.float64)
    means = np.stack([features[labels == label].mean(axis=0) for label in range(len(NAMES))])
    within = sum(np.cov(features[labels == label].T, ddof=0) for label in range(len(NAMES))) / len(NAMES)
    inverse = np.linalg.pinv(np.atleast_2d(within))
    weights = means @ inverse
    bias = -0.5 * np.einsum("ki,ki->k", weights, means)
    head = layers.Dense(len(NAMES), activation="softmax", name="head")
    model = keras.Model(inputs, head(x), name="colours")
    head.set_weights([weights.T, bias])
    return model


def classifier(record: Preprocessing, given: str | Preprocessing = "unit", **options: Any) -> Classifier:
    """Return such a network as a classifier whose card has the preprocessing `given`."""
    names = options.pop("class_names", None)
    return Classifier.from_keras(network(record, **options), given, class_names=names)
