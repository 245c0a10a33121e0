"""`remove`: take a dataset or a model out of the workspace."""

from __future__ import annotations

import argparse
from typing import Any

from nnvis_dash.commands.terminal import add_workspace_options, open_workspace, print_json
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.types import DatasetCard, ModelCard


def add_parser(subparsers: Any) -> None:
    """Add `remove` to the command line."""
    parser = subparsers.add_parser(
        "remove",
        help="remove a dataset or a model",
        description="Remove a dataset or a model from the workspace. The files that it was added from stay.",
    )
    parser.add_argument("ref", metavar="NAME", help="its name, its fingerprint, or the first digits of it")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--dataset", action="store_true", help="look among the datasets only")
    kind.add_argument("--model", action="store_true", help="look among the models only")
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
    found: dict[str, str] = {}  # kind: fingerprint
    misses: list[NotFound] = []
    for kind, wanted, find in (
        ("dataset", not args.model, lambda ref: workspace.dataset(ref).card),
        ("model", not args.dataset, workspace.model),
    ):
        if wanted:
            try:
                found[kind] = find(args.ref).fingerprint
            except NotFound as error:
                misses.append(error)
    if len(found) > 1:
        raise ParameterError(f"A dataset and a model are named {args.ref!r}", "Say which with --dataset or --model.")
    if not found:
        if len(misses) == 1:
            raise misses[0]
        names = [*(card.name for card in workspace.datasets()), *(card.name for card in workspace.models())]
        raise NotFound.among("dataset or model", args.ref, names)
    ((kind, fingerprint),) = found.items()
    card: DatasetCard | ModelCard
    card = workspace.remove_dataset(fingerprint) if kind == "dataset" else workspace.remove_model(fingerprint)
    if args.json:
        print_json({"removed": {"kind": kind, "name": card.name, "fingerprint": card.fingerprint}})
    else:
        print(f"Removed the {kind} {card.name} ({card.fingerprint[:8]}).")
    return 0
