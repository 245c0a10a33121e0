"""`add-model`: check a Keras model and add it to the workspace."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from nnvis_dash.analysis.intake import add_model
from nnvis_dash.commands.terminal import Progress, add_workspace_options, open_images, open_workspace, print_json
from nnvis_dash.errors import ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.types import PREPROCESSINGS, ModelCard, OutputKind
from nnvis_dash.workspace.labels import read_class_names

_DESCRIPTION = """\
Check a Keras model and add it to the workspace. SOURCE is one of

  a .keras file, or a .h5/.hdf5 file with architecture and weights, of any version of Keras
  a file of weights alone (.h5, .weights.h5), with --architecture
  a TensorFlow SavedModel, its folder or a zip of it, where NNVIS_ALLOW_SAVED_MODELS=1
  keras:VGG16, keras:ResNet50, keras:MobileNetV2, ... with ImageNet weights (needs internet)

The file is checked before Keras reads it: whatever could run code or read files is refused, with the reason.
"""


def add_parser(subparsers: Any) -> None:
    """Add `add-model` to the command line."""
    parser = subparsers.add_parser(
        "add-model",
        help="check a Keras model and add it to the workspace",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", help="model file, or keras:NAME")
    parser.add_argument(
        "--architecture",
        metavar="MODEL",
        help="for a file of weights alone: the model's JSON (model.to_json()), or keras:NAME such as keras:VGG16",
    )
    parser.add_argument("--name", help="the model's name (default: the file's own)")
    parser.add_argument(
        "--preprocessing",
        choices=("auto", *PREPROCESSINGS),
        default="auto",
        help="how pixels from 0 to 255 become the model's input: unit is /255, symmetric is -1..1, imagenet and caffe "
        "subtract ImageNet's mean (default: %(default)s)",
    )
    parser.add_argument(
        "--class-names",
        metavar="NAMES",
        help="names with commas, or a .txt (one a line), .csv (column 'name') or .json file, by output",
    )
    parser.add_argument(
        "--resize",
        choices=("squash", "crop"),
        default="squash",
        help="how images of another size are fitted: squash ignores the aspect ratio, crop takes the centre "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--dataset",
        metavar="DATASET",
        help="what the model is for: a dataset's name or fingerprint, or the path of images; the preprocessing is "
        "found by trying (see doctor)",
    )
    parser.add_argument("--head", metavar="NAME", help="which output of a model with several, by name or number")
    parser.add_argument(
        "--input-size",
        metavar="SIZE",
        help="for a model that takes images of any size: 160, or HEIGHTxWIDTH such as 160x192 (default: 224)",
    )
    parser.add_argument(
        "--output",
        choices=get_args(OutputKind),
        help="what the model puts out (default: read from its last activation)",
    )
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Add the model and say what it is.

    Raises
    ------
    ModelError, NotFound, ParameterError
        What is wrong, the value, and the mend.
    """
    workspace = open_workspace(args, settings)
    names = read_class_names(args.class_names) or None
    with Progress("Checking the model", shown=not args.json) as progress:
        card, new = add_model(
            workspace,
            args.source,
            architecture=args.architecture,
            name=args.name,
            preprocessing=args.preprocessing,
            class_names=names,
            resize=args.resize,
            dataset=None if args.dataset is None else open_images(workspace, args.dataset),
            head=args.head,
            input_size=None if args.input_size is None else _input_size(args.input_size),
            output=args.output,
            on_progress=progress.say,
        )
    if args.json:
        print_json({"new": new, "model": card.to_json()})
    else:
        print(_said(card, new))
    return 0


def _input_size(text: str) -> tuple[int, int]:
    """Read 160 or 160x192."""
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) not in (1, 2) or not all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        raise ParameterError(f"The input size is {text!r}", "Give one number (160), or height x width (160x192).")
    return int(sides[0]), int(sides[-1])


def _said(card: ModelCard, new: bool) -> str:
    """Say in words what was added."""
    if not new:
        return f"This model is in the workspace already: {card.name} ({card.fingerprint[:8]})."
    size = " × ".join(str(length) for length in card.input_shape)
    lines = [
        f"Added the model {card.name} ({card.fingerprint[:8]}): input {size}, "
        f"{card.n_classes} classes ({card.output}), preprocessing {card.preprocessing.name}, "
        f"{card.parameters:,} parameters."
    ]
    return "\n".join([*lines, *(f"  {key}: {note}" for key, note in card.notes.items())])
