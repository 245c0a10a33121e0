"""t-SNE over a field, one frame an iteration, and further samples placed without fitting anew.

Affinities, iterations and step rule are openTSNE's, which the tests hold this against; the repulsion is read off a grid
(`field/`). docs/projection.md says why, and how quick and how near it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.projections import PROJECTIONS
from nnvis_dash.analysis.projections.field.optimise import Phase, optimise
from nnvis_dash.analysis.projections.field.repulsion import LEAST, Field
from nnvis_dash.analysis.projections.field.threads import Threads, threads
from nnvis_dash.analysis.projections.neighbours import nearest, scaled, unit
from nnvis_dash.analysis.projections.projection import OnFrame, Projection, placer
from nnvis_dash.analysis.projections.reduction import DIMENSIONS, Reduction
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

START_DEVIATION = 1e-4  # of the start
EARLY_EXAGGERATION = 12.0
MOMENTUM = 0.8
LEAST_LEARNING_RATE = 50.0  # of "auto"; below it, 30 samples never leave their start (measured)
CONTINUED = 250  # iterations at most from a map that is there
PLACING_NEIGHBOURS = 10  # that attract a new sample
PLACING_STEPS = 25
AROUND = 3.0  # beyond the map, in its own scale, that a new sample may lie
ALIKE = 1e-6  # distance to the nearest neighbour, relative to the others', below which it isn't told from a twin


@dataclass(frozen=True)
class TsneParameters:
    """The parameters of t-SNE."""

    perplexity: float = field(
        default=30.0,
        metadata={
            "help": "how many neighbours each sample minds; lowered to a third of a small sample",
            "low": 2,
            "high": 100,
        },
    )
    iterations: int = field(default=500, metadata={"help": "iterations after the early ones", "low": 0, "high": 5000})
    early_exaggeration_iterations: int = field(
        default=250, metadata={"help": "first iterations, in which clusters form", "low": 0, "high": 2000}
    )
    learning_rate: float | str = field(
        default="auto",
        metadata={
            "help": "step width; auto: samples / exaggeration (12 in the first iterations, then 1), at least 50",
            "low": 0.01,
            "high": 1e6,
        },
    )
    exaggeration: float = field(
        default=1.0,
        metadata={
            "help": "of the attraction after the early iterations; more draws clusters tighter and farther apart",
            "low": 1,
            "high": 4,
        },
    )
    initialization: str = field(
        default="pca",
        metadata={
            "help": "pca keeps the large-scale arrangement; random starts shuffled",
            "choices": ("pca", "random"),
        },
    )
    metric: str = field(
        default="euclidean",
        metadata={
            "help": "cosine: features are scaled to length one, so that their strength doesn't matter",
            "choices": ("euclidean", "cosine"),
        },
    )


@PROJECTIONS.register(
    "tsne",
    title="t-SNE",
    reference="van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 2008; over a field as in Pezzotti et al., "
    "GPGPU Linear Complexity t-SNE Optimization, IEEE TVCG 2020, doi:10.1109/TVCG.2019.2934307",
    parameters=TsneParameters,
    traits=("continues",),
)
def tsne(
    features: Floats, parameters: TsneParameters, seed: int, on_frame: OnFrame, start: Floats | None = None
) -> Projection:
    """Keep each sample's neighbours together: clusters show, distances between clusters mean little.

    Parameters
    ----------
    features : (N, D) float32
        N at least 4. Reduced to 50 principal components when D is larger.
    parameters : TsneParameters
    seed : int
        Fixes the start; equal seeds give equal coordinates.
    on_frame : callable
        Called with the start (iteration 0, before neighbours are searched) and after every iteration, the last time
        with the result (iteration = total). What it raises comes through.
    start : (N, 2) float32, optional
        A map to go on from: no early iterations, and at most 250 of the others.

    Returns
    -------
    Projection
        Rotation and reflection follow from the start; the map isn't turned at the end, so that an animation ends in it.

    Raises
    ------
    ParameterError
        A learning rate that is neither a number nor "auto".

    References
    ----------
    van der Maaten and Hinton, JMLR 2008, eq. 5; Linderman et al., FIt-SNE, Nature Methods 2019; learning rate: Belkina
    et al., Nature Communications 2019; start and exaggeration: Kobak and Berens, Nature Communications 2019. Departs
    from openTSNE in the metric "cosine": the squared Euclidean distance of features of length one, which is twice the
    cosine distance, where openTSNE squares the cosine distance; and in the least learning rate, 50.
    """
    if isinstance(parameters.learning_rate, str) and parameters.learning_rate != "auto":
        raise ParameterError(f"t-SNE: learning_rate is {parameters.learning_rate!r}", 'Give a number, or "auto".')
    reduction = Reduction.fit(features, DIMENSIONS, unit_length=parameters.metric == "cosine")
    reference = reduction.apply(features)
    perplexity = min(parameters.perplexity, (len(features) - 1) / 3)
    notes = ""
    if perplexity < parameters.perplexity:
        notes = f"Perplexity lowered from {parameters.perplexity:g} to {perplexity:.3g} for {len(features)} samples."
    begun = _start(reference, parameters, seed).astype(np.float32) if start is None else start
    phases = _phases(parameters, len(features), continued=start is not None)
    total = sum(phase.iterations for phase in phases)
    on_frame(0, total, begun.copy())
    done = 0

    def after(coordinates: Floats) -> None:
        nonlocal done
        done += 1
        on_frame(done, total, coordinates)

    with threads() as held:
        coordinates = optimise(affinities(reference, perplexity, held), begun, phases, held, after)
    return Projection(coordinates, "tsne", seed, parameters, reference, reduction, notes)


def affinities(reference: Floats, perplexity: float, held: Threads) -> csr_matrix:
    """Return how much the samples (N, d) attract each other, (N, N) sparse float32 of sum 1, symmetric.

    Gaussian, to the 3 · perplexity nearest neighbours, each sample's with this perplexity; then the mean of both ways.
    """
    from scipy.sparse import csr_matrix

    from nnvis_dash.analysis.projections.field import kernels

    n = len(reference)
    k = min(n - 1, int(3 * perplexity))
    compared = scaled(reference)
    near, squared = nearest(compared, compared, k, held, own=True)
    conditional = np.empty_like(squared)
    held.each(n, lambda first, last: kernels.affinities(squared, perplexity, first, last, conditional), LEAST)
    one_way = csr_matrix((conditional.ravel(), near.ravel(), np.arange(0, n * k + 1, k, dtype=np.int32)), shape=(n, n))
    joint = one_way + one_way.T
    joint.sort_indices()
    joint.data *= np.float32(1 / joint.data.sum(dtype=np.float64))
    return joint


def _phases(parameters: TsneParameters, n_samples: int, continued: bool) -> list[Phase]:
    early = (parameters.early_exaggeration_iterations, EARLY_EXAGGERATION)
    late = (parameters.iterations, parameters.exaggeration)
    return [
        Phase(iterations, exaggeration, _learning_rate(parameters, n_samples, exaggeration), MOMENTUM)
        for iterations, exaggeration in ([(min(late[0], CONTINUED), late[1])] if continued else [early, late])
    ]


def _learning_rate(parameters: TsneParameters, n_samples: int, exaggeration: float) -> float:
    if isinstance(parameters.learning_rate, str):
        return max(n_samples / exaggeration, LEAST_LEARNING_RATE)
    return parameters.learning_rate


def _start(reference: Floats, parameters: TsneParameters, seed: int) -> npt.NDArray[np.float64]:
    """Return where the samples start, (N, 2), deviation 1e-4."""
    shuffled = np.random.default_rng(seed).normal(0, START_DEVIATION, (len(reference), 2))
    if parameters.initialization == "random":
        return shuffled
    plane = Reduction.fit(reference, 2, always=True).apply(reference).astype(np.float64)
    deviation = plane[:, 0].std()
    return plane * (START_DEVIATION / deviation if deviation else 0) + shuffled / 100  # equal samples don't coincide


@placer("tsne")
def place(projection: Projection, reduced: Floats) -> npt.NDArray[Any]:
    """Let each new sample go where its neighbours' attraction and the field of the map cancel; the map stays.

    The 10 nearest samples attract it as the inverse square of their distance, so that a sample's twin lands on it.
    """
    from nnvis_dash.analysis.projections.field import kernels

    map_ = np.ascontiguousarray(projection.coordinates.T)
    by = unit(projection.reference)
    placed = np.empty((2, len(reduced)), np.float32)
    with threads() as held:
        near, squared = nearest(
            reduced / by, projection.reference / by, min(PLACING_NEIGHBOURS, len(projection.reference)), held
        )
        weight = 1 / np.maximum(squared, np.maximum(squared[:, -1:] * ALIKE**2, np.finfo(np.float32).tiny))
        weight /= weight.sum(axis=1, keepdims=True)
        pull = np.ascontiguousarray(map_[:, near])
        field = Field(map_.shape[1], held)
        field.spread(map_, AROUND)
        held.each(
            len(reduced),
            lambda first, last: kernels.settle(
                pull, weight, field.values, *field.corner, field.spacing, PLACING_STEPS, first, last, placed
            ),
            LEAST,
        )
    return placed.T
