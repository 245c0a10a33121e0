"""`token`: the link that lets a browser in where NNVIS_AUTH is token; `--new` ends every session."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from nnvis_dash.access.secret import Token, link
from nnvis_dash.errors import ParameterError
from nnvis_dash.settings import Settings


def add_parser(subparsers: Any) -> None:
    """Add `token` to the command line."""
    parser = subparsers.add_parser("token", help="print the link that lets a browser in", description=__doc__)
    parser.add_argument("--workspace", help="folder of models, datasets, artifacts and cache (default: %(default)s)")
    parser.add_argument("--new", action="store_true", help="make a new token: who came in by the old one is out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the link, of a new token where one is asked for."""
    if args.workspace is not None:
        settings = dataclasses.replace(settings, workspace=args.workspace)
    if settings.auth != "token":
        raise ParameterError(f"NNVIS_AUTH is {settings.auth[:40]!r}, so no token lets anyone in", "Set it to token.")
    if args.new:
        Token(settings).renew()
    print(link(settings))
    return 0
