"""t-SNE by openTSNE, one frame at a time, and further samples placed without fitting anew.

One thread: openTSNE's second thread waits actively and makes a run several times longer as soon as another process
wants the core (measured: 300 samples, 17 s instead of 0.6), and Barnes-Hut's sums depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.projections import PROJECTIONS
from nnvis_dash.analysis.projections.projection import OnFrame, Projection, placer
from nnvis_dash.analysis.projections.reduction import BLOCK, Reduction
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    import openTSNE

DIMENSIONS = 50  # more features are reduced to so many principal components first
FRAME_EVERY = 5  # iterations
BARNES_HUT_UP_TO = 6_000  # samples; beyond it interpolation by FFT is faster (18 s against 15 s at 8,000)
EARLY_BARNES_HUT_UP_TO = (
    2_000  # in the early iterations the map is small, so its grid is (2.8 s against 4.3 s at 4,000)
)
START_DEVIATION = 1e-4  # of the start
EARLY_EXAGGERATION = 12.0
MOMENTUM = 0.8
LEAST_LEARNING_RATE = 50.0  # of "auto"; below it, 30 samples never leave their start (measured)
PLACING_BARNES_HUT_UP_TO = 1_000  # the map's grid is made once there, its tree in every iteration
PLACING_PERPLEXITY = 5.0
PLACING_NEIGHBOURS = 10  # whose median is where a new sample starts


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
    initialization: str = field(
        default="random",
        metadata={
            "help": "random starts shuffled; pca keeps the large-scale arrangement",
            "choices": ("random", "pca"),
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
    reference="van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 2008; computed by openTSNE, Poličar et "
    "al., JSS 2024, doi:10.18637/jss.v109.i03",
    parameters=TsneParameters,
)
def tsne(features: Floats, parameters: TsneParameters, seed: int, on_frame: OnFrame) -> Projection:
    """Keep each sample's neighbours together: clusters show, distances between clusters mean little.

    Parameters
    ----------
    features : (N, D) float32
        N at least 4. Reduced to 50 principal components when D is larger.
    parameters : TsneParameters
    seed : int
        Fixes the start; equal seeds give equal coordinates.
    on_frame : callable
        Called with the start (iteration 0), about every 5 iterations with what the map was after so many updates, and
        with the result (iteration = total). What it raises comes through.

    Returns
    -------
    Projection
        Rotation and reflection follow from the seed; the map isn't turned at the end, so that an animation ends in it.

    Raises
    ------
    ParameterError
        A learning rate that is neither a number nor "auto".

    References
    ----------
    van der Maaten and Hinton, JMLR 2008, eq. 5; van der Maaten, "Accelerating t-SNE using tree-based algorithms",
    JMLR 2014; Linderman et al., FIt-SNE, Nature Methods 2019; learning rate: Belkina et al., Nature Communications
    2019. Departs from openTSNE in the metric "cosine": the squared Euclidean distance of features of length one, which
    is twice the cosine distance, where openTSNE squares the cosine distance; and in the least learning rate, 50.
    """
    from openTSNE.affinity import PerplexityBasedNN

    if isinstance(parameters.learning_rate, str) and parameters.learning_rate != "auto":
        raise ParameterError(f"t-SNE: learning_rate is {parameters.learning_rate!r}", 'Give a number, or "auto".')
    reduction = Reduction.fit(features, DIMENSIONS, unit_length=parameters.metric == "cosine")
    reference = reduction.apply(features)
    perplexity = min(parameters.perplexity, (len(features) - 1) / 3)
    notes = ""
    if perplexity < parameters.perplexity:
        notes = f"Perplexity lowered from {parameters.perplexity:g} to {perplexity:.3g} for {len(features)} samples."
    start = _start(reference, parameters, seed)
    total = parameters.early_exaggeration_iterations + parameters.iterations
    on_frame(0, total, start.astype(np.float32))
    affinities = PerplexityBasedNN(_scaled(reference), perplexity=perplexity, method="exact", n_jobs=1)
    embedding = _embedding(start, affinities)
    done = 0
    phases = (
        (parameters.early_exaggeration_iterations, EARLY_EXAGGERATION, EARLY_BARNES_HUT_UP_TO),
        (parameters.iterations, 1.0, BARNES_HUT_UP_TO),
    )
    for iterations, exaggeration, barnes_hut_up_to in phases:
        if not iterations:
            continue
        before = done

        def frame(iteration: int, error: float, now: npt.NDArray[np.float64], before: int = before) -> None:
            on_frame(before + iteration - 1, total, np.array(now, np.float32))  # `now` lacks this iteration's update

        embedding.optimize(
            n_iter=iterations,
            exaggeration=exaggeration,
            momentum=MOMENTUM,
            learning_rate=_learning_rate(parameters, len(reference), exaggeration),
            negative_gradient_method="bh" if len(reference) <= barnes_hut_up_to else "fft",
            inplace=True,
            propagate_exception=True,
            callbacks=frame,
            callbacks_every_iters=FRAME_EVERY,
        )
        done += iterations
    coordinates = np.array(embedding, np.float32)
    if total:
        on_frame(total, total, coordinates)
    return Projection(coordinates, "tsne", seed, parameters, reference, reduction, notes)


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


def _scaled(reference: Floats) -> Floats:
    """Return the features at a scale at which squared distances fit float32; t-SNE is the same at every scale."""
    largest = float(np.abs(reference).max())
    return reference / np.float32(2.0 ** np.floor(np.log2(largest))) if largest > 0 else reference


def _embedding(coordinates: npt.NDArray[Any], affinities: Any, method: str = "bh") -> openTSNE.TSNEEmbedding:
    from openTSNE import TSNEEmbedding

    return TSNEEmbedding(coordinates, affinities, negative_gradient_method=method, n_jobs=1)


@placer("tsne")
def place(projection: Projection, reduced: Floats) -> npt.NDArray[Any]:
    """Start each new sample at the median of its nearest neighbours and optimise it alone, the map held fixed.

    The neighbours are found anew among the kept features, so nothing of openTSNE's has to be stored.
    """
    known = len(projection.reference)
    scale = float(np.abs(projection.reference).max())
    unit = np.float32(2.0 ** np.floor(np.log2(scale)) if scale > 0 else 1)
    affinities = _to_reference(projection.reference / unit)
    method = "bh" if known <= PLACING_BARNES_HUT_UP_TO else "fft"
    embedding = _embedding(projection.coordinates, affinities, method)
    middle = (projection.coordinates.max(axis=0) + projection.coordinates.min(axis=0)) / 2  # `transform` takes it away
    placed = embedding.transform(
        reduced / unit, perplexity=min(PLACING_PERPLEXITY, known / 3), k=min(PLACING_NEIGHBOURS, known)
    )
    return np.asarray(placed) + middle


def _to_reference(reference: Floats) -> Any:
    """Return affinities of new samples to a map's samples, without those among the map's samples."""
    from openTSNE.affinity import Affinities, joint_probabilities_nn
    from scipy.sparse import csr_matrix

    class ToReference(Affinities):
        """openTSNE's affinities as `TSNEEmbedding.transform` asks for them."""

        def __init__(self) -> None:
            super().__init__()
            self.P = csr_matrix((len(reference), len(reference)))

        @property
        def n_samples(self) -> int:
            return len(reference)

        def to_new(self, data: Floats, perplexity: float, return_distances: bool = False) -> Any:
            neighbours, distances = nearest(data, reference, min(len(reference), int(3 * perplexity)))
            joint = joint_probabilities_nn(
                neighbours,
                distances,
                [perplexity],
                symmetrize=False,
                normalization="point-wise",
                n_reference_samples=len(reference),
                n_jobs=1,
            )
            return (joint, neighbours, distances) if return_distances else joint

    return ToReference()


def nearest(data: Floats, reference: Floats, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the k nearest reference samples of each new one, exactly.

    Parameters
    ----------
    data : (M, d) float32
    reference : (N, d) float32
    k : int
        1 to N.

    Returns
    -------
    (M, k) int64, (M, k) float64
        Row numbers in `reference`, the nearest first (of equally near ones the first), and Euclidean distances.
    """
    lengths = np.square(reference, dtype=np.float64).sum(axis=1)
    neighbours = np.empty((len(data), k), np.int64)
    distances = np.empty((len(data), k), np.float64)
    rows = max(1, BLOCK * BLOCK // max(1, len(reference)))
    for start in range(0, len(data), rows):
        block = data[start : start + rows].astype(np.float64)
        near = lengths - 2 * (block @ reference.T.astype(np.float64))
        found = np.argpartition(near, k - 1, axis=1)[:, :k] if k < len(reference) else np.argsort(near, axis=1)[:, :k]
        exact = np.sqrt(np.square(block[:, None] - reference[found]).sum(axis=2))
        order = np.lexsort((found, exact), axis=1)
        neighbours[start : start + rows] = np.take_along_axis(found, order, axis=1)
        distances[start : start + rows] = np.take_along_axis(exact, order, axis=1)
    return neighbours, distances
