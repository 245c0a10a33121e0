"""Uploads: a stream of files in pieces, in order, that never leaves its folder."""

from __future__ import annotations

import io
import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.errors import NotFound, ParameterError, StateError
from nnvis_dash.workspace import alive
from nnvis_dash.workspace.uploads import Uploads, WrongPosition

LIMIT = 1 << 20


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads", LIMIT)


def send(uploads: Uploads, upload_id: str, offset: int, data: bytes) -> int:
    return uploads.write(upload_id, offset, io.BytesIO(data), len(data)).received


def test_one_file_in_two_pieces(uploads: Uploads):
    upload = uploads.begin([["model.keras", 5]])
    assert send(uploads, upload.id, 0, b"abc") == 3
    with pytest.raises(StateError, match="3 of 5 bytes"):
        uploads.source(upload.id)
    assert send(uploads, upload.id, 3, b"de") == 5
    assert uploads.source(upload.id).name == "model.keras"
    assert uploads.source(upload.id).read_bytes() == b"abcde"


def test_a_piece_may_cover_many_files_and_files_may_be_empty(uploads: Uploads):
    upload = uploads.begin([["a/1.png", 2], ["a/2.png", 0], ["b/3.png", 3], ["labels.csv", 1], ["z", 0]])
    assert send(uploads, upload.id, 0, b"11333L") == 6
    folder = uploads.source(upload.id)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a/1.png": b"11", "a/2.png": b"", "b/3.png": b"333", "labels.csv": b"L", "z": b""}


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 0),
    cuts=st.lists(st.integers(1, 30), min_size=1, max_size=8),
)
def test_however_the_stream_is_cut_the_files_are_whole(tmp_path_factory: pytest.TempPathFactory, sizes, cuts):
    uploads = Uploads(tmp_path_factory.mktemp("uploads"), LIMIT)
    data = os.urandom(sum(sizes))
    upload = uploads.begin([[f"file{number}", size] for number, size in enumerate(sizes)])
    offset = 0
    while offset < len(data):
        for cut in cuts:
            offset = send(uploads, upload.id, offset, data[offset : offset + cut])
    source = uploads.source(upload.id)
    files = [source] if len(sizes) == 1 else [source / f"file{number}" for number in range(len(sizes))]
    assert [file.stat().st_size for file in files] == sizes
    assert b"".join(file.read_bytes() for file in files) == data


@pytest.mark.parametrize("offset", [0, 2, 4, -1])
def test_a_piece_at_another_position_is_not_taken(uploads: Uploads, offset: int):
    upload = uploads.begin([["x", 9]])
    send(uploads, upload.id, 0, b"abc")
    with pytest.raises(WrongPosition, match="Go on at 3") as wrong:
        send(uploads, upload.id, offset, b"zzz")
    assert wrong.value.received == 3
    assert send(uploads, upload.id, 3, b"defghi") == 9
    assert uploads.source(upload.id).read_bytes() == b"abcdefghi"


def test_a_piece_that_breaks_off_is_taken_again(uploads: Uploads):
    upload = uploads.begin([["x", 4], ["y", 4]])
    with pytest.raises(ParameterError, match="Only 5 of 8"):
        uploads.write(upload.id, 0, io.BytesIO(b"ABCDE"), 8)
    assert uploads.get(upload.id).received == 0
    assert send(uploads, upload.id, 0, b"abcdefgh") == 8
    assert (uploads.source(upload.id) / "y").read_bytes() == b"efgh"


def test_no_more_than_was_announced(uploads: Uploads):
    upload = uploads.begin([["x", 2]])
    with pytest.raises(ParameterError, match="beyond the 2"):
        send(uploads, upload.id, 0, b"abc")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "no files"),
        (None, "no files"),
        ("x", "no files"),
        ([["x"]], "can't be read"),
        ([["x", -1]], "-1 bytes"),
        ([["x", 1.5]], "1.5 bytes"),
        ([["x", True]], "True bytes"),
        ([[7, 1]], "'7'"),
        ([["../x", 1]], "can't be used"),
        ([["a/../../x", 1]], "can't be used"),
        ([["/etc/passwd", 1]], "can't be used"),
        ([["a\\b", 1]], "can't be used"),
        ([["a//b", 1]], "can't be used"),
        ([[".", 1]], "can't be used"),
        ([["", 1]], "can't be used"),
        ([["a\x00b", 1]], "can't be used"),
        ([["a\nb", 1]], "can't be used"),
        ([["gnp.\u202egpj", 1]], "can't be used"),
        ([["x" * 201, 1]], "can't be used"),
        ([["/".join("d" * 13), 1]], "can't be used"),
        ([["x", 1], ["X", 1]], "twice"),
        ([["a", 1], ["a/b", 1]], "inside a file"),
        ([["x", LIMIT + 1]], "more than the limit of 1 MB"),
        ([["x", LIMIT], ["y", 1]], "more than the limit"),
    ],
)
def test_what_can_not_be_announced(uploads: Uploads, files, words: str):
    with pytest.raises(ParameterError, match="(?s)" + words):
        uploads.begin(files)
    assert list(uploads.folder.iterdir()) == []


def test_the_limit_itself_is_allowed(uploads: Uploads):
    assert uploads.begin([["x", LIMIT]]).total == LIMIT


def test_a_full_disk_is_said_before_anything_is_sent(uploads: Uploads, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1 << 40, 1 << 40, 66 << 20))
    with pytest.raises(ParameterError, match="only 66 MB are free"):
        Uploads(uploads.folder, 1 << 30).begin([["x", 2 << 20]])


@pytest.mark.parametrize("upload_id", ["", "x", "../" + "0" * 29, "0" * 32, "A" * 32, "0" * 31 + "\n"])
def test_an_unknown_upload(uploads: Uploads, upload_id: str):
    for act in (uploads.get, uploads.source, lambda name: send(uploads, name, 0, b"x")):
        with pytest.raises(NotFound, match="no such upload"):
            act(upload_id)


def test_what_nobody_sends_to_is_swept_and_what_is_used_stays(uploads: Uploads, monkeypatch: pytest.MonkeyPatch):
    _, used = uploads.begin([["x", 1]]), uploads.begin([["x", 1]])
    uploads.sweep()
    hours_later, a_day_later = alive.now() + 4000, time.time() + 86400
    monkeypatch.setattr(time, "time", lambda: a_day_later)  # somebody sets the clock
    uploads.sweep()
    assert len(list(uploads.folder.iterdir())) == 2
    uploads.touch(used.id)
    monkeypatch.setattr(alive, "now", lambda: hours_later)
    uploads.sweep()
    assert [place.name for place in uploads.folder.iterdir()] == [used.id]
    uploads.remove(used.id)
    uploads.remove(used.id)
    assert list(uploads.folder.iterdir()) == []


def test_two_who_send_the_same_piece_at_once_write_it_once(uploads: Uploads):
    from concurrent.futures import ThreadPoolExecutor

    upload = uploads.begin([["x", 200_000]])
    data = os.urandom(200_000)

    def attempt(_: int) -> str:
        try:
            return str(send(uploads, upload.id, 0, data))
        except WrongPosition:
            return "late"

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(attempt, range(6)))
    assert answers == ["200000", *["late"] * 5]
    assert uploads.source(upload.id).read_bytes() == data
