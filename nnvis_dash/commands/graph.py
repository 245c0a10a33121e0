"""`graph`: draw the callback graph from Dash's own dependency list, and keep the drawing in callbacks/README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from typing import Any

from nnvis_dash.app import ROOT, create_app
from nnvis_dash.callback_graph import mermaid, page_text
from nnvis_dash.settings import Settings

README = ROOT / "callbacks" / "README.md"


def add_parser(subparsers: Any) -> None:
    """Add `graph` to the command line."""
    parser = subparsers.add_parser("graph", help="print the callback graph as a Mermaid picture", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write it into callbacks/README.md")
    parser.add_argument("--check", action="store_true", help="exit 1 where callbacks/README.md is not true any more")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print, write or check the graph."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(workspace=folder))
        text = page_text(app)
        if args.write:
            README.write_text(text, encoding="utf-8")
        elif args.check:
            same = README.exists() and README.read_text(encoding="utf-8") == text
            if not same:
                print(
                    "callbacks/README.md is not true any more: run `python -m nnvis_dash graph --write`",
                    file=sys.stderr,
                )
            return 0 if same else 1
        else:
            print(mermaid(app))
    return 0
