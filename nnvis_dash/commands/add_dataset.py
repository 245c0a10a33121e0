"""`add-dataset`: read images into the workspace."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from nnvis_dash.analysis import keras_datasets
from nnvis_dash.commands.terminal import Progress, add_workspace_options, open_workspace, print_json
from nnvis_dash.settings import Settings
from nnvis_dash.types import DatasetCard

_DESCRIPTION = """\
Read images into the workspace. SOURCE is one of

  a folder with one folder of images a class, or a zip of it (images directly inside: no labels)
  a .npz file with x and y (or images and labels, x_train and x_test, ...)
  a .npy file of images (labels with --labels)
  an idx file of images, .gz or not, with its labels file beside it; or the folder of them
  CIFAR-10 or CIFAR-100 binary batches: a .bin file, or the folder of them
  keras:mnist, keras:fashion_mnist or keras:cifar10 (needs internet)

Images are PNG, JPEG, WebP, BMP, GIF or TIFF of any sizes; arrays are (N, H, W) or (N, H, W, C)
with C 1 or 3, uint8 from 0 to 255 or floats from 0 to 1 or 0 to 255.
"""


def add_parser(subparsers: Any) -> None:
    """Add `add-dataset` to the command line."""
    parser = subparsers.add_parser(
        "add-dataset",
        help="read images into the workspace",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", help="file, folder, or keras:NAME")
    parser.add_argument("--name", help="the dataset's name (default: the source's own)")
    parser.add_argument(
        "--labels", metavar="FILE", help=".npy, or .csv/.txt with a label a line or filename,label (header optional)"
    )
    parser.add_argument(
        "--class-names",
        metavar="NAMES",
        help="names with commas, or a .txt (one a line), .csv (column 'name') or .json file, by label",
    )
    parser.add_argument(
        "--metadata",
        metavar="FILE",
        help=".csv, .tsv or .json with more columns of each image, by a column 'file' or 'sample', or in their order",
    )
    parser.add_argument(
        "--split", choices=("train", "test", "all"), help="which, where the source has several (default: test)"
    )
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave damaged images out instead of refusing the dataset"
    )
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Add the dataset and say what it is.

    Raises
    ------
    DatasetError, NotFound
        What is wrong, the value, and the mend.
    """
    workspace = open_workspace(args, settings)
    options: dict[str, Any] = {
        "name": args.name,
        "labels": None if args.labels is None else Path(args.labels),
        "class_names": args.class_names,
        "metadata": None if args.metadata is None else Path(args.metadata),
        "split": args.split,
        "skip_unreadable": args.skip_unreadable,
    }
    with Progress("Reading images", shown=not args.json) as progress:
        if args.source.startswith(keras_datasets.PREFIX):
            name = args.source.removeprefix(keras_datasets.PREFIX)
            with tempfile.TemporaryDirectory(prefix="nnvis-") as folder:
                file = Path(folder) / f"{name if name in keras_datasets.CLASS_NAMES else 'unknown'}.npz"
                progress.say(f"downloading {args.source}")
                keras_datasets.download(name, file)
                if args.class_names is None:
                    options["class_names"] = keras_datasets.CLASS_NAMES[name]
                card, new = workspace.add_dataset(file, on_progress=progress, **options)
        else:
            card, new = workspace.add_dataset(args.source, on_progress=progress, **options)
    if args.json:
        print_json({"new": new, "dataset": card.to_json()})
    else:
        print(_said(card, new))
    return 0


def _said(card: DatasetCard, new: bool) -> str:
    """Say in words what was added."""
    if not new:
        return f"These images are in the workspace already: {card.name} ({card.fingerprint[:8]})."
    size = "of different sizes" if card.image_shape is None else " × ".join(str(length) for length in card.image_shape)
    classes = f"{len(card.class_names)} classes" if card.labelled else "no labels"
    images = "image" if card.n_samples == 1 else "images"
    lines = [f"Added the dataset {card.name} ({card.fingerprint[:8]}): {card.n_samples:,} {images}, {size}, {classes}."]
    return "\n".join([*lines, *(f"  {key}: {note}" for key, note in card.notes.items())])
