"""`share`: say whose a dataset or a model is, and share it with everyone or keep it to its owners."""

from __future__ import annotations

import argparse
from typing import Any

from nnvis_dash.commands.terminal import add_one_option, add_workspace_options, find_one, open_workspace, print_json
from nnvis_dash.settings import Settings


def add_parser(subparsers: Any) -> None:
    """Add `share` to the command line."""
    parser = subparsers.add_parser(
        "share",
        help="share a person's dataset or model with everyone, or keep it private",
        description="Say whose a dataset or a model is; share it with everyone who uses the page, or keep it to its "
        "owners. What was added by command line belongs to everyone.",
    )
    add_one_option(parser)
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--with-everyone", dest="shared", action="store_true", default=None, help="share it")
    change.add_argument("--private", dest="shared", action="store_false", help="keep it to its owners")
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Share it, or not, and say whose it is.

    Raises
    ------
    NotFound
        There is nothing of that name.
    ParameterError
        It is everyone's, or a dataset and a model have that name.
    """
    workspace = open_workspace(args, settings)
    card = find_one(workspace, args)
    owners = workspace.sharing.owners(card) if args.shared is None else workspace.sharing.share(card, args.shared)
    if args.json:
        print_json({"name": card.name, "fingerprint": card.fingerprint, "owners": owners.to_json()})
    else:
        print(f"{card.name} ({card.fingerprint[:8]}): {owners.words}")
    return 0
