"""Projections: features in two dimensions, and further samples placed on a map that is there.

`project` checks the features and answers what no method can: fewer than 4 samples, and samples that are all the same.
A method is a file of this folder: a frozen dataclass of parameters, a function registered in `PROJECTIONS` that returns
a `Projection`, and one registered by `placer` that places features on it.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.projections.projection import OnFrame, Projection
from nnvis_dash.analysis.projections.reduction import checked_features
from nnvis_dash.errors import ParameterError
from nnvis_dash.registry import Entry, Registry
from nnvis_dash.types import Floats

__all__ = ["PROJECTIONS", "OnFrame", "Projection", "available", "project"]


class Fit(Protocol):
    """Makes a map of features (N, D), N at least 4; methods with the trait "continues" take a map to start from."""

    def __call__(
        self, features: Floats, parameters: Any, seed: int, on_frame: OnFrame, start: Floats | None = None, /
    ) -> Projection: ...


PROJECTIONS: Registry[Fit] = Registry("projection", "nnvis_dash.analysis.projections")

FEWEST = 4  # samples that have neighbours to keep
HIGHEST_SEED = 2**32 - 1


def available(name: str) -> bool:
    """Return whether a registered projection can run here, or needs a package that isn't installed.

    Raises
    ------
    NotFound
        No projection of that name.
    """
    from nnvis_dash.analysis.projections.umap import installed

    return PROJECTIONS[name].name != "umap" or installed()


def project(
    features: npt.ArrayLike,
    method: str = "tsne",
    seed: int = 0,
    on_frame: OnFrame | None = None,
    start: npt.ArrayLike | None = None,
    **parameters: Any,
) -> Projection:
    """Project features to two dimensions.

    Parameters
    ----------
    features : (N, D) numbers
        One row a sample; finite.
    method : str
        A name in `PROJECTIONS`: ``tsne``, ``pca``, ``umap``.
    seed : int
        Equal features, parameters and seed give equal coordinates.
    on_frame : callable (iteration, total, (N, 2) float32), optional
        Called on the way with what the map looks like: first the start (iteration 0), at the end the result (iteration
        = total). A method without a way there calls it once, at the end. What it raises ends the run and comes
        through, as does what a listener of `analysis.progress` raises while neighbours are searched.
    start : (N, 2) numbers, optional
        A map of the same samples that this one continues from, with other parameters; ``tsne`` alone can.
    **parameters
        The method's own; see ``PROJECTIONS[method].form()``.

    Returns
    -------
    Projection
        `.coordinates` (N, 2) float32. Fewer than 4 samples are shown by PCA whatever the method, and samples that are
        all the same lie at (0, 0); `.notes` says so.

    Raises
    ------
    NotFound
        No such method.
    ParameterError
        Features that aren't (N, D) finite numbers, a parameter the method can't take, a start that isn't a map of
        these samples, a package that isn't installed.

    References
    ----------
    Each method's own, in ``PROJECTIONS[method].reference``.
    """
    entry = PROJECTIONS[method]
    read = entry.read(parameters)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= HIGHEST_SEED:
        raise ParameterError(f"The seed is {seed!r}", f"Give a whole number from 0 to {HIGHEST_SEED}.")
    checked = checked_features(features)
    begun = None if start is None else _checked_start(entry, start, len(checked))
    note = ""
    if len(checked) < FEWEST:
        note = f"With {len(checked)} of the {FEWEST} samples that {entry.title} needs, PCA is shown."
    elif (checked == checked[0]).all():
        note = "All samples have the same features, so they lie on one point."
    if note and entry.name != "pca":
        entry, read = PROJECTIONS["pca"], PROJECTIONS["pca"].read({})
        begun = None
    projected = entry.function(checked, read, int(seed), on_frame or _ignore, begun)
    return projected.noted(note) if note else projected


def _checked_start(entry: Entry[Fit], start: npt.ArrayLike, n_samples: int) -> Floats:
    """Return a map to continue from, centred, (N, 2) float32."""
    if "continues" not in entry.traits:
        raise ParameterError(f"{entry.title} can't continue from a map", "Leave the start out, or choose t-SNE.")
    found = np.asarray(start)
    if found.shape != (n_samples, 2) or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise ParameterError(
            f"The start has the shape {found.shape} and the type {found.dtype}",
            f"Give finite numbers ({n_samples}, 2): the coordinates of a map of the same samples.",
        )
    return np.ascontiguousarray(found - found.mean(axis=0, dtype=np.float64), np.float32)


def _ignore(iteration: int, total: int, coordinates: Floats) -> None:
    """Draw nothing."""
