"""Robustness in numbers: a score for each class and change.

All of it is read from sweeps; no classifier is asked. Where a sweep counts against the classifier's own predictions,
"accuracy" is agreement with them, the clean accuracy is 1 and every result says so in `against`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.analysis.simulation.curves import LEVEL, RESAMPLES
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.errors import ParameterError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Robustness:
    """Robustness scores of C classes under T changes, as one heatmap; NaN where a class has no image.

    Attributes
    ----------
    changes : tuple of T Change
    class_names : tuple of C str
    against : {"labels", "predictions"}
    counts : (C, T) int64
        Images of each class.
    clean : (C, T) float64
        Accuracy on the unchanged images.
    accuracy : (C, T) float64
        Mean of the accuracies at the degrees of the change, the one that changes nothing left out, each with the same
        weight.
    score : (C, T) float64
        `accuracy / clean`: the part of the clean accuracy that is left. 1: nothing is lost; above 1 where the change
        helps; NaN where the clean accuracy is 0.
    score_low, score_high : (C, T) float64
        95 % interval of the score: percentiles of a bootstrap over the class's images.
    overall_clean, overall_accuracy, overall_score : (T,) float64
        The same of all images together.
    """

    changes: tuple[Change, ...]
    class_names: tuple[str, ...]
    against: str
    counts: npt.NDArray[np.int64]
    clean: Array
    accuracy: Array
    score: Array
    score_low: Array
    score_high: Array
    overall_clean: Array
    overall_accuracy: Array
    overall_score: Array


def robustness(sweeps: Sequence[Sweep], resamples: int = RESAMPLES, seed: int = 0) -> Robustness:
    """Score every class under every change of one classifier.

    Parameters
    ----------
    sweeps : sequence of Sweep
        Of one classifier, each of a change.
    resamples, seed : int
        Of the bootstrap; 1 resample or more.

    Returns
    -------
    Robustness

    Raises
    ------
    ParameterError
        No sweep, sweeps of different classes or truths, or one without a degree that changes something.
    """
    first = fitting(sweeps)
    if resamples < 1:
        raise ParameterError(f"{resamples} resamples are asked for", "Ask for one or more.")
    n_classes, n_changes = first.n_classes, len(sweeps)
    counts = np.zeros((n_classes, n_changes), np.int64)
    clean, accuracy, low, high = (np.full(counts.shape, np.nan) for _ in range(4))
    whole_clean, whole = np.full(n_changes, np.nan), np.full(n_changes, np.nan)
    generator = np.random.default_rng(seed)
    for column, sweep in enumerate(sweeps):
        tally, was_right, left = _tally(sweep)
        n = tally.sum(axis=1)
        counts[:, column] = n
        clean[:, column], accuracy[:, column] = ratio(tally @ was_right, n), ratio(tally @ left, n)
        whole_clean[column] = ratio(tally.sum(axis=0) @ was_right, n.sum())
        whole[column] = ratio(tally.sum(axis=0) @ left, n.sum())
        for number in np.flatnonzero(n):
            drawn = generator.multinomial(n[number], tally[number] / n[number], resamples)  # images with replacement
            ratios = ratio(drawn @ left, drawn @ was_right)
            if np.isfinite(ratios).any():  # a sample without a right image has no score
                ends = np.nanquantile(ratios, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
                low[number, column], high[number, column] = ends
    return Robustness(
        changes=tuple(sweep.change for sweep in sweeps),
        class_names=first.class_names,
        against=first.against,
        counts=counts,
        clean=clean,
        accuracy=accuracy,
        score=ratio(accuracy, clean),
        score_low=low,
        score_high=high,
        overall_clean=whole_clean,
        overall_accuracy=whole,
        overall_score=ratio(whole, whole_clean),
    )


def fitting(sweeps: Sequence[Sweep]) -> Sweep:
    """Return the first of sweeps that fit together."""
    if not len(sweeps):
        raise ParameterError("There is no sweep", "Simulate a change first.")
    first = sweeps[0]
    for sweep in sweeps:
        if sweep.class_names != first.class_names or sweep.against != first.against:
            raise ParameterError("The sweeps are of different classes or truths", "Give those of one classifier.")
        if not any(degree != sweep.identity for degree in sweep.change.degrees):
            raise ParameterError(
                f"The sweep of {sweep.change.title} has no degree that changes something", "Simulate others."
            )
    return first


def clean_right(sweep: Sweep) -> Array:
    """Return (n,) 1 where an unchanged image is predicted right."""
    return np.asarray(sweep.clean_prediction == sweep.labels, np.float64)


def _tally(sweep: Sweep) -> tuple[npt.NDArray[np.int64], Array, Array]:
    """Return how many images of each class are alike: right unchanged or not, and right at so many degrees.

    Returns
    -------
    (C, M) int64
        Images of each class in each of M cases.
    (M,) float64
        1 for the cases of images that are right unchanged.
    (M,) float64
        At what share of the degrees that change something the images of a case are right.
    """
    changing = sweep.degrees != sweep.identity
    n_degrees = int(changing.sum())
    labels = np.asarray(sweep.labels)
    known = labels >= 0
    kept = sweep.right[:, changing].sum(axis=1)
    case = kept + (n_degrees + 1) * clean_right(sweep).astype(np.int64)
    n_cases = 2 * (n_degrees + 1)
    flat = np.bincount(labels[known] * n_cases + case[known], minlength=sweep.n_classes * n_cases)
    left = np.tile(np.arange(n_degrees + 1) / n_degrees, 2)
    return flat.reshape(sweep.n_classes, n_cases), np.repeat([0.0, 1.0], n_degrees + 1), left


def ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Array:
    """Return above / below, NaN where below is 0."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) != 0)
