"""Small Keras networks of every shape that users bring, with fixed weights; TensorFlow loads on the first call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def images(n: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Return n raw uint8 images."""
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def sequential() -> Any:
    """Convolutions, dropout and a softmax head, one after the other; 12 × 10 × 3."""
    import keras
    from keras import layers

    return seeded(
        keras.Sequential(
            [
                layers.Input((12, 10, 3)),
                layers.Conv2D(4, 3, activation="relu", name="conv1"),
                layers.MaxPooling2D(name="pool"),
                layers.Conv2D(6, 3, activation="relu", name="conv2"),
                layers.Dropout(0.5, name="dropout"),
                layers.Flatten(name="flatten"),
                layers.Dense(8, activation="relu", name="hidden"),
                layers.Dropout(0.5, name="dropout2"),
                layers.Dense(5, activation="softmax", name="head"),
            ],
            name="sequential",
        )
    )


def residual() -> Any:
    """Two branches that are added, batch normalisation, the softmax as a layer of its own; 12 × 12 × 1."""
    import keras
    from keras import layers

    inputs = keras.Input((12, 12, 1))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(inputs)
    branch = layers.BatchNormalization(name="norm")(x)
    branch = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(layers.ReLU(name="relu")(branch))
    x = layers.Add(name="sum")([x, branch])
    x = layers.Concatenate(name="both")([x, layers.SeparableConv2D(3, 3, padding="same", name="separable")(x)])
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(4, name="scores")(x)
    return seeded(keras.Model(inputs, layers.Activation("softmax", name="softmax")(x), name="residual"))


def shared() -> Any:
    """One convolution that is called twice, joined by Keras operations; 8 × 8 × 3."""
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    twice = layers.Conv2D(3, 3, padding="same", activation="tanh", name="twice")
    x = twice(twice(inputs) * 0.5 + inputs)
    x = keras.ops.relu(x)
    return seeded(keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)), name="shared"))


def nested() -> Any:
    """Transfer learning: scaling, augmentation, a base that is called twice, a nested head; 16 × 16 × 3."""
    import keras
    from keras import layers

    base = keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
        ],
        name="base",
    )
    head = keras.Sequential(
        [
            layers.Input((8, 8, 4)),
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(6, activation="relu", name="hidden"),
            layers.Dense(4, activation="softmax", name="classes"),
        ],
        name="head",
    )
    inputs = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    x = layers.RandomFlip(name="flip")(x)
    x = layers.RandomRotation(0.2, name="rotate")(x)
    x = layers.GaussianNoise(1.0, name="noise")(x)
    x = layers.Average(name="mean")([base(x), base(layers.ReLU(max_value=0.5, name="clip")(x))])
    return seeded(keras.Model(inputs, head(layers.SpatialDropout2D(0.5, name="drop")(x)), name="nested"))


def one_sigmoid() -> Any:
    """Two classes by one sigmoid; 8 × 8 × 1."""
    import keras
    from keras import layers

    return seeded(
        keras.Sequential(
            [
                layers.Input((8, 8, 1)),
                layers.Conv2D(3, 3, activation="relu", name="conv"),
                layers.Flatten(),
                layers.Dense(1, activation="sigmoid", name="head"),
            ],
            name="one_sigmoid",
        )
    )


def logits() -> Any:
    """No last activation; 8 × 8 × 3."""
    import keras
    from keras import layers

    return seeded(
        keras.Sequential(
            [
                layers.Input((8, 8, 3)),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.GlobalMaxPooling2D(name="greatest"),
                layers.Dense(3, name="head"),
            ],
            name="logits",
        )
    )


def fully_convolutional() -> Any:
    """The head is a convolution with a softmax, reshaped behind it; 8 × 8 × 3."""
    import keras
    from keras import layers

    return seeded(
        keras.Sequential(
            [
                layers.Input((8, 8, 3)),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.GlobalAveragePooling2D(keepdims=True, name="average"),
                layers.Conv2D(5, 1, activation="softmax", name="head"),
                layers.Reshape((5,), name="reshape"),
            ],
            name="fully_convolutional",
        )
    )


ALL: dict[str, Callable[[], Any]] = {
    build.__name__: build for build in (sequential, residual, shared, nested, one_sigmoid, logits, fully_convolutional)
}


def seeded(model: Any, seed: int = 7) -> Any:
    """Give every weight a fixed random value; variances stay positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        fan = int(np.prod(weight.shape[:-1])) or 1
        values = rng.normal(0.1, 1.5 / np.sqrt(fan), weight.shape)
        if "variance" in weight.path:
            values = rng.uniform(0.5, 2.0, weight.shape)
        weight.assign(values.astype("float32"))
    return model
