"""A heatmap as two PNGs: alone, and as a layer to lay over the image.

A map that can have negative values is drawn in a diverging scale (red speaks for, blue against, white says nothing),
another in a sequential one. The layer's opacity follows the strength, so that where there is no evidence the image
shows untouched.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nnvis_dash.figures import theme

Heatmap = npt.NDArray[np.float32]


def is_flat(heatmap: Heatmap) -> bool:
    """Whether a heatmap has nothing to show: all values alike, or none that speaks for the class and none against."""
    return bool(heatmap.size == 0 or np.abs(heatmap).max() <= 0 or heatmap.max() - heatmap.min() <= 1e-12)


def is_signed(heatmap: Heatmap, traits: Set[str] = frozenset({"sign varies"})) -> bool:
    """Whether a heatmap is drawn in the diverging scale, as all of its method are, so that they can be compared.

    Parameters
    ----------
    heatmap : float array
        One, or those that stand side by side.
    traits : set of str
        Of the method: `positive` never is, `sign varies` is where there are negative values, any other always is.
    """
    if "positive" in traits:
        return False
    return bool("sign varies" not in traits or (heatmap.size and heatmap.min() < 0))


def shares(heatmap: Heatmap, clip: float = 100.0) -> Heatmap:
    """Return the values as shares of the strongest, −1..1.

    Parameters
    ----------
    heatmap : (H, W) float32
    clip : float
        Percentile of the absolute values that counts as the strongest; what is stronger is drawn like it.

    Returns
    -------
    (H, W) float32
        All zero for a flat map.
    """
    if is_flat(heatmap):
        return np.zeros_like(heatmap)
    return np.clip(heatmap / strongest(heatmap, clip), -1, 1)


def strongest(heatmap: Heatmap, clip: float = 100.0) -> float:
    """Return the absolute value that gets the strongest colour, as `shares` takes it; 0 for a flat map."""
    if is_flat(heatmap):
        return 0.0
    strength = np.abs(heatmap)
    return (float(np.percentile(strength, clip)) if clip < 100 else 0.0) or float(strength.max())


def pictures(
    heatmap: Heatmap, clip: float = 100.0, signed: bool | None = None, most: float | None = None
) -> tuple[bytes, bytes]:
    """Draw a heatmap alone and as an overlay.

    Parameters
    ----------
    heatmap : (H, W) float32
        A flat one is drawn flat: alone in the colour of nothing, the overlay wholly transparent.
    clip : float
        As `shares` takes it.
    signed : bool, optional
        Whether the scale is diverging; None: where there are negative values.
    most : float, optional
        The absolute value that gets the strongest colour, in place of the map's own.

    Returns
    -------
    (bytes, bytes)
        PNG files of H x W pixels: RGB, and RGBA with the strength as opacity.
    """
    share = np.clip(heatmap / most, -1, 1) if most and not is_flat(heatmap) else shares(heatmap, clip)
    return _drawn(share, is_signed(heatmap) if signed is None else signed)


def alike(heatmaps: Sequence[Heatmap], clip: float, signed: bool) -> list[tuple[bytes, bytes]]:
    """Draw heatmaps as `pictures` does, all in the scale of the strongest of them, so that they can be compared."""
    most = max((strongest(one, clip) for one in heatmaps), default=0.0)
    return [pictures(one, clip, signed, most) for one in heatmaps]


def _drawn(share: Heatmap, signed: bool) -> tuple[bytes, bytes]:
    rgb = _colours(share, signed)
    opacity = np.round(255 * np.sqrt(np.abs(share))).astype(np.uint8)
    return _png(rgb), _png(np.dstack([rgb, opacity]))


def exported(heatmap: Heatmap, clip: float, signed: bool, about: Mapping[str, Any]) -> bytes:
    """Return a heatmap alone as a PNG that says in its text chunk `nnvis` (JSON) how it was made."""
    text = PngInfo()
    text.add_text("nnvis", json.dumps(dict(about), ensure_ascii=True, sort_keys=True))
    return _png(_colours(shares(heatmap, clip), signed), text)


def data_uri(png: bytes) -> str:
    """Return a PNG as text that an `<img>` can show at once, without another request."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _colours(share: Heatmap, signed: bool) -> npt.NDArray[np.uint8]:
    """Return (H, W, 3) colours of shares −1..1."""
    if signed:
        return theme.lookup(theme.EVIDENCE, 511)[np.round(255 * share).astype(np.int16) + 255]
    return theme.lookup(theme.HEAT)[np.round(255 * share).astype(np.uint8)]


def _png(pixels: npt.NDArray[np.uint8], text: PngInfo | None = None) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1, pnginfo=text)
    return stream.getvalue()
