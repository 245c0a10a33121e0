"""A .npz file with images and, perhaps, labels and class names under the usual names."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy.typing as npt

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.archive import open_archive, open_member
from nnvis_dash.workspace.labels import distinct
from nnvis_dash.workspace.npy import FREE_BYTES, NpyHeader, blocks, read_header, read_whole
from nnvis_dash.workspace.readers import (
    READERS,
    Given,
    Reading,
    ReadOptions,
    array_reading,
    choose_split,
    joined_labels,
)

_IMAGES = ("x", "images", "image", "data", "imgs", "pixels", "arr_0", "arr")
_LABELS = ("y", "labels", "label", "targets", "target", "classes", "arr_1")
_NAMES = ("class_names", "names", "label_names", "categories")


@READERS.register(
    "npz", title="a .npz file", reference="https://numpy.org/doc/stable/reference/generated/numpy.savez.html"
)
def read_npz(source: Given, options: ReadOptions) -> Reading | None:
    """Images, labels and class names in one .npz file: x and y, x_train, x_test, images and labels, ..."""
    if not isinstance(source, Path) or not source.is_file() or not zipfile.is_zipfile(source):
        return None
    members = _members(source)
    if not members and source.suffix.lower() != ".npz":
        return None
    file = _Npz(source, members)
    by_split: dict[str, tuple[str, str | None]] = {}
    for split in ("test", "train", ""):
        images = file.find(_IMAGES, split)
        if images is not None:
            by_split[split] = (images, file.find(_LABELS, split))
    if not by_split:
        by_split[""] = (file.only_images(), file.find(_LABELS, ""))
    chosen, notes = choose_split(by_split, options.split, source.name)
    headers = [file.headers[images] for images, _ in chosen]
    if len({(header.shape[1:], header.dtype) for header in headers}) > 1:
        raise DatasetError(f"The splits of {source.name!r} have images of different shapes", "Choose train or test.")
    labels = [None if key is None else file.whole(key) for _, key in chosen]
    names_key = file.find(_NAMES, "")
    names = () if names_key is None else distinct(str(name) for name in file.whole(names_key).ravel().tolist())
    return array_reading(
        source.name,
        lambda: chain.from_iterable(file.blocks(images) for images, _ in chosen),
        (sum(header.shape[0] for header in headers if header.shape), *headers[0].shape[1:]),
        headers[0].dtype,
        max_pixels=options.max_pixels,
        labels=joined_labels(labels, [header.shape[:1] for header in headers], source.name),
        class_names=names,
        notes=notes,
    )


def _members(path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays' entries by key, or nothing where the archive isn't one of arrays only."""
    with open_archive(path, FREE_BYTES) as archive:
        entries = archive.infolist()
    if not all(entry.filename.endswith(".npy") for entry in entries):
        return {}
    return {entry.filename[: -len(".npy")]: entry for entry in entries}


class _Npz:
    """The arrays of a .npz file by key, headers checked."""

    def __init__(self, path: Path, members: dict[str, zipfile.ZipInfo]) -> None:
        if not members:
            raise DatasetError(f"The file {path.name!r} holds no arrays", "Save it with np.savez(file, x=..., y=...).")
        self._path = path
        self._members = members
        self.headers: dict[str, NpyHeader] = {}
        for key, member in members.items():
            with self._open(key) as stream:
                self.headers[key] = read_header(stream, f"{path.name}: {key}", member.file_size)

    def find(self, words: tuple[str, ...], split: str) -> str | None:
        """Return the key that is one of the words, with the split's name before or after it."""
        for word in words:
            for wanted in {word, word.rstrip("s")} if split else {word}:
                forms = {f"{wanted}_{split}", f"{split}_{wanted}", f"{wanted}{split}"} if split else {wanted}
                for key in self._members:
                    if key.lower() in forms:
                        return key
        return None

    def only_images(self) -> str:
        """Return the only key whose array can be images."""
        keys = [key for key, header in self.headers.items() if len(header.shape) in (3, 4)]
        if len(keys) == 1:
            return keys[0]
        shapes = ", ".join(f"{key} {header.shape}" for key, header in list(self.headers.items())[:8])
        raise DatasetError(
            f"It isn't clear which array of {self._path.name!r} has the images: {shapes}",
            "Save it with np.savez(file, x=images, y=labels).",
        )

    def blocks(self, key: str) -> Iterator[npt.NDArray[Any]]:
        """Yield an array in blocks."""
        return blocks(lambda: self._open(key), self.headers[key], f"{self._path.name}: {key}")

    def whole(self, key: str) -> npt.NDArray[Any]:
        """Read a small array."""
        return read_whole(lambda: self._open(key), self.headers[key], f"{self._path.name}: {key}")

    @contextmanager
    def _open(self, key: str) -> Iterator[IO[bytes]]:
        with open_archive(self._path, FREE_BYTES) as archive, open_member(archive, self._members[key]) as stream:
            yield stream
