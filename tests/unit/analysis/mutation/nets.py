"""A network whose units' parts are known, and freezing by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.classifier import Classifier

NOTHING = 3  # the class that wins where no unit speaks
DEAD, HARMFUL = 3, 4


def carriers() -> Classifier:
    """Return a classifier of 4 × 4 grey images in which unit k of "carriers" alone carries class k, of three.

    Unit k is as bright as row k; its class's logit is 10 × that. "Nothing" has the logit 1, and 30 × that of a bright
    last pixel, which unit 4 sees. Unit 3 is dead.
    """
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(5, activation="relu", name="carriers"),
            keras.layers.Dense(4, activation="softmax", name="classes"),
        ]
    )
    seen = np.zeros((16, 5), np.float32)
    for unit in range(3):
        seen[4 * unit : 4 * unit + 4, unit] = 0.25
    seen[15, HARMFUL] = 1
    speaks = np.zeros((5, 4), np.float32)
    speaks[[0, 1, 2], [0, 1, 2]] = 10
    speaks[HARMFUL, NOTHING] = 30
    model.set_weights([seen, np.array([0, 0, 0, -1, 0], np.float32), speaks, np.array([0, 0, 0, 1], np.float32)])
    return Classifier.from_keras(model, preprocessing="unit")


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return 32 images and labels: 8 of each class, and 8 of class 1 whose last pixel leads astray."""
    labels = np.repeat([0, 1, 2, 1], 8).astype(np.int32)
    images = np.zeros((32, 4, 4, 1), np.uint8)
    images[np.arange(32), labels] = 255
    images[24:, 3, 3] = 255
    return images, labels


def frozen_by_hand(clf: Classifier, images: np.ndarray, frozen: dict[str, tuple[int, ...]]) -> np.ndarray:
    """Return probabilities (N, K) with units set to zero one by one, as the layers' outputs pass by."""

    def visit(name: str, tensor: Any) -> Any:
        values = np.array(tensor)
        for unit in frozen.get(name, ()):
            values[..., unit] = 0
        return tensor * 0 + values if name in frozen else tensor

    return np.asarray(clf.scores(images, visit))
