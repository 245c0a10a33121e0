"""The six networks of the demo: three of different strength for each dataset, with how each is trained.

Keras is imported when a network is built, never with this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Network:
    """One network and the choices its training needs.

    `build` takes the input shape and the name and returns an uncompiled Keras model of ten classes. `shift` is the
    most pixels by which training images are moved along each axis, `mirror` whether half of them are mirrored left to
    right; nothing is ever turned, so that what a network knows of orientations is what the dataset shows.
    """

    name: str
    dataset: str
    build: Callable[[Shape, str], Any]
    preprocessing: str  # "unit", or "raw" where the network has a Rescaling layer of its own
    epochs: int
    summary: str
    learning_rate: float = 3e-3
    batch_size: int = 32
    shift: int = 2
    mirror: bool = False
    seed: int = 1


def digits_small(shape: Shape, name: str) -> Any:
    """Build two narrow convolutions that see the digit coarsely."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input(shape),
            layers.Conv2D(4, 5, strides=2, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(12, activation="relu", name="dense1"),
            layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name=name,
    )


def digits_medium(shape: Shape, name: str) -> Any:
    """Build three convolutions behind a Rescaling layer: takes raw pixels, 0..255."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input(shape),
            layers.Rescaling(1 / 255, name="rescaling"),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv3"),
            layers.MaxPooling2D(2, name="pool3"),
            layers.Flatten(name="flatten"),
            layers.Dense(32, activation="relu", name="dense1"),
            layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name=name,
    )


def digits_large(shape: Shape, name: str) -> Any:
    """Build five convolutions with batch normalisation and a dense layer with dropout."""
    from keras import Input, Sequential, layers

    stack: list[Any] = [Input(shape)]
    for index, width in enumerate((16, 16, 32, 32, 48), start=1):
        stack.append(layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{index}"))
        stack.append(layers.BatchNormalization(name=f"norm{index}"))
        stack.append(layers.ReLU(name=f"relu{index}"))
        if index in (2, 4):
            stack.append(layers.MaxPooling2D(2, name=f"pool{index // 2}"))
    stack += [
        layers.MaxPooling2D(2, name="pool3"),
        layers.Flatten(name="flatten"),
        layers.Dense(64, activation="relu", name="dense1"),
        layers.Dropout(0.3, name="dropout"),
        layers.Dense(10, activation="softmax", name="probabilities"),
    ]
    return Sequential(stack, name=name)


def shapes_small(shape: Shape, name: str) -> Any:
    """Build three narrow convolutions."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input(shape),
            layers.Conv2D(8, 5, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Conv2D(24, 3, padding="same", activation="relu", name="conv3"),
            layers.MaxPooling2D(2, name="pool3"),
            layers.Flatten(name="flatten"),
            layers.Dense(32, activation="relu", name="dense1"),
            layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name=name,
    )


def shapes_medium(shape: Shape, name: str) -> Any:
    """Build four convolutions with batch normalisation behind a Rescaling layer: takes raw pixels, 0..255."""
    from keras import Input, Sequential, layers

    stack: list[Any] = [Input(shape), layers.Rescaling(1 / 255, name="rescaling")]
    for index, width in enumerate((16, 24, 32, 48), start=1):
        stack.append(layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{index}"))
        stack.append(layers.BatchNormalization(name=f"norm{index}"))
        stack.append(layers.ReLU(name=f"relu{index}"))
        if index < 4:
            stack.append(layers.MaxPooling2D(2, name=f"pool{index}"))
    stack += [
        layers.GlobalAveragePooling2D(name="average"),
        layers.Dense(48, activation="relu", name="dense1"),
        layers.Dense(10, activation="softmax", name="probabilities"),
    ]
    return Sequential(stack, name=name)


def shapes_vgg13(shape: Shape, name: str) -> Any:
    """Build VGG-16's 13 convolutions, narrow, with batch normalisation.

    Departs from Simonyan and Zisserman, arXiv:1409.1556, configuration D: widths 16 to 64 instead of 64 to 512; batch
    normalisation; the fourth block isn't pooled, so that at 32 × 32 pixels the last convolution still has a map of
    4 × 4; one dense layer instead of two of 4,096.
    """
    from keras import Input, Sequential, layers

    stack: list[Any] = [Input(shape)]
    for block, (n_convolutions, width) in enumerate(((2, 16), (2, 32), (3, 48), (3, 64), (3, 64)), start=1):
        for index in range(1, n_convolutions + 1):
            label = f"block{block}_conv{index}"
            stack.append(
                layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=label)
            )
            stack.append(layers.BatchNormalization(name=f"{label}_norm"))
            stack.append(layers.ReLU(name=f"{label}_relu"))
        if block != 4:
            stack.append(layers.MaxPooling2D(2, name=f"block{block}_pool"))
    stack += [
        layers.Flatten(name="flatten"),
        layers.Dense(64, activation="relu", name="dense1"),
        layers.Dropout(0.3, name="dropout"),
        layers.Dense(10, activation="softmax", name="probabilities"),
    ]
    return Sequential(stack, name=name)


NETWORKS: tuple[Network, ...] = (
    Network("digits-small", "digits", digits_small, "unit", 6, "2 narrow convolutions", shift=0),
    Network("digits-medium", "digits", digits_medium, "raw", 4, "3 convolutions, rescales by itself", shift=1),
    Network("digits-large", "digits", digits_large, "unit", 14, "5 convolutions, batch normalisation"),
    Network("shapes-small", "shapes", shapes_small, "unit", 40, "3 narrow convolutions", mirror=True),
    Network("shapes-medium", "shapes", shapes_medium, "raw", 26, "4 convolutions, rescales by itself", mirror=True),
    Network(
        "shapes-vgg13",
        "shapes",
        shapes_vgg13,
        "unit",
        28,
        "VGG-16's 13 convolutions, narrow",
        learning_rate=1.5e-3,
        shift=3,
        mirror=True,
    ),
)
