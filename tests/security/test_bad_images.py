"""Images that lie, break off, or are none: each is refused in words, a large one before it is unpacked."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from nnvis_dash.workspace.pixels import MAX_SCANS
from nnvis_dash.workspace.store import Workspace
from tests.security.crafted_images import (
    bmp_claiming,
    chunk,
    gif_claiming,
    grey_png,
    grey_tiff,
    jpeg_claiming,
    jpeg_of_scans,
    noise,
    png,
    saved,
    tiff,
    webp_claiming,
)
from tests.security.rows import Row, adding, file, refused, table, workspace

__all__ = ["workspace"]

NO_IMAGE, DAMAGED, LIMIT = "is not an image that can be read", "is damaged or incomplete", "at most 50,000,000 are read"
KINDS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def whole(kind: str) -> bytes:
    return saved(noise(40, 40, 3), kind)


def cut(kind: str, part: float) -> bytes:
    data = whole(kind)
    return data[: int(len(data) * part)]


def flipped(data: bytes, place: int) -> bytes:
    broken = bytearray(data)
    broken[place] ^= 0xFF
    return bytes(broken)


TRUNCATED = [
    Row(f"{kind.lower()} cut at {part}", file(f"x.{kind.lower()}", cut(kind, part)), says)
    for kind in KINDS
    for part, says in ((0.9, DAMAGED), (0.5, DAMAGED), (0.01, DAMAGED if kind in ("PNG", "JPEG", "BMP") else NO_IMAGE))
]

BOMBS = [
    Row("png of 169 MP", file("x.png", png(13_000, 13_000)), "has 13000 × 13000 pixels; " + LIMIT),
    Row("png of 2^31 x 2^31", file("x.png", png(2**31 - 1, 2**31 - 1)), LIMIT),
    Row("png one pixel over", file("x.png", png(50_000_001, 1)), "50000001 × 1 pixels; " + LIMIT),
    Row("png interlaced", file("x.png", png(9_000, 9_000, interlace=1)), "9000 × 9000 pixels; " + LIMIT),
    Row("jpeg of 65500 x 65500", file("x.jpg", jpeg_claiming(65_500, 65_500)), LIMIT),
    Row("gif of 65535 x 65535", file("x.gif", gif_claiming(65_535, 65_535)), LIMIT),
    Row("bmp of 2^31 x 1", file("x.bmp", bmp_claiming(2**31 - 1, 1)), LIMIT),
    Row("bmp upside down", file("x.bmp", bmp_claiming(20_000, -20_000)), LIMIT),
    Row("webp of 16383 x 16383", file("x.webp", webp_claiming(16_383, 16_383)), LIMIT),
    Row("webp of 2^24 x 2^24", file("x.webp", webp_claiming(2**24, 2**24)), "has far too many pixels; " + LIMIT),
    Row("tiff of 2^32 x 2^32", file("x.tif", grey_tiff(2**32 - 1, 2**32 - 1, t279=(4, 1, 16))), LIMIT),
    Row("tiff of 8000 x 8000", file("x.tif", grey_tiff(8_000, 8_000, t279=(4, 1, 16))), LIMIT),
    Row("jpeg of many scans", file("x.jpg", lambda: jpeg_of_scans(2_000, 50_000)), f"at most {MAX_SCANS} are read"),
    Row(
        "png text that grows",
        file("x.png", grey_png(chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(64 << 20), 9)))),
        DAMAGED,
    ),
    Row(
        "png international text that grows",
        file("x.png", grey_png(chunk(b"iTXt", b"k\x00\x01\x00\x00\x00" + zlib.compress(bytes(64 << 20), 9)))),
        DAMAGED,
    ),
    Row(
        "png of 10,000 texts",
        file("x.png", grey_png(b"".join(chunk(b"tEXt", b"k%d\x00" % n + b"x" * 8_000) for n in range(10_000)))),
        DAMAGED,
    ),
]

LIES = [
    Row("png of width 0", file("x.png", png(0, 5)), NO_IMAGE),
    Row("png of height 0", file("x.png", png(5, 0)), NO_IMAGE),
    Row("jpeg of height 0", file("x.jpg", jpeg_claiming(16, 0)), NO_IMAGE),
    Row("gif of 0 x 0", file("x.gif", gif_claiming(0, 0)), NO_IMAGE),
    Row("bmp of 0 x 0", file("x.bmp", bmp_claiming(0, 0)), NO_IMAGE),
    Row("tiff of 0 x 0", file("x.tif", grey_tiff(0, 0)), NO_IMAGE),
    Row("png with another checksum of the header", file("x.png", png(2, 2, crc=1)), NO_IMAGE),
    Row("png of fewer pixels than said", file("x.png", png(40, 40, data=bytes(10))), DAMAGED),
    Row("png with a damaged stream", file("x.png", flipped(whole("PNG"), 60)), DAMAGED),
    Row("png of 3 bits", file("x.png", png(2, 2, bits=3)), NO_IMAGE),
    Row("png without pixels", file("x.png", whole("PNG")[:33] + chunk(b"IEND", b"")), DAMAGED),
    Row("png with a chunk of 2^31 bytes", file("x.png", whole("PNG")[:33] + b"\x7f\xff\xff\xffIDAT"), DAMAGED),
    Row("bmp of 7 bits", file("x.bmp", bmp_claiming(4, 4, bits=7)), DAMAGED),
    Row("bmp of an unknown compression", file("x.bmp", bmp_claiming(4, 4, compression=99)), DAMAGED),
    Row("bmp of an unknown header", file("x.bmp", bmp_claiming(4, 4, header=7)), DAMAGED),
    Row("bmp with pixels beyond the end", file("x.bmp", bmp_claiming(4, 4, offset=2**31)), DAMAGED),
    Row("gif without a frame", file("x.gif", whole("GIF")[:13] + b";"), NO_IMAGE),
    Row("png of a palette that isn't there", file("x.png", png(2, 2, colour=3, data=bytes(6))), DAMAGED),
    Row("tiff that begins with its own directory", file("x.tif", b"II*\x00\x08\x00\x00\x00\x00\x00"), NO_IMAGE),
    Row("tiff with a directory beyond the end", file("x.tif", b"II*\x00\xff\xff\xff\x7f"), NO_IMAGE),
    Row("tiff with strips beyond the end", file("x.tif", grey_tiff(t273=(4, 1, 2**31))), DAMAGED),
    Row("tiff with 2^31 strips", file("x.tif", grey_tiff(t273=(4, 2**31 - 1, 8))), NO_IMAGE),
    Row("tiff of 200 samples a pixel", file("x.tif", grey_tiff(t277=(3, 1, 200))), NO_IMAGE),
    Row("tiff of an unknown compression", file("x.tif", grey_tiff(t259=(3, 1, 31_000))), NO_IMAGE),
    Row("tiff of LZW that is none", file("x.tif", grey_tiff(t259=(3, 1, 5))), DAMAGED),
    Row("tiff of JPEG that is none", file("x.tif", grey_tiff(t259=(3, 1, 7))), DAMAGED),
    Row("tiff of deflate that is none", file("x.tif", grey_tiff(t259=(3, 1, 8))), DAMAGED),
    Row("tiff without a size", file("x.tif", tiff((258, 3, 1, 8))), NO_IMAGE),
    Row(
        "tiff of floats that are not pixels",
        file("x.tif", saved(Image.new("F", (2, 2), -3.5), "TIFF")),
        "has pixels of the kind 'F'",
    ),
    Row("tiff of NaN", file("x.tif", saved(Image.new("F", (2, 2), float("nan")), "TIFF")), "pixels of the kind 'F'"),
    Row(
        "tiff of negative numbers",
        file("x.tif", saved(Image.new("I", (2, 2), -70_000), "TIFF")),
        "has pixels of the kind 'I'",
    ),
    Row("tiff in CIELAB", file("x.tif", saved(Image.new("LAB", (2, 2)), "TIFF")), "has pixels of the kind 'LAB'"),
]

OTHERS = [
    Row(f"{kind} named as png", file("x.png", content), NO_IMAGE)
    for kind, content in (
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("svg that includes a file", b'<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>'),
        ("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(/etc/passwd) run\n"),
        ("pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n"),
        ("fits", b"SIMPLE  =                    T" + b" " * 2850),
        ("psd", b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3)),
        ("pcx", b"\x0a\x05\x01\x08" + bytes(124)),
        ("ppm", b"P6\n2 2\n255\n" + bytes(12)),
        ("ico", saved(noise(16, 16, 3), "ICO")),
        ("jpeg 2000", b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(40)),
        ("avif", b"\x00\x00\x00\x1cftypavif" + bytes(40)),
        ("heic", b"\x00\x00\x00\x18ftypheic" + bytes(40)),
        ("a web page", b"<!DOCTYPE html><title>404</title>"),
        ("a Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        ("a pickle", b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94."),
        ("nothing", b""),
        ("zeros", bytes(1000)),
        ("only the mark", b"\x89PNG\r\n\x1a\n"),
    )
]


@table(TRUNCATED + BOMBS + LIES + OTHERS)
@pytest.mark.filterwarnings("ignore")
def test_a_bad_image_is_refused(row: Row, workspace: Workspace, tmp_path: Path):
    error = refused(row, adding(workspace), tmp_path, workspace.path)
    assert "'x." in error.what


@table([*LIES[:4], *OTHERS[:4], *TRUNCATED[:2], BOMBS[0]])
@pytest.mark.filterwarnings("ignore")
def test_a_bad_image_among_good_ones_is_named_or_left_out(row: Row, workspace: Workspace, tmp_path: Path):
    """The folder has one good image; without it nothing of the dataset could be shown."""
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "good.png").write_bytes(saved(noise(4, 4, 3)))
    bad = row.make(folder)
    error = refused(Row(row.name, lambda _: folder, row.says), adding(workspace), tmp_path, workspace.path)
    assert repr(bad.name) in error.what
    card, new = workspace.add_dataset(folder, skip_unreadable=True)
    assert new and card.n_samples == 1 and card.notes["skipped"] == f"1 unreadable: {bad.name}"
    workspace.remove_dataset(card.name)
