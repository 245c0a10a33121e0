"""Results on disk, each under the key of the request that made it: a folder of .npy files and a card.json.

An artifact is written under a temporary name and renamed, so it is there as a whole or not at all; of two that write
the same key, the first stays (results are pure functions of their key). Beside it lie the *parts* of a run: finished
chunks or frames, kept so that an interrupted run goes on where it stopped. Nothing is pickled.

The card keeps the size and SHA-256 of every array. They are held against the files when these are first opened in a
process, and again when a file changed; an artifact that fails is set aside under the name ``.damaged-<key>-...``, and
whoever asks for it again has it computed anew. Parts are zip archives, whose checksums are held against what is read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import lzma
import mmap
import os
import re
import secrets
import shutil
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import Damaged, NotFound
from nnvis_dash.workspace.placed import ENDING, PlacedRows
from nnvis_dash.workspace.temporaries import keep_on_disk, sweep, temporary_file, temporary_folder

Array = npt.NDArray[Any]

log = logging.getLogger(__name__)
_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_CARD = "card.json"
_SEALED = {"card", "arrays", "sha256"}  # what a card.json with sums consists of; older ones are the card itself
_DAMAGED = ".damaged-"
_KEPT_DAMAGED = 8  # that are kept for a look at them
_BLOCK = 2**22  # bytes
_LARGE = 2**28  # bytes: the sums of larger arrays are taken behind the answer
_UNPACKING = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error)
_REMEMBERED = 50_000  # files that were checked
_reading = threading.Lock()  # numpy reads headers with CPython's parser, which in 3.11 fails in several threads at once
_sound: dict[str, tuple[int, int, int]] = {}  # what each file was like when its sum was right, by path
_BROKEN = (OSError, ValueError, EOFError, KeyError, TypeError, NotImplementedError, RuntimeError, *_UNPACKING)
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES)  # what isn't the file's fault


class Artifact:
    """A stored result: `key`, `card` (plain values) and arrays by name.

    Raises
    ------
    Damaged
        The card can't be read, or an array hasn't its size; the artifact was set aside.
    """

    def __init__(self, key: str, folder: Path) -> None:
        self.key = key
        self._folder = folder
        self._inode = folder.stat().st_ino
        self._arrays: dict[str, Array] = {}
        try:
            self.card, self._sums = _read_card(folder / _CARD)
            for name, (n_bytes, _) in self._sums.items():
                if (folder / f"{name}.npy").stat().st_size != n_bytes:
                    raise ValueError(name)
        except _BROKEN as error:
            if isinstance(error, OSError) and (error.errno in _OURS or not folder.exists()):
                raise
            raise self._damaged() from None

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays' names, sorted."""
        return tuple(sorted(entry.stem for entry in self._folder.glob("*.npy")))

    def array(self, name: str) -> Array:
        """Return an array, memory-mapped and read-only.

        Raises
        ------
        NotFound
            No array of that name, or the artifact was removed meanwhile.
        Damaged
            Its bytes aren't those that were written; the artifact was set aside.
        """
        if name not in self._arrays:
            path = self._folder / f"{name}.npy"
            if not _NAME.fullmatch(name) or not path.is_file():
                raise NotFound.among("array", name, self.names)
            self._check(name, _LARGE)
            try:
                self._arrays[name] = open_array(path)
            except (ValueError, EOFError):
                raise self._damaged() from None
            except FileNotFoundError:
                raise NotFound(f"The artifact {self.key!r} was removed", "Ask for it again.") from None
        return self._arrays[name]

    def check(self) -> None:
        """Hold every array against its sum; those that were checked in this process cost a look at the file's date.

        Raises
        ------
        Damaged
            The artifact was set aside.
        """
        for name in self._sums:
            self._check(name, None)

    def _check(self, name: str, largest: int | None) -> None:
        """Hold one array against its sum, a file of more than `largest` bytes in a thread of its own."""
        path = self._folder / f"{name}.npy"
        n_bytes, expected = self._sums.get(name, (-1, ""))
        mark = _mark(path)
        if not expected or (mark is not None and _sound.get(str(path)) == mark):
            return
        if mark is not None and largest is not None and n_bytes > largest:
            _sound[str(path)] = mark
            threading.Thread(target=self._check_behind, args=(name,), name=f"sums-{self.key[:8]}", daemon=True).start()
            return
        if mark is None or mark[1] != n_bytes or _sha256(path) != expected:
            raise self._damaged()
        if len(_sound) > _REMEMBERED:
            _sound.clear()
        _sound[str(path)] = mark

    def _check_behind(self, name: str) -> None:
        path = self._folder / f"{name}.npy"
        with contextlib.suppress(OSError):
            if _sha256(path) != self._sums[name][1]:
                _sound.pop(str(path), None)
                self._damaged()

    def _damaged(self) -> Damaged:
        """Set the artifact aside, unless another took its place, and return what to say."""
        aside = self._folder.with_name(f"{_DAMAGED}{self.key}-{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            if self._folder.stat().st_ino == self._inode:
                self._folder.rename(aside)
                log.error("the artifact %s was damaged; it was set aside", self.key)
                if aside.stat().st_ino != self._inode and not self._folder.exists():
                    aside.rename(self._folder)  # a new one had come in between
            before = sorted(self._folder.parent.glob(f"{_DAMAGED}*"), key=lambda path: path.stat().st_mtime)
            for path in before[:-_KEPT_DAMAGED]:
                shutil.rmtree(path, ignore_errors=True)
        return Damaged(f"The stored result {self.key[:8]} was damaged", "It was set aside: ask for it again.")


class Parts:
    """The finished parts of a run, each a few arrays under a name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, arrays: Mapping[str, Array]) -> None:
        """Keep the arrays under `name`; a part that is there is replaced."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{_checked(name)}.npz"
        with temporary_file(self._folder) as (temporary, descriptor):
            with (
                open(descriptor, "wb", closefd=False) as file,
                zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
            ):
                for key, array in arrays.items():
                    with archive.open(f"{_checked(key)}.npy", "w", force_zip64=True) as stream:
                        np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
            os.fsync(descriptor)
            temporary.replace(path)

    @contextlib.contextmanager
    def being_made(self, name: str) -> Iterator[int]:
        """Give how often the making of a part was begun before and neither ended nor failed: its process was killed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        marks = self._folder / f"{_checked(name)}.begun"
        with marks.open("ab") as file:
            before = file.tell()
            file.write(b".")
        try:
            yield before
        finally:
            marks.unlink(missing_ok=True)

    @property
    def rows(self) -> PlacedRows:
        """Rows that were put straight into the arrays of the result."""
        return PlacedRows(self._folder)

    def names(self) -> set[str]:
        """Return the names of the parts that are there."""
        try:
            entries = [entry.name for entry in self._folder.iterdir()]
        except FileNotFoundError:
            return set()
        return {entry[: -len(".npz")] for entry in entries if entry.endswith(".npz") and not entry.startswith(".")}

    def load(self, name: str) -> dict[str, Array]:
        """Return a part's arrays.

        Raises
        ------
        NotFound
            No part of that name.
        Damaged
            Its bytes aren't those that were written; it was removed.
        """
        path = self._folder / f"{name}.npz"
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFound.among("part", name, sorted(self.names()))
        try:
            with _reading, np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        except FileNotFoundError:
            raise NotFound(f"The part {name!r} was removed", "Ask for it again.") from None
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno in _OURS:
                raise
            log.error("a part of %s was damaged; it was removed", self._folder.stem)
            path.unlink(missing_ok=True)
            raise Damaged(f"The part {name!r} of a job was damaged", "It was removed: start the job again.") from None

    def sweep(self) -> None:
        """Remove what killed workers left half-written."""
        sweep(self._folder, ".*")

    def clear(self) -> None:
        """Remove every part."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Artifacts:
    """The artifacts under one folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def has(self, key: str) -> bool:
        """Whether the artifact is there, complete."""
        return bool(_KEY.fullmatch(key)) and (self.root / key / _CARD).is_file()

    def sound(self, key: str) -> bool:
        """Whether the artifact is there and every byte is as it was written; one that is damaged is set aside."""
        try:
            self.load(key).check()
        except NotFound:
            return False
        return True

    def save(self, key: str, arrays: Mapping[str, Array], card: Mapping[str, Any] | None = None) -> Artifact:
        """Store a result under its key; where there is one already, that one stays.

        Parameters
        ----------
        key : str
            Letters, digits, ``-`` and ``_``; see `state.ids.content_key`.
        arrays : mapping of name to array
            No objects.
        card : mapping
            Whatever JSON can hold.

        Returns
        -------
        Artifact
            The stored one.
        """
        folder = self.root / _checked(key, _KEY)
        if not self.sound(key):
            self.root.mkdir(parents=True, exist_ok=True)
            with temporary_folder(self.root, f".{key}.") as temporary:
                sums = {
                    name: _write_array(temporary / f"{_checked(name)}.npy", array) for name, array in arrays.items()
                }
                sealed = {"card": dict(card or {}), "arrays": sums}
                with (temporary / _CARD).open("w", encoding="utf-8") as stream:
                    json.dump({**sealed, "sha256": _card_sum(sealed)}, stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                keep_on_disk(temporary)
                if folder.exists() and not self.has(key):  # its card is gone
                    folder.rename(self.root / f"{_DAMAGED}{key}-{secrets.token_hex(4)}")
                try:
                    temporary.rename(folder)
                    keep_on_disk(self.root)
                except OSError:
                    if not self.has(key):  # else another was first, with the same result
                        raise
        return self.load(key)

    def load(self, key: str) -> Artifact:
        """Return the artifact.

        Raises
        ------
        NotFound
            There is none.
        Damaged
            Its card or the size of an array is not what was written; it was set aside.
        """
        if not self.has(key):
            raise NotFound(f"There is no artifact {key!r}", "It was never computed, or was removed; ask for it again.")
        try:
            return Artifact(key, self.root / key)
        except FileNotFoundError:
            raise NotFound(f"The artifact {key!r} was removed", "Ask for it again.") from None

    def remove(self, key: str) -> None:
        """Remove the artifact and its parts, if there are any."""
        folder = self.root / _checked(key, _KEY)
        if folder.is_dir():
            doomed = self.root / f".{key}.{secrets.token_hex(8)}"
            with contextlib.suppress(FileNotFoundError):
                folder.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
        self.parts(key).clear()

    def parts(self, key: str) -> Parts:
        """Return the parts of the run that makes this artifact."""
        if not _KEY.fullmatch(key):
            raise NotFound(f"There is no artifact {key!r}", "Ask for it again.")
        return Parts(self.root / f"{key}.parts")

    def sweep(self) -> int:
        """Remove what processes that are gone left half-written; return how many entries went."""
        return sweep(self.root, ".*.*") + sweep(self.root, "*.parts/.*")


def open_array(path: Path) -> Array:
    """Memory-map a .npy file read-only; an empty array, which can't be mapped, is read."""
    with _reading:
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError:
            return np.load(path, allow_pickle=False)


class _Summed:
    """A file that takes the sum of what is written to it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.sum = hashlib.sha256()
        self.n_bytes = 0

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        self.n_bytes += len(data)
        return self._stream.write(data)


def _write_array(path: Path, array: Array) -> tuple[int, str]:
    """Write a .npy file to the disk, or give one whose rows were placed its name; return its size and SHA-256."""
    placed = Path(array.filename) if isinstance(array, np.memmap) and array.filename else None
    map_: object = array.base  # a slice of a mapped array has the array there
    if placed is not None and placed.name.endswith(ENDING) and isinstance(map_, mmap.mmap):
        with contextlib.suppress(OSError):  # a disk without links: it is copied
            os.link(placed, path)
            return path.stat().st_size, _sha256(path)
    with path.open("wb") as stream:
        summed = _Summed(stream)
        np.lib.format.write_array(summed, np.asarray(array), allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    return summed.n_bytes, summed.sum.hexdigest()


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is written to or replaced; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _card_sum(sealed: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(sealed).encode()).hexdigest()


def _read_card(path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, str]]]:
    """Return a card and its arrays' sizes and sums (none in one that an older version wrote), or raise ValueError."""
    record = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise ValueError("no record")
    if set(record) != _SEALED:
        return record, {}
    expected = record.pop("sha256")
    if _card_sum(record) != expected:
        raise ValueError("another sum")
    return record["card"], {name: (n_bytes, found) for name, (n_bytes, found) in record["arrays"].items()}


def _checked(name: str, pattern: re.Pattern[str] = _NAME) -> str:
    """Return a name that is one path element; anything else is a defect of ours."""
    if not pattern.fullmatch(name):
        raise ValueError(f"{name!r} can't name an artifact, a part or an array")
    return name
