"""Small classifiers of 4 × 4 grey images whose flips can be worked out by hand, and images for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.analysis.simulation.sweep import Sweep

SIDE = 4
PIXELS = SIDE * SIDE


def dense(kernel: np.ndarray, bias: Sequence[float], name: str, names: Sequence[str] | None = None) -> Classifier:
    """Return a classifier by softmax of pixels (16,) @ kernel (16, K) + bias (K,)."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((SIDE, SIDE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(len(bias), activation="softmax", name="head"),
        ],
        name=name,
    )
    model.set_weights([np.asarray(kernel, np.float32), np.asarray(bias, np.float32)])
    return Classifier.from_keras(model, preprocessing="raw", class_names=names)


def lamp() -> Classifier:
    """Dark, or bright where the mean is above 100.5."""
    kernel = np.stack([np.zeros(PIXELS), np.full(PIXELS, 1 / PIXELS)], axis=1)
    return dense(kernel, (0, -100.5), "lamp", ("dark", "bright"))


def dimmer() -> Classifier:
    """Dark below a mean of 90.5, bright above 110.5, middle between them."""
    kernel = np.full((PIXELS, 3), 1 / PIXELS) * np.arange(3)
    return dense(kernel, (0, -90.5, -201), "dimmer", ("dark", "middle", "bright"))


def corner() -> Classifier:
    """Bright where the first pixel is above 100.5."""
    kernel = np.zeros((PIXELS, 2))
    kernel[0, 1] = 1
    return dense(kernel, (0, -100.5), "corner", ("dark", "bright"))


def flat(*values: int) -> np.ndarray:
    """Return one image of each value, (n, 4, 4, 1) uint8."""
    return np.broadcast_to(np.array(values, np.uint8)[:, None, None, None], (len(values), SIDE, SIDE, 1)).copy()


def made(
    prediction: Any,
    labels: Sequence[int],
    degrees: Sequence[float],
    clean: Sequence[int] | None = None,
    name: str = "rotation",
    names: Sequence[str] = ("cat", "dog", "bird"),
    **more: Any,
) -> Sweep:
    """Return a sweep of predictions (n, D) written down; what isn't said is plain."""
    prediction = np.asarray(prediction, np.int32)
    n = len(prediction)
    of = change(name, degrees)
    if clean is None:
        clean = prediction[:, of.degrees.index(of.identity)]
    known: dict[str, Any] = {
        "ids": np.arange(n),
        "against": "labels",
        "note": "",
        "total": n,
        "true_probability": np.full(prediction.shape, 0.5, np.float32),
        "probabilities": None,
        "deep_gini": np.zeros(n, np.float32),
        "margin": np.ones(n, np.float32),
    }
    return Sweep(
        change=of,
        labels=np.asarray(labels, np.int32),
        class_names=tuple(names),
        prediction=prediction,
        clean_prediction=np.asarray(clean, np.int32),
        **{**known, **more},
    )
