"""Which images to look at first: those whose prediction breaks soonest and is least certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.breaking import BreakingPoints
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.errors import ParameterError

PARTS = ("breaking", "deep_gini", "margin")
NONE = -1  # in place of a change where no breaking point is known

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PriorityQueue:
    """Images, the most fragile first.

    Each part is a percentile rank among these images, 0 (the sturdiest) to 1 (the most fragile): (r - 1/2) / n of the
    rank r = 1..n, equal values sharing the mean of their ranks.

    Attributes
    ----------
    ids : (n,) int64
    score : (n,) float64, 0..1
        Mean of the parts, by their weights; parts that aren't known are left out.
    breaking : (n,) float64, 0..1
        How soon the prediction flips under the change that it stands worst; NaN where none is known.
    worst : (n,) int64
        That change's number among those given; -1 where none is known.
    deep_gini : (n,) float64, 0..1
        By 1 - Σp² of the unchanged image.
    margin : (n,) float64, 0..1
        By the first minus the second probability of the unchanged image: small ones are fragile.
    """

    ids: npt.NDArray[np.int64]
    score: Array
    breaking: Array
    worst: npt.NDArray[np.int64]
    deep_gini: Array
    margin: Array

    def __len__(self) -> int:
        return len(self.ids)


def priority_queue(
    sweep: Sweep, points: Sequence[BreakingPoints] = (), weights: Mapping[str, float] | None = None
) -> PriorityQueue:
    """Order the images of a sweep by how fragile they are.

    Degrees of different changes can't be compared, ranks can: for each change the images are ranked by how far from the
    identity they flip (those that never do come last, all alike), an image takes its worst of these, and the images are
    ranked by that. Whether a prediction is right plays no part, so that unlabelled images can be ordered too.

    Parameters
    ----------
    sweep : Sweep
        Gives the images and what is known of them unchanged; whichever of a classifier's sweeps.
    points : sequence of BreakingPoints
        Of the same classifier and dataset, one a change. Images of the sweep that they lack have no such part.
    weights : mapping, optional
        Of "breaking", "deep_gini" and "margin", 0 or more; 1 where one is left out.

    Returns
    -------
    PriorityQueue
        Equally fragile images by their id.

    Raises
    ------
    ParameterError
        Weights that aren't numbers of 0 or more, or leave nothing to go by; says which.

    References
    ----------
    DeepGini: Feng et al., "DeepGini: prioritizing massive tests to enhance the robustness of deep neural networks",
    ISSTA 2020, arXiv:1903.00661, section 3. Mean of ranks: Borda's count.
    """
    by = _weights(weights)
    n = len(sweep)
    ranks = np.full((len(points), n), np.nan)
    for number, of_change in enumerate(points):
        distance = _aligned(sweep.ids, of_change)
        known = ~np.isnan(distance)
        ranks[number, known] = percentile_rank(-distance[known])
    known = ~np.isnan(ranks).all(axis=0) if len(points) else np.zeros(n, bool)
    filled = np.where(np.isnan(ranks), -1.0, ranks)
    breaking, worst = np.full(n, np.nan), np.full(n, NONE, np.int64)
    if known.any():
        worst[known] = filled[:, known].argmax(axis=0)
        breaking[known] = percentile_rank(filled[:, known].max(axis=0))
    parts = np.stack([breaking, percentile_rank(sweep.deep_gini), percentile_rank(-np.asarray(sweep.margin))])
    weight = np.where(np.isnan(parts), 0.0, np.array([by[name] for name in PARTS])[:, None])
    total = weight.sum(axis=0)
    if n and not total.all():
        raise ParameterError("Only breaking points are weighed, and there are none", "Find them first.")
    score = (np.nan_to_num(parts) * weight).sum(axis=0) / total
    order = np.lexsort((sweep.ids, -score))
    return PriorityQueue(
        ids=np.asarray(sweep.ids)[order],
        score=score[order],
        breaking=parts[0][order],
        worst=worst[order],
        deep_gini=parts[1][order],
        margin=parts[2][order],
    )


def percentile_rank(values: npt.ArrayLike) -> Array:
    """Return (n,) of numbers (n,) their percentile ranks, 0 to 1, the largest the highest.

    >>> percentile_rank([10, 30, 20, 20]).tolist()
    [0.125, 0.875, 0.5, 0.5]
    """
    given = np.asarray(values, np.float64)
    _, which, counts = np.unique(given, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return np.asarray(middle[which] / max(1, len(given)))


def _aligned(ids: npt.NDArray[np.int64], points: BreakingPoints) -> Array:
    """Return (n,) the distances at which samples flip; NaN for those that the points lack."""
    found = np.full(len(ids), np.nan)
    if not len(points):
        return found
    order = np.argsort(points.ids)
    place = np.minimum(np.searchsorted(points.ids, ids, sorter=order), len(order) - 1)
    there = points.ids[order[place]] == ids
    found[there] = points.distance[order[place[there]]]
    return found


def _weights(given: Mapping[str, float] | None) -> dict[str, float]:
    found = dict.fromkeys(PARTS, 1.0)
    for name, weight in (given or {}).items():
        if name not in found:
            raise ParameterError(f"There is no part {name!r} to weigh", f"The parts: {', '.join(PARTS)}.")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < np.inf:
            raise ParameterError(f"The weight of {name} is {weight!r}", "Give a number of 0 or more.")
        found[name] = float(weight)
    if not any(found.values()):
        raise ParameterError("All weights are 0", "Give one above 0.")
    return found
