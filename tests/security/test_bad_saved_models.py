"""Zips and folders given as SavedModels: what is damaged, leads outside or lies is refused before it is parsed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnvis_dash.analysis.saved_model import files
from nnvis_dash.analysis.saved_model.files import copy_files
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted_zip import BZIP2, DEFLATED, LINK, LZMA, UNKNOWN, Member, zip_bytes
from tests.security.rows import SECRET, Row, file, nothing_runs, refused, secret, table

GRAPH = bytes(range(256)) * 40
PB = Member(b"m/saved_model.pb", GRAPH)
INDEX = Member(b"m/variables/variables.index", b"index")
LIMIT = 1 << 20


def packed(*members: Member, **facts: Any) -> Callable[[Path], Path]:
    return file("m.zip", lambda: zip_bytes(*members, **facts))


def damaged(method: int, place: int) -> Callable[[Path], Path]:
    """Return the maker of an archive whose packed graph has wrong bytes in it."""
    made = bytearray(zip_bytes(Member(PB.name, GRAPH, method), INDEX))
    made[place : place + 24] = b"\xff" * 24
    return file("m.zip", bytes(made))


def in_folder(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    """Return the maker of a SavedModel's folder, in which `make` does something."""

    def made(folder: Path) -> Path:
        (folder / "variables").mkdir()
        (folder / "saved_model.pb").write_bytes(GRAPH)
        make(folder)
        return folder

    return made


DAMAGED = "The archive 'm.zip' is damaged"
ZIPS = [
    Row("deflate that isn't", damaged(DEFLATED, 100), DAMAGED, ModelError),
    Row("bzip2 that isn't", damaged(BZIP2, 100), DAMAGED, ModelError),
    Row("lzma that isn't", damaged(LZMA, 100), DAMAGED, ModelError),
    Row("another sum", packed(Member(PB.name, GRAPH, directory={"crc": 1}, local={"crc": 1})), DAMAGED, ModelError),
    Row("cut inside", packed(Member(PB.name, GRAPH, DEFLATED, packed=b"\x03")), DAMAGED, ModelError),
    Row("an unknown packing", packed(Member(PB.name, GRAPH, UNKNOWN)), "is damaged or incomplete", RefusedModel),
    Row("no directory", file("m.zip", zip_bytes(PB)[:-40]), "is damaged or incomplete", RefusedModel),
    Row("a path that leads outside", packed(PB, Member(b"../evil")), "path that leads outside", RefusedModel),
    Row("an absolute path", packed(PB, Member(b"/tmp/evil")), "path that leads outside", RefusedModel),
    Row(
        "a link", packed(PB, Member(b"m/variables/variables.index", b"/etc/passwd", mode=LINK)), "a link", RefusedModel
    ),
    Row("a graph twice", packed(PB, PB), "is there twice", RefusedModel),
    Row("two graphs", packed(PB, Member(b"n/saved_model.pb", GRAPH)), "holds 2 SavedModels", RefusedModel),
    Row("no graph", packed(INDEX), "holds 0 SavedModels", RefusedModel),
    Row("an empty graph", packed(Member(PB.name)), "has 0 bytes", ModelError),
    Row("too many files", packed(PB, *(Member(b"m/%d" % n) for n in range(1_000))), "holds 1,001 files", RefusedModel),
    Row("too large", packed(PB, Member(b"m/x", bytes(LIMIT))), "more than the limit of 1 MB", RefusedModel),
    Row("a bomb", packed(PB, Member(b"m/x", bytes(64 << 20), DEFLATED)), "m/x' expands from", RefusedModel),
]
FOLDERS = [
    Row("folder: an empty graph", in_folder(lambda f: (f / "saved_model.pb").write_bytes(b"")), "0 bytes", ModelError),
    Row(
        "folder: no graph", in_folder(lambda f: (f / "saved_model.pb").unlink()), "holds no saved_model.pb", ModelError
    ),
    Row("folder: a link to a file", in_folder(lambda f: (f / "x").symlink_to(secret(f))), "x is a link", RefusedModel),
    Row("folder: a link to a folder", in_folder(lambda f: (f / "x").symlink_to(f.parent)), "x is a link", RefusedModel),
    Row(
        "folder: values that are a link",
        in_folder(lambda f: (f / "variables" / "variables.index").symlink_to(secret(f))),
        "variables.index is a link",
        RefusedModel,
    ),
    Row("folder: a pipe", in_folder(lambda f: os.mkfifo(f / "x")), "x is a link or a special file", RefusedModel),
    Row("folder: too large", in_folder(lambda f: (f / "x").write_bytes(bytes(LIMIT))), "limit of 1 MB", RefusedModel),
]


@table([*ZIPS, *FOLDERS])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_saved_model_that_is_none_is_refused(row: Row, tmp_path: Path):
    target = tmp_path / "copied"
    target.mkdir()

    def call(path: Path, options: dict[str, Any]) -> None:
        with nothing_runs():
            copy_files(path, target, LIMIT)

    refused(row, call, tmp_path, tmp_path / "nothing")
    assert not list(tmp_path.glob("evil*"))
    assert not [path for path in target.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_only_what_is_needed_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = packed(PB, INDEX, Member(b"m/assets/x", b"x"), Member(b"other", b"x"))(tmp_path)
    copy_files(path, tmp_path / "m", LIMIT)
    names = sorted(entry.relative_to(tmp_path / "m").as_posix() for entry in (tmp_path / "m").rglob("*"))
    assert names == ["saved_model.pb", "variables", "variables/variables.index"]
    monkeypatch.setattr(files, "MAX_FILES", 4)
    copy_files(path, tmp_path / "n", LIMIT)
    monkeypatch.setattr(files, "MAX_FILES", 3)
    with pytest.raises(RefusedModel, match="holds 4 files"):
        copy_files(path, tmp_path / "o", LIMIT)
