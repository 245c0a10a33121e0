"""MNIST's idx files, plain or gzipped, with the labels beside the images."""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.npy import DAMAGED, FREE_BYTES, MAX_BYTES, MAX_RATIO, damaged, read_exactly, rows_per_block
from nnvis_dash.workspace.readers import (
    READERS,
    Given,
    Reading,
    ReadOptions,
    array_reading,
    choose_split,
    joined_labels,
)

_GZIP = b"\x1f\x8b"
_DEFLATE_RATIO = 1_032  # deflate can't do more
_MAX_LABELS = 100_000_000


@READERS.register("idx", title="idx files (.gz too)", reference="https://yann.lecun.org/exdb/mnist/")
def read_idx(source: Given, options: ReadOptions) -> Reading | None:
    """Images in an idx(.gz) file with the labels file beside it, or a folder of them."""
    if not isinstance(source, Path):
        return None
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.is_file() and "idx3" in path.name)
    elif "idx" in source.name.lower() or _looks_like_idx(source):
        files = [source]
    else:
        return None
    if not files:
        return None
    by_split: dict[str, Path] = {}
    for path in files:
        lower = path.name.lower()
        split = (
            ""
            if len(files) == 1
            else "train"
            if "train" in lower
            else "test"
            if "t10k" in lower or "test" in lower
            else ""
        )
        if split in by_split:
            raise DatasetError(f"The folder {source.name!r} has several idx files of images", "Give one of the files.")
        by_split[split] = path
    chosen, notes = choose_split(by_split, options.split if len(by_split) > 1 else None, source.name)
    shapes = [_read_shape(path) for path in chosen]
    for path, shape in zip(chosen, shapes, strict=True):
        if len(shape) < 3:
            raise DatasetError(
                f"The file {path.name!r} holds {len(shape)}-dimensional values, not images",
                "Give the file of images; its labels are found beside it.",
            )
    if len({shape[1:] for shape in shapes}) > 1:
        raise DatasetError(f"The files of {source.name!r} have images of different sizes", "Choose train or test.")
    labels = [read_idx_labels(beside) if (beside := _labels_beside(path)) else None for path in chosen]
    return array_reading(
        source.name,
        lambda: chain.from_iterable(_blocks(path, shape) for path, shape in zip(chosen, shapes, strict=True)),
        (sum(shape[0] for shape in shapes), *shapes[0][1:]),
        np.dtype(np.uint8),
        max_pixels=options.max_pixels,
        labels=joined_labels(labels, [shape[:1] for shape in shapes], source.name),
        notes=notes,
    )


def read_idx_labels(path: Path) -> npt.NDArray[Any]:
    """Read an idx1(.gz) file of labels.

    Raises
    ------
    DatasetError
        Damaged, or not labels.
    """
    shape = _read_shape(path)
    if len(shape) != 1:
        raise DatasetError(f"The file {path.name!r} has {len(shape)} dimensions", "Labels have one.")
    if shape[0] > _MAX_LABELS:
        raise DatasetError(f"The file {path.name!r} has {shape[0]:,} labels", f"At most {_MAX_LABELS:,} are read.")
    blocks = list(_blocks(path, shape))
    return np.concatenate(blocks).astype(np.int32) if blocks else np.zeros(0, dtype=np.int32)


def _looks_like_idx(path: Path) -> bool:
    """Whether a file (inside gzip, if it is one) begins as idx does: 00 00 08, 1 to 4 dimensions."""
    try:
        with _open(path) as stream:
            start = stream.read(4)
    except DAMAGED:
        return False
    return len(start) == 4 and start[:3] == b"\x00\x00\x08" and 1 <= start[3] <= 4


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        zipped = stream.read(2) == _GZIP
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]


def _read_shape(path: Path) -> tuple[int, ...]:
    """Read the header and hold it against the size of the file."""
    name = path.name
    with _open(path) as stream:
        zipped = isinstance(stream, gzip.GzipFile)
        start = bytes(read_exactly(stream, 4, name))
        if start[:2] != b"\x00\x00" or not 1 <= start[3] <= 4:
            raise DatasetError(f"The file {name!r} doesn't begin as an idx file does", "Download or copy it again.")
        if start[2] != 8:
            raise DatasetError(
                f"The file {name!r} holds values of type 0x{start[2]:02x}", "Only bytes (0x08) are read."
            )
        shape = struct.unpack(f">{start[3]}I", read_exactly(stream, 4 * start[3], name))
    promised = math.prod(shape)
    size = path.stat().st_size
    there = size * _DEFLATE_RATIO if zipped else size - 4 - 4 * len(shape)
    if promised > min(there, MAX_BYTES) or (not zipped and promised != there):
        raise DatasetError(
            f"The header of {name!r} promises {promised:,} bytes, the file has {'at most ' if zipped else ''}{there:,}",
            "The file is incomplete or damaged; download or copy it again.",
        )
    if zipped and promised > FREE_BYTES + MAX_RATIO * size:
        raise DatasetError(
            f"The file {name!r} would expand from {size:,} to {promised:,} bytes", "Unpack it and give the file inside."
        )
    return tuple(int(length) for length in shape)


def _blocks(path: Path, shape: tuple[int, ...]) -> Iterator[npt.NDArray[np.uint8]]:
    with _open(path) as stream:
        read_exactly(stream, 4 + 4 * len(shape), path.name)
        row = math.prod(shape[1:])
        step = rows_per_block(row)
        for start in range(0, shape[0], step):
            n = min(step, shape[0] - start)
            yield np.frombuffer(read_exactly(stream, n * row, path.name), np.uint8).reshape(n, *shape[1:])
        try:
            more = stream.read(1)
        except DAMAGED:
            raise damaged(path.name) from None
        if more:
            raise DatasetError(
                f"The file {path.name!r} has more bytes than its header promises", "Download or copy it again."
            )


def _labels_beside(path: Path) -> Path | None:
    """Return the labels file that belongs to a file of images, if it is there."""
    name = path.name
    if "images" not in name and "idx3" not in name:
        return None
    wanted = name.replace("images", "labels").replace("idx3", "idx1")
    stem = wanted.removesuffix(".gz")
    return next(
        (path.with_name(other) for other in (wanted, stem, f"{stem}.gz") if path.with_name(other).is_file()), None
    )
