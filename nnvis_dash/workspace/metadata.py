"""What else is known of each sample: columns of a CSV or JSON file beside the images, such as camera, site or day.

Rows go by file name (a column headed ``file``), by sample number (``sample``), or, where there is one for each image,
by their order. A column of numbers stays numbers; every other one is text.
"""

from __future__ import annotations

import json
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError, NotFound
from nnvis_dash.workspace.labels import base_names, plain_text, table_rows, text_of

MOST_COLUMNS = 64
LONGEST = 200  # characters of a cell
STORED = "metadata.npz"
_FILE_HEADS = ("file", "file_name", "filename", "path", "image", "name")
_SAMPLE_HEADS = ("sample", "id", "index")
Columns = dict[str, npt.NDArray[Any]]
_Cell = str | int | float | bool | None


def read_metadata(path: Path, n_samples: int, file_names: Sequence[str] = (), *, skip_unknown: bool = False) -> Columns:
    """Read the columns of a file.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.tsv`` with a head; ``.json``: a list of records, or a mapping from file name to record.
    n_samples : int
    file_names : sequence of str
        What the images are called, by sample.
    skip_unknown : bool
        Leave rows of files out that are not among the images, instead of refusing them.

    Returns
    -------
    dict of str to (N,) array
        By title, in the file's order: float64, NaN where nothing is said; or text, empty where nothing is said.

    Raises
    ------
    NotFound
        No such file.
    DatasetError
        Not a file of that kind, no column, too many, rows that can't be told to which image they belong.
    """
    heads, rows = _table(path)
    key = next((head for head in heads if head.lower() in (*_FILE_HEADS, *_SAMPLE_HEADS)), None)
    titles = [head for head in heads if head != key]
    if not titles or len(titles) > MOST_COLUMNS:
        raise DatasetError(
            f"The file {path.name!r} has {len(titles)} columns of metadata", f"Give 1 to {MOST_COLUMNS}, with a head."
        )
    samples: Sequence[int]
    if key is None:
        samples = _in_order(path.name, len(rows), n_samples)
    elif key.lower() in _SAMPLE_HEADS:
        samples = _by_number(path.name, [row[heads.index(key)] for row in rows], n_samples)
    else:
        if skip_unknown:
            known = {*file_names, *base_names(file_names)}
            rows = [row for row in rows if str(row[heads.index(key)]).strip() in known]
        samples = _by_file(path.name, [row[heads.index(key)] for row in rows], file_names)
    cells: dict[str, list[_Cell]] = {title: [None] * n_samples for title in titles}
    for row, sample in zip(rows, samples, strict=True):
        for title in titles:
            cells[title][sample] = row[heads.index(title)]
    return {title: _column(cells[title]) for title in titles}


def write_metadata(folder: Path, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Keep columns in a dataset's folder, instead of those that were there; whole or not at all."""
    arrays = {f"c{number}": values for number, values in enumerate(columns.values())}
    arrays["titles"] = np.array(list(columns), dtype=np.str_)
    part = folder / f"{secrets.token_hex(8)}.part"
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        part.replace(folder / STORED)
    finally:
        part.unlink(missing_ok=True)


def stored_metadata(folder: Path) -> Columns:
    """Return what `write_metadata` kept; nothing where there is none.

    Raises
    ------
    DatasetError
        The file is damaged.
    """
    path = folder / STORED
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as found:
            return {str(title): found[f"c{number}"] for number, title in enumerate(found["titles"])}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise DatasetError("The dataset's metadata are damaged", "Give them again: add-metadata.") from None


def _table(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Return the titles, each once, and the rows, each as long as the titles."""
    if not path.is_file():
        raise NotFound(f"There is no file {path.name[:200]!r} with metadata", "Give a .csv, .tsv or .json file.")
    suffix = path.suffix.lower()
    if suffix == ".json":
        heads, rows = _records(path)
    elif suffix in (".csv", ".tsv"):
        found = table_rows(text_of(path), path.name, "\t" if suffix == ".tsv" else ",")
        heads, rows = (found[0], list(found[1:])) if found else ([], [])
    else:
        raise DatasetError(f"Metadata can't be read from {path.name!r}", "Give a .csv, .tsv or .json file.")
    heads = [plain_text(str(head)) for head in heads]
    if len(set(heads)) != len(heads) or "" in heads:
        raise DatasetError(f"A column of {path.name!r} has no title, or that of another", "Give each its own.")
    for number, row in enumerate(rows, 2):
        if len(row) != len(heads):
            raise DatasetError(
                f"Row {number} of {path.name!r} has {len(row)} cells, its head {len(heads)}", "Mend that row."
            )
    return heads, rows


def _records(path: Path) -> tuple[list[str], list[list[Any]]]:
    try:
        found = json.loads(text_of(path))
    except (ValueError, RecursionError):
        raise DatasetError(f"The file {path.name!r} is not JSON", "Give a list of records.") from None
    if isinstance(found, dict):
        found = [{"file": name, **record} if isinstance(record, dict) else None for name, record in found.items()]
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise DatasetError(
            f"The file {path.name!r} holds no records", 'Give a list such as [{"file": "a.png", "site": "north"}].'
        )
    heads = list(dict.fromkeys(name for record in found for name in record))
    return heads, [[record.get(head) for head in heads] for record in found]


def _in_order(file: str, n_rows: int, n_samples: int) -> range:
    if n_rows != n_samples:
        raise DatasetError(
            f"The file {file!r} has {n_rows:,} rows for {n_samples:,} images",
            "Give one for each, or a column 'file' or 'sample' that says which.",
        )
    return range(n_samples)


def _by_number(file: str, given: Sequence[Any], n_samples: int) -> list[int]:
    samples = []
    for number, cell in enumerate(given, 2):
        text = str(cell).strip()
        if not (text.isascii() and text.isdecimal() and int(text[:18]) < n_samples):
            raise DatasetError(
                f"Row {number} of {file!r} is of the sample {plain_text(text)[:40]!r}",
                f"Samples are 0 to {n_samples - 1}.",
            )
        samples.append(int(text))
    return _once(file, samples, given)


def _by_file(file: str, given: Sequence[Any], file_names: Sequence[str]) -> list[int]:
    if not file_names:
        raise DatasetError(
            f"The rows of {file!r} go by file name, but these images have no names", "Give a column 'sample'."
        )
    by_name = {name: position for position, name in enumerate(file_names)}
    by_base_name = base_names(file_names)
    samples = []
    for cell in given:
        name = str(cell).strip()
        sample = by_name.get(name, by_base_name.get(name.rpartition("/")[2]))
        if sample is None:
            raise DatasetError(
                f"The file {file!r} has a row for {plain_text(name)[:200]!r}, which is not among the images",
                "Remove that row, or add the image.",
            )
        samples.append(sample)
    return _once(file, samples, given)


def _once(file: str, samples: list[int], given: Sequence[Any]) -> list[int]:
    seen: set[int] = set()
    for sample, cell in zip(samples, given, strict=True):
        if sample in seen:
            raise DatasetError(
                f"The file {file!r} has two rows for {plain_text(str(cell))[:200]!r}", "Keep one of them."
            )
        seen.add(sample)
    return samples


def _column(cells: Sequence[_Cell]) -> npt.NDArray[Any]:
    """Return numbers where every cell that says something is one, else text."""
    texts = ["" if cell is None else plain_text(str(cell))[:LONGEST] for cell in cells]
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array(texts, dtype=np.str_)
