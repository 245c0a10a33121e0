"""`add-metadata`: say more about the samples of a dataset that is in the workspace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nnvis_dash.commands.terminal import add_workspace_options, open_workspace, print_json
from nnvis_dash.settings import Settings

_DESCRIPTION = """\
Keep columns of a file, such as camera, site or day, with a dataset: the table of samples shows,
filters and groups by them. FILE is a .csv or .tsv with a head, or a .json with a list of records.
A column 'file' (the image's name) or 'sample' (its number) says which image a row is of; without
one there is a row for each image, in order. Columns that were given before go.
"""


def add_parser(subparsers: Any) -> None:
    """Add `add-metadata` to the command line."""
    parser = subparsers.add_parser(
        "add-metadata",
        help="say more about the samples of a dataset",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", metavar="DATASET", help="its name, its fingerprint, or the first digits of it")
    parser.add_argument("file", metavar="FILE", help=".csv, .tsv or .json")
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Keep the columns and say which.

    Raises
    ------
    DatasetError, NotFound
        What is wrong, the value, and the mend.
    """
    workspace = open_workspace(args, settings)
    titles = workspace.add_metadata(args.dataset, Path(args.file))
    card = workspace.dataset(args.dataset).card
    if args.json:
        print_json({"dataset": card.to_json(), "columns": list(titles)})
    else:
        print(f"{card.name} ({card.fingerprint[:8]}) has {', '.join(titles)} of each sample.")
    return 0
