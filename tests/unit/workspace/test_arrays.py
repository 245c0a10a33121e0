"""Arrays from strangers: headers that lie, layouts and value ranges."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace import npy
from nnvis_dash.workspace.conversion import to_uint8
from nnvis_dash.workspace.npy import blocks, in_blocks, read_header, read_npy
from tests.unit.workspace.files import pixels


def converted(array: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    read, shape, notes = to_uint8(lambda: in_blocks(array), array.shape, array.dtype, "x")
    result = np.concatenate(list(read()))
    assert result.dtype == np.uint8 and result.shape == (len(array), *shape)
    return result, notes


def test_uint8_passes_untouched() -> None:
    array = pixels(0, 4, 5, 6, 3)
    result, notes = converted(array)
    assert np.array_equal(result, array) and notes == {}


def test_layouts() -> None:
    grey = pixels(0, 4, 5, 6)
    result, notes = converted(grey)
    assert np.array_equal(result[..., 0], grey) and "channel axis" in notes["layout"]
    first = pixels(1, 4, 3, 5, 6)
    result, notes = converted(first)
    assert (
        result.shape == (4, 5, 6, 3) and result[2, 1, 4, 0] == first[2, 0, 1, 4] and "(N, C, H, W)" in notes["layout"]
    )
    result, notes = converted(np.array([[[[0, 100, 255, 51]]]], dtype=np.uint8))
    assert result.tolist() == [[[[204, 224, 255]]]] and "white" in notes["layout"]


def test_value_ranges() -> None:
    result, notes = converted(np.array([[[0.0, 0.2, 1.0]]], dtype=np.float32))
    assert result.ravel().tolist() == [0, 51, 255] and "0..1 times 255" in notes["values"]
    result, notes = converted(np.array([[[0.0, 7.4, 254.6]]]))
    assert result.ravel().tolist() == [0, 7, 255] and notes["values"] == "float64 in 0..255 to uint8, rounded"
    result, notes = converted(np.array([[[0, 7, 255]]], dtype=np.int64))
    assert result.ravel().tolist() == [0, 7, 255] and notes["values"] == "int64 in 0..255 to uint8"
    result, notes = converted(np.array([[[0, 300 - 45]]], dtype=">u2"))
    assert result.ravel().tolist() == [0, 255]
    result, notes = converted(np.array([[[False, True]]]))
    assert result.ravel().tolist() == [0, 255]


def test_the_range_is_that_of_the_whole_array_not_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "BLOCK_BYTES", 8)
    array = np.zeros((50, 2, 2), dtype=np.float32)
    array[0] = 1.0
    array[-1] = 255.0
    result, _ = converted(array)
    assert result[0, 0, 0, 0] == 1 and result[-1, 0, 0, 0] == 255


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[[-1.0, 1.0]]]), "from -1 to 1"),
        (np.array([[[0, 65535]]], dtype=np.uint16), "from 0 to 65535"),
        (np.array([[[np.nan, 1.0]]]), "not numbers"),
        (np.array([[[np.inf, 1.0]]]), "not numbers"),
        (np.zeros((3, 784), dtype=np.uint8), r"shape \(3, 784\)"),
        (np.zeros((3, 8, 8, 2), dtype=np.uint8), r"shape \(3, 8, 8, 2\)"),
        (np.zeros((0, 8, 8), dtype=np.uint8), "no images"),
        (np.zeros((2, 0, 8), dtype=np.uint8), r"shape \(2, 0, 8\)"),
        (np.zeros((1, 2, 2), dtype=complex), "complex128"),
        (np.array(5, dtype=np.uint8), "no images"),
    ],
)
def test_what_is_no_array_of_images(array: np.ndarray, words: str) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        to_uint8(lambda: in_blocks(array), array.shape, array.dtype, "x")
    assert caught.value.mend


def header(text: str) -> bytes:
    data = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            header("{'descr': '|u1', 'fortran_order': False, 'shape': (34359738368,), }"),
            "promises 34,359,738,368 bytes",
        ),
        (header("{'descr': '|u1', 'fortran_order': False, 'shape': (9, -9), }"), "shape|promises|NumPy"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), "could run code"),
        (header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }"), "could run code"),
        (header("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }"), "has the type"),
        (header("__import__('os').system('true')"), "not a NumPy array"),
        (header("{'descr': '|u1', 'shape': (1,)"), "not a NumPy array"),
        (header("(" * 90), "not a NumPy array"),
        (b"\x93NUMPY\x09\x00", "not a NumPy array"),
        (b"\x93NUM", "not a NumPy array"),
        (b"", "not a NumPy array"),
    ],
)
def test_headers_that_lie_are_refused_before_a_value_is_read(data: bytes, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        read_header(io.BytesIO(data), "x.npy", len(data))


@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_give_the_array_in_either_order(tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "BLOCK_BYTES", 40)
    array = np.asarray(pixels(0, 7, 3, 4), order=order)  # type: ignore[call-overload]
    path = tmp_path / "x.npy"
    np.save(path, array)
    with path.open("rb") as stream:
        found = read_header(stream, "x.npy", path.stat().st_size)
    assert found.fortran == (order == "F")

    def opened() -> Iterator[np.ndarray]:
        return blocks(lambda: path.open("rb"), found, "x.npy")

    pieces = list(opened())
    assert len(pieces) == 3  # 12 bytes an image, 3 images in 40 bytes
    assert np.array_equal(np.concatenate(pieces), array)
    assert np.array_equal(read_npy(path), array)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, pixels(0, 7, 3, 4))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError, match="promises 84 bytes, the file has 83"):
        read_npy(path)
