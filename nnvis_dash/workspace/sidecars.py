"""Labels, class names and metadata that lie beside the images of a folder, in files of a known name.

A flat folder of images has no classes in its paths; ``labels.csv`` in it says which is which, and ``classes.csv`` what
the classes are called; ``metadata.csv`` what else is known of each image. What a person gives expressly goes before.
"""

from __future__ import annotations

from pathlib import Path

from nnvis_dash.workspace.labels import LabelsGiven, NamesGiven
from nnvis_dash.workspace.readers import Given

LABELS = ("labels.csv", "labels.txt", "labels.tsv", "labels.npy")
CLASS_NAMES = ("classes.csv", "classes.txt", "classes.json", "class_names.csv", "class_names.txt", "class_names.json")
METADATA = ("metadata.csv", "metadata.tsv", "metadata.json")
SIDECARS = frozenset(LABELS + CLASS_NAMES + METADATA)


def with_sidecars(
    source: Given, labels: LabelsGiven, class_names: NamesGiven
) -> tuple[LabelsGiven, NamesGiven, dict[str, str]]:
    """Return the labels and class names to use for a source, and notes about those that were found in its folder.

    Parameters
    ----------
    source : path or array
        Only a folder has sidecars.
    labels, class_names
        What a person gave; kept where it isn't None.
    """
    notes: dict[str, str] = {}
    if isinstance(source, str):
        source = Path(source)
    if isinstance(source, Path) and source.is_dir():
        if labels is None:
            labels = _first(source, LABELS)
            if labels is not None:
                notes["labels"] = f"from {labels.name}"
        if class_names is None:
            class_names = _first(source, CLASS_NAMES)
            if class_names is not None:
                notes["class names"] = f"from {class_names.name}"
    return labels, class_names, notes


def metadata_beside(source: Given) -> Path | None:
    """Return the file of metadata that lies beside the images of a folder; None where there is none."""
    source = Path(source) if isinstance(source, str) else source
    return _first(source, METADATA) if isinstance(source, Path) and source.is_dir() else None


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
