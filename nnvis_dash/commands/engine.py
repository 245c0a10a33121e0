"""`engine`: the engine of this machine by itself, a scheduler with its workers on 127.0.0.1."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

from nnvis_dash.engine.forking import start_fork_server
from nnvis_dash.logs import configure
from nnvis_dash.settings import Settings


def add_parser(subparsers: Any) -> None:
    """Add `engine` to the command line."""
    parser = subparsers.add_parser(
        "engine",
        help="run the engine of this machine by itself (serve starts one)",
        description="Run a Dask scheduler and its workers on 127.0.0.1 until Ctrl+C. `serve` starts one by itself; "
        "several machines use `dask scheduler` and `dask worker`: docs/deployment.md.",
    )
    parser.add_argument("--port", type=int, default=8786, help="of the scheduler; 0 for any (default: %(default)s)")
    parser.add_argument("--workers", type=int, help="worker processes (default: NNVIS_ENGINE_WORKERS, or 1)")
    parser.add_argument("--workspace", help="folder of models, datasets, artifacts and cache")
    parser.add_argument("--preload", action="append", default=[], help="a further module that its workers import")
    parser.add_argument("--quiet", action="store_true", help="leave the line that each job writes into the log out")
    parser.add_argument("--lifeline", action="store_true", help="stop when standard input ends: for a starter's pipe")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run until a signal comes or the lifeline ends."""
    given = {"engine_workers": args.workers, "workspace": args.workspace}
    settings = dataclasses.replace(settings, **{name: value for name, value in given.items() if value is not None})
    start_fork_server(settings)  # before all else: it takes longest
    from nnvis_dash.engine.cluster import run_engine

    configure(settings, "engine", args.quiet or args.lifeline)
    run_engine(settings, args.port, args.preload, args.quiet, sys.stdin.fileno() if args.lifeline else None)
    return 0
