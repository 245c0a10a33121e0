"""Which file belongs to which class, from the paths alone: the same for a folder and for a zip of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from nnvis_dash.errors import DatasetError
from nnvis_dash.types import Ints
from nnvis_dash.workspace.labels import distinct, plain_text
from nnvis_dash.workspace.pixels import SUFFIXES

_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})


@dataclass(frozen=True)
class ClassFolders:
    """Images in the order of their classes, then of their names. No `labels`: a flat folder."""

    paths: tuple[str, ...]  # as they were given
    names: tuple[str, ...]  # relative, plain text, for people
    labels: Ints | None
    class_names: tuple[str, ...]
    notes: dict[str, str]


def class_folders(paths: Iterable[str], folders: Iterable[str], source: str) -> ClassFolders:
    """Arrange image files by the folder that they lie in.

    Parameters
    ----------
    paths : iterable of str
        Files, relative, with "/". Hidden ones are left out, and those that don't end as an image does.
    folders : iterable of str
        Folders in the same form, so that a class without images is known.
    source : str
        The source's own name, for messages.

    Returns
    -------
    ClassFolders
        Classes in the order in which Keras and torchvision have them (sorted text), but as numbers where the folders
        are named 0, 1, 2, ... An image beside the class folders has label -1. Empty `paths`: there are no images.

    Raises
    ------
    DatasetError
        The folders are splits (train, test), not classes.
    """
    visible = [path for path in paths if not _hidden(path)]
    images = sorted(path for path in visible if PurePosixPath(path).suffix.lower() in SUFFIXES)
    ignored = sorted(path for path in visible if PurePosixPath(path).suffix.lower() not in SUFFIXES)
    notes: dict[str, str] = {}
    if ignored:
        shown = ", ".join(plain_text(path) for path in ignored[:3]) + (", ..." if len(ignored) > 3 else "")
        notes["ignored"] = f"{len(ignored)} not named as images: {shown}"
    root = _root(images)
    inside = [path[len(root) :] for path in images]
    kept = [folder[len(root) :].rstrip("/") for folder in folders if folder.startswith(root) and not _hidden(folder)]
    classes = {path.partition("/")[0] for path in inside if "/" in path}
    if not classes:
        return ClassFolders(tuple(images), tuple(plain_text(path) for path in inside), None, (), notes)
    empty = {folder for folder in kept if folder and "/" not in folder} - classes
    if {name.lower() for name in classes | empty} <= _SPLITS and all(path.count("/") > 1 for path in inside):
        shown = ", ".join(sorted(classes))
        raise DatasetError(
            f"The folders in {source!r} are splits, not classes: {shown}", "Add one of them, such as the test folder."
        )
    if empty:
        notes["classes without images"] = ", ".join(plain_text(name) for name in sorted(empty))
    ordered = _ordered(classes | empty)
    number = {name: position for position, name in enumerate(ordered)}
    pairs = sorted(
        (number.get(name.partition("/")[0], -1) if "/" in name else -1, name, path)
        for name, path in zip(inside, images, strict=True)
    )
    labels = np.array([label for label, _, _ in pairs], dtype=np.int32)
    if (labels < 0).any():
        notes["without a label"] = f"{int((labels < 0).sum())} beside the class folders"
    return ClassFolders(
        paths=tuple(path for _, _, path in pairs),
        names=tuple(plain_text(name) for _, name, _ in pairs),
        labels=labels,
        class_names=distinct(ordered),
        notes=notes,
    )


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.split("/") if part)


def _root(images: list[str]) -> str:
    """Return the folders that wrap all class folders ("pets/"), which a zip program adds, with the last "/"."""
    root = ""
    while images:
        first, slash, rest = images[0][len(root) :].partition("/")
        wrapped = root + first + slash
        if (
            not slash
            or "/" not in rest
            or not all(path.startswith(wrapped) and "/" in path[len(wrapped) :] for path in images)
        ):
            break
        root = wrapped
    return root


def _ordered(classes: set[str]) -> list[str]:
    if all(name.isdecimal() and name.isascii() for name in classes):
        numbers = sorted(classes, key=int)
        if [int(name) for name in numbers] == list(range(len(numbers))):
            return numbers
    return sorted(classes)
