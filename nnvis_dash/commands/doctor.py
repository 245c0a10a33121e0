"""`doctor`: with which preprocessing a classifier is right, and whether its classes stand in the right order."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.doctor import Diagnosis, doctor
from nnvis_dash.commands.terminal import Progress, add_workspace_options, open_images, open_workspace, print_json
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.labels import read_class_names
from nnvis_dash.workspace.paths import there

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.store import Workspace

_DESCRIPTION = """\
Try every usual preprocessing of a classifier (0..255, 0..1, -1..1, ImageNet's mean and deviation, Caffe's mean, RGB and
BGR, squashed and cropped) on samples of a dataset, and look at the order of its classes. Nothing is changed without
--apply or --apply-class-order.
"""


def add_parser(subparsers: Any) -> None:
    """Add `doctor` to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="find the preprocessing with which a classifier is right",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="a classifier's name or fingerprint, or a model file")
    parser.add_argument(
        "--dataset", metavar="DATASET", required=True, help="a dataset's name or fingerprint, or the path of images"
    )
    parser.add_argument("--labels", metavar="FILE", help="for a path: as in add-dataset")
    parser.add_argument("--class-names", metavar="NAMES", help="of a model file: names with commas, or a file of names")
    parser.add_argument("--samples", metavar="N", type=int, default=500, help="images to try (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which images (default: %(default)s)")
    parser.add_argument("--apply", action="store_true", help="keep the proposed preprocessing in the classifier's card")
    parser.add_argument(
        "--apply-class-order", action="store_true", help="keep the proposed order of the class names in the card"
    )
    add_workspace_options(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Diagnose, print, and apply where that is asked for.

    Raises
    ------
    NotFound, ModelError, DatasetError, ParameterError
        What is wrong, the value, and the mend.
    """
    workspace = open_workspace(args, settings)
    names = read_class_names(args.class_names) or None
    data = open_images(workspace, args.dataset, args.labels)
    clf, stored = _classifier(workspace, args.model, names)
    if (args.apply or args.apply_class_order) and not stored:
        raise ParameterError(
            f"{args.model!r} is a file, and there is no card to keep a choice in",
            "Add it first (add-model --dataset chooses the preprocessing itself), or leave --apply out.",
        )
    with Progress("Examining the model", shown=not args.json) as progress:
        found = doctor(clf, data, samples=args.samples, seed=args.seed, on_progress=progress)
    applied = _apply(workspace, clf, found, args.apply, args.apply_class_order)
    if args.json:
        print_json({"diagnosis": found.to_json(), "applied": applied})
    else:
        print(found.text())
        if applied:
            print(f"\nApplied: {', '.join(applied)}.")
        elif args.apply or args.apply_class_order:
            print("\nNothing to apply.")
    return 0


def _classifier(workspace: Workspace, ref: str, names: tuple[str, ...] | None) -> tuple[Classifier, bool]:
    """Open a classifier of the workspace, or load a file; say whether it is the workspace's."""
    from nnvis_dash.analysis.classifier import load_classifier, open_classifier

    try:
        clf = open_classifier(workspace, ref)
    except NotFound:
        path = there(ref)
        if path is None:
            raise
        return load_classifier(path, class_names=names), False
    return (clf if names is None else clf.with_preprocessing(clf.card.preprocessing, class_names=names)), True


def _apply(workspace: Workspace, clf: Classifier, found: Diagnosis, preprocessing: bool, order: bool) -> list[str]:
    """Keep what was asked for in the classifier's card; return in words what that was."""
    from nnvis_dash.analysis.card import with_preprocessing

    card, applied = clf.card, []
    if preprocessing:
        best = found.proposed
        if found.changes:
            applied.append(best.name)
        card = with_preprocessing(card, best.preprocessing, best.resize, note=found.line())
    if order and found.class_order is not None:
        card = with_preprocessing(
            card,
            card.preprocessing,
            class_names=found.class_order.class_names,
            note=card.notes.get("preprocessing", ""),
        )
        applied.append("the order of the classes")
    if applied:
        workspace.replace_model(clf.card.fingerprint, card)
    return applied
