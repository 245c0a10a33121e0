"""The networks of the tests, layer by layer in plain Keras calls with masks: what freezing is held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests import networks


def vgg_like() -> Any:
    """Pairs of convolutions and pooling, two dense layers, a softmax; 16 × 16 × 3."""
    import keras
    from keras import layers

    return networks.seeded(
        keras.Sequential(
            [
                layers.Input((16, 16, 3)),
                layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1_1"),
                layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1_2"),
                layers.MaxPooling2D(name="pool1"),
                layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2_1"),
                layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2_2"),
                layers.MaxPooling2D(name="pool2"),
                layers.Flatten(name="flatten"),
                layers.Dense(10, activation="relu", name="fc1"),
                layers.Dense(5, activation="softmax", name="predictions"),
            ],
            name="vgg_like",
        )
    )


class Flow:
    """Calls layers, keeps what each puts out, and hands it on multiplied by its mask."""

    def __init__(self, masks: dict[str, np.ndarray]) -> None:
        self.masks = masks
        self.outputs: dict[str, Any] = {}

    def __call__(self, name: str, layer: Any, x: Any) -> Any:
        self.outputs[name] = layer(x, training=False)
        return self.outputs[name] * self.masks[name] if name in self.masks else self.outputs[name]


def in_a_row(model: Any, x: Any, flow: Flow) -> Any:
    """Go through a Sequential model."""
    for layer in model.layers:
        x = flow(layer.name, layer, x)
    return x


def residual(model: Any, x: Any, flow: Flow) -> Any:
    """Go through `networks.residual`."""
    layer = model.get_layer
    stem = flow("stem", layer("stem"), x)
    branch = flow("norm", layer("norm"), stem)
    branch = flow("depthwise", layer("depthwise"), flow("relu", layer("relu"), branch))
    x = flow("sum", layer("sum"), [stem, branch])
    x = flow("both", layer("both"), [x, flow("separable", layer("separable"), x)])
    x = flow("average", layer("average"), x)
    return flow("softmax", layer("softmax"), flow("scores", layer("scores"), x))


def nested(model: Any, x: Any, flow: Flow) -> Any:
    """Go through `networks.nested`, whose base is called twice."""
    layer = model.get_layer
    base, head = layer("base"), layer("head")

    def through(name: str, x: Any) -> Any:
        x = flow(f"{name}/conv", base.get_layer("conv"), x)
        return flow(f"{name}/norm", base.get_layer("norm"), x)

    x = flow("scale", layer("scale"), x)
    x = flow("mean", layer("mean"), [through("base", x), through("base:1", flow("clip", layer("clip"), x))])
    for name in ("average", "hidden", "classes"):
        x = flow(f"head/{name}", head.get_layer(name), x)
    return x


BY_HAND: dict[str, tuple[Callable[[], Any], Callable[[Any, Any, Flow], Any]]] = {
    "vgg_like": (vgg_like, in_a_row),
    "sequential": (networks.sequential, in_a_row),
    "residual": (networks.residual, residual),
    "nested": (networks.nested, nested),
}
