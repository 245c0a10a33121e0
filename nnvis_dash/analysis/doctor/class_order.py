"""Whether a classifier's outputs stand for other classes than their numbers say.

The best permutation of a confusion matrix always makes the accuracy look better, and with many classes and few samples
it makes chance look excellent. So what it brings is measured on samples that it was not found with: two halves, each
judged by the permutation of the other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.types import Ints

ENOUGH = 4  # samples of a class: two to find its output, two to see whether that is true
_STAY = 0.5  # counts that speak for an output's own number, so that a single sample moves nothing


def best_permutation(predicted: Ints, labels: Ints, n_classes: int) -> Ints:
    """Return the class that each output stands for, one output a class, so that most predictions are right.

    Parameters
    ----------
    predicted : (n,) int32
        Output numbers; negative ones are left out.
    labels : (n,) int32
    n_classes : int

    Returns
    -------
    (K,) int32
        Outputs that nothing speaks of keep their own number as far as it is free.

    References
    ----------
    Kuhn, "The Hungarian method for the assignment problem", 1955 (scipy's `linear_sum_assignment`).
    """
    from scipy.optimize import linear_sum_assignment

    matrix = np.zeros((n_classes, n_classes))
    known = (predicted >= 0) & (labels >= 0)
    np.add.at(matrix, (predicted[known], labels[known]), 1)
    matrix[np.diag_indices(n_classes)] += _STAY
    _, columns = linear_sum_assignment(matrix, maximize=True)
    return np.asarray(columns, np.int32)


def held_out(predicted: Ints, labels: Ints, n_classes: int) -> npt.NDArray[np.bool_]:
    """Return which predictions are right under a permutation that was found without them.

    Parameters
    ----------
    predicted, labels : (n,) int32
    n_classes : int

    Returns
    -------
    (n,) bool
    """
    half = _halves(labels)
    right = np.zeros(len(labels), np.bool_)
    for fold in (0, 1):
        order = best_permutation(predicted[half != fold], labels[half != fold], n_classes)
        judged = half == fold
        right[judged] = renumbered(predicted[judged], order) == labels[judged]
    return right


def renumbered(predicted: Ints, order: Ints) -> Ints:
    """Return the classes that predicted outputs stand for; negative numbers stay."""
    return np.where(predicted >= 0, order[np.maximum(predicted, 0)], predicted).astype(np.int32)


def decidable(labels: Ints) -> bool:
    """Whether there are enough samples a class: most samples belong to classes with `ENOUGH` of them."""
    counts = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(1, np.int64)
    return bool(counts[counts >= ENOUGH].sum() * 2 > max(counts.sum(), 1))


def _halves(labels: Ints) -> Ints:
    """Split every class into two halves, sample by sample in turn."""
    half = np.zeros(len(labels), np.int32)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        half[members] = np.arange(len(members)) % 2
    return half
