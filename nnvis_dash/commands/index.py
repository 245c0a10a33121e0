"""`index`: what one pass over a dataset yields for a classifier, computed now instead of on the first visit."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from typing import Any

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.engine.jobs import Request, Row
from nnvis_dash.errors import Cancelled
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace

INTERRUPTED = 130  # the exit code of a command that Ctrl+C ended


def add_parser(subparsers: Any) -> None:
    """Add `index` to the command line."""
    parser = subparsers.add_parser(
        "index",
        help="index a dataset with a classifier: probabilities, features and activations of every image",
        description="Run a classifier over a dataset once and keep what the views need. "
        "An index that was interrupted is taken up where it stopped.",
    )
    parser.add_argument("model", help="a classifier's name or fingerprint (see `list`)")
    parser.add_argument("dataset", help="a dataset's name or fingerprint (see `list`)")
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="bfloat16 is about twice as fast where its answers agree with float32 (default: %(default)s)",
    )
    parser.add_argument("--workspace", help="folder of models, datasets, artifacts and cache")
    parser.add_argument("--scheduler", help="a running Dask scheduler, tcp://host:8786 (default: a local cluster)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Index, with progress; 130 when it was interrupted.

    Raises
    ------
    NotFound
        No such model or dataset.
    NNVisError
        What the index itself raised.
    """
    given = {name: getattr(args, name) for name in ("workspace", "scheduler") if getattr(args, name)}
    settings = dataclasses.replace(settings, **given)
    workspace = Workspace(settings.workspace_path)
    model, dataset = workspace.model(args.model), workspace.dataset(args.dataset).card
    request = Request(
        "index", {"model": model.fingerprint, "dataset": dataset.fingerprint, "precision": args.precision}
    )
    began = time.perf_counter()
    known = workspace.artifacts.has(request.key)
    if not known:
        bar = _Bar(f"{model.name} over {dataset.name}", shown=not args.json)
        with local_cluster(settings, quiet=True) as address:
            engine = Engine(settings.workspace_path, address)
            try:
                engine.result(request, on_progress=bar.show)
            except (KeyboardInterrupt, Cancelled) as stop:
                if isinstance(stop, KeyboardInterrupt):
                    engine.cancel(request.key)
                bar.end()
                print("Interrupted. What was computed is kept: run the same command to go on.", file=sys.stderr)
                return INTERRUPTED
            finally:
                engine.close()
        bar.end()
    seconds = time.perf_counter() - began
    if args.json:
        record = {
            "key": request.key,
            "model": model.fingerprint,
            "dataset": dataset.fingerprint,
            "n_samples": dataset.n_samples,
            "seconds": round(seconds, 3),
            "known": known,
        }
        print(json.dumps(record))
    elif known:
        print(f"{model.name} has indexed {dataset.name} already ({dataset.n_samples} images).")
    else:
        print(f"{model.name} indexed {dataset.name}: {dataset.n_samples} images in {seconds:.1f} s.")
    return 0


class _Bar:
    """Progress on standard error: a bar that is redrawn on a terminal, a line for every tenth elsewhere."""

    def __init__(self, title: str, shown: bool) -> None:
        self.title = title
        self.shown = shown
        self.terminal = sys.stderr.isatty()
        self.tenth = -1

    def show(self, row: Row) -> None:
        """Draw a row."""
        if not self.shown or row.total <= 0:
            return
        if self.terminal:
            filled = round(30 * row.fraction)
            line = f"\r{self.title} [{'#' * filled}{'.' * (30 - filled)}] {row.done}/{row.total} "
            print(line, end="", file=sys.stderr, flush=True)
        elif (tenth := int(10 * row.fraction)) > self.tenth:
            self.tenth = tenth
            print(f"{self.title}: {row.done}/{row.total}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the bar's line."""
        if self.shown and self.terminal:
            print(file=sys.stderr)
