"""Models of other kinds are named by their content, and the message says how to come to a Keras model."""

from __future__ import annotations

import bz2
import io
import lzma
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.analysis.preflight import check
from nnvis_dash.errors import ModelError, RefusedModel

TABLE = bytes(60) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # the ending of a checkpoint's index


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("model.h5")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"\x89HDF"))
    return buffer.getvalue()


def error(path: Path, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check(path, folder)
    assert caught.value.mend and str(path.parent) not in str(caught.value)
    assert list(folder.iterdir()) == []
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "clean"
    made.mkdir()
    return made


@pytest.mark.parametrize(
    ("name", "content", "says", "mend"),
    [
        ("m.bin", b"\x1c\x00\x00\x00TFL3" + bytes(50), "TensorFlow Lite", "Keras model that it was made from"),
        ("m.onnx", b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "ONNX", "onnx2tf -i model.onnx -osd"),
        ("model", b"\x08\x08\x12\x08tf2onnx\x00onnx", "ONNX", "tf2onnx has no way back"),
        ("m.pt", pickle.dumps({"a": 1}), "PyTorch", "nobuco"),
        ("m.pth", b"not even a pickle", "PyTorch", "copy the weights"),
        ("epoch.ckpt", pickle.dumps({"a": 1}), "PyTorch", "nobuco"),
        ("m.keras", pickle.dumps("torch._utils"), "PyTorch", "nobuco"),
        ("m.pkl", pickle.dumps({"a": 1}), "pickle", "model.save('model.keras')"),
        ("m.joblib", zlib.compress(pickle.dumps([1])), "pickle", "library that wrote it"),
        ("m.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}", "safetensors", "set its weights"),
        ("renamed.h5", b"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}", "safetensors", "nobuco"),
        ("saved_model.pb", b"\x08\x01\x12\x02saved", "SavedModel", "NNVIS_ALLOW_SAVED_MODELS=1"),
        ("graph.pb", b"\n\x1c\n\x05input\x12\x0bPlaceholder", "frozen graph of TensorFlow 1", "simple_save"),
        ("graph", b"\n\x1c\n\x05input\x12\x0bPlaceholder", "frozen graph of TensorFlow 1", "simple_save"),
        ("m.mlmodel", b"\x08\x04\x12\x10classifier", "Core ML", "Keras model that it was made from"),
        ("m.xml", b'<?xml version="1.0"?>\n<net name="m" version="11">', "OpenVINO", "that it was made from"),
        ("m.bin", b"\x00\x00\x80?" * 20, "bare weights", "Keras model that it was made from"),
        ("model.ckpt.index", TABLE, "TensorFlow checkpoint", "model.load_weights"),
        ("model.ckpt", TABLE, "TensorFlow checkpoint", "TensorFlow 2.15 or older"),
        ("model.ckpt.data-00000-of-00001", b"\x00\x01\x02", "TensorFlow checkpoint", "without .index"),
        ("checkpoint", b'model_checkpoint_path: "model.ckpt"', "TensorFlow checkpoint", "model.h5"),
        ("model.json", b'{"format": "layers-model", "modelTopology": {}}', "TensorFlow.js", "tensorflowjs_converter"),
        ("m.tar", tar(), "tar archive", "Unpack"),
        ("m.h5.bz2", bz2.compress(b"x"), "bzip2", "Unpack"),
        ("m.h5.xz", lzma.compress(b"x"), "xz", "Unpack"),
        ("m.7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "7-Zip", "Unpack"),
        ("m.rar", b"Rar!\x1a\x07\x01\x00", "RAR", "Unpack"),
    ],
)  # fmt: skip
def test_files_of_other_kinds(name: str, content: bytes, says: str, mend: str, tmp_path: Path, folder: Path):
    path = tmp_path / name
    path.write_bytes(content)
    found = error(path, folder)
    assert says in found.what and mend in found.mend, str(found)
    assert isinstance(found, RefusedModel) == (says in ("PyTorch", "pickle", "SavedModel")), "what can run code"


@pytest.mark.parametrize(
    ("members", "says", "mend"),
    [
        (["m/saved_model.pb", "m/variables/variables.index"], "SavedModel", "NNVIS_ALLOW_SAVED_MODELS=1"),
        (["archive/data.pkl", "archive/data/0"], "PyTorch", "nobuco"),
        (["m.mlpackage/Manifest.json", "m.mlpackage/Data/model.mlmodel"], "Core ML", "Keras model"),
        (["model.h5", "readme.txt"], "zip that holds a .h5", "Unpack"),
        (["a/model.hdf5"], "zip that holds a .hdf5", "Unpack"),
        (["inner.keras"], "zip that holds a .keras", "Unpack"),
        (["w.index", "w.data-00000-of-00001"], "TensorFlow checkpoint", "load_weights"),
        (["arr_0.npy", "arr_1.npy"], "numpy archive", "add-dataset"),
    ],
)
def test_archives_of_other_kinds(members: list[str], says: str, mend: str, tmp_path: Path, folder: Path):
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, b"x")
    found = error(path, folder)
    assert says in found.what and mend in found.mend, str(found)


@pytest.mark.parametrize(
    ("files", "says", "mend"),
    [
        (["saved_model.pb", "variables/variables.index"], "SavedModel", "NNVIS_ALLOW_SAVED_MODELS=1"),
        (["keras_metadata.pb"], "SavedModel", "TensorFlow 2.15"),
        (["saved_model.pbtxt"], "written as text", "tf.saved_model.save"),
        (["Manifest.json", "Data/model.mlmodel"], "Core ML", "Keras model"),
        (["checkpoint", "w.index", "w.data-00000-of-00002"], "TensorFlow checkpoint", "load_weights"),
        (["model.json", "group1-shard1of1.bin"], "TensorFlow.js", "tensorflowjs_converter"),
        (["cat.png"], "folder, not a model", ".keras or .h5"),
    ],
)
def test_folders_of_other_kinds(files: list[str], says: str, mend: str, tmp_path: Path, folder: Path):
    path = tmp_path / "given"
    for name in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(b"x")
    found = error(path, folder)
    assert says in found.what and mend in found.mend, str(found)


def test_what_a_numpy_file_is_stays_told(tmp_path: Path, folder: Path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    assert "numpy array" in error(tmp_path / "a.npy", folder).what
