"""Files on their way in: one upload is a list of files whose bytes arrive as one stream, in pieces, in order.

    cache/uploads/<id>/   manifest.json   what was announced
                          received        how many bytes of the stream are here
                          files/          the files, under the paths that were announced

A folder of 50,000 images and one file of 2 GB are the same thing here: a stream with a position. A piece is accepted
only at the position that was reached, so a lost or repeated piece can't damage anything, and an upload goes on where
it stopped. A piece goes to the disk as it arrives: memory stays flat.

Invariant: nothing is written outside `files/`, and nothing beyond what was announced.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

from nnvis_dash.errors import NotFound, ParameterError, StateError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.alive import Watch
from nnvis_dash.workspace.disk import SPARE, check_room, disk_errors
from nnvis_dash.workspace.lock import locked

PIECE = 8 * 2**20  # bytes that a browser sends at once
MAX_FILES = 200_000
_BLOCK = 2**18
_STALE_SECONDS = 3600  # an upload that nobody sent anything to
_LONGEST_PATH = 1000
_LONGEST_PART = 200
_DEEPEST = 12
_ID = re.compile(r"[0-9a-f]{32}")
_watch = Watch()


@dataclass(frozen=True)
class Upload:
    """An upload as it stands."""

    id: str
    paths: tuple[str, ...]  # relative, "/" between the parts
    sizes: tuple[int, ...]  # bytes
    received: int  # bytes of the whole stream

    @property
    def total(self) -> int:
        """Bytes that were announced."""
        return sum(self.sizes)

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self.received == self.total


class WrongPosition(StateError):
    """A piece that doesn't follow the last one; `received` says where to go on."""

    def __init__(self, offset: int, received: int) -> None:
        super().__init__(
            f"The upload has {received:,} bytes, the piece begins at {offset:,}", f"Go on at {received:,}."
        )
        self.received = received
        self.details = {"received": received}  # which an answer in JSON carries


class Uploads:
    """The uploads of a workspace; any number of processes may use one folder.

    Parameters
    ----------
    folder : Path
        Made if it isn't there, readable by its owner only.
    max_bytes : int
        Largest upload.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self, files: Any) -> Upload:
        """Announce files.

        Parameters
        ----------
        files : list of [path, size]
            Relative paths with "/", and sizes in bytes, in the order in which they will be sent.

        Raises
        ------
        ParameterError
            No files, too many, too large, a path that can't be used, or no room for them on the disk.
        EngineError
            The disk is nearly full, whatever the upload's size.
        """
        self.sweep()
        paths, sizes = _checked(files)
        total = sum(sizes)
        if total > self.max_bytes:
            raise ParameterError(
                f"The upload has {total / 2**20:,.0f} MB, more than the limit of {self.max_bytes / 2**20:,.0f} MB",
                "Add it on the server with the command line, or ask an administrator to raise NNVIS_MAX_UPLOAD_MB.",
            )
        free = shutil.disk_usage(self.folder).free
        if 2 * total + SPARE > free:  # the upload, and what is made of it
            raise ParameterError(
                f"The upload has {total / 2**20:,.0f} MB, but only {free / 2**20:,.0f} MB are free on the server",
                "Free some space in the workspace first.",
            )
        check_room(self.folder, Settings.from_environment().disk_limit_percent)
        upload = Upload(secrets.token_hex(16), paths, sizes, 0)
        place = self.folder / upload.id
        (place / "files").mkdir(mode=0o700, parents=True)
        (place / "manifest.json").write_text(json.dumps([paths, sizes]), encoding="utf-8")
        (place / "received").write_text("0", encoding="ascii")
        (place / "lock").touch()
        self._make_empty(upload, 0, 0)
        return upload

    def get(self, upload_id: str) -> Upload:
        """Return an upload.

        Raises
        ------
        NotFound
            There is none of that name, or it was removed.
        """
        place = self._place(upload_id)
        try:
            paths, sizes = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
            received = int((place / "received").read_text(encoding="ascii"))
        except FileNotFoundError:
            raise _gone() from None
        return Upload(upload_id, tuple(paths), tuple(sizes), received)

    def write(self, upload_id: str, offset: int, stream: IO[bytes], length: int) -> Upload:
        """Take the next piece.

        Parameters
        ----------
        upload_id : str
        offset : int
            Where in the stream the piece begins.
        stream : binary file
            Read to its end, `length` bytes at most.
        length : int
            Bytes of the piece.

        Raises
        ------
        NotFound
            No such upload.
        WrongPosition
            The piece doesn't follow the last one; nothing was taken.
        ParameterError
            More than was announced, or fewer bytes than `length`; nothing was taken.
        """
        place = self._place(upload_id)
        if not (place / "lock").exists():
            raise _gone()
        with locked(place / "lock"):
            upload = self.get(upload_id)
            if offset != upload.received:
                raise WrongPosition(offset, upload.received)
            if length > upload.total - offset:
                raise ParameterError(
                    f"The piece of {length:,} bytes goes beyond the {upload.total:,} that were announced",
                    "Begin the upload again.",
                )
            with disk_errors(ParameterError):
                taken = self._append(upload, stream, length)
            if taken != length:
                raise ParameterError(f"Only {taken:,} of {length:,} bytes of the piece came", "Send it again.")
            draft = place / "received.new"
            draft.write_text(str(offset + length), encoding="ascii")
            draft.replace(place / "received")
        return Upload(upload.id, upload.paths, upload.sizes, offset + length)

    def source(self, upload_id: str) -> Path:
        """Return what was uploaded: the file where it is one, else the folder of them.

        Raises
        ------
        NotFound
            No such upload.
        StateError
            It isn't complete.
        """
        upload = self.get(upload_id)
        if not upload.complete:
            raise StateError(
                f"The upload isn't complete: {upload.received:,} of {upload.total:,} bytes are here", "Send the rest."
            )
        files = self._place(upload_id) / "files"
        return files / upload.paths[0] if len(upload.paths) == 1 else files

    def touch(self, upload_id: str) -> None:
        """Say that an upload is in use, so that `sweep` leaves it."""
        with contextlib.suppress(FileNotFoundError, NotFound):
            (self._place(upload_id) / "received").touch(exist_ok=True)

    def remove(self, upload_id: str) -> None:
        """Remove an upload, after the piece that is being written; one that isn't there is fine."""
        place = self._place(upload_id)
        if (place / "lock").exists():
            with contextlib.suppress(FileNotFoundError), locked(place / "lock"):
                shutil.rmtree(place, ignore_errors=True)

    def sweep(self) -> None:
        """Remove uploads that nobody has sent anything to for an hour, as this process saw it: clocks may jump."""
        for place in self.folder.iterdir():
            with contextlib.suppress(OSError):
                newest = place / "received"
                touched = (newest if newest.exists() else place).stat().st_mtime_ns
                if _watch.silence(place.name, f"touched {touched}") > _STALE_SECONDS:
                    shutil.rmtree(place, ignore_errors=True)

    def _place(self, upload_id: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise _gone()
        return self.folder / upload_id

    def _append(self, upload: Upload, stream: IO[bytes], length: int) -> int:
        """Write a piece into the files that it covers; return the bytes that came."""
        ends = list(accumulate(upload.sizes))
        files = self._place(upload.id) / "files"
        position, left = upload.received, length
        while left:
            number = bisect_right(ends, position)
            start = ends[number] - upload.sizes[number]
            path = files / upload.paths[number]
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("r+b" if path.exists() else "w+b") as file:
                file.seek(position - start)
                file.truncate()  # what an interrupted piece left
                while left and position < ends[number]:
                    block = stream.read(min(_BLOCK, left, ends[number] - position))
                    if not block:
                        return length - left
                    file.write(block)
                    position += len(block)
                    left -= len(block)
        self._make_empty(upload, upload.received, position)
        return length

    def _make_empty(self, upload: Upload, start: int, stop: int) -> None:
        """Make the files of no bytes that lie between two positions of the stream."""
        position = 0
        for path, size in zip(upload.paths, upload.sizes, strict=True):
            if size == 0 and start <= position <= stop:
                place = self._place(upload.id) / "files" / path
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                place.touch()
            position += size


def _gone() -> NotFound:
    return NotFound("There is no such upload on this server", "It may be too old: begin it again.")


def _checked(files: Any) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the paths and sizes of a list from outside, or raise ParameterError."""
    if not isinstance(files, Sequence) or isinstance(files, (str, bytes)) or not files:
        raise ParameterError("The upload names no files", "Choose a file or a folder.")
    if len(files) > MAX_FILES:
        raise ParameterError(
            f"The upload has {len(files):,} files, more than {MAX_FILES:,}", "Pack them into a zip archive."
        )
    paths, sizes = [], []
    for entry in files:
        if not isinstance(entry, Sequence) or len(entry) != 2:
            raise ParameterError("The upload's list of files can't be read", "Send [path, size] for each.")
        path, size = entry
        if not isinstance(path, str) or isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ParameterError(
                f"The upload names a file {str(path)[:60]!r} of {str(size)[:20]} bytes", "Choose it again."
            )
        _check_path(path)
        paths.append(path)
        sizes.append(size)
    folded = [path.casefold() for path in paths]
    known = set(folded)
    if len(known) < len(folded):
        raise ParameterError("The upload names a file twice", "Rename one of them.")
    for path in folded:
        parts = path.split("/")
        if any("/".join(parts[:depth]) in known for depth in range(1, len(parts))):
            raise ParameterError(f"The upload names {path[:60]!r} inside a file", "Rename one of them.")
    return tuple(paths), tuple(sizes)


def _check_path(path: str) -> None:
    """Refuse a path that could lead outside, or that no file system takes."""
    parts = path.split("/")
    usable = (
        0 < len(path) <= _LONGEST_PATH
        and len(parts) <= _DEEPEST
        and path.isprintable()
        and "\\" not in path
        and all(part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_PART for part in parts)
    )
    if not usable:
        shown = "".join(character if character.isprintable() else "?" for character in path[:60])
        raise ParameterError(f"The file name {shown!r} can't be used", "Rename the file.")
