"""PCA: the plane in which the samples lie farthest apart. It needs no waiting, and distances in it can be believed."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.projections import PROJECTIONS
from nnvis_dash.analysis.projections.projection import OnFrame, Projection, placer
from nnvis_dash.analysis.projections.reduction import DIMENSIONS, Reduction
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Floats


@PROJECTIONS.register(
    "pca",
    title="PCA",
    reference="Pearson, On lines and planes of closest fit to systems of points in space, Philosophical Magazine 1901, "
    "doi:10.1080/14786440109462720",
)
def pca(
    features: Floats, parameters: NoParameters, seed: int, on_frame: OnFrame, start: Floats | None = None
) -> Projection:
    """Project onto the two directions of largest variance: instant, linear, the same whatever the seed.

    Parameters
    ----------
    features : (N, D) float32
    parameters : NoParameters
    seed : int
        Not used.
    on_frame : callable
        Called once, with the result.
    start : None
        It doesn't continue.

    Returns
    -------
    Projection
        Coordinates in the features' own scale, centred. Where there is no second direction (one feature, two samples)
        the second coordinate is 0.
    """
    reduction = Reduction.fit(features, max(2, min(DIMENSIONS, features.shape[1])), always=True)
    reference = reduction.apply(features)  # more than two: what the map is held against
    coordinates = np.ascontiguousarray(reference[:, :2])
    share = 100 * float(reduction.explained[:2].sum())
    on_frame(1, 1, coordinates)
    notes = f"The two directions hold {share:.0f} % of the variance."
    return Projection(coordinates, "pca", seed, parameters, reference, reduction, notes)


@placer("pca")
def place(projection: Projection, reduced: Floats) -> Floats:
    """Return the first two of the reduced features, which are the coordinates."""
    return reduced[:, :2]
