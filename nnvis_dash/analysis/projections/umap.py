"""UMAP, where umap-learn is installed: it isn't among the requirements, since its first map waits for a compiler."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.projections import PROJECTIONS
from nnvis_dash.analysis.projections.projection import OnFrame, Projection, placer
from nnvis_dash.analysis.projections.reduction import DIMENSIONS, Reduction
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class UmapParameters:
    """The parameters of UMAP."""

    n_neighbors: int = field(
        default=15,
        metadata={
            "help": "how many neighbours each sample minds; at most one less than the samples",
            "low": 2,
            "high": 200,
        },
    )
    min_dist: float = field(
        default=0.1, metadata={"help": "how close two samples may lie on the map", "low": 0.0, "high": 1.0}
    )
    metric: str = field(
        default="euclidean",
        metadata={
            "help": "cosine: features are scaled to length one, so that their strength doesn't matter",
            "choices": ("euclidean", "cosine"),
        },
    )


def installed() -> bool:
    """Return whether umap-learn is installed, without loading it."""
    return importlib.util.find_spec("umap") is not None


@PROJECTIONS.register(
    "umap",
    title="UMAP",
    reference="McInnes, Healy and Melville, UMAP: Uniform Manifold Approximation and Projection for Dimension "
    "Reduction, arXiv:1802.03426",
    parameters=UmapParameters,
)
def umap(
    features: Floats, parameters: UmapParameters, seed: int, on_frame: OnFrame, start: Floats | None = None
) -> Projection:
    """Keep neighbours together, and more of the large-scale arrangement than t-SNE; needs umap-learn.

    Parameters
    ----------
    features : (N, D) float32
        N at least 4. Reduced to 50 principal components when D is larger.
    parameters : UmapParameters
    seed : int
        Fixes the map; umap-learn then uses one thread.
    on_frame : callable
        Called once, with the result: umap-learn shows no way there.
    start : None
        It doesn't continue.

    Returns
    -------
    Projection

    Raises
    ------
    ParameterError
        umap-learn isn't installed.
    """
    reduction = Reduction.fit(features, DIMENSIONS, unit_length=parameters.metric == "cosine")
    reference = reduction.apply(features)
    reducer = _reducer(len(reference), parameters, seed)
    coordinates = np.asarray(reducer.fit_transform(reference), np.float32)
    on_frame(1, 1, coordinates)
    notes = ""
    if reducer.n_neighbors < parameters.n_neighbors:
        notes = (
            f"Neighbours lowered from {parameters.n_neighbors} to {reducer.n_neighbors} for {len(reference)} samples."
        )
    return Projection(coordinates, "umap", seed, parameters, reference, reduction, notes)


@placer("umap")
def place(projection: Projection, reduced: Floats) -> npt.NDArray[Any]:
    """Rebuild the reducer around the kept features and coordinates, without optimising, and let it transform."""
    reducer = _reducer(len(projection.reference), projection.parameters, projection.seed)
    reducer.n_epochs = 0
    reducer.init = np.array(projection.coordinates, np.float32)
    reducer.fit(np.array(projection.reference))
    reducer.embedding_ = np.array(projection.coordinates, np.float32)  # `fit` rescales what it starts from
    reducer.n_epochs = None
    return np.asarray(reducer.transform(reduced))


def _reducer(n_samples: int, parameters: UmapParameters, seed: int) -> Any:
    if not installed():
        raise ParameterError(
            "UMAP needs umap-learn, which isn't installed",
            "Choose t-SNE or PCA, or install it for the engine: pip install umap-learn.",
        )
    from umap import UMAP

    return UMAP(
        n_neighbors=min(parameters.n_neighbors, n_samples - 1),
        min_dist=parameters.min_dist,
        random_state=seed,
        transform_seed=seed,
        n_jobs=1,
    )
