"""Alignment: lay one map of the samples over another, so that what still differs is more than how a map is turned.

A projection's axes mean nothing, and its size little; moved, scaled alike in both directions, and turned or mirrored,
it is the same map. What a sample moves after the best such change is what the two models see differently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """A map laid over another: aligned = scale · moving @ rotation + shift.

    Attributes
    ----------
    aligned : (N, d) float64
        In the reference's coordinates; NaN where the moving map has no such sample.
    moved : (N,) float64
        Distance of each aligned sample from its place in the reference, in the reference's units; NaN where it is in
        one of them only.
    disparity : float, 0..1
        Sum of the squared distances as a share of the reference's extent (squared distances from its mean): 0 where
        the maps are the same, 1 where they have nothing in common.
    scale : float, 0 or more
        The best for the distances, so that it is the smaller the less the maps have in common.
    rotation : (d, d) float64
        Orthogonal.
    mirrored : bool
        It mirrors as well.
    shift : (d,) float64
    n : int
        Samples that are in both maps: those that the fit goes by.
    """

    aligned: Array
    moved: Array
    disparity: float
    scale: float
    rotation: Array
    mirrored: bool
    shift: Array
    n: int


def align(reference: npt.ArrayLike, moving: npt.ArrayLike) -> Alignment:
    """Move, scale and turn or mirror a map so that its samples lie as near as possible to those of another.

    Parameters
    ----------
    reference, moving : (N, d) float
        Places of the same samples; d is 2 for maps. A row with NaN is a sample that isn't in that map: it is left out
        of the fit and stays NaN.

    Returns
    -------
    Alignment
        Of maps of which one has no extent over the common samples (one sample, or all at one place), only their means
        are brought together; the disparity is 0 if neither has one, and else 1.

    Raises
    ------
    ParameterError
        Shapes that differ, no sample that is in both maps, or an infinite coordinate.

    References
    ----------
    Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31, 1966; Gower,
    "Generalized Procrustes analysis", Psychometrika 40, 1975: with shift and scale.
    """
    target, given = np.asarray(reference, np.float64), np.asarray(moving, np.float64)
    if target.shape != given.shape or target.ndim != 2 or 0 in target.shape:
        raise ParameterError(
            f"The maps have the shapes {target.shape} and {given.shape}", "Give the same samples in both: (N, 2)."
        )
    if np.isinf(target).any() or np.isinf(given).any():
        raise ParameterError(
            "A map has an infinite coordinate", "Give finite ones, or NaN for a sample it doesn't have."
        )
    both = ~(np.isnan(target).any(axis=1) | np.isnan(given).any(axis=1))
    n = int(both.sum())
    if n == 0:
        raise ParameterError(f"None of {len(target)} samples is in both maps", "Give maps that share samples.")
    target_mean, given_mean = _mean(target[both]), _mean(given[both])
    rotation, scale, disparity = _fit(target[both] - target_mean, given[both] - given_mean)
    shift = target_mean - scale * given_mean @ rotation
    there = ~np.isnan(given).any(axis=1)
    aligned = np.full_like(given, np.nan)
    aligned[there] = scale * (given[there] - given_mean) @ rotation + target_mean
    moved = np.full(len(given), np.nan)
    moved[both] = np.linalg.norm(aligned[both] - target[both], axis=1)
    mirrored = bool(np.linalg.det(rotation) < 0)
    return Alignment(aligned, moved, disparity, scale, rotation, mirrored, shift, n)


def _fit(target: Array, given: Array) -> tuple[Array, float, float]:
    """Return the rotation, the scale and the disparity of two centred maps."""
    from scipy.linalg import orthogonal_procrustes

    target_size, given_size = float(np.linalg.norm(target)), float(np.linalg.norm(given))
    if target_size == 0 or given_size == 0:
        return np.eye(target.shape[1]), 1.0, float(target_size != given_size)
    rotation, agreement = orthogonal_procrustes(given / given_size, target / target_size)
    agreement = float(agreement)  # 0..1: the cosine of the two maps
    scale = agreement * target_size / given_size
    return np.asarray(rotation), scale, min(1.0, max(0.0, 1 - agreement**2))


def _mean(places: Array) -> Array:
    """Return the mean (d,); of equal places exactly their place, so that no extent is read from rounding."""
    return places[0] if (places == places[0]).all() else places.mean(axis=0)
