"""Which windows are sampled next: a coarse map first, then where the evidence is, then where the doubt is.

The next round is a function of what is known alone, so a map that was interrupted goes on as if it hadn't been.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.prediction_difference.tally import Tally

Numbers = npt.NDArray[np.int64]
_FINER = 0.25  # share of a finer level's windows that is computed before the doubtful ones are sampled further
_AT_ONCE = 0.125  # share of the windows that one round samples further
_CALM = 0.1  # of the strongest evidence: windows with a smaller standard error wait until all have been computed


class Task(NamedTuple):
    """Samples start..stop-1 of some windows (numbers in the lattice)."""

    places: Numbers
    start: int
    stop: int

    @property
    def n_samples(self) -> int:
        """Over all windows."""
        return len(self.places) * (self.stop - self.start)


@dataclass(frozen=True)
class Aim:
    """How far a map is computed.

    Attributes
    ----------
    samples : int
        Of a window, at most.
    step : int
        Samples that are drawn together.
    coarse : bool
        Begin with a coarse map; else with every window.
    precision : float
        Standard error, in the first readout's unit, below which a window isn't sampled further; 0: all have `samples`.
    """

    samples: int
    step: int
    coarse: bool = True
    precision: float = 0.0

    @property
    def first(self) -> int:
        """Samples that a window begins with."""
        if not self.coarse and not self.precision:
            return self.samples
        return min(2, self.samples)


def next_task(tally: Tally, aim: Aim) -> Task | None:
    """Return what is to be sampled next, None when the aim is reached."""
    counts = tally.counts.ravel()
    unknown = counts == 0
    if unknown.any():
        if not aim.coarse:
            return Task(np.flatnonzero(unknown), 0, aim.first)
        found = _by_level(tally, aim)
        if found is not None:
            return found
        further = _further(tally, aim, _CALM * _strongest(tally))
        return further or Task(_roughest(tally, np.flatnonzero(unknown)), 0, aim.first)
    return _further(tally, aim, aim.precision)


def pieces(task: Task, n_samples: int) -> Iterator[Task]:
    """Cut a task into parts of about so many samples, whole windows each."""
    step = max(1, n_samples // (task.stop - task.start))
    for start in range(0, len(task.places), step):
        yield Task(task.places[start : start + step], task.start, task.stop)


def _by_level(tally: Tally, aim: Aim) -> Task | None:
    """Return windows of the coarsest level, or the roughest of a finer one; None when enough of all levels is known."""
    numbers = np.arange(tally.counts.size).reshape(tally.lattice.shape)
    counts = tally.counts.ravel()
    before: Numbers = np.empty(0, np.int64)
    for rows, columns in tally.lattice.levels:
        windows = numbers[np.ix_(rows, columns)].ravel()
        new = np.setdiff1d(windows, before)
        unknown = new[counts[new] == 0]
        if not len(before) and len(unknown):
            return Task(unknown, 0, aim.first)
        wanted = round(_FINER * len(new)) - (len(new) - len(unknown))
        if len(before) and wanted > 0:
            return Task(_roughest(tally, unknown)[:wanted], 0, aim.first)
        before = windows
    return None


def _further(tally: Tally, aim: Aim, precision: float) -> Task | None:
    """Return windows whose standard error is too large, the largest first, with twice the samples that they have."""
    counts = tally.counts.ravel()
    open_ = (counts > 0) & (counts < aim.samples)
    if not open_.any():
        return None
    if precision:
        errors = np.sqrt(np.nan_to_num(tally.variances()[..., 0])).ravel()
        open_ &= errors > precision
        if not open_.any():
            return None
    else:
        errors = -counts.astype(float)
    chosen = np.flatnonzero(open_)
    chosen = chosen[np.argsort(-errors[chosen], kind="stable")][: max(1, round(_AT_ONCE * counts.size))]
    have = int(counts[chosen[0]])  # those with as many samples as the worst one: a task has one interval
    chosen = chosen[counts[chosen] == have]
    return Task(np.sort(chosen), have, min(2 * have, aim.samples))


def _roughest(tally: Tally, places: Numbers) -> Numbers:
    """Return windows in the order in which evidence changes around them."""
    rough = tally.lattice.roughness(tally.evidence())[..., 0].ravel()
    return places[np.argsort(-rough[places], kind="stable")]


def _strongest(tally: Tally) -> float:
    return float(np.nanmax(np.abs(tally.evidence()[..., 0])))
