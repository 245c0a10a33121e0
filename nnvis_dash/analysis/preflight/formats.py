"""What kind of file something is, told from its first bytes, never from its name; what isn't a Keras model is named,
with the way to convert it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nnvis_dash.analysis.preflight import foreign
from nnvis_dash.errors import ModelError

Kind = Literal["keras", "h5"]
_HEAD = 4096
_BLANK = b"\xef\xbb\xbf \t\r\n"


def sniff(path: Path) -> Kind:
    """Tell a .keras archive from an .h5 file.

    Raises
    ------
    ModelError
        It is neither; says what it is, where that is known, and how to convert it.
    """
    if path.is_dir():
        raise foreign.in_folder(path)
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


def is_json(path: Path) -> bool:
    """Whether a file begins as a JSON object."""
    with path.open("rb") as file:
        return file.read(_HEAD).lstrip(_BLANK).startswith(b"{")


def refuse_by_members(names: list[str]) -> None:
    """Name an archive that another library wrote.

    Raises
    ------
    ModelError
        A zipped SavedModel, a PyTorch file, ...
    """
    found = foreign.in_archive(names)
    if found is not None:
        raise found


def _refuse_by_content(path: Path, head: bytes) -> None:
    text = head.lstrip(_BLANK).lower()
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(
            "The file is a Git LFS pointer, not the model itself", "Fetch the model with 'git lfs pull' first."
        )
    found = foreign.in_file(path, head)
    if found is not None:
        raise found
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ModelError(
            "The file is a web page, not a model", "The download went wrong: fetch the file itself, then add it again."
        )
    if text.startswith(b"{"):
        raise ModelError(
            "The file is JSON: the architecture of a model without its weights",
            "Give the file of its weights as the model, and this one with --architecture (in Python architecture=).",
        )
    if head[:6] == b"\x93NUMPY":
        raise ModelError("The file is a numpy array, not a model", "To add it as images, use add-dataset.")
