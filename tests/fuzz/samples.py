"""The small good inputs that are changed: images of every format and kind, arrays, and the models of tests/security."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.security.crafted import dense, keras_object, layer, sequential, write_h5
from tests.unit.workspace.files import pixels


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def images() -> dict[str, bytes]:
    """Return encoded images of 7 × 9 pixels by name; the name ends as the file would."""
    colour, grey = Image.fromarray(pixels(1, 7, 9, 3)), Image.fromarray(pixels(2, 7, 9))
    alpha, deep = Image.fromarray(pixels(3, 7, 9, 4)), Image.fromarray(pixels(4, 7, 9).astype(np.uint16) * 257)
    palette, floats = colour.quantize(16), Image.fromarray(pixels(5, 7, 9).astype(np.float32) / 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [grey.convert("RGB"), colour]}
    return {
        "rgb.png": _saved(colour, "PNG"),
        "grey.png": _saved(grey, "PNG", exif=exif),
        "alpha.png": _saved(alpha, "PNG"),
        "deep.png": _saved(deep, "PNG"),
        "palette.png": _saved(palette, "PNG", transparency=3),
        "bit.png": _saved(grey.convert("1"), "PNG"),
        "moving.png": _saved(colour, "PNG", **frames),
        "rgb.jpg": _saved(colour, "JPEG", exif=exif),
        "grey.jpg": _saved(grey, "JPEG", progressive=True),
        "cmyk.jpg": _saved(colour.convert("CMYK"), "JPEG"),
        "rgb.webp": _saved(colour, "WEBP", exif=exif),
        "lossless.webp": _saved(alpha, "WEBP", lossless=True),
        "moving.webp": _saved(colour, "WEBP", **frames),
        "rgb.bmp": _saved(colour, "BMP"),
        "palette.bmp": _saved(palette, "BMP"),
        "palette.gif": _saved(palette, "GIF", transparency=2),
        "moving.gif": _saved(colour, "GIF", **frames),
        "rgb.tif": _saved(colour, "TIFF"),
        "packed.tif": _saved(colour, "TIFF", compression="tiff_lzw"),
        "deflated.tif": _saved(grey, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": _saved(colour, "TIFF", compression="jpeg"),
        "bits.tif": _saved(grey.convert("1"), "TIFF", compression="group4"),
        "deep.tif": _saved(deep, "TIFF"),
        "float.tif": _saved(floats, "TIFF"),
        "several.tif": _saved(colour, "TIFF", **frames),
    }


@functools.cache
def descriptions() -> tuple[dict[str, Any], ...]:
    """Return descriptions of models: plain, with a regularizer, with other layers and a policy, nested."""
    padded = layer("ZeroPadding2D", padding=[[1, 1], [1, 1]], data_format="channels_last")
    pooled = layer("MaxPooling2D", pool_size=[2, 2], padding="valid", strides=[2, 2], data_format="channels_last")
    policy = keras_object("keras", "DTypePolicy", {"name": "float32"})
    return (
        sequential(),
        sequential(layer("Dropout", rate=0.5, seed=None), layer("Flatten"), dense(kernel_regularizer="l2")),
        sequential(padded, pooled, layer("ReLU", max_value=6.0), layer("Flatten"), dense(dtype=policy)),
        sequential(sequential(layer("TimeDistributed", layer=dense()))),
    )


@functools.cache
def old_h5() -> bytes:
    """Return an .h5 file as Keras 2 wrote it."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return write_h5(Path(folder) / "m.h5").read_bytes()
