"""Which output of a classifier a dataset's label stands for; the one place where the two are brought together."""

from __future__ import annotations

import numpy as np

from nnvis_dash.types import Ints


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
        By name where the classifier knows every name of the dataset; else the labels as they are, by number.
    """
    if not dataset_names or not model_names or model_names == dataset_names:
        return labels
    number = {name: position for position, name in enumerate(model_names)}
    if any(name not in number for name in dataset_names):
        return labels
    order = np.array([*(number[name] for name in dataset_names), -1], dtype=np.int32)
    return order[labels]  # -1 takes the last entry, which is -1


def fit_together(n_outputs: int, model_names: tuple[str, ...], dataset_names: tuple[str, ...]) -> bool:
    """Whether every class of a dataset is known to be an output: by name, else because their numbers are equal."""
    if model_names and set(dataset_names) <= set(model_names):
        return True
    return len(dataset_names) == n_outputs
