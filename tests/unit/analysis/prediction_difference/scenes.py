"""Images with structure, a small classifier, and what the tests compute in another way."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import ndimage

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from tests.unit.analysis.incremental.graphs import classifier

SHAPE = (10, 9, 3)
LAPLACE = 100_000


def smooth(n: int, shape: tuple[int, int, int] = SHAPE, sigma: float = 1.5, seed: int = 0) -> Any:
    """Return n uint8 images whose pixels resemble their neighbours; the middle of the range, never its ends."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.normal(size=(n, *shape)), (0, sigma, sigma, 0), mode="wrap")
    fields = fields / fields.std() * 25 + rng.normal(0, 12, (n, 1, 1, shape[2]))
    return np.clip(np.rint(fields + 128), 40, 215).astype(np.uint8)


def small(shape: tuple[int, int, int] = SHAPE, **more: Any) -> Classifier:
    """Return a classifier of one convolution whose probabilities are neither 0 nor 1."""

    def body(layers: Any, x: Any) -> Any:
        x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
        return layers.MaxPooling2D(name="pool")(x)

    clf = classifier(body, shape, **more)
    head = clf.model.get_layer("head")
    kernel, bias = head.get_weights()
    head.set_weights([8 * kernel, bias])
    return clf


def linear(shape: tuple[int, int, int], k: int = 3, seed: int = 0) -> tuple[Classifier, Any]:
    """Return a classifier whose logits are w · x + b, and w as (h, w, C, K), for raw pixels."""
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(k, "softmax")])
    weights = np.random.default_rng(seed).normal(0, 0.01, (int(np.prod(shape)), k)).astype(np.float32)
    model.layers[-1].set_weights([weights, np.linspace(-0.5, 0.5, k)])
    return Classifier.from_keras(model, preprocessing="raw"), weights.reshape(*shape, k).astype(np.float64)


def unbounded(model: PatchModel) -> PatchModel:
    """Return the model without a range of pixels, so that nothing is clipped."""
    return dataclasses.replace(model, low=-1e6, high=1e6)


def covariances(model: PatchModel) -> Any:
    """Return (l, l, C, l, l, C): the covariance of a patch's pixels, over all channels or one by one."""
    side, channels = model.outer, model.mean.shape[2]
    if len(model.cholesky) == 1:
        return (model.cholesky[0] @ model.cholesky[0].T).reshape((side, side, channels) * 2)
    whole = np.zeros((side, side, channels) * 2)
    for channel, factor in enumerate(model.cholesky):
        whole[:, :, channel, :, :, channel] = (factor @ factor.T).reshape((side, side) * 2)
    return whole


def conditional(model: PatchModel, image: Any, corner: tuple[int, int], patch: tuple[int, int], window: int) -> Any:
    """Return mean (k, k, C) and covariance (k·k·C, k·k·C) of a window, given the rest of the patch at `patch`."""
    side, channels = model.outer, model.mean.shape[2]
    hidden = np.zeros((side, side, channels), bool)
    top, left = corner[0] - patch[0], corner[1] - patch[1]
    hidden[top : top + window, left : left + window] = True
    hidden = hidden.ravel()
    size = side * side * channels
    covariance = covariances(model).reshape(size, size)
    x = np.asarray(image, np.float64)[patch[0] : patch[0] + side, patch[1] : patch[1] + side].ravel()
    mean = model.mean.astype(np.float64).ravel()
    inverse = np.linalg.inv(covariance[np.ix_(~hidden, ~hidden)])
    gain = covariance[np.ix_(hidden, ~hidden)] @ inverse
    found = mean[hidden] + gain @ (x[~hidden] - mean[~hidden])
    rest = covariance[np.ix_(hidden, hidden)] - gain @ covariance[np.ix_(~hidden, hidden)]
    return found.reshape(window, window, channels), rest


def patch_corner(corner: tuple[int, int], window: int, outer: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return where the patch around a window lies: in its middle, inside the image."""
    first, second = (
        min(max(at - (outer - window) // 2, 0), extent - outer) for at, extent in zip(corner, size, strict=True)
    )
    return first, second


def starts(size: int, window: int, stride: int) -> list[int]:
    """Return where windows begin along one axis: the last one ends with the image."""
    found = list(range(0, size - window + 1, stride))
    return found if found[-1] == size - window else [*found, size - window]


def bits(p: Any, k: int, laplace: int = LAPLACE) -> Any:
    """Return the log-odds of probabilities with the Laplace correction, as the paper has them."""
    p = (np.asarray(p, np.float64) * laplace + 1) / (laplace + k)
    return np.log2(p / (1 - p))
