"""A positive heatmap as two PNGs: alone, and as a layer to lay over the image.

The layer's opacity follows the value, so that where there is no evidence the image shows untouched.
"""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from nnvis_dash.figures import theme


def is_flat(heatmap: npt.NDArray[np.float32]) -> bool:
    """Whether a heatmap has nothing to show: no positive value, or all values alike."""
    return bool(heatmap.size == 0 or heatmap.max() <= 0 or heatmap.max() - heatmap.min() <= 1e-12)


def pictures(heatmap: npt.NDArray[np.float32]) -> tuple[bytes, bytes]:
    """Draw a heatmap alone and as an overlay.

    Parameters
    ----------
    heatmap : (H, W) float32, >= 0
        A flat one is drawn flat: alone in the lowest colour, the overlay wholly transparent.

    Returns
    -------
    (bytes, bytes)
        PNG files of H x W pixels: RGB, and RGBA with the value as opacity.
    """
    share = np.zeros_like(heatmap) if is_flat(heatmap) else np.clip(heatmap / heatmap.max(), 0, 1)
    level = np.round(share * 255).astype(np.uint8)
    rgb = theme.lookup(theme.HEAT)[level]
    opacity = np.round(255 * np.sqrt(share)).astype(np.uint8)
    return _png(rgb), _png(np.dstack([rgb, opacity]))


def data_uri(png: bytes) -> str:
    """Return a PNG as text that an `<img>` can show at once, without another request."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
