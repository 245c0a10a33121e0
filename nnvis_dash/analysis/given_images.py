"""Images as a person gives them, fitted to a classifier's input: raw pixels, or an error that says what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images, ModelCard
from nnvis_dash.workspace.pixels import fit_batch


def fitted(card: ModelCard, images: Any) -> Images:
    """Return images as the classifier of a card takes them; see `Classifier.prepare`."""
    size = card.input_shape
    if isinstance(images, (list, tuple)):
        if len({np.shape(image) for image in images}) > 1:
            return np.concatenate([fitted(card, np.asarray(image)[None]) for image in images])
        images = np.stack(images) if len(images) else np.empty((0, *size), np.uint8)
    images = four_axes(np.asarray(images), size[2])
    if images.shape[3] not in (1, 3):
        raise ParameterError(
            f"The images have {images.shape[3]} channels; the classifier {card.name!r} takes {size[2]}",
            "Give grey or RGB images, channels last.",
        )
    images = _raw_pixels(images)
    if images.shape[1:] == size:
        return images
    if images.dtype != np.uint8:
        raise ParameterError(
            f"The images are {_times(images.shape[1:])} with fractions; the classifier {card.name!r} "
            f"takes {_times(size)}",
            "Only whole numbers 0..255 (uint8) are resized: round them first, or give the right size.",
        )
    return fit_batch(images, size, card.resize)


def four_axes(images: Images, channels: int) -> Images:
    """Return images as (N, H, W, C) for so many channels; ParameterError for a shape that can't be that."""
    if images.ndim == 3 and channels == 1 and images.shape[2] > 1:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ParameterError(
            f"The images have the shape {images.shape}",
            f"Give (N, height, width, {channels}); for one image: image[None].",
        )
    return images


def _raw_pixels(images: Images) -> Images:
    """Return images as uint8 where they are whole bytes, as finite float32 otherwise."""
    if images.dtype == np.uint8:
        return images
    if images.dtype == np.bool_:
        raise ParameterError("The images are true or false", "Give pixels 0..255: images.astype('uint8') * 255.")
    if np.issubdtype(images.dtype, np.integer):
        if images.size == 0 or (images.min() >= 0 and images.max() <= 255):
            return images.astype(np.uint8)
        raise ParameterError(
            f"The images have pixels from {images.min()} to {images.max()}", "Give raw pixels, 0..255."
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise ParameterError(f"The images are of type {images.dtype}", "Give raw pixels, 0..255, as uint8 or float32.")
    bad = ~np.isfinite(images).reshape(len(images), -1).all(axis=1)
    if bad.any():
        raise ParameterError(
            f"Image {int(bad.argmax())} holds NaN or infinity ({int(bad.sum())} of {len(images)} images do)",
            "Give finite pixels, 0..255.",
        )
    return images.astype(np.float32, copy=False)


def _times(shape: Sequence[int]) -> str:
    return " × ".join(str(size) for size in shape)
