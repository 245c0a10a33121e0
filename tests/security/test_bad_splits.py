"""Sources of two splits whose labels don't belong together: joined, they would be other images'."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nnvis_dash.workspace.store import Workspace
from tests.security.crafted_arrays import npz
from tests.security.rows import Row, adding, file, refused, table, workspace
from tests.unit.workspace.files import pixels, write_idx_pair

__all__ = ["workspace"]

X = pixels(1, 4, 6, 5, 3)
ALL = {"split": "all"}
FOUR, THREE = np.arange(4, dtype=np.uint8), np.arange(3, dtype=np.uint8)


def made(**arrays: Any) -> Callable[[Path], Path]:
    return file("x.npz", lambda: npz(arrays))


def folder_of_idx(folder: Path) -> Path:
    """Give each split as many labels as the other has images."""
    write_idx_pair(folder, "train", X[:, :, :, 0], THREE)
    write_idx_pair(folder, "t10k", X[:3, :, :, 0], FOUR)
    return folder


COUNTS = "labels, not as many as images"
SPLITS = [
    Row(
        "npz: numbers and texts",
        made(x_train=X, x_test=X, y_train=FOUR, y_test=np.array(list("abcd"))),
        "of different kinds",
        options=ALL,
    ),
    Row(
        "npz: labels of unequal axes",
        made(x_train=X, x_test=X, y_train=FOUR, y_test=np.eye(4)),
        "of different kinds",
        options=ALL,
    ),
    Row(
        "npz: one-hot of unequal width",
        made(x_train=X, x_test=X, y_train=np.eye(4, 5), y_test=np.eye(4)),
        "of different kinds",
        options=ALL,
    ),
    Row(
        "npz: each other's number",
        made(x_train=X, x_test=X[:3], y_train=THREE, y_test=FOUR),
        f"4 and 3 {COUNTS}",
        options=ALL,
    ),
    Row(
        "npz: a single label",
        made(x_train=X, x_test=X, y_train=np.int64(7), y_test=[0] * 8),
        f"8 and 0 {COUNTS}",
        options=ALL,
    ),
    Row("idx: each other's number", folder_of_idx, f"4 and 3 {COUNTS}", options=ALL),
]


@table(SPLITS)
def test_labels_that_do_not_belong_to_their_split_are_refused(row: Row, workspace: Workspace, tmp_path: Path):
    refused(row, adding(workspace), tmp_path, workspace.path)


def test_splits_whose_labels_fit_are_joined(workspace: Workspace, tmp_path: Path):
    path = made(x_train=X, x_test=X[:3], y_train=np.array(list("abab")), y_test=np.array(list("bca")))(tmp_path)
    card, _ = workspace.add_dataset(path, split="all")
    assert (card.n_samples, card.class_names) == (7, ("a", "b", "c"))
    assert workspace.dataset("x-all").labels.tolist() == [1, 2, 0, 0, 1, 0, 1]  # the test split comes first
    workspace.remove_dataset("x-all")
