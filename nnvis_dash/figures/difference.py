"""Prediction difference maps as PNGs: evidence for (red) and against (blue) on one symmetric scale, and their errors.

What is not computed yet is NaN and drawn in a grey that no value has; as a layer over the image it is transparent.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nnvis_dash.figures import theme

Map = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

UNKNOWN = (226, 230, 236)  # no colour of a scale
ROUNDING = 1e-6  # what is smaller is no evidence, only float32
PALE = 0.4  # how much of the image's contrast is left under a map


def limit(values: Map, clip: float = 100.0) -> float:
    """Return the value that gets the strongest colour: a percentile of the absolute values; 0 for a flat map."""
    known = np.abs(values[np.isfinite(values)])
    if not known.size or known.max() < ROUNDING:
        return 0.0
    strongest = float(np.percentile(known, clip)) if clip < 100 else float(known.max())
    return strongest if strongest >= ROUNDING else float(known.max())


def map_picture(values: Map, strongest: float, over: bool = False, about: Mapping[str, Any] | None = None) -> bytes:
    """Draw a map in diverging colours.

    Parameters
    ----------
    values : (H, W) float32
        NaN: not computed yet.
    strongest : float
        The absolute value of the strongest colours; 0 draws everything white.
    over : bool
        As a layer to lay over the image, its opacity the strength; else alone.
    about : mapping, optional
        Goes into the text chunk `nnvis` as JSON.

    Returns
    -------
    bytes
        PNG file, RGBA or RGB.
    """
    known = np.isfinite(values)
    share = np.clip(np.where(known, values, 0) / strongest, -1, 1) if strongest > 0 else np.zeros(values.shape)
    rgb = theme.lookup(theme.EVIDENCE, 511)[np.round(255 * share).astype(np.int16) + 255]
    if over:
        return _png(np.dstack([rgb, np.round(255 * np.sqrt(np.abs(share))).astype(np.uint8)]), about)
    rgb[~known] = UNKNOWN
    return _png(rgb, about)


def error_picture(errors: Map, strongest: float) -> bytes:
    """Draw standard errors, dark to light as they grow; `errors` (H, W) float32, `strongest` the lightest's value."""
    known = np.isfinite(errors)
    share = np.clip(np.where(known, errors, 0) / strongest, 0, 1) if strongest > 0 else np.zeros(errors.shape)
    rgb = theme.lookup(theme.HEAT)[np.round(255 * share).astype(np.uint8)]
    rgb[~known] = UNKNOWN
    return _png(rgb)


def image_picture(image: Pixels, grey: bool = False) -> bytes:
    """Draw an image (H, W, C) uint8; `grey`: without colour and paler, so that a map over it is read by its colours."""
    pixels = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image[..., :3]
    if grey:
        light = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
        pale = np.round(255 - PALE * (255 - light)).astype(np.uint8)
        pixels = np.repeat(pale[..., None], 3, axis=-1)
    return _png(np.ascontiguousarray(pixels))


def tiles(images: Pixels) -> bytes:
    """Draw images (n, h, w, C) uint8 beside one another, without gaps."""
    return image_picture(np.concatenate(list(images), axis=1))


def _png(pixels: npt.NDArray[np.uint8], about: Mapping[str, Any] | None = None) -> bytes:
    text = None
    if about is not None:
        text = PngInfo()
        text.add_text("nnvis", json.dumps(dict(about), ensure_ascii=True, sort_keys=True))
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1, pnginfo=text)
    return stream.getvalue()
