"""Models and archives of other kinds: each is named, with the way to a Keras model; none of them is ever opened."""

from __future__ import annotations

import re
from pathlib import Path

from nnvis_dash.analysis.preflight.wording import refused
from nnvis_dash.errors import ModelError

_ALLOW = "an administrator can allow SavedModels with NNVIS_ALLOW_SAVED_MODELS=1"
_TABLE = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # how the tables end in which TensorFlow keeps a checkpoint's names
_SHARD = re.compile(r"\.data-\d{5}-of-\d{5}$")
_PICKLES = (".pkl", ".pickle", ".joblib")
_PACKED: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "compressed with gzip"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
)


def in_folder(path: Path) -> ModelError:
    """Say what a folder is, which can't be a Keras model."""
    names = {entry.name for entry in path.iterdir()}
    if "saved_model.pb" in names or "keras_metadata.pb" in names:
        return saved_model()
    if "saved_model.pbtxt" in names:
        return ModelError(
            "This is a TensorFlow SavedModel written as text (saved_model.pbtxt)",
            "Load it in TensorFlow and save it again with tf.saved_model.save; then " + _ALLOW + ".",
        )
    if {"Manifest.json", "Data"} <= names or path.suffix == ".mlpackage":
        return _core_ml()
    if any(name.endswith(".index") for name in names) and any(_SHARD.search(name) for name in names):
        return _checkpoint()
    if "model.json" in names and any(name.endswith(".bin") for name in names):
        return _tensorflow_js()
    return ModelError(f"{path.name!r} is a folder, not a model file", "Give a .keras or .h5 file.")


def in_archive(names: list[str]) -> ModelError | None:
    """Say what a zip is by its members' names; None for one that may be a .keras file."""
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "saved_model.pb" in last:
        return saved_model()
    if "data.pkl" in last or "constants.pkl" in last:
        return _pytorch()
    if not last.isdisjoint({"config.json", "model.weights.h5"}):
        return None
    if any(name.endswith(".mlmodel") for name in last):
        return _core_ml()
    if any(_SHARD.search(name) for name in last):
        return _checkpoint()
    for ending in (".keras", ".h5", ".hdf5"):
        if any(name.endswith(ending) for name in last):
            return ModelError(f"The file is a zip that holds a {ending} file", f"Unpack it and give the {ending} file.")
    if last and all(name.endswith(".npy") for name in last):
        return ModelError(
            "The file is a numpy archive (.npz): arrays without an architecture",
            "Build the model in Keras, set its weights and save it with model.save('model.keras'); images are added "
            "with add-dataset.",
        )
    return None


def in_file(path: Path, head: bytes) -> ModelError | None:
    """Say what a file is by its first bytes, and by its name where it has none of its own; None where that is open."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    ending = path.suffix.lower()
    if head[4:8] == b"TFL3":
        return ModelError(
            "The file is a TensorFlow Lite model, which can't be turned back into layers",
            "Give the Keras model that it was made from.",
        )
    if text.startswith(b"{") and (b'"modelTopology"' in head or b'"weightsManifest"' in head):
        return _tensorflow_js()
    if text.startswith((b"<?xml", b"<net ")) and b"<net " in text:
        return _openvino()
    for start, what in _PACKED:
        if head.startswith(start):
            return ModelError(f"The file is {what}", "Unpack it and give the .keras or .h5 file.")
    if head[257:262] == b"ustar":
        return ModelError("The file is a tar archive", "Unpack it and give the .keras or .h5 file.")
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and len(head) > 1:
        if ending in (".pt", ".pth", ".bin", ".ckpt") or b"torch" in head:
            return _pytorch()
        return _pickle()
    if ending in _PICKLES:
        return _pickle()
    if head.startswith(b'model_checkpoint_path: "') or _SHARD.search(path.name) or _ends_as_table(path):
        return _checkpoint()
    if ending == ".safetensors" or head[8:10] == b'{"':
        return ModelError(
            "The file is a safetensors file: weights without an architecture",
            "Build the same network in Keras, set its weights and save it with model.save('model.keras'); for a "
            "PyTorch network, the package nobuco makes a Keras model of the module that holds these weights.",
        )
    return _protocol_buffer(path.name, ending, head) or _by_ending(ending)


def saved_model() -> ModelError:
    """A SavedModel, where none is allowed."""
    return refused(
        "this is a TensorFlow SavedModel, a program rather than a list of layers, so it is not opened",
        "If Keras 2 wrote it: tf.keras.models.load_model(folder).save('model.h5') in TensorFlow 2.15 or older (later "
        f"with the package tf_keras). Otherwise {_ALLOW}.",
    )


def _protocol_buffer(name: str, ending: str, head: bytes) -> ModelError | None:
    """Tell protocol buffers apart, which have no mark of their own, by their first field and their words."""
    if ending == ".onnx" or (head[:1] == b"\x08" and any(maker in head for maker in (b"onnx", b"torch", b"ONNX"))):
        return ModelError(
            "The file is an ONNX model, which holds no Keras layers",
            "Give the Keras model that it was made from (tf2onnx has no way back). Of a PyTorch network, the package "
            f"nobuco makes a Keras model. Otherwise 'onnx2tf -i model.onnx -osd' writes a SavedModel, and {_ALLOW}.",
        )
    if ending == ".mlmodel":
        return _core_ml()
    if name == "saved_model.pb" or b"saved_model" in head or (ending == ".pb" and head[:1] == b"\x08"):
        return refused(
            "this is the graph of a TensorFlow SavedModel, a program without the folder that belongs to it",
            f"Give the Keras model: tf.keras.models.load_model(folder).save('model.h5'). Otherwise {_ALLOW}: then give "
            "the whole folder or a zip of it.",
        )
    if ending in (".pb", ".pbtxt") or (head[:1] == b"\n" and b"Placeholder" in head):
        return ModelError(
            "The file is a frozen graph of TensorFlow 1, which holds no layers",
            "Give the Keras model that it was made from. Otherwise import it in TensorFlow and save it with "
            f"tf.compat.v1.saved_model.simple_save, naming its input and output; {_ALLOW}.",
        )
    return None


def _by_ending(ending: str) -> ModelError | None:
    if ending in (".pt", ".pth"):
        return _pytorch()
    if ending == ".bin":
        return ModelError(
            "The file holds bare weights without an architecture (.bin, as OpenVINO and others write it)",
            "Give the Keras model that it was made from.",
        )
    if ending == ".index":
        return _checkpoint()
    return None


def _ends_as_table(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 48:  # the smallest that a table's ending can be
            return False
        file.seek(size - len(_TABLE))
        return file.read() == _TABLE


def _checkpoint() -> ModelError:
    return ModelError(
        "This is a TensorFlow checkpoint: weights without an architecture",
        "Build the model in tf.keras of TensorFlow 2.15 or older (later with the package tf_keras), call "
        "model.load_weights(its path without .index) and save the whole with model.save('model.h5').",
    )


def _core_ml() -> ModelError:
    return ModelError(
        "This is a Core ML model, which can't be turned back into layers", "Give the Keras model that it was made from."
    )


def _openvino() -> ModelError:
    return ModelError(
        "The file is an OpenVINO model (.xml beside .bin), which holds no Keras layers",
        "Give the Keras model that it was made from.",
    )


def _pickle() -> ModelError:
    return refused(
        "the file is a pickle (also of joblib), which can run code when it is read, so it is never opened",
        "Load it with the library that wrote it and save a Keras model with model.save('model.keras').",
    )


def _pytorch() -> ModelError:
    return refused(
        "the file is a PyTorch model (a pickle, which can run code), so it is never opened",
        "Build the same layers in Keras, copy the weights and save it with model.save('model.keras'); the package "
        "nobuco makes a Keras model of most PyTorch modules.",
    )


def _tensorflow_js() -> ModelError:
    return ModelError(
        "This is a TensorFlow.js model",
        "Convert it: tensorflowjs_converter --input_format tfjs_layers_model --output_format keras model.json model.h5",
    )
