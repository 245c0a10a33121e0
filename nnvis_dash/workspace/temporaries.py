"""What is being written: folders and files under a temporary name, held by a lock that the kernel lets go of.

Whoever writes holds an `flock` on what it writes, so what a killed process left is known by its lock being free: not by
an age, which a clock that jumps would falsify, and not by a process id, which the next process may get.

Invariant: nothing that a living process writes is ever removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnvis_dash.workspace.permissions import FOLDER


@contextmanager
def temporary_folder(parent: Path, prefix: str = ".") -> Iterator[Path]:
    """Make a folder of one's own inside `parent`; what is still there at the end is removed."""
    while True:
        folder = parent / f"{prefix}{secrets.token_hex(8)}"
        folder.mkdir(mode=FOLDER)
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            if _held(descriptor, folder):
                break
            os.close(descriptor)  # a sweep was faster than the lock
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def temporary_file(parent: Path, prefix: str = ".") -> Iterator[tuple[Path, int]]:
    """Make a file of one's own inside `parent`, and its descriptor; one that was not renamed is removed at the end."""
    while True:
        path = parent / f"{prefix}{secrets.token_hex(8)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if _held(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield path, descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def sweep(parent: Path, pattern: str) -> int:
    """Remove what dead processes left under temporary names; return how many entries went.

    Parameters
    ----------
    parent : Path
        A folder; one that isn't there has nothing to sweep.
    pattern : str
        As `Path.glob` takes it; it must match nothing but temporary names.
    """
    went = 0
    for path in list(parent.glob(pattern)) if parent.is_dir() else []:
        with contextlib.suppress(OSError):  # another sweeps, too
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if _held(descriptor, path):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    went += 1
            finally:
                os.close(descriptor)
    return went


def keep_on_disk(folder: Path) -> None:
    """Have the disk write a folder's entries, so that a name which was given outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _held(descriptor: int, path: Path) -> bool:
    """Lock an open file or folder and return whether it got the lock and is still what has that name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except OSError:
        return False
