"""`list`: what the workspace holds."""

from __future__ import annotations

import argparse
from typing import Any

from nnvis_dash.commands.terminal import add_workspace_options, open_workspace, print_json, table
from nnvis_dash.settings import Settings
from nnvis_dash.types import DatasetCard, ModelCard


def add_parser(subparsers: Any) -> None:
    """Add `list` to the command line."""
    parser = subparsers.add_parser(
        "list", help="list datasets and models", description="List what the workspace holds."
    )
    parser.add_argument(
        "kind", nargs="?", choices=("all", "datasets", "models"), default="all", help="which (default: %(default)s)"
    )
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the datasets and the models."""
    workspace = open_workspace(args, settings)
    datasets = workspace.datasets() if args.kind != "models" else None
    models = workspace.models() if args.kind != "datasets" else None
    owners = workspace.sharing.owners

    def record(card: DatasetCard | ModelCard) -> dict[str, Any]:
        return {**card.to_json(), "owners": owners(card).to_json()}

    if args.json:
        shelves = {"datasets": datasets, "models": models}
        print_json({key: [record(card) for card in cards] for key, cards in shelves.items() if cards is not None})
        return 0
    parts = []
    if datasets is not None:
        parts.append(_datasets(datasets, [owners(card).words for card in datasets]))
    if models is not None:
        parts.append(_models(models, [owners(card).words for card in models]))
    print("\n\n".join(parts))
    return 0


def _datasets(cards: list[DatasetCard], owners: list[str]) -> str:
    if not cards:
        return "No datasets yet: add one with `add-dataset`."
    header = ("DATASET", "FINGERPRINT", "IMAGES", "SIZE", "CLASSES", "OWNER", "SOURCE")
    rows = [
        (
            card.name,
            card.fingerprint[:8],
            f"{card.n_samples:,}",
            "mixed" if card.image_shape is None else "×".join(str(length) for length in card.image_shape),
            str(len(card.class_names)) if card.labelled else "no labels",
            owner,
            card.source,
        )
        for card, owner in zip(cards, owners, strict=True)
    ]
    return table(header, rows)


def _models(cards: list[ModelCard], owners: list[str]) -> str:
    if not cards:
        return "No models yet: add one with `add-model`."
    header = ("MODEL", "FINGERPRINT", "INPUT", "CLASSES", "OUTPUT", "PREPROCESSING", "PARAMETERS", "OWNER", "SOURCE")
    rows = [
        (
            card.name,
            card.fingerprint[:8],
            "×".join(str(length) for length in card.input_shape),
            str(card.n_classes),
            card.output,
            card.preprocessing.name,
            f"{card.parameters:,}",
            owner,
            card.source,
        )
        for card, owner in zip(cards, owners, strict=True)
    ]
    return table(header, rows)
