"""What kind of file something is, told from its first bytes, never from its name; what isn't a Keras model is named,
with the way to convert it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nnvis_dash.errors import ModelError

Kind = Literal["keras", "h5"]
_SAVE_KERAS = "Load it with the library that wrote it and save a Keras model with model.save('model.keras')."
_HEAD = 4096


def sniff(path: Path) -> Kind:
    """Tell a .keras archive from an .h5 file.

    Raises
    ------
    ModelError
        It is neither; says what it is, where that is known, and how to convert it.
    """
    if path.is_dir():
        if (path / "saved_model.pb").exists() or (path / "keras_metadata.pb").exists():
            raise _saved_model()
        raise ModelError(f"{path.name!r} is a folder, not a model file", "Give a .keras or .h5 file.")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise ModelError("The model file is empty (0 bytes)", "Copy or download it again.")
    if head[:4] == b"PK\x03\x04":
        return "keras"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "h5"
    _refuse_by_content(path, head)
    raise ModelError(
        "The file isn't a .keras or .h5 model: its first bytes belong to neither",
        "Give a file that Keras saved with model.save('model.keras').",
    )


def refuse_by_members(names: list[str]) -> None:
    """Name an archive that another library wrote.

    Raises
    ------
    ModelError
        A zipped SavedModel or a PyTorch file.
    """
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "saved_model.pb" in last:
        raise _saved_model()
    if "data.pkl" in last:
        raise _pytorch()
    if "config.json" not in last and any(name.endswith(".keras") for name in last):
        raise ModelError("The file is a zip that holds a .keras file", "Unpack it and give the .keras file.")


def _refuse_by_content(path: Path, head: bytes) -> None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(
            "The file is a Git LFS pointer, not the model itself", "Fetch the model with 'git lfs pull' first."
        )
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ModelError(
            "The file is a web page, not a model", "The download went wrong: fetch the file itself, then add it again."
        )
    if head[4:8] == b"TFL3":
        raise ModelError(
            "The file is a TensorFlow Lite model, which can't be turned back into layers",
            "Give the Keras model that it was made from.",
        )
    if text.startswith(b"{"):
        raise ModelError(
            "The file is JSON: the architecture of a model without its weights",
            "Load both in Keras (model_from_json, load_weights) and save them with model.save('model.keras').",
        )
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and len(head) > 1:
        if path.suffix in (".pt", ".pth", ".bin") or b"torch" in head:
            raise _pytorch()
        raise ModelError("The file is a pickle, which can run code when it is read, so it is never opened", _SAVE_KERAS)
    if head[:6] == b"\x93NUMPY":
        raise ModelError("The file is a numpy array, not a model", "To add it as images, use add-dataset.")
    if head[:2] == b"\x1f\x8b":
        raise ModelError("The file is compressed with gzip", "Unpack it and give the .keras or .h5 file.")
    if path.suffix == ".safetensors" or head[8:10] == b'{"':
        raise ModelError("The file is a safetensors file: weights without an architecture", _SAVE_KERAS)
    if path.suffix == ".onnx" or (head[:1] == b"\x08" and any(maker in head for maker in (b"onnx", b"torch", b"ONNX"))):
        raise ModelError(
            "The file is an ONNX model, which holds no Keras layers",
            "Give the Keras model that it was made from, or convert it (onnx2keras) and save it as .keras.",
        )
    if path.name == "saved_model.pb" or b"saved_model" in head:
        raise _saved_model()


def _saved_model() -> ModelError:
    return ModelError(
        "This is a TensorFlow SavedModel, a program rather than a list of layers, so it is never opened",
        "In the TensorFlow version that wrote it: tf.keras.models.load_model(folder).save('model.h5').",
    )


def _pytorch() -> ModelError:
    return ModelError(
        "The file is a PyTorch model (a pickle, which can run code), so it is never opened",
        "Build the same layers in Keras, copy the weights and save it with model.save('model.keras').",
    )
