"""`index`: what one pass over a dataset yields for a classifier, computed now instead of on the first visit."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from typing import Any

from nnvis_dash.commands import INTERRUPTED
from nnvis_dash.commands.terminal import Progress, add_workspace_options, open_workspace, print_json
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled
from nnvis_dash.settings import Settings


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
    parser.add_argument("--scheduler", help="a running Dask scheduler, tcp://host:8786 (default: a local cluster)")
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Index, with progress; 130 when it was interrupted.

    Raises
    ------
    NotFound
        No such model or dataset.
    NNVisError
        What the index itself raised.
    """
    workspace = open_workspace(args, settings)
    settings = dataclasses.replace(
        settings, workspace=str(workspace.path), scheduler=args.scheduler or settings.scheduler
    )
    model, dataset = workspace.model(args.model), workspace.dataset(args.dataset).card
    request = Request(
        "index", {"model": model.fingerprint, "dataset": dataset.fingerprint, "precision": args.precision}
    )
    began = time.perf_counter()
    known = workspace.artifacts.has(request.key)
    if not known:
        title = f"{model.name} over {dataset.name}"
        with local_cluster(settings, quiet=True) as address, Progress(title, shown=not args.json) as progress:
            engine = Engine(workspace.path, address)
            try:
                engine.result(request, on_progress=lambda row: progress(row.done, row.total))
            except (KeyboardInterrupt, Cancelled) as stop:
                if isinstance(stop, KeyboardInterrupt):
                    engine.cancel(request.key)
                print("Interrupted. What was computed is kept: run the same command to go on.", file=sys.stderr)
                return INTERRUPTED
            finally:
                engine.close()
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
        print_json(record)
    elif known:
        print(f"{model.name} has indexed {dataset.name} already ({dataset.n_samples} images).")
    else:
        print(f"{model.name} indexed {dataset.name}: {dataset.n_samples} images in {seconds:.1f} s.")
    return 0
