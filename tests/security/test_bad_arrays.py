"""Arrays whose headers lie, hold code or ask for more memory than there is, idx files and CIFAR batches alike."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace import npy as npy_module
from nnvis_dash.workspace.datasets import load_dataset
from nnvis_dash.workspace.readers import idx as idx_module
from nnvis_dash.workspace.store import Workspace
from tests.security.crafted_arrays import gzip_of_zeros, idx_header, npy, npy_header, npz, saved
from tests.security.rows import Row, adding, file, ran, refused, table, workspace
from tests.unit.workspace.files import cifar, idx, pixels

__all__ = ["workspace"]

X = pixels(0, 4, 6, 5, 3)
GREY = pixels(0, 4, 6, 5)
RANGE = "holds values that are not numbers (NaN or infinite)"
NOT_NUMPY = "is not a NumPy array, or is damaged"
NESTED = "[" * 4_000


class Payload:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def pickled(form: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        array = np.array([Payload(ran(folder))], dtype=object)
        path = folder / f"x.{form}"
        if form == "npy":
            np.save(path, array)
        elif form == "npz":
            np.savez(path, x=array)
        else:
            np.savez(path, x=X, y=array)
            path = path.rename(folder / "x.npz")
        return path

    return make


def npy_file(*args: Any, **options: Any) -> Callable[[Path], Path]:
    return file("x.npy", npy(*args, **options))


def values(array: Any) -> Callable[[Path], Path]:
    return file("x.npy", saved(array))


HEADERS = [
    Row("npy of objects", pickled("npy"), "holds Python objects, which could run code"),
    Row("npz of objects", pickled("npz"), "holds Python objects, which could run code"),
    Row("npz with labels of objects", pickled("y.npz"), "holds Python objects, which could run code"),
    Row("a pickle named npy", lambda f: file("x.npy", pickle.dumps(Payload(ran(f))))(f), NOT_NUMPY),
    Row("a header that asks for 32 GiB", npy_file("<f8", (2**32,)), "promises 34,359,738,368 bytes, the file has 0"),
    Row("a header that asks for 2^120 bytes", npy_file("|u1", (2**60, 2**60)), "has the shape"),
    Row("a shape below zero", npy_file("|u1", (-1, 4, 4)), "has the shape (-1, 4, 4)"),
    Row("two lengths below zero", npy_file("|u1", (-4, -4, 4), bytes(64)), "has the shape (-4, -4, 4)"),
    Row("a length that overflows", npy_file("|u1", (2**64 + 4, 4, 4), bytes(64)), "has the shape"),
    Row("a huge length beside a 0", npy_file("|u1", (2**62, 0, 4)), "has the shape"),
    Row("no images", npy_file("|u1", (0, 4, 4)), "There are no images in 'x.npy'"),
    Row("images of no pixels", npy_file("|u1", (4, 0, 4)), "has the shape (4, 0, 4)"),
    Row("lengths that are bools", npy_file("|u1", (True, 4, 4), bytes(16)), "has the shape (True, 4, 4)"),
    Row("lengths that are floats", npy_file("|u1", (1.5, 4, 4), bytes(24)), NOT_NUMPY),
    Row("lengths that are texts", npy_file("|u1", ("4", 4, 4), bytes(64)), NOT_NUMPY),
    Row("33 axes", npy_file("|u1", (1,) * 33, b"x"), "has the shape"),
    Row("one byte short", npy_file("|u1", (4, 4, 4), bytes(63)), "promises 64 bytes, the file has 63"),
    Row("a type of no size", npy_file("|S0", (4, 4, 4)), "has the type"),
    Row("complex", values(np.zeros((2, 4, 4), complex)), "has the type complex128"),
    Row("records", values(np.zeros(4, [("a", "u1"), ("b", "f4")])), "has the type"),
    Row("records of objects", npy_file([("a", "|O")], (4,), bytes(32)), "holds Python objects"),
    Row("10,000 fields", npy_file([(f"f{n}", "u1") for n in range(10_000)], (1,), version=(2, 0)), NOT_NUMPY),
    Row("dates", values(np.zeros((2, 4, 4), "datetime64[s]")), "has the type datetime64"),
    Row("texts", values(np.full((2, 4, 4), "a")), "has the type"),
    Row("unknown type", npy_file("<q9", (4, 4, 4), bytes(64)), NOT_NUMPY),
    Row("a type that is code", npy_file("__import__('os').system('id')", (4,)), NOT_NUMPY),
    Row("a header that is code", file("x.npy", npy_header("__import__('os').system('id')\n")), NOT_NUMPY),
    Row("a header that is a call", file("x.npy", npy_header("dict(descr='|u1')\n")), NOT_NUMPY),
    Row("a header of 4,000 brackets", file("x.npy", npy_header(NESTED + "\n")), NOT_NUMPY),
    Row("a header of 9,000 signs", file("x.npy", npy_header("-" * 9_000 + "1\n")), NOT_NUMPY),
    Row("a header of 10,001 bytes", file("x.npy", npy_header(" " * 10_001)), NOT_NUMPY),
    Row("a header of 4 GB", file("x.npy", npy_header("{}", (2, 0), 2**32 - 1)), NOT_NUMPY),
    Row("a header that is missing", file("x.npy", b"\x93NUMPY\x01\x00"), NOT_NUMPY),
    Row("a header without its keys", file("x.npy", npy_header("{'descr': '|u1'}\n")), NOT_NUMPY),
    Row(
        "a header with one key more",
        file("x.npy", npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': 1}\n")),
        NOT_NUMPY,
    ),
    Row(
        "an order that is no bool",
        file("x.npy", npy_header("{'descr': '|u1', 'fortran_order': 'yes', 'shape': (1,)}\n")),
        NOT_NUMPY,
    ),
    Row("an empty npy", file("x.npy", b""), NOT_NUMPY),
    Row("a web page named npy", file("x.npy", b"<!DOCTYPE html>"), NOT_NUMPY),
]

VALUES = [
    Row("NaN", values(np.full((2, 4, 4), np.nan, np.float32)), RANGE),
    Row("infinite", values(np.array([[[1.0, np.inf]]])), RANGE),
    Row("infinite halves", values(np.array([[[1, np.inf]]], np.float16)), RANGE),
    Row("NaN in the last block", values(np.r_[np.zeros(10**6), np.nan].reshape(-1, 1, 1)), RANGE),
    Row("below zero", values(np.full((2, 4, 4), -1)), "The values of 'x.npy' go from -1 to -1"),
    Row("above 255", values(np.full((2, 4, 4), 256)), "go from 256 to 256"),
    Row("just above 255", values(np.full((2, 4, 4), 255.1)), "go from 255.1 to 255.1"),
    Row("normalised floats", values(np.linspace(-2, 2, 32).reshape(2, 4, 4)), "go from -2 to 2"),
    Row("one axis", values(np.zeros(9, np.uint8)), "has the shape (9,)"),
    Row("two axes", values(np.zeros((9, 9), np.uint8)), "has the shape (9, 9)"),
    Row("five axes", values(np.zeros((2, 2, 2, 2, 3), np.uint8)), "has the shape (2, 2, 2, 2, 3)"),
    Row("seven channels", values(np.zeros((2, 7, 7, 7), np.uint8)), "has the shape (2, 7, 7, 7)"),
    Row("a single number", values(np.uint8(5)), "There are no images in 'x.npy'"),
    Row(
        "images larger than the limit", npy_file("|u1", (1, 7_072, 7_072), bytes(7_072**2)), "7072 × 7072 pixels; at m"
    ),
]

ARCHIVES = [
    Row("npz of nothing", file("x.npz", lambda: npz({})), "'x.npz' holds no arrays"),
    Row("npz of labels only", file("x.npz", lambda: npz({"y": np.arange(4)})), "It isn't clear which array"),
    Row("npz of two sets of images", file("x.npz", lambda: npz({"a": X, "b": X})), "It isn't clear which array"),
    Row("npz with too few labels", file("x.npz", lambda: npz({"x": X, "y": [0, 1]})), "2 labels for 4 images"),
    Row(
        "npz with labels of images",
        file("x.npz", lambda: npz({"x": X, "y": X})),
        "labels have the shape (4, 6, 5, 3)",
    ),
    Row("npz with labels of NaN", file("x.npz", lambda: npz({"x": X, "y": [np.nan] * 4})), "are not whole numbers"),
    Row("npz with infinite labels", file("x.npz", lambda: npz({"x": X, "y": [np.inf] * 4})), "are not whole numbers"),
    Row(
        "npz with huge labels",
        file("x.npz", lambda: npz({"x": X, "y": [1e300] * 4})),
        "The label 1e+300 is too large",
    ),
    Row("npz with labels of 2^64 - 1", file("x.npz", lambda: npz({"x": X, "y": np.full(4, 2**64 - 1, "u8")})), "too l"),
    Row(
        "npz with broken text",
        file("x.npz", lambda: npz({"x": X, "y": npy("<U1", (4,), b"\xff" * 16)})),
        "is damaged",
    ),
    Row(
        "npz with names that are broken",
        file("x.npz", lambda: npz({"x": X, "class_names": npy("<U1", (1,), b"\xff" * 4)})),
        "is damaged",
    ),
    Row(
        "npz with names of no size",
        file("x.npz", lambda: npz({"x": X, "class_names": npy("|S0", (1,))})),
        "has the typ",
    ),
    Row(
        "npz with too few names",
        file("x.npz", lambda: npz({"x": X, "y": [0, 1, 2, 3], "class_names": np.array(["a", "b"])})),
        "The label 3 is not a class",
    ),
    Row(
        "npz with an empty name",
        file("x.npz", lambda: npz({"x": X, "class_names": np.array(["a", ""])})),
        "The name of class 1 is empty",
    ),
    Row(
        "npz with a lying header",
        file("x.npz", lambda: npz({"x": npy("|u1", (9, 9, 9), b"x")})),
        "promises 729 bytes",
    ),
    Row(
        "npz with a lying header of an array that isn't read",
        file("x.npz", lambda: npz({"x": X, "other": npy("<f8", (2**40,))})),
        "'x.npz: other' promises",
    ),
    Row(
        "npz of unequal splits",
        file("x.npz", lambda: npz({"x_train": X, "x_test": GREY})),
        "images of different shapes",
        options={"split": "all"},
    ),
    Row("npz without that split", file("x.npz", lambda: npz({"x": X})), "no split 'train'", options={"split": "train"}),
    Row("npz cut off", file("x.npz", lambda: npz({"x": X})[:-30]), "is damaged or incomplete"),
    Row("npz that is no archive", file("x.npz", b"PK\x03\x04 not really"), "is a zip archive that is damaged"),
    Row(
        "npz with a damaged stream",
        file("x.npz", lambda: flipped(npz({"x": X}, zipfile.ZIP_DEFLATED), 90)),
        "damaged",
    ),
    Row("npz with a path", file("x.npz", lambda: npz({"../x": X})), "has a path that leads outside"),
    Row("npz with the name of a folder", file("x.npz", lambda: npz({"a\\..\\b": X})), "has a path that leads outside"),
    Row("npz with markup in a key", file("x.npz", lambda: npz({"<script>\u202e": npy("|O", (1,))})), "<script>"),
    Row("npz that expands 1,000 times", file("x.npz", lambda: growing()), "expands from"),
]


def flipped(data: bytes, place: int) -> bytes:
    broken = bytearray(data)
    broken[place : place + 9] = b"\xff" * 9
    return bytes(broken)


def growing() -> bytes:
    """Return an archive of 1.4 GB of zeros in 1.4 MB."""
    stream = io.BytesIO()
    block = bytes(1 << 20)
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as x,
    ):
        x.write(npy("|u1", (5, 1 << 14, 1 << 14)))
        for _ in range(3):
            x.write(block)
    data = bytearray(stream.getvalue())
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = (1400 << 20).to_bytes(4, "little")
    return bytes(data)


def idx_file(content: bytes | Callable[[], bytes], name: str = "a-images-idx3-ubyte") -> Callable[[Path], Path]:
    return file(name, content)


def pair(images: bytes, labels: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "a-labels-idx1-ubyte").write_bytes(labels)
        return idx_file(images)(folder)

    return make


def twins(folder: Path) -> Path:
    for name in ("a-idx3", "b-idx3"):
        idx_file(idx(GREY), name)(folder)
    return folder


IDX = [
    Row("idx that begins otherwise", idx_file(b"\x01" + idx(GREY)[1:]), "doesn't begin as an idx file does"),
    Row("idx of floats", idx_file(idx_header(4, 6, 5, kind=13) + bytes(480)), "values of type 0x0d"),
    Row("idx of 5 dimensions", idx_file(idx_header(1, 1, 1, 1, 1) + b"x"), "doesn't begin as an idx file does"),
    Row("idx of labels given as images", idx_file(idx(np.arange(9, dtype=np.uint8))), "holds 1-dimensional values"),
    Row("idx of 2 dimensions", idx_file(idx(pixels(0, 4, 4))), "holds 2-dimensional values"),
    Row(
        "idx of 2^32 - 1 images",
        idx_file(idx_header(2**32 - 1, 28, 28)),
        "promises 3,367,254,359,280 bytes, the file",
    ),
    Row("idx of 2^96 bytes", idx_file(idx_header(*[2**32 - 1] * 3)), "promises 79,228,162,458,924,105,385,300,197,375"),
    Row("idx of no images", idx_file(idx_header(0, 28, 28)), "There are no images"),
    Row("idx of images of no pixels", idx_file(idx_header(9, 0, 28)), "has the shape (9, 0, 28)"),
    Row("idx of 2^32 images of no pixels", idx_file(idx_header(2**32 - 1, 0, 0)), "has the shape (4294967295, 0, 0)"),
    Row("idx one byte short", idx_file(idx(GREY)[:-1]), "promises 120 bytes, the file has 119"),
    Row("idx one byte long", idx_file(idx(GREY) + b"x"), "promises 120 bytes, the file has 121"),
    Row("idx cut in the header", idx_file(idx(GREY)[:9]), "is damaged or incomplete"),
    Row("idx of 3 bytes", idx_file(b"\x00\x00\x08"), "is damaged or incomplete"),
    Row("idx of nothing", idx_file(b""), "is damaged or incomplete"),
    Row(
        "idx.gz one byte short",
        idx_file(lambda: gzip.compress(idx(GREY)[:-1]), "a-images-idx3-ubyte.gz"),
        "is damaged",
    ),
    Row(
        "idx.gz one byte long",
        idx_file(lambda: gzip.compress(idx(GREY) + b"x"), "a-images-idx3-ubyte.gz"),
        "more byte",
    ),
    Row("idx.gz cut off", idx_file(lambda: gzip.compress(idx(GREY))[:-12], "a-images-idx3-ubyte.gz"), "is damaged"),
    Row(
        "idx.gz with another checksum",
        idx_file(lambda: gzip.compress(idx(GREY))[:-8] + bytes(8), "a-idx3.gz"),
        "damag",
    ),
    Row("idx.gz that is no gzip", idx_file(b"\x1f\x8b\x08" + b"\xff" * 40, "a-idx3.gz"), "is damaged or incomplete"),
    Row(
        "a gzip bomb",
        idx_file(lambda: gzip_of_zeros(idx(GREY), 64 << 20), "a-images-idx3-ubyte.gz"),
        "more bytes than",
    ),
    Row(
        "a gzip bomb with an honest header",
        idx_file(lambda: gzip_of_zeros(idx_header(2 << 20, 32, 32), 3 << 20) + bytes(3 << 20), "a-idx3.gz"),
        "would expand from 3",
    ),
    Row(
        "idx of images of 64 MP",
        idx_file(lambda: gzip_of_zeros(idx_header(1, 8_000, 8_000), 64 << 20), "a-idx3.gz"),
        "8000 × 8000 pixels; at most",
    ),
    Row("idx with too few labels", pair(idx(GREY), idx(np.zeros(3, np.uint8))), "3 labels for 4 images"),
    Row("idx with labels of 2 dimensions", pair(idx(GREY), idx(pixels(0, 4, 1))), "has 2 dimensions"),
    Row(
        "idx with labels cut off",
        pair(idx(GREY), idx(np.zeros(4, np.uint8))[:-1]),
        "promises 4 bytes, the file has 3",
    ),
    Row("idx with labels of 2^32 - 1", pair(idx(GREY), idx_header(2**32 - 1)), "promises 4,294,967,295 bytes"),
    Row("idx with labels that are a web page", pair(idx(GREY), b"<html>"), "doesn't begin as an idx file does"),
    Row(
        "gzip of no stream",
        file("x.dat", b"\x1f\x8b\x08" + bytes(6) + b"\x03" + b"\xff" * 20),
        "is compressed with gz",
    ),
    Row(
        "a folder of idx files twice",
        twins,
        "several",
    ),
]

BATCH = cifar(pixels(0, 2, 32, 32, 3), np.array([3, 4]))
CIFAR = [
    Row("a batch one byte short", file("x.bin", BATCH[:-1]), "has 6,145 bytes, no whole number of records"),
    Row("a batch one byte long", file("x.bin", BATCH + b"x"), "has 6,147 bytes, no whole number of records"),
    Row("an empty batch", file("x.bin", b""), "The file 'x.bin' is empty"),
    Row("a label of 10", file("x.bin", b"\x0a" + BATCH[1:]), "has the label 10, but CIFAR-10 has 10 classes"),
    Row("a fine label of 100", file("test.bin", b"\x00\x64" + bytes(3072)), "has the label 100, but CIFAR-100"),
    Row("batches of both kinds", lambda f: both(f), "mixes batches of CIFAR-10 and CIFAR-100"),
    Row("names that are too few", lambda f: (named(f, b"a\nb\n"), {})[0], "The label 4 is not a class"),
    Row("names that are no text", lambda f: named(f, b"\xff\xfe\x00a"), "is not UTF-8 text"),
    Row(
        "PyTorch weights named bin", file("pytorch_model.bin", b"PK\x03\x04" + bytes(99)), "no whole number of records"
    ),
]


def both(folder: Path) -> Path:
    (folder / "a.bin").write_bytes(bytes(3073))
    (folder / "b.bin").write_bytes(bytes(3074))
    return folder


def named(folder: Path, names: bytes) -> Path:
    (folder / "batches.meta.txt").write_bytes(names)
    return file("x.bin", BATCH)(folder)


@table([*HEADERS, *VALUES, *ARCHIVES, *IDX, *CIFAR])
def test_a_bad_array_is_refused(row: Row, workspace: Workspace, tmp_path: Path):
    refused(row, adding(workspace), tmp_path, workspace.path)


@pytest.mark.parametrize("array", [X, GREY, X / 255, X.astype(">u2"), X.astype("<f2"), X > 99, X.astype(np.longdouble)])
@pytest.mark.parametrize("order", "CF")
def test_honest_arrays_of_every_type_are_read(array: np.ndarray, order: str, tmp_path: Path):
    (tmp_path / "x.npy").write_bytes(saved(np.asarray(array, order=order)))  # type: ignore[call-overload]
    expected = np.where(X > 99, 255, 0) if array.dtype == bool else (X if array.ndim == 4 else GREY[..., None])
    assert np.array_equal(np.asarray(load_dataset(tmp_path / "x.npy").images), expected)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(version: tuple[int, int], tmp_path: Path):
    (tmp_path / "x.npy").write_bytes(npy("|u1", X.shape, X.tobytes(), version=version))
    assert np.array_equal(np.asarray(load_dataset(tmp_path / "x.npy").images), X)


def test_the_limits_of_arrays_hold_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.npy"
    path.write_bytes(saved(X))
    assert len(load_dataset(path, max_pixels=30)) == 4
    with pytest.raises(DatasetError, match="have 6 × 5 pixels; at most 29"):
        load_dataset(path, max_pixels=29)
    monkeypatch.setattr(npy_module, "MAX_BYTES", X.nbytes)
    assert len(load_dataset(path)) == 4
    monkeypatch.setattr(npy_module, "MAX_BYTES", X.nbytes - 1)
    with pytest.raises(DatasetError, match="promises 360 bytes"):
        load_dataset(path)


def test_the_ratio_of_an_idx_file_holds_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a-idx3.gz"
    path.write_bytes(gzip.compress(idx(GREY)))
    monkeypatch.setattr(idx_module, "MAX_RATIO", 0)
    monkeypatch.setattr(idx_module, "FREE_BYTES", GREY.nbytes)
    assert len(load_dataset(path)) == 4
    monkeypatch.setattr(idx_module, "FREE_BYTES", GREY.nbytes - 1)
    with pytest.raises(DatasetError, match=r"would expand from \d+ to 120 bytes"):
        load_dataset(path)
