"""`trust`: which attribution methods, or which layers, deserve belief for a classifier and a dataset."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from typing import Any

from nnvis_dash.analysis.quality.choice_report import as_csv, plain, text
from nnvis_dash.analysis.quality.table import load_choice
from nnvis_dash.commands import INTERRUPTED
from nnvis_dash.commands.terminal import Progress, add_workspace_options, open_workspace, print_json
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.artifacts import Artifact
from nnvis_dash.workspace.paths import expanded
from nnvis_dash.workspace.store import Workspace

_DESCRIPTION = """\
Let attribution methods explain the same images of a dataset and hold them to the same measures (docs/trust.md): a table
with intervals, the cost of each method, and a recommendation. What was measured before is taken from the workspace; a
run that was interrupted is taken up where it stopped.
"""


def add_parser(subparsers: Any) -> None:
    """Add `trust` to the command line."""
    parser = subparsers.add_parser(
        "trust",
        help="find out which attribution methods deserve belief for a classifier",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a classifier's name or fingerprint (see `list`)")
    parser.add_argument("dataset", metavar="DATASET", help="a dataset's name or fingerprint (see `list`)")
    parser.add_argument(
        "--methods",
        metavar="NAMES",
        default="",
        help="with commas between them (default: all that suit and aren't slow)",
    )
    parser.add_argument(
        "--layers", metavar="NAMES", default="", help="layers to compare for the one method of --methods"
    )
    parser.add_argument("--samples", metavar="N", type=int, default=32, help="images, by class (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which images (default: %(default)s)")
    parser.add_argument("--csv", metavar="FILE", help="write the table as CSV, too")
    parser.add_argument("--scheduler", help="a running Dask scheduler, tcp://host:8786 (default: a local cluster)")
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Measure, print; 130 when it was interrupted.

    Raises
    ------
    NotFound, ParameterError
        No such classifier, dataset, method or layer.
    NNVisError
        What measuring raised.
    """
    target = None if args.csv is None else expanded(args.csv)
    if target is not None and not target.parent.is_dir():
        raise ParameterError(
            f"--csv {target.name!r} is in a folder that isn't there", "Give a file in a folder that is there."
        )
    workspace = open_workspace(args, settings)
    settings = dataclasses.replace(
        settings, workspace=str(workspace.path), scheduler=args.scheduler or settings.scheduler
    )
    model, dataset = workspace.model(args.model), workspace.dataset(args.dataset).card
    request = Request(
        "trust",
        {
            "model": model.fingerprint,
            "dataset": dataset.fingerprint,
            "methods": _names(args.methods),
            "layers": _names(args.layers),
            "n_samples": args.samples,
            "seed": args.seed,
        },
    )
    began = time.perf_counter()
    try:
        artifact = _measured(request, workspace, settings, not args.json)
    except (KeyboardInterrupt, Cancelled):
        print("Interrupted. What was measured is kept: run the same command to go on.", file=sys.stderr)
        return INTERRUPTED
    choice = load_choice(artifact)
    if target is not None:
        try:
            target.write_text(as_csv(choice), encoding="utf-8")
        except OSError as error:
            raise ParameterError(f"{target.name!r} can't be written: {error.strerror}", "Give another file.") from None
    if args.json:
        print_json({**plain(choice), "key": request.key, "seconds": round(time.perf_counter() - began, 3)})
    else:
        print(text(choice))
    return 0


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _measured(request: Request, workspace: Workspace, settings: Settings, shown: bool) -> Artifact:
    """Return the job's artifact, from the workspace where it is known."""
    if workspace.artifacts.has(request.key):
        return workspace.artifacts.load(request.key)
    title = request.read.title(workspace)
    with local_cluster(settings, quiet=True) as address, Progress(title, shown=shown) as progress:
        engine = Engine(workspace.path, address)
        try:
            return engine.result(request, on_progress=lambda row: progress(row.done, row.total))
        except KeyboardInterrupt:
            engine.cancel(request.key)
            raise
        finally:
            engine.close()
