"""Archives of images that lead outside, lie about themselves or would fill the disk: refused as a whole, by name."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace import archive
from nnvis_dash.workspace.store import Workspace
from tests.security.crafted_images import noise, saved
from tests.security.crafted_zip import (
    BZIP2,
    DEFLATE64,
    DEFLATED,
    LINK,
    LZMA,
    PIPE,
    UNKNOWN,
    Member,
    zip_bytes,
)
from tests.security.rows import Row, adding, file, refused, table, workspace

__all__ = ["workspace"]

IMAGE = saved(noise(4, 4, 3))
GOOD = Member(b"cat/a.png", IMAGE)
OTHER = Member(b"dog/b.png", saved(noise(5, 4)))
NONE = b"\xff" * 40
OUTSIDE, DAMAGED = "has a path that leads outside", "is damaged or incomplete"


def zipped(*members: Member, **options: object) -> Callable[[Path], Path]:
    return file("x.zip", lambda: zip_bytes(*members, **options))  # type: ignore[arg-type]


def changed(member: Member = GOOD, **facts: object) -> Member:
    return replace(member, directory=facts)


PATHS = [
    Row(f"path {name!r}", zipped(GOOD, Member(name, IMAGE)), OUTSIDE)
    for name in (
        b"../evil.png",
        b"cat/../../evil.png",
        b"cat/..",
        b"..",
        b"/etc/evil.png",
        b"//evil/share.png",
        b"\\evil.png",
        b"..\\evil.png",
        b"cat\\..\\..\\evil.png",
        b"C:/evil.png",
        b"c:evil.png",
        b"\\\\?\\C:\\evil.png",
        b"cat/a\x00.png",
        b"cat/a.png\x00../evil",
    )
]

MEMBERS = [
    Row("a link", zipped(GOOD, replace(OTHER, data=b"/etc/passwd", mode=LINK)), "'dog/b.png' is a link or a special"),
    Row("a pipe", zipped(GOOD, replace(OTHER, mode=PIPE)), "'dog/b.png' is a link or a special file"),
    Row("a device", zipped(GOOD, replace(OTHER, mode=0o020666)), "'dog/b.png' is a link or a special file"),
    Row("encrypted", zipped(GOOD, changed(OTHER, flags=1)), "'dog/b.png' is encrypted"),
    Row("strongly encrypted", zipped(GOOD, changed(OTHER, flags=0x41)), "'dog/b.png' is encrypted"),
    Row("the same name twice", zipped(GOOD, GOOD), "'cat/a.png' is there twice"),
    Row("the same name with the other slash", zipped(GOOD, Member(b"cat\\a.png", IMAGE)), "'cat/a.png' is there twice"),
    Row("another name in front of the data", zipped(replace(GOOD, local={"name": b"cat/b.png"})), DAMAGED),
    Row(
        "a name of 60,000 letters", zipped(Member(b"cat/" + b"a" * 60_000 + b".png", b"x")), "aaaa.png' is not an image"
    ),
    Row("a name in no encoding", zipped(Member(b"cat/\xff\xfe.png", b"x")), DAMAGED),
    Row("markup in a name", zipped(Member(b"cat/<img src=x onerror=alert(1)>.png", b"x")), "onerror=alert(1)>.png'"),
    Row("a name that turns the line", zipped(Member("cat/\u202egnp.evil.png".encode(), b"x")), "gnp.evil.png' is not"),
    Row("a name of two lines", zipped(Member(b"cat/a\nTraceback.png"[:6] + b".png", b"x")), "is not an image"),
    Row("escape codes in a name", zipped(Member(b"cat/\x1b[2J\x1b]0;evil\x07.png", b"x")), "is not an image"),
    Row("no images, but a zip inside", zipped(Member(b"inner.zip", zip_bytes(GOOD))), "no images in the archive"),
    Row("only folders", zipped(Member(b"cat/"), Member(b"dog/")), "no images in the archive 'x.zip'"),
    Row("only hidden files", zipped(Member(b"__MACOSX/a.png", IMAGE), Member(b".x/a.png", IMAGE)), "no images in"),
    Row("a model", zipped(Member(b"config.json"), Member(b"model.weights.h5")), "'x.zip' is a Keras model, not a data"),
    Row("splits", zipped(Member(b"train/cat/a.png", IMAGE), Member(b"test/cat/a.png", IMAGE)), "splits, not classes"),
    Row("nothing", file("x.zip", b""), DAMAGED),
    Row("an archive without files", zipped(), "no images in the archive 'x.zip'"),
]

LIES = [
    Row("a size that is too small", zipped(changed(size=len(IMAGE) - 1)), DAMAGED),
    Row("a size that is too large", zipped(changed(size=len(IMAGE) + 1)), DAMAGED),
    Row("a size of 0", zipped(changed(size=0, packed=0)), DAMAGED),
    Row("a size of 2^32", zipped(changed(size=2**32 - 2)), "expands from"),
    Row("packed larger than the archive", zipped(changed(packed=2**31)), "is larger than the archive"),
    Row("another checksum", zipped(changed(crc=1)), DAMAGED),
    Row("an offset beyond the end", zipped(changed(offset=2**31)), DAMAGED),
    Row("an offset into the data", zipped(changed(offset=40)), DAMAGED),
    Row("two entries for one place", zipped(GOOD, changed(Member(b"cat/b.png", IMAGE), offset=0)), DAMAGED),
    Row("a directory beyond the end", zipped(GOOD, end={"offset": 2**31}), DAMAGED),
    Row("a directory longer than the file", zipped(GOOD, end={"size": 2**20}), DAMAGED),
    Row("a directory of 3 GB", zipped(GOOD, end={"size": 3 * 2**30}), "its directory has 3,221,225,472 bytes"),
    Row("a directory cut in an entry", zipped(GOOD, end={"size": 30}), DAMAGED),
    Row("fewer entries than there are", zipped(GOOD, changed(OTHER, crc=1), end={"entries": 1}), "'dog/b.png' is dama"),
    Row("a broken extra field", zipped(replace(GOOD, extra=b"\x01\x00\xff\xff")), DAMAGED),
    Row("a zip64 field without its number", zipped(replace(changed(size=2**32 - 1), extra=b"\x01\0\0\0")), DAMAGED),
    Row("only the last record", file("x.zip", b"PK\x05\x06" + bytes(18)), "no images in the archive"),
    Row("cut in the directory", file("x.zip", lambda: zip_bytes(GOOD)[:-40]), DAMAGED),
    Row("cut in the first file", file("x.zip", lambda: zip_bytes(GOOD)[:50]), DAMAGED),
    Row("a large directory's record that is none", file("x.zip", lambda: large_directory(b"PK\x06\x06", 7)), DAMAGED),
    Row("a large directory", file("x.zip", lambda: large_directory(b"PK\x06\x06", 2**40)), "has 1,099,511,627,776 byt"),
    Row("a web page named as zip", file("x.zip", b"<!DOCTYPE html>"), DAMAGED),
    Row("a Git LFS pointer named as zip", file("x.zip", b"version https://git-lfs.github.com/spec/v1\n"), DAMAGED),
]


def large_directory(mark: bytes, size: int) -> bytes:
    """Return an archive whose large last record says a length of the directory."""
    record = struct.pack("<4sQ2H2L4Q", mark, 44, 45, 45, 0, 0, 1, 1, size, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    return record + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)


def bomb() -> bytes:
    return zip_bytes(Member(b"cat/a.bmp", bytes(40 << 20), DEFLATED))


def bomb_of_many() -> bytes:
    """Return an archive whose members are within the limit each, but not together."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(bytes(15 << 20)) + packed.flush()
    blank = bytes(15 << 20)
    return zip_bytes(*(Member(b"cat/%d.bmp" % n, blank, DEFLATED, packed=data) for n in range(12)))


PACKING = [
    Row("a bomb", file("x.zip", bomb), "'cat/a.bmp' expands from 40,"),
    Row("a bomb of many", file("x.zip", bomb_of_many), "bytes expand to 188,743,680"),
    Row("a small bomb", zipped(Member(b"cat/a.png", bytes(15 << 20), DEFLATED)), "'cat/a.png' is not an image"),
    Row("deflate that is none", zipped(replace(GOOD, method=DEFLATED, packed=NONE)), DAMAGED),
    Row("deflate cut off", zipped(replace(GOOD, method=DEFLATED, packed=b"\x00")), DAMAGED),
    Row("bzip2 that is none", zipped(replace(GOOD, method=BZIP2, packed=b"BZh9" + NONE)), DAMAGED),
    Row("lzma that is none", zipped(replace(GOOD, method=LZMA, packed=b"\x09\x04\x05\x00\x5d" + NONE)), DAMAGED),
    Row("lzma of bad properties", zipped(replace(GOOD, method=LZMA, packed=b"\x09\x04\x05\x00" + NONE)), DAMAGED),
    Row("deflate64", zipped(replace(GOOD, method=DEFLATE64)), DAMAGED),
    Row("an unknown method", zipped(replace(GOOD, method=UNKNOWN)), DAMAGED),
    Row("a member of 300 MB", zipped(changed(size=300 << 20, packed=2 << 20), tail=bytes(3 << 20)), DAMAGED),
]


def tar_bytes(mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as made:  # type: ignore[call-overload]
        member = tarfile.TarInfo("../evil.png")
        member.size = len(IMAGE)
        made.addfile(member, io.BytesIO(IMAGE))
    return stream.getvalue()


OTHERS = [
    Row("tar", file("x.tar", lambda: tar_bytes("w")), "'x.tar' is a tar archive"),
    Row("tar.gz", file("x.tar.gz", lambda: tar_bytes("w:gz")), "'x.tar.gz' is a tar archive"),
    Row("tgz", file("x.tgz", lambda: tar_bytes("w:gz")), "'x.tgz' is a tar archive"),
    Row("tar.xz", file("x.tar.xz", lambda: tar_bytes("w:xz")), "'x.tar.xz' is a tar archive"),
    Row("tar.bz2", file("x.tar.bz2", lambda: tar_bytes("w:bz2")), "'x.tar.bz2' is a tar archive"),
    Row("tar named otherwise", file("images", lambda: tar_bytes("w")), "'images' is a tar archive"),
    Row("7z", file("x.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24)), "'x.7z' is a 7z archive"),
    Row("rar", file("x.rar", b"Rar!\x1a\x07\x01\x00" + bytes(24)), "'x.rar' is a RAR archive"),
    Row("xz", file("x.xz", lambda: lzma.compress(IMAGE)), "'x.xz' is compressed with xz"),
    Row("bz2", file("x.bz2", lambda: tar_bytes("w:bz2")), "'x.bz2' is compressed with bzip2"),
    Row("zstd", file("x.zst", b"\x28\xb5\x2f\xfd" + bytes(20)), "'x.zst' is compressed with zstd"),
    Row("gzip of something", file("x.gz", lambda: tar_bytes("w:gz")), "'x.gz' is compressed with gzip"),
    Row("a tfrecord", file("x.tfrecord", struct.pack("<QI", 9, 1) + bytes(20)), "is a TFRecord file"),
    Row("an SQLite database", file("x.db", b"SQLite format 3\x00" + bytes(80)), "is not a dataset that can be read"),
    Row("a MATLAB file", file("x.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(90)), "is a MATLAB file"),
    Row("an HDF5 file", file("x.h5", b"\x89HDF\r\n\x1a\n" + bytes(80)), "is an HDF5 file"),
    Row("a pickle", file("data_batch_1", b"\x80\x04K\x01."), "is a pickle, which could run code"),
    Row("a pickle of the first kind", file("x.pkl", b"cos\nsystem\n(S'id'\ntR."), "is a pickle, which could run code"),
]


@table([*PATHS, *MEMBERS, *LIES, *PACKING, *OTHERS])
@pytest.mark.filterwarnings("ignore")
def test_a_bad_archive_is_refused(row: Row, workspace: Workspace, tmp_path: Path):
    refused(row, adding(workspace), tmp_path, workspace.path)
    for folder in (tmp_path, workspace.path.parent):
        assert not list(folder.glob("**/*evil*"))


def test_the_limits_of_an_archive_hold_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.zip"
    path.write_bytes(zip_bytes(GOOD, OTHER))
    for limit, exact in (("MAX_MEMBERS", 2), ("MAX_TOTAL_BYTES", len(GOOD.data) + len(OTHER.data))):
        monkeypatch.setattr(archive, limit, exact)
        archive.open_archive(path).close()
        monkeypatch.setattr(archive, limit, exact - 1)
        with pytest.raises(DatasetError, match=r"2 members|expand to"):
            archive.open_archive(path)
        monkeypatch.undo()
    directory = 2 * 46 + len(GOOD.name) + len(OTHER.name)
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", directory)
    archive.open_archive(path).close()
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", directory - 1)
    with pytest.raises(DatasetError, match=f"its directory has {directory} bytes"):
        archive.open_archive(path)


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_ratio_of_an_archive_holds_exactly(beyond: int, tmp_path: Path):
    packed = b"x" * 1000
    size = 1000 + archive.MAX_RATIO * len(packed) + beyond
    path = tmp_path / "x.zip"
    path.write_bytes(zip_bytes(Member(b"a.png", b"", DEFLATED, packed=packed, directory={"size": size})))
    if beyond:
        with pytest.raises(DatasetError, match="expands from 1,000 to 201,001 bytes"):
            archive.open_archive(path, 1000)
    else:
        archive.open_archive(path, 1000).close()


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_size_of_a_member_holds_exactly(beyond: int, tmp_path: Path):
    path = tmp_path / "x.zip"
    path.write_bytes(zip_bytes(GOOD))
    with archive.open_archive(path) as opened:
        member = opened.infolist()[0]
        if beyond:
            with pytest.raises(DatasetError, match=f"'cat/a.png' has {len(IMAGE)} bytes"):
                archive.read_member(opened, member, len(IMAGE) - 1)
        else:
            assert archive.read_member(opened, member, len(IMAGE)) == IMAGE


def test_honest_archives_that_look_odd_are_read(workspace: Workspace, tmp_path: Path):
    path = tmp_path / "x.zip"
    for content in (
        zip_bytes(GOOD, OTHER, before=b"#!/bin/sh\n" * 9, comment=b"a comment"),
        zip_bytes(replace(GOOD, method=BZIP2), replace(OTHER, method=LZMA)),
        zip_bytes(Member(b"cat\\a.png", IMAGE), Member(b"dog\\B.PNG", IMAGE), Member(b"dog\\b.png", IMAGE)),
        zip_bytes(
            Member(b"cat/"), GOOD, Member(b"dog/"), OTHER, Member(b"notes.txt", b"x"), Member(b"inner.zip", b"PK")
        ),
    ):
        path.write_bytes(content)
        card, new = workspace.add_dataset(path)
        assert new and card.class_names == ("cat", "dog")
        workspace.remove_dataset(card.name)


def test_100_000_entries_are_read_in_seconds(tmp_path: Path):
    path = tmp_path / "x.zip"
    path.write_bytes(zip_bytes(*(Member(b"c/%d.txt" % number) for number in range(100_000))))
    with archive.open_archive(path) as opened:
        assert len(opened.infolist()) == 100_000
