"""Accuracy under an attack over its epsilon, read from a sweep: agreement where that counts against predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.simulation.curves import LEVEL, RESAMPLES, wilson
from nnvis_dash.analysis.simulation.robustness import Array, clean_right, fitting
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.errors import ParameterError


@dataclass(frozen=True, eq=False)
class EpsilonCurve:
    """Accuracy under an attack over its epsilon.

    Attributes
    ----------
    name : str
        The attack.
    epsilon : (E,) float64
        In pixel values, ascending from 0.
    accuracy, low, high : (E,) float64
        Of all images, and Wilson's 95 % interval.
    area, area_low, area_high : float
        Area under the curve by trapezoids, divided by the largest epsilon: 0..1, the mean accuracy over the range. Its
        95 % interval is the percentiles of a bootstrap over the images.
    n : int
    against : {"labels", "predictions"}
    """

    name: str
    epsilon: Array
    accuracy: Array
    low: Array
    high: Array
    area: float
    area_low: float
    area_high: float
    n: int
    against: str


def accuracy_over_epsilon(sweep: Sweep, resamples: int = RESAMPLES, seed: int = 0) -> EpsilonCurve:
    """Return the accuracy under an attack over its epsilon, with the area under it.

    Parameters
    ----------
    sweep : Sweep
        Of an attack. Epsilon 0, the unchanged images, is added where it is missing.
    resamples, seed : int
        Of the bootstrap; 1 resample or more.

    Returns
    -------
    EpsilonCurve

    Raises
    ------
    ParameterError
        A sweep that isn't of an attack, without an epsilon above 0 or without images with a class.
    """
    fitting([sweep])
    if sweep.change.kind != "attack":
        raise ParameterError(f"{sweep.change.title} is no attack", "Give the sweep of an attack.")
    if resamples < 1:
        raise ParameterError(f"{resamples} resamples are asked for", "Ask for one or more.")
    known = np.asarray(sweep.labels) >= 0
    right = sweep.right[known].astype(np.float64)
    if not len(right):
        raise ParameterError("No image of the sweep has a class", "Give labelled images.")
    epsilon = sweep.degrees
    if sweep.identity not in sweep.change.degrees:
        epsilon = np.concatenate([[0.0], epsilon])
        right = np.concatenate([clean_right(sweep)[known][:, None], right], axis=1)
    accuracy = right.mean(axis=0)
    low, high = wilson(accuracy, len(right))
    areas = np.trapezoid(right, epsilon, axis=1) / epsilon[-1]
    values, counts = np.unique(areas, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(areas), counts / len(areas), resamples) @ values / len(areas)
    area_low, area_high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return EpsilonCurve(
        name=sweep.change.name,
        epsilon=epsilon,
        accuracy=accuracy,
        low=low,
        high=high,
        area=float(areas.mean()),
        area_low=float(area_low),
        area_high=float(area_high),
        n=len(right),
        against=sweep.against,
    )
