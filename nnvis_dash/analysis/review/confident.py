"""Confident learning: which labels probabilities contradict, and how often each class is taken for another.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints


@dataclass(frozen=True, eq=False)
class ConfidentJoint:
    """Given labels against the classes that samples confidently are.

    Attributes
    ----------
    thresholds : (K,) float64
        Mean probability of a class over the samples that are labelled so; infinite for a class without samples.
    confident : (N,) int32
        The class that a sample confidently is: of those that reach their threshold the most probable; -1 for none.
    counts : (K, K) int64
        C: samples by given label and confident class (eq. 1 of the paper).
    joint : (K, K) float64
        Q: the estimated share of the labelled samples by given label and true class (eq. 3); adds up to 1.
    flagged : (N,) bool
        Whether the confident class is another than the label.
    """

    thresholds: npt.NDArray[np.float64]
    confident: Ints
    counts: npt.NDArray[np.int64]
    joint: npt.NDArray[np.float64]
    flagged: npt.NDArray[np.bool_]


def confident_joint(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> ConfidentJoint:
    """Count where probabilities contradict labels.

    Parameters
    ----------
    probabilities : (N, K) float, 0..1
        Best of samples that the classifier was not trained on.
    labels : (N,) int
        -1 for a sample without one; it is in no count.

    Raises
    ------
    ParameterError
        Shapes that don't belong together, or labels that there aren't.
    """
    table, given = checked(probabilities, labels)
    n_classes = table.shape[1]
    rows = np.flatnonzero(given >= 0)
    sums = np.zeros(n_classes)
    np.add.at(sums, given[rows], table[rows, given[rows]])
    sizes = np.bincount(given[rows], minlength=n_classes)
    thresholds = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    reached = np.where(table >= thresholds - 1e-9, table, -1.0)
    confident = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1).astype(np.int32)
    counts = np.zeros((n_classes, n_classes), np.int64)
    sure = rows[confident[rows] >= 0]
    np.add.at(counts, (given[sure], confident[sure]), 1)
    of_label = counts.sum(axis=1, keepdims=True)
    shares = np.where(of_label > 0, counts / np.maximum(of_label, 1), np.eye(n_classes))
    joint = shares * (sizes / max(1, len(rows)))[:, None]
    return ConfidentJoint(thresholds, confident, counts, joint, (given >= 0) & (confident >= 0) & (confident != given))


def checked(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Ints]:
    """Return probabilities (N, K) and labels (N,) that belong together, or raise ParameterError."""
    table, given = np.asarray(probabilities), np.asarray(labels)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ParameterError(f"Probabilities have the shape {table.shape}", "Give one row a sample: (N, K).")
    if given.shape != table.shape[:1] or given.dtype.kind not in "iu":
        raise ParameterError(
            f"Labels have the shape {given.shape}", f"Give a whole number for each of {len(table)} samples."
        )
    if len(given) and not -1 <= given.min() <= given.max() < table.shape[1]:
        raise ParameterError(
            f"Labels are from {given.min()} to {given.max()}", f"Give -1 (none) to {table.shape[1] - 1}."
        )
    return table, given.astype(np.int32)
