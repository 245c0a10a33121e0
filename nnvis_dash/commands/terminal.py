"""What the commands share: the workspace's option, JSON, progress on a terminal."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.datasets import Dataset, load_dataset
from nnvis_dash.workspace.paths import there
from nnvis_dash.workspace.permissions import keep_private
from nnvis_dash.workspace.store import Workspace

_REDRAW_SECONDS = 0.1


def add_workspace_options(parser: argparse.ArgumentParser) -> None:
    """Add --workspace and --json."""
    parser.add_argument(
        "--workspace", metavar="FOLDER", help="the workspace (default: $NNVIS_WORKSPACE, else the folder 'workspace')"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, without progress")


def open_workspace(args: argparse.Namespace, settings: Settings) -> Workspace:
    """Open the workspace that the command line or the settings name."""
    if args.workspace is not None:
        settings = replace(settings, workspace=args.workspace)
    keep_private(settings.workspace_path)
    return Workspace(settings.workspace_path, max_pixels=settings.max_pixels)


def open_images(workspace: Workspace, ref: str, labels: str | None = None) -> Dataset:
    """Open a dataset of the workspace by name or fingerprint, or load one from a path.

    Raises
    ------
    NotFound
        Neither is there; names the datasets.
    """
    try:
        return workspace.dataset(ref)
    except NotFound:
        path = there(ref)
        if path is None:
            raise
        return load_dataset(path, labels=None if labels is None else Path(labels))


def add_one_option(parser: argparse.ArgumentParser) -> None:
    """Add what names one dataset or one model; see `find_one`."""
    parser.add_argument("ref", metavar="NAME", help="its name, its fingerprint, or the first digits of it")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--dataset", action="store_true", help="look among the datasets only")
    kind.add_argument("--model", action="store_true", help="look among the models only")


def find_one(workspace: Workspace, args: argparse.Namespace) -> DatasetCard | ModelCard:
    """Return the dataset or the model that the command line names.

    Raises
    ------
    NotFound
        There is nothing of that name.
    ParameterError
        A dataset and a model have that name.
    """
    found: list[DatasetCard | ModelCard] = []
    misses: list[NotFound] = []
    for wanted, find in ((not args.model, workspace.dataset_card), (not args.dataset, workspace.model)):
        if wanted:
            try:
                found.append(find(args.ref))
            except NotFound as error:
                misses.append(error)
    if len(found) > 1:
        raise ParameterError(f"A dataset and a model are named {args.ref!r}", "Say which with --dataset or --model.")
    if not found:
        if len(misses) == 1:
            raise misses[0]
        names = [*(card.name for card in workspace.datasets()), *(card.name for card in workspace.models())]
        raise NotFound.among("dataset or model", args.ref, names)
    return found[0]


def print_json(record: Any) -> None:
    """Print plain values as JSON."""
    print(json.dumps(record, indent=2, ensure_ascii=False))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of text in columns, two spaces apart."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    return "\n".join(line.rstrip() for line in lines)


class Progress:
    """A line on standard error that is redrawn, on a terminal only; use in a ``with`` statement.

    Call it with the number done and of all (None: not known), or give `say` a few words.
    """

    def __init__(self, title: str, shown: bool = True) -> None:
        self._title = title
        self._shown = shown and sys.stderr.isatty()
        self._drawn = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and self._drawn:
            self._draw("")

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it is."""
        if not self._shown or (done != total and time.monotonic() - self._drawn < _REDRAW_SECONDS):
            return
        if total:
            filled = min(30, 30 * done // total)
            self._draw(f"{self._title} [{'#' * filled}{'.' * (30 - filled)}] {done:,}/{total:,}")
        else:
            self._draw(f"{self._title} {done:,}")

    def say(self, words: str) -> None:
        """Show what is being done."""
        if self._shown:
            self._draw(f"{self._title}: {words}")

    def _draw(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]}\x1b[K", end="", file=sys.stderr, flush=True)
        self._drawn = time.monotonic()
