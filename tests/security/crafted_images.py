"""Image files written byte by byte, so that their headers can say anything."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(*shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8))


def chunk(kind: bytes, content: bytes, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    width: int, height: int, *, bits: int = 8, colour: int = 2, interlace: int = 0, before: bytes = b"",
    data: bytes | None = None, end: bool = True, crc: int | None = None,
) -> bytes:  # fmt: skip
    """Return a PNG that claims a size; `before` are chunks in front of the pixels, `data` the pixels to be packed."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    pixels = zlib.compress(bytes(64) if data is None else data)
    whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header, crc) + before + chunk(b"IDAT", pixels)
    return whole + (chunk(b"IEND", b"") if end else b"")


def grey_png(before: bytes = b"") -> bytes:
    """Return a whole PNG of 2 × 2 grey pixels with chunks in front of them."""
    return png(2, 2, colour=0, before=before, data=b"\x00\x01\x02" * 2)


def tiff(*entries: tuple[int, int, int, int], pixels: bytes = bytes(16), following: int = 0) -> bytes:
    """Return a TIFF of one directory: (tag, type, count, value) each; `following` is where the next one is."""
    listed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    place = 8 + len(pixels)
    return b"II*\x00" + struct.pack("<I", place) + pixels + struct.pack("<H", len(entries)) + listed + struct.pack(
        "<I", following
    )  # fmt: skip


def grey_tiff(width: int = 4, height: int = 4, **more: Any) -> bytes:
    """Return a TIFF of grey pixels; `more` are entries by tag (`t273=(type, count, value)`)."""
    entries = {
        256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8),
        277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, width * height),
    }  # fmt: skip
    following = more.pop("following", 0)
    entries |= {int(tag[1:]): entry for tag, entry in more.items()}
    return tiff(*((tag, *entry) for tag, entry in entries.items()), following=following)


def jpeg_claiming(width: int, height: int) -> bytes:
    """Return a JPEG of 16 × 16 pixels whose frame header says otherwise."""
    data = bytearray(saved(noise(16, 16, 3), "JPEG"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """Return a progressive JPEG that goes over its pixels again and again, a few bytes each time."""
    data = saved(Image.new("L", (side, side), 100), "JPEG", progressive=True, quality=50)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + b"\xff\xd9"


def gif_claiming(width: int, height: int) -> bytes:
    """Return a GIF whose screen and frame say a size."""
    data = bytearray(saved(noise(4, 4), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    place = data.index(b",") + 5
    data[place : place + 4] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp_claiming(width: int, height: int, **fields: int) -> bytes:
    """Return a BMP whose header says a size; further fields by name."""
    data = bytearray(saved(noise(4, 4, 3), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    for name, value in fields.items():
        place, form = {"bits": (28, "<H"), "compression": (30, "<I"), "header": (14, "<I"), "offset": (10, "<I")}[name]
        struct.pack_into(form, data, place, value)
    return bytes(data)


def webp_claiming(width: int, height: int) -> bytes:
    """Return an extended WebP (VP8X) whose canvas says a size."""
    canvas = struct.pack("<I", 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    inner = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + saved(noise(4, 4, 3), "WEBP", lossless=True)[12:]
    return b"RIFF" + struct.pack("<I", len(inner)) + inner
