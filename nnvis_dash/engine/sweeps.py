"""Sweeps as jobs write them and questions read them: in parts while they are computed, whole as an artifact.

A part of a sweep holds the rows of an interval of positions in the order of `analysis.simulation.order`, and lies under
the sweep's own key, not the job's: a job over other classifiers or changes takes it up, and nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.engine.chunks import missing, part_interval, part_name
from nnvis_dash.engine.desk import Desk, open_workspace
from nnvis_dash.errors import NotFound
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.mutation.truth import Truth
    from nnvis_dash.analysis.simulation.changed_images import Arrays
    from nnvis_dash.analysis.simulation.sweep import Sweep
    from nnvis_dash.workspace.artifacts import Parts

COMPUTED_IN = "computed-in"  # the part that says which precision a sweep is computed in, and why
Interval = tuple[int, int]


@dataclass(frozen=True)
class Wanted:
    """One sweep: a classifier, a dataset, a change, by fingerprints and plain values; hashable by its key."""

    model: str
    dataset: str
    change: Change
    samples: str = ""  # as `state.ids.encode_ids` writes them; empty: all
    precision: str = "float32"

    @property
    def key(self) -> str:
        """Return the key of its artifact and of its parts."""
        from nnvis_dash.analysis.simulation.sweep import sweep_key

        return sweep_key(self.model, self.dataset, self.change, self.samples, self.precision)


def sample_order(desk: Desk, dataset: str, samples: str = "") -> npt.NDArray[np.int64]:
    """Return the samples (n,) in the order in which a simulation takes them."""
    return _order(desk.path, dataset, samples)


def known_truth(desk: Desk, model: str, dataset: str) -> Truth:
    """Return the classes that a dataset's images count for with a classifier."""
    from nnvis_dash.analysis.simulation.sweep import known_truth as truth_of

    return truth_of(desk.workspace.model(model), desk.dataset(dataset))


def known_sweep(desk: Desk, wanted: Wanted) -> Sweep | None:
    """Return a sweep: finished, or what there is of it so far; None for nothing yet."""
    if desk.workspace.artifacts.has(wanted.key):
        return _finished(desk.path, wanted.key)
    rows, positions = part_rows(desk, wanted)
    if not len(positions):
        return None
    return sweep_of(desk, wanted, rows, positions)


def sweep_of(desk: Desk, wanted: Wanted, rows: Arrays, positions: npt.NDArray[np.int64]) -> Sweep:
    """Put a sweep together from its rows and their positions in the order."""
    from nnvis_dash.analysis.simulation.sweep import assembled

    order = sample_order(desk, wanted.dataset, wanted.samples)
    precision, note = computed_in(desk.workspace.artifacts.parts(wanted.key), wanted.precision)
    card = desk.workspace.model(wanted.model)
    known = known_truth(desk, wanted.model, wanted.dataset)
    return assembled(card, wanted.change, known, order[positions], rows, len(order), precision, note)


def part_rows(desk: Desk, wanted: Wanted) -> tuple[Arrays, npt.NDArray[np.int64]]:
    """Return the rows of a sweep's parts, each position once, and the positions, ascending."""
    parts = desk.workspace.artifacts.parts(wanted.key)
    chosen: list[Arrays] = []
    positions: list[npt.NDArray[np.int64]] = []
    reached = 0
    for start, stop in sorted(intervals(parts)):
        first = max(start, reached)
        if first >= stop:
            continue
        try:
            part = _part(desk.path, wanted.key, part_name(start, stop))
        except NotFound:  # the sweep was finished, and its parts removed, while they were read
            continue
        chosen.append({name: array[first - start :] for name, array in part.items()})
        positions.append(np.arange(first, stop))
        reached = stop
    if not chosen:
        return {}, np.empty(0, np.int64)
    return {name: np.concatenate([part[name] for part in chosen]) for name in chosen[0]}, np.concatenate(positions)


def intervals(parts: Parts) -> list[Interval]:
    """Return the intervals of positions that parts hold."""
    return [interval for name in parts.names() if (interval := part_interval(name)) is not None]


def gaps(parts: Parts, start: int, stop: int) -> list[Interval]:
    """Return the intervals of start..stop that no part holds."""
    held = [(max(low, start) - start, min(high, stop) - start) for low, high in intervals(parts)]
    return [
        (low + start, high + start) for low, high in missing([pair for pair in held if pair[0] < pair[1]], stop - start)
    ]


def computed_in(parts: Parts, precision: str) -> tuple[str, str]:
    """Return the precision that a sweep's parts are computed in and why it isn't the one asked for."""
    if precision == "float32" or COMPUTED_IN not in parts.names():
        return precision, ""
    chosen, note = parts.load(COMPUTED_IN)["computed_in"]
    return str(chosen), str(note)


def clean_answers(desk: Desk, wanted: Wanted, start: int, stop: int, images: Any, precision: str) -> Floats:
    """Return what a classifier says of the unchanged images at positions start..stop-1, (n, K) float32.

    From its index where there is one; else from what an earlier chunk of any sweep kept, else computed and kept.
    """
    from nnvis_dash.analysis.simulation.answers import predicted
    from nnvis_dash.engine.indexes import finished_index
    from nnvis_dash.state.ids import content_key

    order = sample_order(desk, wanted.dataset, wanted.samples)
    try:
        found = finished_index(desk, wanted.model, wanted.dataset).probabilities
        return np.asarray(found[order[start:stop]], np.float32)
    except NotFound:
        pass
    key = content_key("clean", wanted.model, wanted.dataset, wanted.samples, precision)
    parts = desk.workspace.artifacts.parts(key)
    for low, high in intervals(parts):
        if low <= start and stop <= high:
            return np.asarray(_part(desk.path, key, part_name(low, high))["probabilities"][start - low : stop - low])
    answered = predicted(desk.classifier(wanted.model), images, precision)
    parts.save(part_name(start, stop), {"probabilities": answered})
    return answered


def same_gaps(desk: Desk, sweeps: Sequence[Wanted], start: int, stop: int) -> Iterator[tuple[Interval, list[Wanted]]]:
    """Yield what is missing of sweeps in an interval, those together that miss the same."""
    together: dict[tuple[Interval, ...], list[Wanted]] = {}
    for wanted in sweeps:
        if desk.workspace.artifacts.has(wanted.key):
            continue
        missed = tuple(gaps(desk.workspace.artifacts.parts(wanted.key), start, stop))
        together.setdefault(missed, []).append(wanted)
    for missed, some in together.items():
        for interval in missed:
            yield interval, some


@lru_cache(maxsize=8)
def _order(path: str, dataset: str, samples: str) -> npt.NDArray[np.int64]:
    from nnvis_dash.analysis.mutation.truth import sample_ids
    from nnvis_dash.analysis.simulation.sweep import ordered

    data = Desk(path).dataset(dataset)
    ids = sample_ids(data, open_workspace(path)[0].selections.ids(samples) if samples else None)
    return np.asarray(ordered(data, ids, None), np.int64)


@lru_cache(maxsize=16)
def _finished(path: str, key: str) -> Sweep:
    from nnvis_dash.analysis.simulation.sweep import load_sweep

    return load_sweep(open_workspace(path)[0].artifacts.load(key))


@lru_cache(maxsize=4096)
def _part(path: str, key: str, name: str) -> Arrays:
    return open_workspace(path)[0].artifacts.parts(key).load(name)
