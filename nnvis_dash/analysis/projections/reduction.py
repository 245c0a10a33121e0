"""Features made ready for a projection: checked, scaled to length one if wanted, reduced to principal components.

Invariant: the same reduction is applied to the samples that make the map and to those that are placed on it later.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

DIMENSIONS = 50  # more features are reduced to so many principal components, in which neighbours are searched
EXACT = 1024  # up to so many samples or dimensions the decomposition is exact
NEGLIGIBLE = 1e-6  # deviation of a component, relative to the largest, below which it is rounding error
BLOCK = 4096  # rows handled at once

# With more threads of BLAS a decomposition waits actively for a core that another process has (beside other work 2 s
# instead of 0.3). The limit is the whole process's, so that one sets it at a time.
_alone = threading.Lock()


@dataclass(frozen=True, eq=False)
class Reduction:
    """What turns features (N, D) into (N, d).

    Parameters
    ----------
    unit_length : bool
        Scale each row to length one first, so that Euclidean distance grows with the angle between two samples
        (squared, it is twice the cosine distance). A row of zeros stays one.
    mean : (D,) float32
    components : (d, D) float32
        Orthonormal rows, the first with the largest variance; a row of zeros where there is no variance left. (0, D)
        stands for no rotation: d = D.
    explained : (d,) float32
        Share of the variance along each component, 0..1; empty without rotation.
    """

    unit_length: bool
    mean: Floats
    components: Floats
    explained: Floats

    @classmethod
    def fit(cls, features: Floats, dimensions: int, unit_length: bool = False, always: bool = False) -> Reduction:
        """Fit to features (N, D): rotated to `dimensions` principal components when D is larger (or `always`)."""
        scaled = _unit_length(features) if unit_length else features
        mean = _mean(scaled)
        if scaled.shape[1] <= dimensions and not always:
            return cls(unit_length, mean, np.zeros((0, len(mean)), np.float32), np.zeros(0, np.float32))
        from threadpoolctl import threadpool_limits

        with _alone, threadpool_limits(1, "blas"):
            components, explained = _principal(scaled, mean, dimensions)
        return cls(unit_length, mean, components, explained)

    def apply(self, features: Floats) -> Floats:
        """Return features (N, D) as (N, d) float32."""
        reduced = np.empty((len(features), len(self.components) or len(self.mean)), np.float32)
        for start in range(0, len(features), BLOCK):
            rows = features[start : start + BLOCK]
            centred = (_unit_length(rows) if self.unit_length else rows) - self.mean
            reduced[start : start + BLOCK] = centred @ self.components.T if len(self.components) else centred
        return reduced


def checked_features(features: npt.ArrayLike, dimensions: int | None = None) -> Floats:
    """Return features as (N, D) float32, N and D at least 1, all finite.

    Parameters
    ----------
    features : (N, D) numbers
    dimensions : int, optional
        D that is needed.

    Raises
    ------
    ParameterError
        Anything else.
    """
    array = np.asarray(features)
    mend = "Give an array (samples, features) of numbers."
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ParameterError(f"The features have the shape {array.shape} and the type {array.dtype}", mend)
    if dimensions is None and not array.size:
        raise ParameterError(f"The features have the shape {array.shape}, so there is nothing to project", mend)
    if dimensions is not None and array.shape[1] != dimensions:
        raise ParameterError(
            f"The features have {array.shape[1]} columns, those of the map have {dimensions}",
            "Take the features of the same layer of the same classifier.",
        )
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=np.float32)
    wrong = ~np.isfinite(array).all(axis=1)
    if wrong.any():
        raise ParameterError(
            f"The features of {wrong.sum()} of {len(array)} samples are NaN or infinite, first those of row "
            f"{int(np.flatnonzero(wrong)[0])}",
            "Look for the layer that gives them, or leave these samples out.",
        )
    return array


def _unit_length(features: Floats) -> Floats:
    largest = np.abs(features).max(axis=1, keepdims=True)
    scaled = features / np.where(largest > 0, largest, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return (scaled / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _mean(features: Floats) -> Floats:
    return features.mean(axis=0, dtype=np.float64).astype(np.float32)


def _principal(features: Floats, mean: Floats, dimensions: int) -> tuple[Floats, Floats]:
    """Return components (dimensions, D) and the share of the variance along each.

    Signs are fixed: the entry of largest size is positive, so that a map doesn't flip between machines.
    """
    n, width = features.shape
    wanted = min(dimensions, n, width)
    centred = features - mean
    largest = float(np.abs(centred).max())
    if largest > 0:
        centred /= np.float32(2.0 ** np.floor(np.log2(largest)))  # squares of any float32 stay finite
    if width <= min(n, EXACT):
        products = np.zeros((width, width))
        kind: npt.DTypeLike = np.float64 if n <= BLOCK else np.float32  # blocks are rounded apart, so errors cancel
        for start in range(0, n, BLOCK):
            rows: npt.NDArray[np.floating] = centred[start : start + BLOCK].astype(kind)
            products += rows.T @ rows
        total = float(np.trace(products))
        variances, vectors = np.linalg.eigh(products)
        variances, found = variances[::-1][:wanted], vectors[:, ::-1][:, :wanted].T
    elif n <= EXACT:
        total = float(np.square(centred, dtype=np.float64).sum())
        variances, vectors = np.linalg.eigh(centred @ centred.T.astype(np.float64))
        variances = variances[::-1][:wanted]
        lengths = np.sqrt(np.maximum(variances, 0))[:, None]
        found = vectors[:, ::-1][:, :wanted].T @ centred / np.where(lengths > 0, lengths, 1)
    else:
        from sklearn.utils.extmath import randomized_svd

        total = float(np.square(centred, dtype=np.float64).sum())
        _, lengths, found = randomized_svd(centred, wanted, random_state=0)
        variances = np.square(lengths, dtype=np.float64)
    variances = np.maximum(variances, 0)
    kept = variances > NEGLIGIBLE**2 * max(float(variances[0]), np.finfo(np.float64).tiny)
    signs = np.sign(found[np.arange(wanted), np.abs(found).argmax(axis=1)])
    components = np.zeros((dimensions, width), np.float32)
    components[:wanted] = np.where(kept[:, None], found * signs[:, None], 0)
    explained = np.zeros(dimensions, np.float32)
    explained[:wanted] = np.where(kept, variances / total if total else 0, 0)
    return components, explained
