"""What must hold of every answer to a changed input: a result that can be used, or an error that a person understands.

A `Finding` is raised where it doesn't hold: another exception, an error that shows a path, something half-written, a
process or an open file left behind, or more memory than such an input may take.
"""

from __future__ import annotations

import contextlib
import gc
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnvis_dash.errors import NNVisError
from tests.unit.workspace.files import listing, write_tree

MAX_GROWTH = 768 << 20  # of this process by one example
_UNSAID = ("Traceback", "site-packages", "nnvis-", "object at 0x", "errno", "The model can't be used (")


class Finding(AssertionError):
    """An answer that must not be."""


@dataclass(frozen=True)
class Given:
    """One input: files below a folder, which of them is given ("": the folder), and options."""

    files: Mapping[str, bytes]
    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the files; returns the path to give."""
        write_tree(folder, self.files)
        return folder / self.source if self.source else folder


def read_error(error: NNVisError, *paths: Path) -> str:
    """Hold an error against what no message may hold; returns its kind."""
    text = str(error)
    for word in (*map(str, paths), *_UNSAID):
        if word in text:
            raise Finding(f"the message holds {word!r}: {text}")
    if not error.what or not error.mend or not text.isprintable():
        raise Finding(f"the message is not whole: {text!r}")
    return type(error).__name__


def children() -> set[int]:
    """Return the processes that this one has started and that are not gone."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update(map(int, (task / "children").read_text().split()))
        except FileNotFoundError:
            continue
    return found


def open_files() -> set[str]:
    """Return what this process has open, files only."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("/") and not target.startswith("/dev/"):
            found.add(target)
    return found


def _memory(field: str) -> int:
    """Return what this process has in memory now (VmRSS), or had at most (VmHWM), in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) * 1024


def _start_measuring() -> int:
    """Forget the peak so far; returns what is in memory now."""
    with contextlib.suppress(OSError):  # where that isn't allowed the old peak hides smaller ones
        Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


@contextmanager
def nothing_left(*folders: Path) -> Iterator[None]:
    """Raise a `Finding` where folders aren't as they were, or processes, open files or much memory are left."""
    before = [listing(folder) for folder in folders]
    processes, files, memory = children(), open_files(), _start_measuring()
    usual, tempfile.tempdir = tempfile.tempdir, str(folders[0])
    try:
        yield
    finally:
        tempfile.tempdir = usual
    for folder, was in zip(folders, before, strict=True):
        now = listing(folder)
        if now != was:
            raise Finding(f"left behind: {sorted(set(now) ^ set(was))[:5] or 'changed files'}")
    if children() - processes:
        raise Finding("a process is left")
    left = open_files() - files
    for _ in range(5):
        if not left:
            break
        gc.collect()  # an exception may hold a file until then
        time.sleep(0.02)  # another thread's file is closed soon
        left &= open_files()
    if left:
        raise Finding(f"still open: {sorted(Path(name).name for name in left)[:5]}")
    grown = _memory("VmHWM") - memory
    if grown > MAX_GROWTH:
        raise Finding(f"took {grown >> 20} MB")
