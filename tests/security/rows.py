"""What every bad input has in common: a row says what is given and which words must come back, and the same is held
against each answer: a user's error of one line with a mend, nothing run, nothing read that the file points to, nothing
left behind.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError, NNVisError
from nnvis_dash.workspace.store import Workspace
from tests.unit.workspace.files import listing

SECRET = "SECRET-5d1f0c"
HANGS = 120.0  # seconds without an answer
_EVENTS = ("subprocess.Popen", "os.system", "os.exec", "socket.connect", "socket.getaddrinfo", "pickle.find_class")
_IN_OPEN, _IN_ACCESS = 0x20, 0x01
_seen: list[str] | None = None


@dataclass(frozen=True)
class Row:
    """A bad input. `make` gets an empty folder and returns what is given, or that and the options given with it.

    Beside the folder lie `secret(folder)`, which nothing may open, and no file `ran(folder)`, which code would make.
    """

    name: str
    make: Callable[[Path], Any]
    says: str
    error: type[NNVisError] = DatasetError
    options: Mapping[str, Any] = field(default_factory=dict)


def table(rows: list[Row]) -> Any:
    """Parametrise a test by rows, each under its name."""
    names = [row.name for row in rows]
    assert len(set(names)) == len(names), "two rows have one name"
    return pytest.mark.parametrize("row", rows, ids=names)


def file(name: str, content: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    """Return a maker of one file."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content() if callable(content) else content)
        return path

    return make


def secret(folder: Path) -> Path:
    return folder.parent / "secret.txt"


def ran(folder: Path) -> Path:
    return folder.parent / "ran"


def given(row: Row, tmp_path: Path) -> tuple[Any, dict[str, Any]]:
    """Make the input of a row; returns what is given and the options."""
    folder = tmp_path / "given"
    folder.mkdir()
    secret(folder).write_text(SECRET)
    made = row.make(folder)
    source, options = made if isinstance(made, tuple) else (made, {})
    return source, {**row.options, **options}


@contextmanager
def watched(path: Path) -> Iterator[Callable[[], bool]]:
    """Watch a file; the function says whether any process, Python or C, has opened it since."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    assert descriptor >= 0 and libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_OPEN | _IN_ACCESS) >= 0

    def opened() -> bool:
        try:
            return bool(os.read(descriptor, 4096))
        except BlockingIOError:
            return False

    try:
        yield opened
    finally:
        os.close(descriptor)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _seen is not None and event in _EVENTS:
        _seen.append(f"{event} {args}"[:200])


sys.addaudithook(_audit)


@contextmanager
def nothing_runs() -> Iterator[None]:
    """Fail where this process starts another, opens a connection or unpickles a class."""
    global _seen
    _seen = []
    try:
        yield
        assert not _seen, _seen
    finally:
        _seen = None


def refused(row: Row, call: Callable[[Any, dict[str, Any]], object], tmp_path: Path, kept: Path) -> NNVisError:
    """Hand the row's input to `call`, hold its error against the row, and the folder `kept` against what it was."""
    source, options = given(row, tmp_path)
    folder = tmp_path / "given"
    before, began = listing(kept), time.monotonic()
    with watched(secret(folder)) as opened:
        with pytest.raises(NNVisError) as caught:
            call(source, options)
        assert not opened(), "the secret file was opened"
    assert time.monotonic() - began < HANGS
    assert not ran(folder).exists(), "code of the file was run"
    assert listing(kept) == before, "something was left"
    said(caught.value, row, tmp_path)
    return caught.value


def said(error: NNVisError, row: Row, tmp_path: Path) -> None:
    """Hold an error against its row, and against what no message may hold."""
    text = str(error)
    assert type(error) is row.error, f"{type(error).__name__}: {text}"
    assert row.says in text, text
    assert error.what and error.mend
    assert text.isprintable() and len(text) < 1_500, text
    for word in (str(tmp_path), tmp_path.name, SECRET, "Traceback", "/work/", "site-packages", "nnvis-"):
        assert word not in text, text
    assert not re.search(r"(?<![\w.<])/(tmp|root|home|usr|var)/(?!evil)", text), text


def good_dataset() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace for all rows of a module: at the end it is empty as at first, and takes a good dataset."""
    made = Workspace(tmp_path_factory.mktemp("kept") / "workspace")
    before = listing(made.path)
    yield made
    assert listing(made.path) == before
    card, new = made.add_dataset(good_dataset(), labels=[0, 1, 1, 0], name="good")
    assert new and np.array_equal(np.asarray(made.dataset("good").images), good_dataset())
    assert made.remove_dataset("good") == card
    assert listing(made.path) == before


def adding(workspace: Workspace) -> Callable[[Any, dict[str, Any]], object]:
    """Return the call that adds a dataset in this process, in which nothing may run."""

    def call(source: Any, options: dict[str, Any]) -> object:
        with nothing_runs():
            return workspace.add_dataset(source, **options)

    return call
