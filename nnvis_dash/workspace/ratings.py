"""Whether the evidence fits: a person's rating, 1 to 5, of what a method shows of a classifier's decision on a sample.

All who use a workspace share the ratings of a dataset; of two of the same cell the later one stays.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from nnvis_dash.errors import DatasetError, ParameterError
from nnvis_dash.workspace.disk import disk_errors, write_whole
from nnvis_dash.workspace.lock import locked
from nnvis_dash.workspace.permissions import FOLDER
from nnvis_dash.workspace.spreadsheet import harmless

LOWEST, HIGHEST = 1, 5
MOST = 100_000  # ratings of a dataset
_FINGERPRINT = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
Cell: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True)
class Rating:
    """One rating.

    Attributes
    ----------
    sample : int or str
        As `state.references.Reference.plain` writes it.
    model : str
        Fingerprint.
    method : str
        Name of the attribution method.
    rating : int
        1 (the evidence doesn't fit) to 5 (it fits).
    explained : str
        Name of the class that was explained when it was rated.
    rated : float
        Seconds since 1970.
    """

    sample: int | str
    model: str
    method: str
    rating: int
    explained: str = ""
    rated: float = 0.0

    @property
    def cell(self) -> Cell:
        """What is rated: a cell has one rating."""
        return str(self.sample), self.model, self.method


_FIELDS = frozenset(entry.name for entry in fields(Rating))


class Ratings:
    """The ratings of one dataset in one small file, written whole or not at all; safe from several processes.

    Parameters
    ----------
    folder : Path
        Where the ratings of all datasets are kept.
    dataset : str
        Fingerprint.

    Raises
    ------
    ParameterError
        Not a fingerprint.
    """

    def __init__(self, folder: Path, dataset: str) -> None:
        if not _FINGERPRINT.fullmatch(dataset):
            raise ParameterError(f"{dataset[:40]!r} is no dataset", "Choose one of those in the list.")
        self._path = folder / f"{dataset}.json"

    def all(self) -> dict[Cell, Rating]:
        """Return the ratings by cell, in the order in which the cells were first rated."""
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))
            read = [Rating(**{name: value for name, value in entry.items() if name in _FIELDS}) for entry in entries]
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            raise DatasetError(
                f"The ratings in {self._path.name!r} are damaged", "Move that file out of the workspace's ratings."
            ) from None
        return {rating.cell: rating for rating in read}

    def rate(self, sample: int | str, model: str, method: str, rating: int | None, explained: str = "") -> None:
        """Keep a rating in place of the one that the cell had; None takes that one away.

        Raises
        ------
        ParameterError
            Not a whole number from 1 to 5, or the dataset has as many ratings as are kept.
        DatasetError
            The disk refuses, or the file is damaged.
        """
        whole = isinstance(rating, int) and not isinstance(rating, bool)
        if rating is not None and not (whole and LOWEST <= rating <= HIGHEST):
            raise ParameterError(f"The rating is {str(rating)[:40]}", f"Give {LOWEST} to {HIGHEST}.")
        new = Rating(sample, model, method, rating or 0, explained, round(time.time(), 3))
        with disk_errors(DatasetError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER)
            with locked(self._path.with_suffix(".lock")):
                known = self.all()
                if rating is None:
                    known.pop(new.cell, None)
                elif new.cell not in known and len(known) >= MOST:
                    raise ParameterError(f"The dataset has {MOST:,} ratings", "Export them, and take some away.")
                else:
                    known[new.cell] = new
                write_whole(self._path, json.dumps([asdict(one) for one in known.values()]))


def means(ratings: Iterable[Rating]) -> dict[tuple[str, str], tuple[float, int]]:
    """Return the mean rating and the number of ratings of every classifier and method that has some."""
    held: dict[tuple[str, str], list[int]] = {}
    for one in ratings:
        held.setdefault((one.model, one.method), []).append(one.rating)
    return {cell: (sum(values) / len(values), len(values)) for cell, values in held.items()}


def as_csv(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table as CSV; texts are `harmless`, numbers stay numbers."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(list(columns))
    for row in rows:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return stream.getvalue()
