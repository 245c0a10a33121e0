"""Encoded images to pixels, and pixels to the size that a classifier wants.

Files are not trusted: only six formats are opened, the size is checked against a limit before anything is decoded, and
whatever Pillow raises on a damaged file becomes a DatasetError. Every image becomes uint8, (H, W, 1) or (H, W, 3), and
says which conversion that took.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from nnvis_dash.errors import DatasetError, ParameterError
from nnvis_dash.types import Images, Resize

Pixels = npt.NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"})
MAX_PIXELS = 50_000_000
MAX_SCANS = 200  # of a progressive JPEG, which needs about ten: each costs a pass over all pixels, in a few bytes

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # our own limit stands before it

_FORMATS_MEND = "Use PNG, JPEG, WebP, BMP, GIF or TIFF."
_SCAN = b"\xff\xda"
_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's readers raise on damaged files, beside UnidentifiedImageError (an OSError).
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    AssertionError,  # a palette that a header promises and the file doesn't have
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
)


def decode(data: bytes, max_pixels: int = MAX_PIXELS, name: str = "image") -> Pixels:
    """Decode an encoded image, turned as its EXIF orientation says.

    Parameters
    ----------
    data : bytes
        A PNG, JPEG, WebP, BMP, GIF or TIFF file; of an animation the first frame is taken.
    max_pixels : int
        Largest height × width that is decoded.
    name : str
        The file's own name, for the message.

    Returns
    -------
    (H, W, C) uint8, C 1 or 3
        Alpha is composited over white; 16-bit values are divided by 257.

    Raises
    ------
    DatasetError
        Not one of the formats, damaged, or too large.
    """
    return decode_noted(data, max_pixels, name)[0]


def decode_noted(data: bytes, max_pixels: int = MAX_PIXELS, name: str = "image") -> tuple[Pixels, tuple[str, ...]]:
    """Decode as `decode` does, and name the conversions that were made ("palette to RGB")."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise _too_large(name, f"{width} × {height} pixels", max_pixels)
            if image.format in ("JPEG", "MPO") and data.count(_SCAN) > MAX_SCANS:
                raise DatasetError(
                    f"The image {name!r} is a JPEG of {data.count(_SCAN):,} scans; at most {MAX_SCANS} are read",
                    "Save it again as an ordinary JPEG.",
                )
            notes = ["first frame of several"] if getattr(image, "is_animated", False) else []
            image.load()
            turn = _TURNS.get(_orientation(image))
            converted, conversion = _to_8_bit(image, name)
    except Image.DecompressionBombError:
        raise _too_large(name, "far too many pixels", max_pixels) from None
    except UnidentifiedImageError:
        raise DatasetError(
            f"The file {name!r} is not an image that can be read",
            f"{_FORMATS_MEND} Or leave such files out (--skip-unreadable, skip_unreadable=True).",
        ) from None
    except _DAMAGED:
        raise DatasetError(
            f"The image {name!r} is damaged or incomplete",
            "Replace or remove it, or leave such images out (--skip-unreadable, skip_unreadable=True).",
        ) from None
    if conversion:
        notes.append(conversion)
    if turn is not None:
        converted = converted.transpose(turn)
        notes.append("turned as EXIF says")
    pixels = np.asarray(converted)
    return (pixels[:, :, None] if pixels.ndim == 2 else pixels), tuple(notes)


def _too_large(name: str, size: str, max_pixels: int) -> DatasetError:
    return DatasetError(
        f"The image {name!r} has {size}; at most {max_pixels:,} are read",
        "Make it smaller, or raise the setting NNVIS_MAX_PIXELS.",
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 where there is none or it can't be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _DAMAGED:
        return 1
    return value if isinstance(value, int) else 1


def _to_8_bit(image: Image.Image, name: str) -> tuple[Image.Image, str]:
    """Return the image in mode L or RGB, and the conversion that took."""
    mode = image.mode
    if image.has_transparency_data:
        grey = mode in ("L", "LA", "La", "1")
        colours = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        white.alpha_composite(colours)
        return white.convert("L" if grey else "RGB"), "alpha over white"
    if mode in ("L", "RGB"):
        return image, ""
    if mode == "1":
        return image.convert("L"), "1-bit to greyscale"
    if mode == "P":
        return image.convert("RGB"), "palette to RGB"
    if mode in ("CMYK", "YCbCr", "RGBX"):
        return image.convert("RGB"), f"{mode} to RGB"
    if mode.startswith("I") or mode == "F":
        values = np.asarray(image).astype(np.float32)
        low, high = float(values.min()), float(values.max())
        if mode == "F" and low >= 0 and high <= 1:
            return Image.fromarray(np.rint(values * 255).astype(np.uint8)), "floats in 0..1 times 255"
        if low >= 0 and high <= 255 and not mode.startswith("I;16"):
            return Image.fromarray(np.rint(values).astype(np.uint8)), "numbers in 0..255 to 8 bits"
        if low >= 0 and high <= 65535 and mode != "F":
            return Image.fromarray(np.rint(values / 257).astype(np.uint8)), "16 bits to 8"
    raise DatasetError(f"The image {name!r} has pixels of the kind {mode!r}", "Save it as 8-bit RGB or greyscale.")


def encode_png(image: Images, side: int = 0) -> bytes:
    """Encode (H, W, 1), (H, W, 3) or (H, W) uint8 as PNG, made smaller where its longer side exceeds `side` pixels."""
    stream = io.BytesIO()
    picture = _picture(np.asarray(image))
    if 0 < side < max(picture.size):
        picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    picture.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def fit(image: Images, height: int, width: int, channels: int, resize: Resize = "squash") -> Pixels:
    """Fit one image to a classifier's input: greyscale or RGB, then bilinear with antialiasing.

    Parameters
    ----------
    image : (H, W, C) uint8, C 1 or 3
    height, width, channels : int
        The input's size; channels 1 (luma of ITU-R 601) or 3.
    resize : "squash" or "crop"
        Squash ignores the aspect ratio; crop takes the largest centred part that has the input's.

    Returns
    -------
    (height, width, channels) uint8
        The image itself where nothing is to be done.

    Raises
    ------
    ParameterError
        A size, number of channels or `resize` that isn't possible.
    """
    _check_size(height, width, channels, resize)
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.dtype != np.uint8:
        raise ParameterError(
            f"An image of shape {image.shape} and type {image.dtype} can't be fitted",
            "Give (height, width, 1 or 3) uint8.",
        )
    if image.shape == (height, width, channels):
        return image
    if image.shape[:2] == (height, width) and channels == 3:
        return np.repeat(image, 3, axis=2)
    picture = _picture(image)
    if channels == 1 and image.shape[2] == 3:
        picture = picture.convert("L")
    if image.shape[:2] != (height, width):
        box = None
        if resize == "crop":
            tall, wide = image.shape[:2]
            scale = min(wide / width, tall / height)
            left, top = (wide - width * scale) / 2, (tall - height * scale) / 2
            box = (max(left, 0.0), max(top, 0.0), min(left + width * scale, wide), min(top + height * scale, tall))
        picture = picture.resize((width, height), Image.Resampling.BILINEAR, box=box)
    pixels = np.asarray(picture)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] < channels else pixels


def fit_batch(images: Images | Iterable[Images], size: tuple[int, int, int], resize: Resize = "squash") -> Pixels:
    """Fit images to `size` (height, width, channels) as `fit` does.

    Parameters
    ----------
    images : (N, H, W, C) uint8, or an iterable of (H, W, C) uint8 of any sizes

    Returns
    -------
    (N, height, width, channels) uint8
        `images` itself, not a copy, where it is an array of that size.
    """
    _check_size(*size, resize)
    if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:] == size:
        return images
    fitted = [fit(image, *size, resize) for image in images]
    return np.stack(fitted) if fitted else np.zeros((0, *size), dtype=np.uint8)


def _check_size(height: int, width: int, channels: int, resize: str) -> None:
    if resize not in ("squash", "crop"):
        raise ParameterError(f"There is no way to resize named {resize!r}", "Use squash or crop.")
    if channels not in (1, 3):
        raise ParameterError(f"Images can't be given {channels} channels", "Use a classifier with 1 or 3 channels.")
    if height < 1 or width < 1:
        raise ParameterError(f"Images can't be fitted to {height} × {width} pixels", "Give a size of 1 or more.")


def _picture(image: npt.NDArray[Any]) -> Image.Image:
    """Return a Pillow image of (H, W, 1), (H, W, 3) or (H, W) uint8."""
    return Image.fromarray(np.ascontiguousarray(image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image))
