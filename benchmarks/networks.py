"""The networks that benchmarks run: the usual shapes, random weights."""

from __future__ import annotations

from typing import Any

import numpy as np

VGG = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def vgg16_at_32() -> Any:
    """Return VGG-16's 13 convolutions for 32 × 32 images, one hidden dense layer and 10 classes."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((32, 32, 3))
    for entry in VGG:
        x = (
            layers.MaxPooling2D()(x)
            if isinstance(entry, str)
            else layers.Conv2D(entry, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
        )
    x = layers.Dense(512, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="vgg16_at_32")


def mobilenet_at_224() -> Any:
    """Return keras.applications' MobileNet for 224 × 224 images and 1,000 classes."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNet((224, 224, 3), weights=None)
    return _calibrated(model)


def vgg16_at_224() -> Any:
    """Return keras.applications' VGG-16 for 224 × 224 images and 1,000 classes."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(weights=None)


def resnet50_at_224() -> Any:
    """Return keras.applications' ResNet-50 for 224 × 224 images and 1,000 classes."""
    import keras

    keras.utils.set_random_seed(0)
    return _calibrated(keras.applications.ResNet50(weights=None))


def _calibrated(model: Any) -> Any:
    """Let every batch normalisation take its statistics from some images, so that activations are of a usual size."""
    import keras

    scaling = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in scaling:
        layer.momentum = 0.0
    model(np.random.default_rng(2).uniform(0, 1, (8, *model.input_shape[1:])).astype("float32"), training=True)
    for layer in scaling:
        layer.momentum = 0.99
    return model
