"""The check of a whole file: what kind it is, the archive around it, and the clean copy."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
import stat
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from nnvis_dash.analysis.preflight import check
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import BIAS, KERNEL, dense, h5_bytes, sequential, write_h5, write_keras


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "clean"
    made.mkdir()
    return made


def error(path: Path, folder: Path, **limits: int) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check(path, folder, **limits)
    assert caught.value.mend, "every refusal says what to do"
    assert str(path.parent) not in str(caught.value)
    return caught.value


def test_an_archive_gives_a_clean_one_with_the_same_model(tmp_path: Path, folder: Path):
    config = sequential()
    config["compile_config"] = {"loss": "mse"}
    path = write_keras(tmp_path / "model.keras", config, compression=zipfile.ZIP_DEFLATED)
    checked = check(path, folder)
    assert (checked.kind, checked.n_parameters, checked.written_by) == ("keras", 34, "Keras 3.15.1")
    assert checked.content == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(folder.iterdir()) == [checked.clean], "nothing but the clean copy is left"
    with zipfile.ZipFile(checked.clean) as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        assert json.loads(archive.read("config.json")) == sequential()
        archive.extract("model.weights.h5", folder)
    with h5py.File(folder / "model.weights.h5") as weights:
        np.testing.assert_array_equal(weights["layers/dense/vars/0"][()], KERNEL)
        np.testing.assert_array_equal(weights["layers/dense/vars/1"][()], BIAS)


def test_an_h5_file_gives_a_clean_one_without_its_training(tmp_path: Path, folder: Path):
    checked = check(write_h5(tmp_path / "model.h5"), folder)
    assert (checked.kind, checked.n_parameters, checked.written_by) == ("h5", 34, "Keras 2.8.0")
    with h5py.File(checked.clean) as copy:
        assert set(copy.attrs) == {"model_config", "keras_version", "backend"}
        np.testing.assert_array_equal(copy["model_weights/dense/dense/kernel:0"][()], KERNEL)
        assert copy["model_weights/dense"].attrs["weight_names"].tolist() == [b"dense/kernel:0", b"dense/bias:0"]


def test_the_kind_is_told_from_the_content_not_the_name(tmp_path: Path, folder: Path):
    assert check(write_keras(tmp_path / "model.h5"), folder).kind == "keras"
    assert check(write_h5(tmp_path / "model.keras"), folder).kind == "h5"


@pytest.mark.parametrize(
    ("name", "content", "says", "mend"),
    [
        ("empty.keras", b"", "empty (0 bytes)", "again"),
        ("page.keras", b"\n<!DOCTYPE html><html>not found", "web page", "download"),
        ("lfs.h5", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer", "git lfs pull"),
        ("m.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(50), "TensorFlow Lite", "Keras model"),
        ("m.onnx", b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "ONNX", "Keras model"),
        ("m.pkl", pickle.dumps({"a": 1}), "pickle", "model.save"),
        ("m.pt", pickle.dumps({"a": 1}), "PyTorch", "copy the weights"),
        ("m.json", b'{"class_name": "Sequential"}', "without its weights", "--architecture"),
        ("m.npy", b"\x93NUMPY\x01\x00", "numpy array", "add-dataset"),
        ("m.h5.gz", gzip.compress(b"x", mtime=0), "gzip", "Unpack"),
        ("m.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}", "safetensors", "model.save"),
        ("saved_model.pb", b"\x08\x01\x12\x02saved", "SavedModel", "model.h5"),
        ("m.keras", b"what is this", "first bytes", "model.save"),
        ("one.keras", b"\x80", "first bytes", "model.save"),
    ],
)  # fmt: skip
def test_other_files_are_named_with_the_way_to_convert_them(
    name: str, content: bytes, says: str, mend: str, tmp_path: Path, folder: Path
):
    path = tmp_path / name
    path.write_bytes(content)
    found = error(path, folder)
    assert says in found.what and mend in found.mend


def test_folders_and_foreign_archives_are_named(tmp_path: Path, folder: Path):
    saved = tmp_path / "saved"
    saved.mkdir()
    assert "folder" in error(saved, folder).what
    (saved / "saved_model.pb").write_bytes(b"")
    assert "SavedModel" in error(saved, folder).what
    assert "no file" in error(tmp_path / "missing.keras", folder).what
    for member, says in (
        ("model/saved_model.pb", "SavedModel"),
        ("archive/data.pkl", "PyTorch"),
        ("cats/1.png", "not a .keras model"),
        ("config.json", "model.weights.h5 is missing"),
        ("inner.keras", "zip that holds a .keras"),
    ):
        path = tmp_path / "other.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, b"{}")
        assert says in error(path, folder).what, member


def test_weights_without_an_architecture_are_named(tmp_path: Path, folder: Path):
    old = tmp_path / "old.h5"
    with h5py.File(old, "w") as file:
        file.attrs["layer_names"] = np.array([b"dense"])
    new = tmp_path / "model.weights.h5"
    new.write_bytes(h5_bytes())
    other = tmp_path / "other.h5"
    other.write_bytes(h5_bytes({"images": np.zeros(3)}))
    for path in (old, new):
        found = error(path, folder)
        assert "only the weights" in found.what and "--architecture" in found.mend
    assert "no Keras model" in error(other, folder).what


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "assets/vocabulary.txt",
        "config.json/",
        "CONFIG.JSON",
        "a\\b",
        "C:evil",
        "metadata.json ",
    ],
)
def test_an_unknown_member_of_the_archive_is_refused(name: str, tmp_path: Path, folder: Path):
    found = error(write_keras(tmp_path / "model.keras", members={name: b"x"}), folder)
    assert isinstance(found, RefusedModel) and repr(name) in found.what
    assert list(folder.iterdir()) == []


def test_duplicates_links_encryption_and_strange_packing_are_refused(tmp_path: Path, folder: Path):
    def archive(name: str) -> zipfile.ZipFile:
        write_keras(tmp_path / name)
        return zipfile.ZipFile(tmp_path / name, "a")

    with archive("twice.keras") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("config.json", b"{}")
    link = zipfile.ZipInfo("metadata.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.keras", "w") as file:
        file.writestr(link, b"/etc/passwd")
    write_keras(tmp_path / "lzma.keras", compression=zipfile.ZIP_LZMA)
    plain = write_keras(tmp_path / "locked.keras").read_bytes()
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = plain.index(signature) + offset
        plain = plain[:at] + bytes([plain[at] | 1]) + plain[at + 1 :]
    (tmp_path / "locked.keras").write_bytes(plain)
    for name, says in (
        ("twice", "twice"),
        ("link", "a link"),
        ("lzma", "packed in a way"),
        ("locked", "encrypted"),
    ):
        found = error(tmp_path / f"{name}.keras", folder)
        assert isinstance(found, RefusedModel) and says in found.what, name


def test_bombs_are_refused_by_what_they_declare(tmp_path: Path, folder: Path):
    blown = json.dumps(sequential()).encode() + b" " * (8 << 20)
    path = write_keras(tmp_path / "bomb.keras", members={"config.json": blown}, compression=zipfile.ZIP_DEFLATED)
    assert "times" in error(path, folder).what
    many = {f"member{number}": b"" for number in range(100)}
    assert "103 files" in error(write_keras(tmp_path / "many.keras", members=many), folder).what
    large = write_keras(tmp_path / "large.keras", members={"config.json": b" " * (17 << 20)})
    assert "too many" in error(large, folder).what
    assert "limit" in error(write_keras(tmp_path / "model.keras"), folder, max_bytes=1000).what
    assert "NNVIS_MAX_MODEL_MB" in error(write_keras(tmp_path / "model.keras"), folder, max_bytes=1000).mend


def test_a_dense_bomb_is_refused_before_anything_is_built(tmp_path: Path, folder: Path):
    path = write_keras(tmp_path / "bomb.keras", sequential(dense(300_000), dense(300_000), dense(2)))
    assert path.stat().st_size < 38_000
    assert "units = 300,000" in error(path, folder).what


def test_damage_is_said_to_be_damage(tmp_path: Path, folder: Path):
    whole = write_keras(tmp_path / "model.keras").read_bytes()
    path = tmp_path / "cut.keras"
    for length in (5, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        assert "damaged or incomplete" in error(path, folder).what
    at = whole.index(b"model.weights.h5") + 200  # in the weights, so that the checksum fails
    path.write_bytes(whole[:at] + bytes(byte ^ 0xFF for byte in whole[at : at + 50]) + whole[at + 50 :])
    assert "damaged or incomplete" in error(path, folder).what
    junk = write_keras(tmp_path / "junk.keras", members={"model.weights.h5": b"not HDF5"})
    assert "damaged or incomplete" in error(junk, folder).what


def test_versions_are_shown_only_where_they_are_versions(tmp_path: Path, folder: Path):
    for version, shown in (("2.13.1", "Keras 2.13.1"), ("<b>evil</b>", ""), (7, ""), (None, "")):
        metadata = json.dumps({"keras_version": version}).encode()
        path = write_keras(tmp_path / "model.keras", members={"metadata.json": metadata})
        assert check(path, folder).written_by == shown
        for left in folder.iterdir():
            left.unlink()
