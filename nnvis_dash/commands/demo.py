"""`demo`: build the demo workspace where it is missing, and serve it."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from nnvis_dash.commands.serve import add_server_options, serve, with_options
from nnvis_dash.demo import build
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace


def add_parser(subparsers: Any) -> None:
    """Add `demo` to the command line."""
    parser = subparsers.add_parser("demo", help="build the demo workspace and serve it", description=__doc__)
    parser.add_argument("--workspace", help="folder of the demo workspace (default workspace/demo)")
    parser.add_argument("--build-only", action="store_true", help="build the workspace and stop")
    add_server_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Build (nothing where all is there already) and serve."""
    settings = with_options(settings, args)
    if args.workspace is None:
        settings = dataclasses.replace(settings, workspace=str(Path(settings.workspace) / "demo"))
    workspace = Workspace(settings.workspace_path, max_pixels=settings.max_pixels)
    build(workspace, on_progress=lambda words: print(words, flush=True))
    return 0 if args.build_only else serve(settings)
