"""Files given as models that are no archives, incomplete, lying, or of other libraries; checked in this process."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nnvis_dash.analysis.preflight import archive, check
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import h5_bytes, sequential, write_h5, write_keras
from tests.security.crafted_zip import BZIP2, DEFLATED, LINK, LZMA, UNKNOWN, Member, zip_bytes
from tests.security.rows import Row, file, table
from tests.security.test_bad_configs import held

DAMAGED = "is damaged or incomplete"
META = Member(b"metadata.json", b'{"keras_version": "3.15.1"}')
CONFIG = Member(b"config.json", json.dumps(sequential()).encode())
WEIGHTS = Member(b"model.weights.h5", h5_bytes())
HONEST = (META, CONFIG, WEIGHTS)


def zipped(*members: Member, **options: object) -> Callable[[Path], Path]:
    return file("m.keras", lambda: zip_bytes(*members, **options))  # type: ignore[arg-type]


def with_one(member: Member) -> Callable[[Path], Path]:
    return zipped(*HONEST, member)


def lying(**facts: object) -> Callable[[Path], Path]:
    return zipped(META, CONFIG, replace(WEIGHTS, directory=facts))


def cut(part: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = write_keras(folder / "m.keras")
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])
        return path

    return make


def cut_h5(part: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = write_h5(folder / "m.h5")
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])
        return path

    return make


def refusal(name: str, make: Callable[[Path], object], says: str) -> Row:
    return Row(name, make, says, RefusedModel)


def trouble(name: str, make: Callable[[Path], object], says: str) -> Row:
    return Row(name, make, says, ModelError)


KINDS = [
    trouble("nothing", file("m.keras", b""), "The model file is empty (0 bytes)"),
    trouble("one byte", file("m.keras", b"P"), "its first bytes belong to neither"),
    trouble("zeros", file("m.keras", bytes(9999)), "its first bytes belong to neither"),
    trouble("a text", file("m.keras", b"hello"), "its first bytes belong to neither"),
    trouble("a web page", file("m.keras", b"\n<!DOCTYPE html><title>404</title>"), "a web page, not a model"),
    trouble("a web page named h5", file("m.h5", b"\xef\xbb\xbf<HTML>"), "a web page, not a model"),
    trouble(
        "XML", file("m.keras", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"), "a web page, not"
    ),
    trouble(
        "a Git LFS pointer", file("m.keras", b"version https://git-lfs.github.com/spec/v1\noid x"), "Git LFS pointer"
    ),
    trouble("JSON", file("m.keras", json.dumps(sequential()).encode()), "The file is JSON"),
    refusal("a pickle", file("m.keras", b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os"), "is a pickle"),
    refusal("a pickle of PyTorch", file("m.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.torch"), "a PyTorch model"),
    refusal(
        "a zip of PyTorch", zipped(Member(b"archive/data.pkl", b"\x80\x02."), Member(b"archive/version")), "a PyTorch"
    ),
    trouble("an array", file("m.keras", b"\x93NUMPY\x01\x00" + bytes(90)), "is a numpy array, not a model"),
    trouble("gzip", file("m.keras", b"\x1f\x8b\x08" + bytes(20)), "is compressed with gzip"),
    trouble(
        "safetensors", file("m.safetensors", struct.pack("<Q", 40) + b'{"__metadata__": {}}'), "is a safetensors file"
    ),
    trouble("ONNX", file("m.onnx", b"\x08\x07\x12\x07pytorch"), "is an ONNX model"),
    trouble("TensorFlow Lite", file("m.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(20)), "is a TensorFlow Lite model"),
    refusal("a zipped SavedModel", zipped(Member(b"m/saved_model.pb"), Member(b"m/variables/x")), "SavedModel"),
    trouble("a zip of images", zipped(Member(b"cat/a.png", b"x")), "is a zip, but not a .keras model"),
    trouble("a zip of a .keras file", zipped(Member(b"m.keras", b"PK")), "is a zip that holds a .keras file"),
    trouble("a folder", lambda folder: folder, "is a folder, not a model file"),
    trouble("nothing there", lambda folder: folder / "no.keras", "There is no file 'no.keras'"),
]

TRUNCATED = [
    trouble(f"keras cut at {part}", cut(part), "The .keras file is damaged or incomplete")
    for part in (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999)
    if part > 0.001
] + [
    trouble(f"h5 cut at {part}", cut_h5(part), DAMAGED)
    for part in (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999)
]

MEMBERS = [
    *(
        refusal(f"{name!r} as a member", with_one(Member(name, b"x")), "which doesn't belong into a .keras file")
        for name in (
            b"../evil",
            b"/etc/evil",
            b"..\\evil",
            b"C:\\evil",
            b"assets/../../evil",
            b"Config.json",
            b"CONFIG.JSON",
            b"config.json ",
            b"./config.json",
            b"model.weights.h5/",
            b"evil\x00config.json",
            b"assets/vocabulary.txt",
            b"assets/layers/text/evil.pkl",
            b"<script>\x1b[2J",
            "\u202egpj.evil".encode(),
            b"a" * 60_000,
        )
    ),
    refusal("the config twice", with_one(CONFIG), "The archive holds 'config.json' twice"),
    refusal("the weights twice", with_one(WEIGHTS), "The archive holds 'model.weights.h5' twice"),
    refusal("the config cut by a zero", zipped(META, WEIGHTS, CONFIG, Member(b"config.json\x00evil")), "twice"),
    refusal(
        "a link", zipped(META, CONFIG, replace(WEIGHTS, data=b"/etc/evil", mode=LINK)), "'model.weights.h5' is a link"
    ),
    refusal("encrypted", zipped(META, replace(CONFIG, directory={"flags": 1}), WEIGHTS), "'config.json' is encrypted"),
    refusal("bzip2", zipped(META, CONFIG, replace(WEIGHTS, method=BZIP2)), "'model.weights.h5' is packed in a way"),
    refusal("lzma", zipped(META, CONFIG, replace(WEIGHTS, method=LZMA)), "'model.weights.h5' is packed in a way"),
    refusal("an unknown method", zipped(META, CONFIG, replace(WEIGHTS, method=UNKNOWN)), "is packed in a way"),
    refusal(
        "a bomb", zipped(META, CONFIG, Member(b"model.weights.h5", bytes(64 << 20), DEFLATED)), "more than 200 times"
    ),
    refusal(
        "a bomb of a config", zipped(META, Member(b"config.json", b" " * (17 << 20), DEFLATED), WEIGHTS), "200 times"
    ),
    refusal("100 members", zipped(*HONEST, *(Member(b"%d" % n) for n in range(100))), "The archive holds 103 files"),
    refusal("100,000 members", zipped(CONFIG, *(Member(b"%d" % n) for n in range(100_000))), "holds 100,001 files"),
    trouble("no config", zipped(META, WEIGHTS), "is not a complete .keras model: config.json is missing"),
    trouble("no weights", zipped(META, CONFIG), "is not a complete .keras model: model.weights.h5 is missing"),
    trouble("only metadata", zipped(META), "config.json is missing"),
    trouble("an archive of nothing", file("m.keras", b"PK\x05\x06" + bytes(18)), "its first bytes belong to neither"),
]

LIES = [
    trouble("another checksum", lying(crc=1), "The .keras file is damaged"),
    trouble("a size that is too small", lying(size=100), DAMAGED),
    trouble("a size of 0", lying(size=0, packed=0), DAMAGED),
    refusal("a size of 4 GB", lying(size=2**32 - 2), "more than 200 times"),
    refusal(
        "a size over the limit", lying(size=2**32 - 2, packed=2**31), "4,294,967,294 bytes, more than the limit of 2"
    ),
    trouble("an offset beyond the end", lying(offset=2**31), "The .keras file is damaged"),
    trouble("an offset into another member", lying(offset=40), "The .keras file is damaged"),
    trouble("the place of the config", lying(offset=0), "The .keras file is damaged"),
    trouble("another name in front", zipped(META, CONFIG, replace(WEIGHTS, local={"name": b"evil"})), "is damaged"),
    trouble("a directory beyond the end", zipped(*HONEST, end={"offset": 2**31}), "The .keras file is damaged"),
    trouble("a directory too long", zipped(*HONEST, end={"size": 2**20}), "The .keras file is damaged"),
    trouble("a broken extra field", zipped(META, CONFIG, replace(WEIGHTS, extra=b"\x01\x00\xff\xff")), "is damaged"),
    trouble("weights that are none", zipped(META, CONFIG, Member(b"model.weights.h5", b"PK\x03\x04")), DAMAGED),
    trouble("weights of nothing", zipped(META, CONFIG, Member(b"model.weights.h5")), DAMAGED),
    trouble(
        "deflate that is none", zipped(META, CONFIG, replace(WEIGHTS, method=DEFLATED, packed=b"\xff" * 99)), DAMAGED
    ),
]


@table([*KINDS, *TRUNCATED, *MEMBERS, *LIES])
def test_a_file_that_is_no_whole_model_is_refused(row: Row, tmp_path: Path):
    held(row, tmp_path)
    assert not list(tmp_path.rglob("evil*"))


def test_the_limits_of_an_archive_hold_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "m.keras"
    path.write_bytes(zip_bytes(*HONEST))
    size = path.stat().st_size
    folder = tmp_path / "checked"
    folder.mkdir()
    check(path, folder, max_bytes=size, max_parameters=34)
    with pytest.raises(RefusedModel, match="more than the limit of 0 MB"):
        check(path, folder, max_bytes=size - 1)
    with pytest.raises(RefusedModel, match="more than 33 parameters, the limit"):
        check(path, folder, max_parameters=33)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    check(path, folder)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    with pytest.raises(RefusedModel, match="holds 3 files"):
        check(path, folder)


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_ratio_of_an_archive_holds_exactly(beyond: int, tmp_path: Path):
    path = tmp_path / "m.keras"
    facts = {"size": archive.MAX_RATIO * 9_000 + beyond, "packed": 9_000}
    path.write_bytes(zip_bytes(META, CONFIG, Member(b"model.weights.h5", bytes(9_000), directory=facts)))
    with (
        pytest.raises(
            RefusedModel if beyond else zipfile.BadZipFile, match="more than 200 times" if beyond else "accepted"
        ),
        zipfile.ZipFile(path) as opened,
    ):
        archive._check_members(opened)
        raise zipfile.BadZipFile("the directory was accepted")
