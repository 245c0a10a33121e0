"""Which output of a classifier a dataset's label stands for; the one place where the two are brought together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from nnvis_dash.types import Ints

_BETWEEN_WORDS = re.compile(r"[\s_\-]+")
Key: TypeAlias = tuple[str, int]


def class_keys(names: Sequence[str]) -> list[Key]:
    """Return what class names are matched by: each one's words, and how often the same came before it.

    Names are the same whatever their case and whether blanks, underscores or hyphens part their words; of a name that
    one list has several times, as ImageNet's "crane", the first meets the first, the second the second.
    """
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        words = _BETWEEN_WORDS.sub(" ", name.casefold()).strip()
        found.append((words, seen[words]))
        seen[words] += 1
    return found


def as_outputs(labels: Ints, dataset_names: tuple[str, ...], model_names: tuple[str, ...]) -> Ints:
    """Return labels as output numbers of a classifier.

    Parameters
    ----------
    labels : (N,) int32
        -1 where a sample has no label.
    dataset_names : tuple of str
        The dataset's class names, by label.
    model_names : tuple of str
        The classifier's, by output; empty where it has none.

    Returns
    -------
    (N,) int32
        By name where they share classes, -1 for a class that the classifier doesn't know; else the labels as they are,
        by number.
    """
    if model_names == dataset_names or not share_names(model_names, dataset_names):
        return labels
    number = {key: position for position, key in enumerate(class_keys(model_names))}
    order = np.array([*(number.get(key, -1) for key in class_keys(dataset_names)), -1], dtype=np.int32)
    return order[labels]  # -1 takes the last entry, which is -1


def share_names(model_names: tuple[str, ...], dataset_names: tuple[str, ...]) -> bool:
    """Whether two lists of classes speak of the same things: half of the shorter one's names stand in the other."""
    shorter = min(len(model_names), len(dataset_names))
    shared = set(class_keys(model_names)) & set(class_keys(dataset_names))
    return shorter > 0 and 2 * len(shared) >= shorter


def fit_together(n_outputs: int, model_names: tuple[str, ...], dataset_names: tuple[str, ...]) -> bool:
    """Whether every class of a dataset is known to be an output: by name, else because their numbers are equal."""
    if model_names and not lacking(model_names, dataset_names):
        return True
    return len(dataset_names) == n_outputs


def lacking(model_names: tuple[str, ...], dataset_names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes of a dataset that a classifier with these names doesn't know; none where it has no names."""
    known = set(class_keys(model_names))
    return tuple(
        name for name, key in zip(dataset_names, class_keys(dataset_names), strict=True) if known and key not in known
    )
