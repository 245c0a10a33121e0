"""Results on disk, each under the key of the request that made it: a folder of .npy files and a card.json.

An artifact is written under a temporary name and renamed, so it is there as a whole or not at all; of two that write
the same key, the first stays (results are pure functions of their key). Beside it lie the *parts* of a run: finished
chunks or frames, kept so that an interrupted run goes on where it stopped. Nothing is pickled.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import NotFound

Array = npt.NDArray[Any]

_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_CARD = "card.json"
_reading = threading.Lock()  # numpy reads headers with CPython's parser, which in 3.11 fails in several threads at once


class Artifact:
    """A stored result: `key`, `card` (plain values) and arrays by name."""

    def __init__(self, key: str, folder: Path) -> None:
        self.key = key
        self.card: dict[str, Any] = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        self._folder = folder
        self._arrays: dict[str, Array] = {}

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
        """
        if name not in self._arrays:
            path = self._folder / f"{name}.npy"
            if not _NAME.fullmatch(name) or not path.is_file():
                raise NotFound.among("array", name, self.names)
            self._arrays[name] = open_array(path)
        return self._arrays[name]


class Parts:
    """The finished parts of a run, each a few arrays under a name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, arrays: Mapping[str, Array]) -> None:
        """Keep the arrays under `name`; a part that is there is replaced."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{_checked(name)}.npz"
        temporary = self._folder / f".{secrets.token_hex(8)}"
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                for key, array in arrays.items():
                    with archive.open(f"{_checked(key)}.npy", "w", force_zip64=True) as stream:
                        np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

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
        """
        path = self._folder / f"{name}.npz"
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFound.among("part", name, sorted(self.names()))
        try:
            with _reading, np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        except FileNotFoundError:
            raise NotFound(f"The part {name!r} was removed", "Ask for it again.") from None

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
        if not self.has(key):
            self.root.mkdir(parents=True, exist_ok=True)
            temporary = self.root / f".{key}.{secrets.token_hex(8)}"
            temporary.mkdir()
            try:
                for name, array in arrays.items():
                    np.save(temporary / f"{_checked(name)}.npy", np.asarray(array), allow_pickle=False)
                (temporary / _CARD).write_text(json.dumps(dict(card or {})), encoding="utf-8")
                try:
                    temporary.rename(folder)
                except OSError:
                    if not self.has(key):  # else another was first, with the same result
                        raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        return self.load(key)

    def load(self, key: str) -> Artifact:
        """Return the artifact.

        Raises
        ------
        NotFound
            There is none.
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


def open_array(path: Path) -> Array:
    """Memory-map a .npy file read-only; an empty array, which can't be mapped, is read."""
    with _reading:
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError:
            return np.load(path, allow_pickle=False)


def _checked(name: str, pattern: re.Pattern[str] = _NAME) -> str:
    """Return a name that is one path element; anything else is a defect of ours."""
    if not pattern.fullmatch(name):
        raise ValueError(f"{name!r} can't name an artifact, a part or an array")
    return name
