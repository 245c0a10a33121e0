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
_SURE = 0.7  # of the variance of independent samples: so much an adaptive map may have, since estimates err
_MOST = 5  # times the samples asked for that an adaptive map gives a window
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
    adaptive : bool
        Stop when the map's variance is as small as with `samples` independent ones in every window; samples go where
        they lower it most (Neyman, 1934), which may be more than `samples` for some windows and far fewer for others.
    precision : float
        Standard error, in the first readout's unit, below which a window isn't sampled further; 0: all have `samples`.
    """

    samples: int
    step: int
    coarse: bool = True
    adaptive: bool = False
    precision: float = 0.0

    @property
    def first(self) -> int:
        """Samples that a window begins with."""
        if not (self.coarse or self.adaptive or self.precision):
            return self.samples
        return min(2, self.samples)


def next_tasks(tally: Tally, aim: Aim) -> list[Task]:
    """Return what is to be sampled next, the most wanted first; nothing when the aim is reached."""
    unknown = np.flatnonzero(tally.counts.ravel() == 0)
    if not len(unknown):
        return _neyman(tally, aim) if aim.adaptive else _further(tally, aim, aim.precision)
    if not aim.coarse:
        return [Task(unknown, 0, aim.first)]
    return (
        _by_level(tally, aim)
        or _further(tally, aim, _CALM * _strongest(tally))
        or [Task(_roughest(tally, unknown), 0, aim.first)]
    )


def pieces(task: Task, n_samples: int) -> Iterator[Task]:
    """Cut a task into parts of about so many samples, whole windows each."""
    step = max(1, n_samples // (task.stop - task.start))
    for start in range(0, len(task.places), step):
        yield Task(task.places[start : start + step], task.start, task.stop)


def _by_level(tally: Tally, aim: Aim) -> list[Task]:
    """Return windows of the coarsest level, or the roughest of a finer one; nothing when enough of all is known."""
    numbers = np.arange(tally.counts.size).reshape(tally.lattice.shape)
    counts = tally.counts.ravel()
    before: Numbers = np.empty(0, np.int64)
    for rows, columns in tally.lattice.levels:
        windows = numbers[np.ix_(rows, columns)].ravel()
        new = np.setdiff1d(windows, before)
        unknown = new[counts[new] == 0]
        if not len(before) and len(unknown):
            return [Task(unknown, 0, aim.first)]
        wanted = round(_FINER * len(new)) - (len(new) - len(unknown))
        if len(before) and wanted > 0:
            return [Task(_roughest(tally, unknown)[:wanted], 0, aim.first)]
        before = windows
    return []


def _further(tally: Tally, aim: Aim, precision: float) -> list[Task]:
    """Return windows whose standard error is too large, the largest first, with twice the samples that they have."""
    counts = tally.counts.ravel()
    open_ = (counts > 0) & (counts < aim.samples)
    if not open_.any():
        return []
    if precision:
        errors = np.sqrt(np.nan_to_num(tally.variances()[..., 0])).ravel()
        open_ &= errors > precision
        if not open_.any():
            return []
    else:
        errors = -counts.astype(float)
    chosen = np.flatnonzero(open_)
    chosen = chosen[np.argsort(-errors[chosen], kind="stable")][: max(1, round(_AT_ONCE * counts.size))]
    have = int(counts[chosen[0]])  # those with as many samples as the worst one: a task has one interval
    chosen = chosen[counts[chosen] == have]
    return [Task(np.sort(chosen), have, min(2 * have, aim.samples))]


def _neyman(tally: Tally, aim: Aim) -> list[Task]:
    """Return windows with the samples that they should have for the map to be as precise as it should be."""
    counts, draws = tally.counts.ravel(), tally.draws.ravel().astype(float)
    variance = tally.variances()[..., 0].ravel() * draws  # of one draw
    allowed = _SURE * float(tally.independent(aim.samples)[..., 0].sum())
    most = _MOST * aim.samples // aim.step
    if (variance / draws).sum() <= allowed:
        return []
    spread = np.sqrt(variance)
    wanted = draws
    enough = np.zeros(len(draws), bool)
    for _ in range(8):  # windows that have more than their share keep it, and the others share what is left
        rest = max(allowed - float((variance / draws)[enough].sum()), 0.05 * allowed)
        wanted = np.where(enough, draws, spread * spread[~enough].sum() / rest)
        if not (newly := (wanted < draws) & ~enough).any():
            break
        enough |= newly
    # by half or by as many again: few different numbers, so that much is computed at once
    wanted = np.where(wanted > 1.5 * draws, 2 * draws, np.where(wanted > draws, np.ceil(1.5 * draws), draws))
    wanted = np.minimum(wanted, np.maximum(most, draws)).astype(np.int64)
    open_ = wanted > draws
    tasks = []
    for have in np.unique(counts[open_])[::-1]:
        some = np.flatnonzero(open_ & (counts == have))
        for stop in np.unique(wanted[some])[::-1]:
            tasks.append(Task(some[wanted[some] == stop], int(have), int(stop) * aim.step))
    return tasks


def _roughest(tally: Tally, places: Numbers) -> Numbers:
    """Return windows in the order in which evidence changes around them."""
    rough = tally.lattice.roughness(tally.evidence())[..., 0].ravel()
    return places[np.argsort(-rough[places], kind="stable")]


def _strongest(tally: Tally) -> float:
    return float(np.nanmax(np.abs(tally.evidence()[..., 0])))
