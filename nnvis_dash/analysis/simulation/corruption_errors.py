"""The corruption errors of ImageNet-C, read from sweeps; no classifier is asked.

Where sweeps count against the classifier's own predictions an error is a disagreement with them; the clean one is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.robustness import Array, clean_right, fitting, ratio
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

Bools = npt.NDArray[np.bool_]


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
    first = fitting(sweeps)
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
        ce = ratio(errors.sum(axis=1), theirs.sum(axis=1))
        relative = ratio((errors - clean_error).sum(axis=1), (theirs - their_clean).sum(axis=1))
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
    return np.stack(found), float(1 - clean_right(sweeps[0])[known].mean())


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


def _mean(values: Array) -> float:
    """Return the mean of the values that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
