"""The files of a SavedModel, from a folder or a zip of one: counted, measured, and only those that are needed copied.

Invariant: no name of a folder or an archive becomes a path outside; links are refused.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from nnvis_dash.analysis.preflight.wording import RAISE_SIZE, refused, shown
from nnvis_dash.errors import DatasetError, ModelError, RefusedModel
from nnvis_dash.workspace.archive import open_archive, open_member

GRAPH = "saved_model.pb"
MAX_FILES = 1_000
MAX_GRAPH_BYTES = 2**31 - 1  # more than this a protocol buffer can't hold
_WANTED = re.compile(r"saved_model\.pb|variables/variables\.(index|data-\d{5}-of-\d{5})")
_AGAIN = "Give the folder that tf.saved_model.save or model.export wrote, or a zip of it."


def is_saved_model(path: Path) -> bool:
    """Whether a path is a folder with a `saved_model.pb`, or a zip that holds one and isn't a .keras file."""
    if path.is_dir():
        return (path / GRAPH).is_file()
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return False
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, LookupError):
        return False
    return "config.json" not in names and any(name.rsplit("/", 1)[-1] == GRAPH for name in names)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of the files of a folder (at most `MAX_FILES` are looked at)."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(entry.lstat().st_size for entry, _ in zip(_walk(path), range(MAX_FILES), strict=False))


def copy_files(path: Path, target: Path, max_bytes: int) -> None:
    """Copy the graph and the variables of a SavedModel into the empty folder `target`.

    Raises
    ------
    RefusedModel
        Too many files, too many bytes, links, or an archive that was not made by packing a folder.
    ModelError
        Not a whole SavedModel.
    """
    if path.is_dir():
        _copy_folder(path, target, max_bytes)
    else:
        _copy_archive(path, target, max_bytes)


def _copy_folder(path: Path, target: Path, max_bytes: int) -> None:
    sizes: dict[str, int] = {}
    for entry in _walk(path):
        name = entry.relative_to(path).as_posix()
        status = entry.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise refused(f"in the SavedModel, {shown(name)} is a link or a special file", _AGAIN)
        sizes[name] = status.st_size
        if len(sizes) > MAX_FILES:
            raise refused(f"the SavedModel's folder holds more than {MAX_FILES:,} files", _AGAIN)
    _check_sizes(sizes, max_bytes)
    for name in filter(_WANTED.fullmatch, sizes):
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path / name, flags), "rb") as file:
            _write(file, target / name, sizes[name])


def _copy_archive(path: Path, target: Path, max_bytes: int) -> None:
    try:
        with open_archive(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            graphs = [member.filename for member in members if member.filename.rsplit("/", 1)[-1] == GRAPH]
            if len(graphs) != 1:
                raise refused(f"the archive holds {len(graphs)} SavedModels", "Give a zip of one folder.")
            if len(members) > MAX_FILES:
                raise refused(f"the archive holds {len(members):,} files, more than {MAX_FILES:,}", _AGAIN)
            prefix = graphs[0].removesuffix(GRAPH)
            inside = {
                member.filename.removeprefix(prefix): member for member in members if member.filename.startswith(prefix)
            }
            _check_sizes({name: member.file_size for name, member in inside.items()}, max_bytes)
            for name in filter(_WANTED.fullmatch, inside):
                with open_member(archive, inside[name]) as file:
                    _write(file, target / name, inside[name].file_size)
    except DatasetError as error:  # how the checks of archives speak
        raise RefusedModel(error.what, error.mend) from None
    except (zipfile.BadZipFile, EOFError, ValueError, OSError, zlib.error, lzma.LZMAError) as error:
        if getattr(error, "errno", None) is not None:  # of the disk; bzip2's decoder raises an OSError without one
            raise
        raise ModelError(f"The archive {path.name!r} is damaged ({type(error).__name__})", "Copy it again.") from None


def _check_sizes(sizes: Mapping[str, int], max_bytes: int) -> None:
    total = sum(sizes.values())
    if total > max_bytes:
        raise refused(
            f"the SavedModel has {total / 2**20:,.0f} MB, more than the limit of {max_bytes / 2**20:,.0f} MB",
            RAISE_SIZE,
        )
    if GRAPH not in sizes:
        raise ModelError(f"The SavedModel holds no {GRAPH}", _AGAIN)
    if not sizes[GRAPH] or sizes[GRAPH] > MAX_GRAPH_BYTES:
        raise ModelError(f"The SavedModel's {GRAPH} has {sizes[GRAPH]:,} bytes", "Copy it again.")


def _write(file: IO[bytes] | Any, target: Path, size: int) -> None:
    """Copy one file of a known size."""
    target.parent.mkdir(exist_ok=True)
    with target.open("wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
    if target.stat().st_size != size:
        raise ModelError(f"The SavedModel's {target.name} changed while it was copied", "Copy it again.")


def _walk(path: Path) -> Iterator[Path]:
    """Yield everything in a folder that isn't a folder itself; links are not followed."""
    for folder, folders, files in os.walk(path):
        for name in folders:
            if (Path(folder) / name).is_symlink():
                yield Path(folder) / name
        for name in files:
            yield Path(folder) / name
