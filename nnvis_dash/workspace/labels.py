"""Labels and class names in the forms in which people keep them, to class numbers and names.

Invariant of what leaves here: labels are (N,) int32 with -1 for a sample that has none, every other one is below the
number of class names, and class names are plain, distinct text without control characters.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError, NotFound
from nnvis_dash.types import Ints
from nnvis_dash.workspace.npy import read_npy

LabelsGiven: TypeAlias = str | Path | npt.NDArray[Any] | Sequence[Any] | None
NamesGiven: TypeAlias = str | Path | Iterable[str] | None

MAX_CLASSES = 100_000
MAX_TEXT_BYTES = 512 * 2**20
_LONGEST_NAME = 1_000
_NUMBER = re.compile(r"([+-]?[0-9]{1,18})?")  # what `int` takes besides, "1_0", is rather a name
_HEADERS = ("label", "labels", "class", "class_name", "category", "target", "y")
_NOT_SHOWN = ("Cc", "Cs", "Zl", "Zp")
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # embeddings, overrides, isolates


def plain_text(text: str) -> str:
    """Return text that can be shown and stored beside other text.

    Control characters, line ends and what turns the direction of writing (and that of the words that follow) become
    spaces, lone surrogates question marks.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(
        " " if unicodedata.category(character) in _NOT_SHOWN or character in _TURNS else character for character in text
    ).strip()


def read_class_names(given: NamesGiven) -> tuple[str, ...]:
    """Read class names from a sequence, a file, or text with commas.

    Parameters
    ----------
    given : sequence of str, or path, or "cat,dog", or None
        Files: ``.txt`` one a line; ``.csv`` one column, or a column headed ``name`` (ordered by ``index`` if there);
        ``.json`` a list, or a mapping from number to name.

    Returns
    -------
    tuple of str
        Distinct: a repeated name gets a number ("crane (2)").

    Raises
    ------
    DatasetError, NotFound
        The file can't be read, or a name is empty or too long.
    """
    if given is None:
        return ()
    if isinstance(given, (str, Path)):
        path = Path(given)
        text = str(given)
        if _is_file(path):
            return distinct(_names_in_file(path))
        if (
            isinstance(given, Path)
            or path.suffix.lower() in (".txt", ".csv", ".json")
            or ("/" in text and "," not in text)
        ):
            raise NotFound(
                f"There is no file {path.name[:200]!r} with class names", "Give a file or names with commas."
            )
        return distinct(name.strip() for name in text.split(","))
    return distinct(str(name) for name in given)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names as plain text, a repeated one with a number.

    Raises
    ------
    DatasetError
        An empty or overlong name, or far too many.
    """
    result: list[str] = []
    seen: set[str] = set()
    for position, raw in enumerate(names):
        name = plain_text(raw)
        if not name:
            raise DatasetError(f"The name of class {position} is empty", "Give every class a name.")
        if len(name) > _LONGEST_NAME:
            raise DatasetError(f"The name of class {position} has {len(name):,} characters", "Give a shorter one.")
        if position >= MAX_CLASSES:
            raise DatasetError(
                f"There are more than {MAX_CLASSES:,} class names", "Check that the file is the right one."
            )
        unique, count = name, 2
        while unique in seen:
            unique, count = f"{name} ({count})", count + 1
        seen.add(unique)
        result.append(unique)
    return tuple(result)


def _is_file(path: Path) -> bool:
    """Say whether a text is a file's path; it may be far too long for one, or hold a zero byte."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _names_in_file(path: Path) -> list[str]:
    text = text_of(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _names_in_json(text, path.name)
    if suffix != ".csv":
        return [line.strip() for line in text.splitlines() if line.strip()]
    rows = table_rows(text, path.name)
    if not rows:
        raise DatasetError(f"The file {path.name!r} has no class names", "Give one name a line.")
    header = [cell.strip().lower() for cell in rows[0]]
    if "name" in header:
        name = header.index("name")
        rows = [row for row in rows[1:] if len(row) > name]
        number = next((header.index(word) for word in ("index", "id", "number", "label") if word in header), None)
        if number is not None:
            rows = _ordered(rows, number, path.name)
        return [row[name] for row in rows]
    if all(len(row) == 1 for row in rows):
        return [row[0] for row in rows]
    if all(len(row) == 2 and row[0].strip().isdecimal() for row in rows):
        return [row[1] for row in _ordered(rows, 0, path.name)]
    raise DatasetError(
        f"The file {path.name!r} has several columns, none headed 'name'", "Give one name a line, or a column 'name'."
    )


def _ordered(rows: list[list[str]], column: int, file: str) -> list[list[str]]:
    """Sort the rows by the number in a column, which must be 0, 1, 2, ..."""
    try:
        ordered = sorted(rows, key=lambda row: int(row[column]))
        complete = [int(row[column]) for row in ordered] == list(range(len(ordered)))
    except (ValueError, IndexError):
        complete = False
    if not complete:
        raise DatasetError(f"The class numbers in {file!r} are not 0, 1, 2, ...", "Number every class once, from 0.")
    return ordered


def _names_in_json(text: str, file: str) -> list[str]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise DatasetError(f"The file {file!r} is not JSON", "Give a list of names.") from None
    if isinstance(record, Mapping):
        try:
            record = [record[str(number)] for number in range(len(record))]
        except KeyError:
            raise DatasetError(f"The class numbers in {file!r} are not 0, 1, 2, ...", "Give a list of names.") from None
        record = [entry[-1] if isinstance(entry, list) and entry else entry for entry in record]
    if not isinstance(record, list) or not all(isinstance(entry, str) for entry in record):
        raise DatasetError(f"The file {file!r} has no list of names", 'Give a list such as ["cat", "dog"].')
    return record


def read_labels(given: LabelsGiven, file_names: Sequence[str] | None = None) -> npt.NDArray[Any] | None:
    """Read labels, as numbers or as text, one for each image; `resolve` makes class numbers of them.

    Parameters
    ----------
    given : array-like, path, or None
        Files: ``.npy``; ``.csv``/``.txt`` with one label a line, or ``filename,label``; idx(.gz).
    file_names : sequence of str, optional
        The images' names, for files that give a label by name.

    Returns
    -------
    (N,) or (N, K) array, or None

    Raises
    ------
    DatasetError, NotFound
        The file can't be read, or doesn't name every image.
    """
    if given is None:
        return None
    if not isinstance(given, (str, Path)):
        try:
            return np.asarray(given)
        except ValueError:
            raise DatasetError("The labels are lists of different lengths", "Give one label for each image.") from None
    path = Path(given)
    if not _is_file(path):
        raise NotFound(f"There is no file {path.name[:200]!r} with labels", "Give a .npy, .csv or .txt file.")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path)
    if suffix in (".csv", ".txt", ".tsv"):
        return _labels_in_text(text_of(path), path.name, suffix, file_names)
    if suffix == ".gz" or "idx1" in path.name:
        from nnvis_dash.workspace.readers.idx import read_idx_labels

        return read_idx_labels(path)
    raise DatasetError(f"Labels can't be read from {path.name!r}", "Give a .npy, .csv or .txt file.")


def _labels_in_text(text: str, file: str, suffix: str, file_names: Sequence[str] | None) -> npt.NDArray[Any]:
    rows = table_rows(text, file, "\t" if suffix == ".tsv" else ",")
    if not rows:
        raise DatasetError(f"The file {file!r} has no labels", "Give one label a line, or filename,label.")
    if all(len(row) == 1 for row in rows):
        lines = [line.strip().strip('"') for line in text.rstrip().splitlines()]  # an empty line stands for no label
        return _numbers_or_text(lines[1:] if lines[0].lower() in _HEADERS and len(lines) > 1 else lines)
    if any(len(row) < 2 for row in rows):
        number = next(number for number, row in enumerate(rows, 1) if len(row) < 2)
        raise DatasetError(f"Row {number} of {file!r} has one column, others more", "Give filename,label in each.")
    if not file_names:
        raise DatasetError(
            f"The labels in {file!r} go by file name, but these images have no names", "Give one label a line."
        )
    by_name = {name: position for position, name in enumerate(file_names)}
    by_base_name = base_names(file_names)
    found: list[str | None] = [None] * len(file_names)
    for number, row in enumerate(rows):
        name = row[0].strip()
        position = by_name.get(name, by_base_name.get(name.rpartition("/")[2]))
        if position is None:
            if number == 0 and len(rows) > 1:  # a header
                continue
            raise DatasetError(
                f"The file {file!r} has a label for {plain_text(name)!r}, which is not among the images",
                "Remove that row, or add the image.",
            )
        label = row[1].strip()
        if found[position] not in (None, label):
            raise DatasetError(
                f"The file {file!r} gives {plain_text(name)!r} two labels, {found[position]!r} and {label!r}",
                "Keep one of them.",
            )
        found[position] = label
    missing = [name for name, text_label in zip(file_names, found, strict=True) if text_label is None]
    if missing:
        raise DatasetError(
            f"The file {file!r} has no label for {len(missing)} of {len(file_names)} images, such as {missing[0]!r}",
            "Add a row for each; an empty label stands for none.",
        )
    return _numbers_or_text([label or "" for label in found])


def base_names(file_names: Sequence[str]) -> dict[str, int]:
    """Return positions by the last part of the name, leaving out what is not unique."""
    positions: dict[str, int] = {}
    repeated: set[str] = set()
    for position, name in enumerate(file_names):
        base = name.rpartition("/")[2]
        if base in positions:
            repeated.add(base)
        positions[base] = position
    return {base: position for base, position in positions.items() if base not in repeated}


def _numbers_or_text(labels: list[str]) -> npt.NDArray[Any]:
    """Return the labels as integers where all are (an empty one as -1), else as text."""
    labels = [label.strip() for label in labels]
    longest = max(labels, key=len, default="")
    if len(longest) > _LONGEST_NAME:  # an array of text gives every entry the room of the longest
        raise DatasetError(
            f"The label {longest[:40] + '...'!r} has {len(longest):,} characters",
            "Check that the file is the right one.",
        )
    if all(_NUMBER.fullmatch(label) for label in labels):
        return np.array([int(label) if label else -1 for label in labels], dtype=np.int64)
    return np.array(labels)


def resolve(
    labels: npt.NDArray[Any] | None, class_names: tuple[str, ...], n_samples: int
) -> tuple[Ints | None, tuple[str, ...]]:
    """Make class numbers and class names that fit together.

    Parameters
    ----------
    labels : (N,), (N, 1) or one-hot (N, K) numbers, or (N,) text; or None
        -1 and empty text stand for none.
    class_names : tuple of str
        Empty: the distinct texts in sorted order, or the numbers themselves.
    n_samples : int
        The number of images, N.

    Returns
    -------
    labels : (N,) int32 or None
        None where no sample has a label.
    class_names : tuple of str

    Raises
    ------
    DatasetError
        Another number of labels than images, a label that isn't a class, or values that aren't labels.
    """
    if labels is None:
        return None, class_names
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "biuf" and labels.shape[1] > 1:
        labels = _from_one_hot(labels)
    if labels.ndim != 1:
        raise DatasetError(f"The labels have the shape {labels.shape}", "Give one label for each image.")
    if len(labels) != n_samples:
        raise DatasetError(
            f"There are {len(labels):,} labels for {n_samples:,} images",
            "Give one label for each image, in their order.",
        )
    if labels.dtype.kind in "OSU":
        if labels.dtype.kind == "S":
            labels = np.char.decode(labels, "utf-8", "replace")
        texts = ["" if label is None else plain_text(str(label)) for label in labels.tolist()]
        numbers = _numbers_or_text(texts) if not set(texts) <= {"", *class_names} else np.array(texts)
        if numbers.dtype.kind == "U":
            return _from_texts(texts, class_names)
        labels = numbers
    return _from_numbers(labels, class_names)


def _from_one_hot(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not bool(((labels == 0) | (labels == 1)).all()) or not bool((labels.sum(axis=1) == 1).all()):
        raise DatasetError(
            f"The labels have the shape {labels.shape} and are not one-hot", "Give one class number for each image."
        )
    return labels.argmax(axis=1)


def _from_texts(texts: list[str], class_names: tuple[str, ...]) -> tuple[Ints | None, tuple[str, ...]]:
    names = class_names or distinct(sorted({text for text in texts if text}))
    numbers = {name: number for number, name in enumerate(names)}
    unknown = next((text for text in texts if text and text not in numbers), None)
    if unknown is not None:
        shown = ", ".join(name[:40] for name in names[:12]) + (f" and {len(names) - 12} more" if names[12:] else "")
        raise DatasetError(f"The label {unknown[:80]!r} is not a class", f"The class names given are: {shown}.")
    return _known(np.array([numbers.get(text, -1) for text in texts], dtype=np.int32)), names


def _from_numbers(labels: npt.NDArray[Any], class_names: tuple[str, ...]) -> tuple[Ints | None, tuple[str, ...]]:
    whole = labels.dtype.kind in "biu" or (
        labels.dtype.kind == "f" and bool((np.isfinite(labels) & (labels == np.rint(labels))).all())
    )
    if not whole:
        raise DatasetError("The labels are not whole numbers", "Give class numbers from 0, or class names.")
    if not labels.size:
        return None, class_names
    low, high = int(labels.min()), int(labels.max())
    if low < -1:
        raise DatasetError(
            f"The label {_number(low)} is not a class", "Give class numbers from 0; -1 stands for no label."
        )
    if class_names and high >= len(class_names):
        raise DatasetError(
            f"The label {_number(high)} is not a class: there are {len(class_names)} class names",
            f"Give labels from 0 to {len(class_names) - 1}, or name every class.",
        )
    if high >= MAX_CLASSES:
        raise DatasetError(f"The label {_number(high)} is too large to be a class", "Give class numbers from 0.")
    return _known(labels.astype(np.int32)), class_names or tuple(str(number) for number in range(high + 1))


def _number(value: int) -> str:
    return f"{value:,}" if abs(value) < 10**12 else f"{value:.3g}"


def _known(labels: Ints) -> Ints | None:
    return labels if bool((labels >= 0).any()) else None


def table_rows(text: str, file: str, delimiter: str = ",") -> list[list[str]]:
    """Return the rows of a table in text, without empty ones; DatasetError where it isn't one."""
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    except csv.Error:
        raise DatasetError(f"The file {file!r} is not a table of text", "Give one entry a line.") from None


def text_of(path: Path) -> str:
    """Return a file's text; DatasetError where it is too large or not UTF-8."""
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise DatasetError(f"The file {path.name!r} has {size:,} bytes", f"At most {MAX_TEXT_BYTES:,} are read.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(f"The file {path.name!r} is not UTF-8 text", "Save it as UTF-8.") from None
