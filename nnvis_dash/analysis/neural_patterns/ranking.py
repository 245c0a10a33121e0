"""Which neural patterns to look at first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.patterns import NeuralPatterns, checked_samples
from nnvis_dash.analysis.neural_patterns.wording import Doubles, lift
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Ints, Unit

ORDERS = ("support", "lift", "length")


@dataclass(frozen=True, eq=False)
class Recommended:
    """Neural patterns in the order in which to look at them; number 1 is `patterns[0]`.

    Attributes
    ----------
    patterns : NeuralPatterns
        R of them.
    inside : (R,) int32
        Their images among the selected ones.
    classes : (R,) int32
        The class that the lift is of: the chosen one, or each pattern's most frequent. -1 where no label is known.
    lift : (R,) float64
        How many times as frequent the class is among the pattern's images as among all; 0 where no label is known.
    n_selected : int
        Images that were selected, or looked at where none were.
    """

    patterns: NeuralPatterns
    inside: Ints
    classes: Ints
    lift: Doubles
    n_selected: int

    def __len__(self) -> int:
        return len(self.patterns)


def recommended_patterns(
    patterns: NeuralPatterns,
    samples: npt.ArrayLike | None = None,
    units: Iterable[Unit] | None = None,
    label: int | None = None,
    order: str = "support",
) -> Recommended:
    """Rank the patterns of the selected images and units.

    Parameters
    ----------
    patterns : NeuralPatterns
    samples : ids or (N,) bool, optional
        Patterns with at least one of these images; all by default.
    units : iterable of Unit, optional
        Patterns with at least one of these units; all by default.
    label : int, optional
        The class for the lift; each pattern's most frequent one by default.
    order : {"support", "lift", "length"}
        Images inside the selection, lift, or number of units; the highest first. What is equal in it is ordered by how
        many of the units it has, then by the other two.

    Returns
    -------
    Recommended

    Raises
    ------
    ParameterError
        No such order, no labels for an order by lift, no such class, or samples that aren't there.
    """
    if order not in ORDERS:
        raise ParameterError(f"Patterns can't be ordered by {order!r}", f"Use one of: {', '.join(ORDERS)}.")
    if patterns.labels is None and (label is not None or order == "lift"):
        raise ParameterError("The patterns have no labels", "Give labels to neural_patterns, or order by support.")
    if label is not None and not 0 <= label < patterns.n_classes:
        raise ParameterError(f"There is no class {label}", f"Choose one from 0 to {patterns.n_classes - 1}.")
    chosen = np.ones(len(patterns), np.bool_)
    inside, n_selected = patterns.support, len(patterns.samples)
    if samples is not None:
        selected = np.zeros(len(patterns.sequences), np.bool_)
        selected[checked_samples(samples, len(selected))] = True
        inside, n_selected = patterns.inside(selected), int(np.count_nonzero(selected))
        chosen &= inside > 0
    held = np.zeros(len(patterns), np.int32)
    if units is not None:
        held = patterns.holding(units)
        chosen &= held > 0
    classes = np.full(len(patterns), -1, np.int32)
    lifts = np.zeros(len(patterns))
    counts = patterns.class_counts
    if counts is not None and patterns.n_classes:
        classes = np.asarray(counts.argmax(axis=1) if label is None else np.full(len(patterns), label), np.int32)
        lifts = lift(counts, patterns.class_totals, classes)
        classes[counts.sum(axis=1) == 0] = -1
    ranks: dict[str, npt.NDArray[Any]] = {"support": inside, "lift": lifts, "length": patterns.lengths}
    by = [ranks.pop(order), held, *ranks.values()]
    numbers = np.flatnonzero(chosen)
    numbers = numbers[np.lexsort([-key[numbers].astype(np.float64) for key in reversed(by)])]
    return Recommended(patterns.take(numbers), inside[numbers], classes[numbers], lifts[numbers], n_selected)
