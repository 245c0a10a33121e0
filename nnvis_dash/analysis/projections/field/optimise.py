"""Gradient descent on the divergence between affinities and a map, a step of all samples at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.projections.field.repulsion import LEAST, repulsion
from nnvis_dash.analysis.projections.field.threads import Threads
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Phase:
    """So many iterations under the same conditions."""

    iterations: int
    exaggeration: float
    learning_rate: float
    momentum: float


def optimise(
    affinities: csr_matrix, start: Floats, phases: Sequence[Phase], threads: Threads, after: Callable[[Floats], None]
) -> Floats:
    """Move a map downhill.

    Parameters
    ----------
    affinities : (N, N) sparse float32
        Symmetric, of sum 1.
    start : (N, 2)
    phases : sequence of Phase
        Velocities and gains go on from one to the next.
    threads : Threads
    after : callable ((N, 2) float32)
        Gets the map, a copy, after every iteration. What it raises ends the run and comes through.

    Returns
    -------
    (N, 2) float32
        Centred. The same on one machine whatever the number of threads.

    References
    ----------
    van der Maaten and Hinton, JMLR 2008, eq. 5 without its factor 4, as in openTSNE; gains: Jacobs, Neural Networks
    1988; steps of at most 5: openTSNE.
    """
    from nnvis_dash.analysis.projections.field import kernels

    places = np.ascontiguousarray(start.T, np.float32)
    n = places.shape[1]
    velocity, gain, pull = np.zeros_like(places), np.ones_like(places), np.empty_like(places)
    begin, other, weight = (affinities.indptr, affinities.indices, affinities.data)
    push = repulsion(n, threads)
    for phase in phases:
        for _ in range(phase.iterations):
            field = push(places)
            total = max(float(field[0].sum(dtype=np.float64)) - n, np.finfo(np.float32).tiny)

            def attract(first: int, last: int) -> None:
                kernels.attract(places, begin, other, weight, first, last, pull)

            def step(first: int, last: int, phase: Phase = phase, field: Floats = field, total: float = total) -> None:
                kernels.step(
                    pull,
                    field,
                    total,
                    phase.exaggeration,
                    phase.learning_rate,
                    phase.momentum,
                    first,
                    last,
                    places,
                    velocity,
                    gain,
                )

            threads.each(n, attract, LEAST)
            threads.each(n, step, LEAST)
            np.subtract(places, places.mean(axis=1, keepdims=True, dtype=np.float64), out=places, casting="same_kind")
            after(places.T.copy())
    return places.T.copy()
