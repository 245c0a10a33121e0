"""Which part of each map a window of the image reaches, and which windows are computed together.

Everything here is plain arithmetic on intervals, one axis at a time: windows are rectangles, and so is what they reach.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.graph import Step
from nnvis_dash.analysis.incremental.moves import Move

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reach:
    """What a window reaches of every map, for each of its beginnings along one axis.

    Attributes
    ----------
    low, high : dict of slot -> (n,) int64
        The first position and one past the last, for each of the n = size of the image − window + 1 beginnings. Slots
        that aren't there need whole maps.
    sizes : dict of slot -> int
        Of the maps.
    """

    low: Mapping[int, Numbers]
    high: Mapping[int, Numbers]
    sizes: Mapping[int, int]


def reach(steps: Sequence[Step], moves: Mapping[int, Move], sizes: Mapping[int, int], window: int, axis: int) -> Reach:
    """Follow windows through a graph along one axis (0: vertical, 1: horizontal).

    Parameters
    ----------
    steps : sequence of Step
        In the order in which they are computed.
    moves : dict of output slot -> Move
        Of the steps where patches are known.
    sizes : dict of slot -> int
        The maps' extent along the axis.
    window : int
    """
    start = np.arange(sizes[0] - window + 1)
    low, high = {0: start}, {0: start + window}
    for step in steps:
        move = moves.get(step.outputs[0])
        if move is None or any(slot not in low for slot in step.inputs):
            continue
        lows, highs = [low[slot] for slot in step.inputs], [high[slot] for slot in step.inputs]
        first, last = np.min(lows, axis=0), np.max(highs, axis=0) - 1
        if move.kind == "window":
            extent, pace, before = move.reach[axis], move.stride[axis], move.before[axis]
            first, last = -(-(first + before - extent + 1) // pace), (last + before) // pace
        (slot,) = step.outputs
        size = sizes[slot]
        first = np.clip(first, 0, size - 1)
        low[slot], high[slot] = first, np.clip(last + 1, first + 1, size)
    return Reach(low, high, dict(sizes))


@dataclass(frozen=True)
class Bucket:
    """Beginnings of windows, along one axis, whose patches have the same extents.

    Attributes
    ----------
    starts : (m,) int64
    extent : dict of slot -> int
    """

    starts: Numbers
    extent: Mapping[int, int]


def buckets(reached: Reach, costs: Mapping[int, float], n_buckets: int) -> list[Bucket]:
    """Part the beginnings of windows into groups, so that the padded patches of each cost least.

    Patches of one batch need the same extent, so a window costs what the largest of its group does. Beginnings are
    ordered by their own cost and cut by dynamic programming.

    Parameters
    ----------
    reached : Reach
    costs : dict of slot -> float
        Of one position of that map.
    n_buckets : int
        At most.
    """
    slots = sorted(reached.low)
    widths = np.stack([reached.high[slot] - reached.low[slot] for slot in slots])  # (slots, n)
    weight = np.array([costs.get(slot, 0.0) for slot in slots])
    n = widths.shape[1]
    order = np.argsort(weight @ widths.astype(float) ** 2, kind="stable")
    ordered = widths[:, order]
    cost = np.full((n, n + 1), np.inf)
    for first in range(n):
        greatest = np.maximum.accumulate(ordered[:, first:], axis=1).astype(float)
        cost[first, first + 1 :] = (weight @ greatest**2) * np.arange(1, n - first + 1)
    best = np.full(n + 1, np.inf)
    best[0] = 0.0
    cuts: list[Numbers] = []
    for _ in range(min(n_buckets, n)):
        total = best[:n, None] + cost
        cuts.append(total.argmin(axis=0))
        best = total.min(axis=0)
    ends = [n]
    for cut in reversed(cuts):
        ends.append(int(cut[ends[-1]]))
    ends = sorted(set(ends))
    made = []
    for first, stop in itertools.pairwise(ends):
        chosen = np.sort(order[first:stop])
        made.append(Bucket(chosen, {slot: int(widths[place, chosen].max()) for place, slot in enumerate(slots)}))
    return made


def placed(reached: Reach, bucket: Bucket, starts: Numbers) -> dict[int, Numbers]:
    """Return where the patches of windows begin in every map, so that each lies inside it; starts are of the bucket."""
    return {
        slot: np.minimum(low[starts], reached.sizes[slot] - bucket.extent[slot]) for slot, low in reached.low.items()
    }
