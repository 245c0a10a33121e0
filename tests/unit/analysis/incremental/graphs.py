"""Networks of every layer that incremental inference meets, and the comparison of it with whole images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.incremental.inference import Incremental
from nnvis_dash.analysis.incremental.readouts import Readout

Body = Callable[[Any, Any], Any]  # (keras.layers, tensor) -> tensor


def network(
    body: Body, shape: tuple[int, int, int], head: str = "flat", activation: str = "softmax", k: int = 3
) -> Any:
    """Return a network with fixed random weights: the body, and a head over all positions."""
    import keras
    from keras import layers

    inputs = keras.Input(shape)
    x = body(layers, inputs)
    if len(x.shape) == 4:
        x = layers.Flatten()(x) if head == "flat" else layers.GlobalAveragePooling2D()(x)
    return seeded(keras.Model(inputs, layers.Dense(k, activation, name="head")(x)))


def seeded(model: Any, seed: int = 3) -> Any:
    """Give every weight a fixed random value; variances stay positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        fan = int(np.prod(weight.shape[:-1])) or 1
        values = rng.normal(0.0, 1.0 / np.sqrt(fan), weight.shape)
        if "variance" in weight.path:
            values = rng.uniform(0.5, 2.0, weight.shape)
        elif len(weight.shape) == 1:  # biases, scales, shifts: none is 0
            values = rng.uniform(0.3, 1.0, weight.shape)
        weight.assign(values.astype("float32"))
    return model


def classifier(body: Body, shape: tuple[int, int, int], preprocessing: str = "unit", **more: Any) -> Classifier:
    """Return a classifier of `network`."""
    return Classifier.from_keras(network(body, shape, **more), preprocessing=preprocessing)


def places(plan: Incremental) -> tuple[Any, Any]:
    """Return corners (rows, columns) of windows at every corner and border, and inside."""
    n, m = plan.n_windows
    rows = sorted({0, min(1, n - 1), n // 2, max(n - 2, 0), n - 1})
    columns = sorted({0, min(1, m - 1), m // 3, max(m - 2, 0), m - 1})
    grid = np.array([(row, column) for row in rows for column in columns], np.int64)
    return grid[:, 0], grid[:, 1]


def composed(image: Any, rows: Any, columns: Any, windows: Any) -> Any:
    """Return the whole images (n · S, h, w, c): a plain loop."""
    height, width = windows.shape[2:4]
    made = []
    for row, column, variants in zip(rows, columns, windows, strict=True):
        for variant in variants:
            whole = np.array(image, np.float32)
            whole[row : row + height, column : column + width] = variant
            made.append(whole)
    return np.stack(made)


def drawn(clf: Classifier, window: tuple[int, int], n: int, seed: int = 0, variants: int = 2) -> tuple[Any, Any]:
    """Return an image, and windows (n, variants, h, w, c)."""
    rng = np.random.default_rng(seed)
    shape = clf.card.input_shape
    image = rng.integers(0, 256, shape).astype(np.uint8)
    return image, rng.uniform(0, 255, (n, variants, *window, shape[2])).astype(np.float32)


def log2_odds(logits: Any, sigmoid: bool = False) -> Any:
    """Return log2(p / (1 − p)) of every class in double precision."""
    from scipy.special import logsumexp

    z = np.asarray(logits, np.float64)
    if sigmoid:
        return z / np.log(2)
    others = [logsumexp(np.delete(z, number, axis=1), axis=1) for number in range(z.shape[1])]
    return (z - np.stack(others, axis=1)) / np.log(2)


def check(
    clf: Classifier, window: tuple[int, int] = (3, 3), seed: int = 0, at: Any = None, **options: Any
) -> Incremental:
    """Hold incremental inference against whole images: p to 1e-5, log2 odds and logits to 1e-4."""
    plan = Incremental(clf, window, Readout(), **options)
    rows, columns = places(plan) if at is None else at
    image, windows = drawn(clf, window, len(rows), seed)
    chosen = np.arange(clf.card.n_classes, dtype=np.int32)
    run = plan.begin(image)
    found = run(rows, columns, windows, chosen)
    wholes = composed(image, rows, columns, windows)
    p, q, z = np.split(found.reshape(len(wholes), -1).astype(np.float64), 3, axis=1)
    predicted = clf.predict(np.concatenate([wholes, image[None]]))
    np.testing.assert_allclose(p, predicted[:-1], rtol=0, atol=1e-5)
    np.testing.assert_allclose(q, 1 - predicted[:-1], rtol=0, atol=1e-5)
    logits = clf.logits(wholes)
    np.testing.assert_allclose(z, logits, rtol=1e-5, atol=1e-4)
    sigmoid = clf.card.output == "sigmoid" or clf.graph.output_shape[-1] == 1
    np.testing.assert_allclose(np.log2(p) - np.log2(q), log2_odds(logits, sigmoid), rtol=0, atol=1e-4)
    p, _, _ = np.split(run.original(chosen), 3)
    np.testing.assert_allclose(p, predicted[-1], rtol=0, atol=1e-5)
    return plan
