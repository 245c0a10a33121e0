"""A folder of images: one folder a class, or all in one without labels."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.archive import MAX_IMAGE_BYTES, short
from nnvis_dash.workspace.class_folders import class_folders
from nnvis_dash.workspace.pixels import SUFFIXES
from nnvis_dash.workspace.readers import READERS, Given, Reading, ReadOptions
from nnvis_dash.workspace.sidecars import SIDECARS


@READERS.register("folder", title="a folder of class folders", reference="https://keras.io/api/data_loading/image/")
def read_folder(source: Given, options: ReadOptions) -> Reading | None:
    """Image files in one folder a class; a flat folder, or a single image, has no labels."""
    if not isinstance(source, Path):
        return None
    if source.is_dir():
        root, (paths, folders) = source, _walk(source)
    elif source.suffix.lower() in SUFFIXES:
        root, paths, folders = source.parent, [source.name], []
    else:
        return None
    name = source.resolve().name
    found = class_folders((path for path in paths if path not in SIDECARS), folders, name)
    if not found.paths:
        return None

    def files() -> Iterator[tuple[str, bytes]]:
        for path, shown in zip(found.paths, found.names, strict=True):
            yield shown, _read(root / path, shown)

    return Reading(
        source=name,
        n_images=len(found.paths),
        labels=found.labels,
        class_names=found.class_names,
        file_names=found.names,
        notes=found.notes,
        files=files,
    )


def _read(path: Path, shown: str) -> bytes:
    shown = short(shown)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:  # a pipe must not be waited for
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DatasetError(f"{shown!r} is not a file", "Remove it from the folder.")
            data = stream.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"The file {shown!r} can't be read: {error.strerror}", "Check its permissions.") from None
    if len(data) > MAX_IMAGE_BYTES:
        raise DatasetError(f"The file {shown!r} has {status.st_size:,} bytes", f"At most {MAX_IMAGE_BYTES:,} are read.")
    return data


def _walk(root: Path) -> tuple[list[str], list[str]]:
    """Return files and folders below, relative with "/"; linked folders are followed once, so that a circle ends."""
    files: list[str] = []
    folders: list[str] = []
    seen: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            status = (root / folder).stat()
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError as error:
            raise DatasetError(
                f"The folder {short(folder or root.name)!r} can't be read: {error.strerror}", "Check its permissions."
            ) from None
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            path = folder + entry.name
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders.append(f"{path}/")
                pending.append(f"{path}/")
            elif entry.is_symlink() or entry.is_file():
                files.append(path)
    return files, folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
