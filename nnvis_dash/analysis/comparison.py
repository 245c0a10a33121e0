"""Samples by classifiers and methods: a page's rows, the class that is explained in each, and which classifiers agree.

Classes of different classifiers are one where `common_classes` says so; -1 stands for a class that isn't known or that
a classifier doesn't have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.suggestion.common_classes import CommonClasses
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Ints, ModelCard

ROWS = 5  # samples of a page: as many as are there within two seconds
LAYERS = ("last", "middle", "first")  # convolution that is explained through
Row = TypeVar("Row")


def page_of(rows: Sequence[Row], page: int, size: int = ROWS) -> tuple[list[Row], int, int]:
    """Return the rows of a page.

    Parameters
    ----------
    rows : sequence
        Of all pages, in order.
    page : int
        From 1 on; one that isn't there stands for the nearest that is.
    size : int
        Rows of a page.

    Returns
    -------
    rows : list
        At most `size`.
    page : int
        The page that they are.
    n_pages : int
        1 where there are no rows.
    """
    n_pages = max(1, -(-len(rows) // size))
    page = min(max(1, page), n_pages)
    return list(rows[(page - 1) * size : page * size]), page, n_pages


def explained_classes(labels: Ints, predictions: Ints, given: int | None = None) -> Ints:
    """Return the class that all cells of a row explain.

    Parameters
    ----------
    labels, predictions : (n,) int32
        Common classes: the samples' labels, and what the primary classifier takes them for; -1 where unknown.
    given : int, optional
        The common class that was chosen for all rows.

    Returns
    -------
    (n,) int32
        The chosen one, else the label, else the prediction.
    """
    if given is not None:
        return np.full(len(labels), given, np.int32)
    return np.where(labels >= 0, labels, predictions).astype(np.int32)


def own_classes(classes: CommonClasses, classifier: int, wanted: Ints) -> Ints:
    """Return the output of a classifier for each common class of `wanted` (n,); -1 where it has none."""
    place = np.full(len(classes.names) + 1, -1, np.int32)  # the last one answers for -1
    outputs = classes.outputs[classifier]
    place[outputs] = np.arange(len(outputs), dtype=np.int32)
    return place[wanted]


def agreeing(answers: Ints) -> npt.NDArray[np.bool_]:
    """Say which classifiers give a sample's most frequent answer.

    Parameters
    ----------
    answers : (M, n) int32
        Each classifier's top class, as common classes; -1 where it gave none.

    Returns
    -------
    (M, n) bool
        Nowhere true where two answers are equally frequent, or where each classifier has one of its own.
    """
    agrees = np.zeros(answers.shape, bool)
    for column in range(answers.shape[1]):
        own = answers[:, column]
        values, counts = np.unique(own[own >= 0], return_counts=True)
        first = np.flatnonzero(counts == counts.max()) if counts.size else counts
        if len(first) == 1 and counts[first[0]] > 1:
            agrees[:, column] = own == values[first[0]]
    return agrees


def top_classes(probabilities: npt.NDArray[Any], k: int) -> Ints:
    """Return the k most probable classes (n, k) of probabilities (n, K), the first of equals first."""
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :k].astype(np.int32)


def layer_by_rule(card: ModelCard, rule: str) -> str | None:
    """Return the layer that a rule means in a classifier; None: the method's own choice, the last map.

    Raises
    ------
    ParameterError
        There is no such rule.
    """
    if rule not in LAYERS:
        raise ParameterError(f"There is no layer rule {rule[:40]!r}", f"One of: {', '.join(LAYERS)}.")
    maps = [layer.name for layer in card.layers if layer.is_map and "Conv" in layer.kind]
    if rule == "last" or not maps:
        return None
    return maps[0] if rule == "first" else maps[(len(maps) - 1) // 2]
