"""`audit`: who did what in a workspace."""

from __future__ import annotations

import argparse
import json
from typing import Any

from nnvis_dash.commands.terminal import add_workspace_options, open_workspace, table
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.labels import plain_text

_COLUMNS = ("time", "person", "action", "outcome")


def add_parser(subparsers: Any) -> None:
    """Add `audit` to the command line."""
    parser = subparsers.add_parser(
        "audit",
        help="print the audit log: who did what",
        description="Print who signed in, added, removed, shared, replaced, exported or cancelled what.",
    )
    parser.add_argument("--since", default="", metavar="TIME", help="from that time on, UTC: 2026-11, 2026-11-22T08:30")
    parser.add_argument("--person", default="", metavar="NAME", help="of one person, by name or id")
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the lines, as a table or as one JSON object a line."""
    found = open_workspace(args, settings).audit.lines(args.since, args.person)
    if args.json:
        for line in found:
            print(json.dumps(line))
        return 0
    rows = []
    for line in found:
        rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in (*_COLUMNS, "person_name"))
        who = line.get("person_name") or str(line.get("person", ""))[:12] or "-"
        rows.append([plain_text(str(cell)) for cell in (line["time"], who, line["action"], line["outcome"], rest)])
    print(table(("TIME", "PERSON", "ACTION", "OUTCOME", "WHAT"), rows) if rows else "No lines.")
    return 0
