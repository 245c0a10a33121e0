"""`remove`: take a dataset or a model out of the workspace."""

from __future__ import annotations

import argparse
from typing import Any

from nnvis_dash.commands.terminal import add_one_option, add_workspace_options, find_one, open_workspace, print_json
from nnvis_dash.settings import Settings
from nnvis_dash.types import DatasetCard


def add_parser(subparsers: Any) -> None:
    """Add `remove` to the command line."""
    parser = subparsers.add_parser(
        "remove",
        help="remove a dataset or a model",
        description="Remove a dataset or a model from the workspace. The files that it was added from stay.",
    )
    add_one_option(parser)
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Remove it and say so.

    Raises
    ------
    NotFound
        There is nothing of that name.
    ParameterError
        A dataset and a model have that name.
    """
    workspace = open_workspace(args, settings)
    card = find_one(workspace, args)
    if isinstance(card, DatasetCard):
        kind, removed = "dataset", workspace.remove_dataset(card.fingerprint).name
    else:
        kind, removed = "model", workspace.remove_model(card.fingerprint).name
    if args.json:
        print_json({"removed": {"kind": kind, "name": removed, "fingerprint": card.fingerprint}})
    else:
        print(f"Removed the {kind} {removed} ({card.fingerprint[:8]}).")
    return 0
