"""Robustness in numbers: a score for each class and change, the corruption errors of ImageNet-C, accuracy over epsilon.

All of it is read from sweeps; no classifier is asked. Where a sweep counts against the classifier's own predictions,
"accuracy" is agreement with them, the clean accuracy is 1 and every result says so in `against`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.analysis.simulation.curves import LEVEL, RESAMPLES, wilson
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.errors import ParameterError

IMAGENET_C = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness_corruption",
    "contrast_corruption",
    "elastic_transform",
    "pixelate_corruption",
    "jpeg_compression",
)  # those of which mCE is the mean; the others of the group were published as extra ones
SEVERITIES = (1.0, 2.0, 3.0, 4.0, 5.0)

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


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


@dataclass(frozen=True, eq=False)
class CorruptionErrors:
    """Errors under T corruptions at severities 1..5, and what ImageNet-C makes of them.

    With E the share of wrong predictions (the paper's error rates, as fractions), f the classifier, r the reference:
    CE_c = Σ_s E_s,c^f / Σ_s E_s,c^r, and relative CE_c = Σ_s (E_s,c^f - E_clean^f) / Σ_s (E_s,c^r - E_clean^r).
    1 stands for "as bad as the reference", smaller is better.

    Attributes
    ----------
    names : tuple of T str
    errors : (T, 5) float64
    clean_error : float
    mean_error : float
        Mean of `errors` over the counted corruptions: needs no reference.
    reference_errors : (T, 5) float64 or None
    reference_clean_error : float or None
    corruption_error, relative : (T,) float64 or None
        CE and relative CE; NaN where the reference's sum is 0. None without a reference.
    mce, relative_mce : float or None
        Their means over the counted corruptions; those that are NaN are left out, NaN where all are.
    counted : (T,) bool
        Which belong to the fifteen of ImageNet-C, of which mCE is the mean.
    missing : tuple of str
        Those of the fifteen that are not among `names`; where there are any, mCE is that of the others and can't be
        compared with one of all fifteen.
    n : int
        Images.
    against : {"labels", "predictions"}

    References
    ----------
    Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations", ICLR
    2019, arXiv:1903.12261, section 4.1. The paper's reference is AlexNet on ImageNet-C; its published errors belong to
    those images and classes, and stand for nothing on other data, so the reference here is a classifier that was run on
    the same images.
    """

    names: tuple[str, ...]
    errors: Array
    clean_error: float
    mean_error: float
    reference_errors: Array | None
    reference_clean_error: float | None
    corruption_error: Array | None
    relative: Array | None
    mce: float | None
    relative_mce: float | None
    counted: Bools
    missing: tuple[str, ...]
    n: int
    against: str


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
    first = _checked(sweeps)
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
        clean[:, column], accuracy[:, column] = _ratio(tally @ was_right, n), _ratio(tally @ left, n)
        whole_clean[column] = _ratio(tally.sum(axis=0) @ was_right, n.sum())
        whole[column] = _ratio(tally.sum(axis=0) @ left, n.sum())
        for number in np.flatnonzero(n):
            drawn = generator.multinomial(n[number], tally[number] / n[number], resamples)  # images with replacement
            ratios = _ratio(drawn @ left, drawn @ was_right)
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
        score=_ratio(accuracy, clean),
        score_low=low,
        score_high=high,
        overall_clean=whole_clean,
        overall_accuracy=whole,
        overall_score=_ratio(whole, whole_clean),
    )


def corruption_errors(sweeps: Sequence[Sweep], reference: Sequence[Sweep] | None = None) -> CorruptionErrors:
    """Compute mean corruption error and relative mean corruption error as ImageNet-C defines them.

    Parameters
    ----------
    sweeps : sequence of Sweep
        Of one classifier, each of another corruption, at the severities 1 to 5 at least.
    reference : sequence of Sweep, optional
        Of the classifier that the errors are divided by: the same corruptions over the same images.

    Returns
    -------
    CorruptionErrors
        Without a reference only the errors themselves.

    Raises
    ------
    ParameterError
        What is no corruption, lacks a severity, isn't in the reference, or none of ImageNet-C's fifteen; says which.
    """
    first = _checked(sweeps)
    names = tuple(sweep.change.name for sweep in sweeps)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParameterError(f"There are several sweeps of {twice}", "Give one of each corruption.")
    counted = np.array([name in IMAGENET_C for name in names])
    if not counted.any():
        raise ParameterError(
            f"None of {', '.join(names)} belongs to the corruptions of mCE", f"Those are: {', '.join(IMAGENET_C)}."
        )
    errors, clean_error = _errors(sweeps)
    theirs, their_clean, ce, relative = None, None, None, None
    if reference is not None:
        theirs, their_clean = _errors([_partner(sweep, reference) for sweep in sweeps])
        ce = _ratio(errors.sum(axis=1), theirs.sum(axis=1))
        relative = _ratio((errors - clean_error).sum(axis=1), (theirs - their_clean).sum(axis=1))
    return CorruptionErrors(
        names=names,
        errors=errors,
        clean_error=clean_error,
        mean_error=float(errors[counted].mean()),
        reference_errors=theirs,
        reference_clean_error=their_clean,
        corruption_error=ce,
        relative=relative,
        mce=None if ce is None else _mean(ce[counted]),
        relative_mce=None if relative is None else _mean(relative[counted]),
        counted=counted,
        missing=tuple(name for name in IMAGENET_C if name not in names),
        n=int((first.labels >= 0).sum()),
        against=first.against,
    )


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
    _checked([sweep])
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
        right = np.concatenate([_clean_right(sweep)[known][:, None], right], axis=1)
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


def _checked(sweeps: Sequence[Sweep]) -> Sweep:
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


def _clean_right(sweep: Sweep) -> Array:
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
    case = kept + (n_degrees + 1) * _clean_right(sweep).astype(np.int64)
    n_cases = 2 * (n_degrees + 1)
    flat = np.bincount(labels[known] * n_cases + case[known], minlength=sweep.n_classes * n_cases)
    left = np.tile(np.arange(n_degrees + 1) / n_degrees, 2)
    return flat.reshape(sweep.n_classes, n_cases), np.repeat([0.0, 1.0], n_degrees + 1), left


def _errors(sweeps: Sequence[Sweep]) -> tuple[Array, float]:
    """Return errors (T, 5) at the severities, and the clean one; images without a class are left out."""
    found = []
    for sweep in sweeps:
        change = sweep.change
        if change.kind != "corruption":
            raise ParameterError(f"{change.title} is no corruption with severities", "Leave it out.")
        lacking = [severity for severity in SEVERITIES if severity not in change.degrees]
        if lacking:
            raise ParameterError(
                f"The sweep of {change.title} lacks severity {lacking[0]:g}", "Simulate it at the severities 1 to 5."
            )
        known = np.asarray(sweep.labels) >= 0
        if not known.any():
            raise ParameterError("No image of the sweep has a class", "Give labelled images.")
        columns = [change.degrees.index(severity) for severity in SEVERITIES]
        found.append(1 - sweep.right[known][:, columns].mean(axis=0))
    known = np.asarray(sweeps[0].labels) >= 0
    return np.stack(found), float(1 - _clean_right(sweeps[0])[known].mean())


def _partner(sweep: Sweep, reference: Sequence[Sweep]) -> Sweep:
    """Return the reference's sweep of the same corruption over the same images."""
    for other in reference:
        if other.change.name == sweep.change.name and other.change.parameters == sweep.change.parameters:
            if not np.array_equal(np.sort(other.ids), np.sort(sweep.ids)) or other.against != sweep.against:
                raise ParameterError(
                    f"The reference's sweep of {sweep.change.title} is of other images or labels",
                    "Simulate both classifiers over the same samples.",
                )
            return other
    raise ParameterError(f"The reference has no sweep of {sweep.change.title}", "Simulate it for both classifiers.")


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Array:
    """Return above / below, NaN where below is 0."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) != 0)


def _mean(values: Array) -> float:
    """Return the mean of the values that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
