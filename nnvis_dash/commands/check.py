"""`check`: hold a classifier to a contract, for a person at a terminal and for CI."""

from __future__ import annotations

import argparse
import dataclasses
import os
import secrets
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.contract.judging import judge
from nnvis_dash.analysis.contract.measuring import Bench, open_bench
from nnvis_dash.analysis.contract.reading import load_contract
from nnvis_dash.analysis.contract.report import junit, plain, text
from nnvis_dash.analysis.simulation.breaking import load_points
from nnvis_dash.commands import INTERRUPTED
from nnvis_dash.commands.terminal import Progress, add_workspace_options, open_workspace, print_json
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.paths import expanded

if TYPE_CHECKING:
    from nnvis_dash.analysis.simulation.breaking import BreakingPoints
    from nnvis_dash.analysis.simulation.change import Change
    from nnvis_dash.workspace.store import Workspace

BROKEN = 3
_WIDEST = 140
_DESCRIPTION = """\
Hold a classifier to a contract: limits on accuracy, probability and agreement of its classes, over the degrees of
transformations, corruptions and attacks, or against another classifier (docs/contract.md). What was measured before
is taken from the workspace.

exit codes: 0 the contract is kept, 1 something to mend in the file or the workspace, 2 wrong arguments,
3 the contract is broken, 130 interrupted
"""


def add_parser(subparsers: Any) -> None:
    """Add `check` to the command line."""
    parser = subparsers.add_parser(
        "check",
        help="hold a classifier to a contract (for CI: exit code, JUnit XML)",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("contract", metavar="CONTRACT", help="a contract's file, YAML")
    parser.add_argument("--junit", metavar="FILE", help="write the result as JUnit XML, too")
    parser.add_argument("--all", action="store_true", help="show the limits that were kept, too")
    parser.add_argument("--scheduler", help="a running Dask scheduler, tcp://host:8786 (default: a local cluster)")
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Measure what is missing, judge, print; 3 where the contract is broken, 130 when it was interrupted.

    Raises
    ------
    NNVisError
        What is wrong in the file, with its line; what isn't there; what measuring raised.
    """
    began = time.perf_counter()
    path = expanded(args.contract)
    contract = load_contract(path)
    target = None if args.junit is None else _checked_target(expanded(args.junit))
    workspace = open_workspace(args, settings)
    settings = dataclasses.replace(
        settings, workspace=str(workspace.path), scheduler=args.scheduler or settings.scheduler
    )
    bench = open_bench(contract, workspace, path)
    with Progress(bench.title, shown=not args.json) as progress:
        try:
            breaking = _through_engine(bench, workspace, settings, progress)
            measured = bench.measure(progress, breaking)
        except (KeyboardInterrupt, Cancelled):
            print("Interrupted. What a workspace holds is kept: run the same command to go on.", file=sys.stderr)
            return INTERRUPTED
    report = judge(contract, measured.sweeps, measured.others, measured.breaking, bench.class_names)
    seconds = time.perf_counter() - began
    names = bench.data.file_names
    if target is not None:
        _write(target, junit(report, bench.facts(), seconds, datetime.now(UTC).isoformat(timespec="seconds"), names))
    if args.json:
        print_json({**plain(report, names), **bench.facts(), "seconds": round(seconds, 3)})
    else:
        width = min(_WIDEST, shutil.get_terminal_size((100, 24)).columns)
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(text(report, bench.header(report.n_images), names, width, colour, args.all))
    return 0 if report.held else BROKEN


def _through_engine(
    bench: Bench, workspace: Workspace, settings: Settings, progress: Progress
) -> dict[Change, BreakingPoints]:
    """Have the engine measure what the workspace doesn't hold yet; it resumes and uses all workers.

    Returns the breaking points by the change of their rule; sweeps are found in the workspace.
    """
    sought = {each: Request("breaking_points", wanted) for each, wanted in bench.breaking_jobs().items()}
    requests = [Request("simulation", parameters) for parameters in bench.jobs()]
    requests += [request for request in sought.values() if not workspace.artifacts.has(request.key)]
    if requests:
        _run(requests, workspace, settings, progress)
    return {each: load_points(workspace.artifacts.load(request.key)) for each, request in sought.items()}


def _run(requests: list[Request], workspace: Workspace, settings: Settings, progress: Progress) -> None:
    """Run jobs one after the other; an interrupted one is cancelled, and what it computed is kept."""
    with local_cluster(settings, quiet=True) as address:
        engine = Engine(workspace.path, address)
        try:
            for request in requests:
                try:
                    engine.result(request, on_progress=lambda row: progress(row.done, row.total))
                except KeyboardInterrupt:
                    engine.cancel(request.key)
                    raise
        finally:
            engine.close()


def _checked_target(path: Path) -> Path:
    """Return where the JUnit file goes, before anything is computed; ParameterError where it can't."""
    try:
        folder, inside = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name that no file can have
        what = f"can't be written: {error.strerror}"
        raise ParameterError(f"--junit {path.name[:200]!r} {what}", "Give another file.") from None
    if folder or not inside:
        what = "is a folder" if folder else "is in a folder that isn't there"
        raise ParameterError(f"--junit {path.name!r} {what}", "Give a file in a folder that is there.")
    return path


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    temporary = path.with_name(f".{path.name[:100]}-{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ParameterError(f"{path.name} can't be written: {error.strerror}", "Give another file.") from None
