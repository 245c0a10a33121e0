"""Encoded images to pixels, with numbers worked by hand, and pixels to a classifier's size."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from nnvis_dash.errors import DatasetError, ParameterError
from nnvis_dash.workspace.pixels import decode, decode_noted, encode_png, fit, fit_batch
from tests.unit.workspace.files import encoded, pixels


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_give_the_pixels_back(kind: str, channels: int) -> None:
    image = pixels(0, 5, 7, channels)
    assert np.array_equal(decode(encoded(image, kind)), image)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_are_read(kind: str) -> None:
    image = np.full((8, 8, 3), (200, 100, 40), dtype=np.uint8)
    decoded = decode(encoded(image, kind))
    assert decoded.shape == (8, 8, 3)
    assert np.abs(decoded.astype(int) - image).max() < 12


def test_alpha_lies_over_white() -> None:
    image = Image.new("RGBA", (2, 1))
    image.putpixel((0, 0), (10, 20, 30, 0))  # transparent: white
    image.putpixel((1, 0), (0, 100, 255, 51))  # a fifth of it: 0.8 * 255 = 204 + 0.2 * value
    decoded, notes = decode_noted(saved(image))
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[0, 1].tolist() == [204, 224, 255]
    assert notes == ("alpha over white",)


def test_grey_with_alpha_stays_grey() -> None:
    image = Image.new("LA", (1, 1), (100, 51))
    assert decode(saved(image)).tolist() == [[[224]]]


def test_palette_becomes_rgb() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 250, 251, 252])
    image.putpixel((1, 0), 1)
    decoded, notes = decode_noted(saved(image))
    assert decoded.tolist() == [[[1, 2, 3], [250, 251, 252]]]
    assert notes == ("palette to RGB",)


def test_a_transparent_palette_colour_is_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 250, 251, 252])
    image.putpixel((1, 0), 1)
    assert decode(saved(image, transparency=0)).tolist() == [[[255, 255, 255], [250, 251, 252]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_divided_by_257(kind: str) -> None:
    image = Image.fromarray(np.array([[0, 257, 65535, 32896]], dtype=np.uint16))
    decoded, notes = decode_noted(saved(image, kind))
    assert decoded[0, :, 0].tolist() == [0, 1, 255, 128]
    assert notes == ("16 bits to 8",)


def test_floats_are_taken_from_0_to_1_or_0_to_255_only() -> None:
    unit = Image.fromarray(np.array([[0.0, 0.2, 1.0]], dtype=np.float32))
    assert decode(saved(unit, "TIFF"))[0, :, 0].tolist() == [0, 51, 255]
    large = Image.fromarray(np.array([[0.0, 7.0, 255.0]], dtype=np.float32))
    assert decode(saved(large, "TIFF"))[0, :, 0].tolist() == [0, 7, 255]
    with pytest.raises(DatasetError, match="8-bit"):
        decode(saved(Image.fromarray(np.array([[-1.0, 3.0]], dtype=np.float32)), "TIFF"))


def test_one_bit_is_black_and_white() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert decode(saved(image)).tolist() == [[[0], [255]]]


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    decoded, notes = decode_noted(saved(image, "TIFF"))
    assert decoded[0, 0].tolist() == [255, 0, 0]
    assert notes == ("CMYK to RGB",)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [[1, 2, 3], [4, 5, 6]]),
        (2, [[3, 2, 1], [6, 5, 4]]),
        (3, [[6, 5, 4], [3, 2, 1]]),
        (4, [[4, 5, 6], [1, 2, 3]]),
        (5, [[1, 4], [2, 5], [3, 6]]),
        (6, [[4, 1], [5, 2], [6, 3]]),
        (7, [[6, 3], [5, 2], [4, 1]]),
        (8, [[3, 6], [2, 5], [1, 4]]),
        (9, [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_an_image_is_turned_as_exif_says(orientation: int, expected: list[list[int]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8))
    decoded, notes = decode_noted(saved(image, exif=exif))
    assert decoded[:, :, 0].tolist() == expected
    assert notes == (("turned as EXIF says",) if 2 <= orientation <= 8 else ())


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    decoded, notes = decode_noted(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert decoded[0, 0].tolist() == [255, 0, 0]
    assert "first frame of several" in notes


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 64)
    idat = b"IDAT" + data
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", len(data)) + idat + struct.pack(">I", zlib.crc32(idat))
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize(("width", "height"), [(7071, 7072), (13_000, 13_000), (60_000, 60_000)])
def test_a_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    with pytest.raises(DatasetError, match=r"'bomb.png' has .* at most 50,000,000"):
        decode(png_header(width, height), name="bomb.png")


def test_the_limit_is_in_pixels() -> None:
    image = encoded(pixels(0, 10, 10))
    assert decode(image, max_pixels=100).shape == (10, 10, 1)
    with pytest.raises(DatasetError, match="10 × 10 pixels; at most 99"):
        decode(image, max_pixels=99)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
     b"version https://git-lfs.github.com/spec/v1", b"SIMPLE  =                    T"],
)  # fmt: skip
def test_other_formats_are_refused(data: bytes) -> None:
    with pytest.raises(DatasetError, match=r"'photo\.png' is (not an image|damaged)"):
        decode(data, name="photo.png")


def test_a_truncated_image_is_refused() -> None:
    whole = encoded(pixels(0, 40, 40, 3))
    with pytest.raises(DatasetError, match="damaged or incomplete"):
        decode(whole[: len(whole) // 2])


def test_png_round_trip() -> None:
    for channels in (1, 3):
        image = pixels(1, 6, 4, channels)
        assert np.array_equal(decode(encode_png(image)), image)


def test_fit_returns_the_image_where_nothing_is_to_be_done() -> None:
    image = pixels(0, 6, 4, 3)
    assert fit(image, 6, 4, 3) is image


def test_fit_halves_with_antialiasing() -> None:
    # A triangle of 2 pixels' half-width over 4 columns: weights 3/8, 3/8 and 1/8 for the left half, over 7/8.
    image = np.array([[0, 70, 140, 210]], dtype=np.uint8)[:, :, None]
    left = round((0 * 3 + 70 * 3 + 140 * 1) / 7)
    right = round((70 * 1 + 140 * 3 + 210 * 3) / 7)
    assert fit(image, 1, 2, 1)[0, :, 0].tolist() == [left, right]


def test_squash_takes_all_and_crop_the_centre() -> None:
    image = np.zeros((4, 12, 1), dtype=np.uint8)
    image[:, 4:8] = 255  # the centre square is white
    assert fit(image, 4, 4, 1, "crop").min() == 255
    assert fit(image, 4, 4, 1, "squash")[0, 0, 0] < 128
    tall = image.transpose(1, 0, 2)
    assert fit(tall, 4, 4, 1, "crop").min() == 255


def test_crop_keeps_the_inputs_aspect_ratio() -> None:
    image = np.zeros((6, 6, 1), dtype=np.uint8)
    image[2:4] = 200  # for an input twice as wide as tall the centre is 3 rows of 6
    fitted = fit(image, 3, 6, 1, "crop")[:, 0, 0].astype(int)
    assert fitted.shape == (3,)
    assert fitted[1] == 200 and fitted[0] == fitted[2] == 100  # rows 1.5..4.5: half black, white, half black


def test_channels_are_converted() -> None:
    colour = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    assert fit(colour, 1, 3, 1)[0, :, 0].tolist() == [76, 150, 29]  # 0.299, 0.587, 0.114 of 255
    grey = np.array([[[7], [9]]], dtype=np.uint8)
    assert fit(grey, 1, 2, 3).tolist() == [[[7, 7, 7], [9, 9, 9]]]
    assert fit(pixels(0, 9, 9, 1), 4, 5, 3).shape == (4, 5, 3)


def test_fit_batch_copies_nothing_when_the_size_is_right() -> None:
    images = pixels(0, 5, 6, 4, 3)
    assert fit_batch(images, (6, 4, 3)) is images
    fitted = fit_batch(images, (3, 2, 1), "crop")
    assert fitted.shape == (5, 3, 2, 1)
    assert np.array_equal(fitted[2], fit(images[2], 3, 2, 1, "crop"))
    assert fit_batch([], (3, 2, 1)).shape == (0, 3, 2, 1)


@pytest.mark.parametrize(
    ("size", "resize", "words"),
    [((4, 4, 4), "squash", "4 channels"), ((0, 4, 3), "squash", "0 × 4"), ((4, 4, 3), "stretch", "'stretch'")],
)
def test_what_cannot_be_fitted_is_refused(size: tuple[int, int, int], resize: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        fit_batch(pixels(0, 2, 6, 6, 3), size, resize)  # type: ignore[arg-type]


def test_only_bytes_are_fitted() -> None:
    with pytest.raises(ParameterError, match="float32"):
        fit(np.zeros((4, 4, 3), dtype=np.float32), 2, 2, 3)
