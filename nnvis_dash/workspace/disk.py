"""What a disk refuses, in words for the person who asked; and small files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnvis_dash.errors import EngineError, NNVisError

SPARE = 64 * 2**20  # bytes that stay free, however large the disk is
FULL = (errno.ENOSPC, errno.EDQUOT)


def check_room(folder: Path, limit_percent: int) -> None:
    """Refuse new work where the disk of a folder is nearly full; what is there can still be read.

    Parameters
    ----------
    folder : Path
    limit_percent : int
        How full the disk may be.

    Raises
    ------
    EngineError
        Says how much to free.
    """
    disk = shutil.disk_usage(folder)
    size = disk.used + disk.free  # without what only root may use
    spare = max(SPARE, size * (100 - limit_percent) // 100)
    if disk.free < spare:
        raise EngineError(
            f"The disk of the workspace is full: {disk.free / 2**20:,.0f} of {size / 2**20:,.0f} MB are free",
            f"Free {(spare - disk.free) / 2**20:,.0f} MB, then start it again. What is finished can be looked at.",
        )


def is_full(error: BaseException) -> bool:
    """Whether an error means that there is no space left on a disk: one of the system's, or of SQLite's."""
    if isinstance(error, sqlite3.OperationalError):
        return "full" in str(error)
    return isinstance(error, OSError) and error.errno in FULL


def no_space(error: BaseException) -> EngineError | None:
    """Return what to say where an error means that the disk became full; None for any other."""
    if is_full(error):
        return EngineError(
            "There is no space left on the disk of the workspace", "Remove something, then start it again."
        )
    return None


@contextmanager
def disk_errors(error: type[NNVisError]) -> Iterator[None]:
    """Turn what the disk refuses into an error that names no path of the server."""
    try:
        yield
    except OSError as cause:
        if cause.errno in FULL:
            raise error("There is no space left on the disk of the workspace", "Remove something first.") from None
        own_name = Path(cause.filename).name if isinstance(cause.filename, str) else "a file"
        raise error(f"{own_name!r} can't be read or written: {cause.strerror}", "Check its permissions.") from None


def write_whole(path: Path, text: str) -> None:
    """Write a small text file: whoever reads it, and a machine that stops meanwhile, finds the old one or the new."""
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
