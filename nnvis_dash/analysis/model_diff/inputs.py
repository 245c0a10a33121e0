"""What every comparison of two models is given: class numbers and probabilities, checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Ints

_TOLERANCE = 1e-3  # by which a rounded probability may leave 0..1


def class_numbers(what: str, given: npt.ArrayLike, n_classes: int | None = None, n: int | None = None) -> Ints:
    """Return class numbers, one for each sample, as an array.

    Parameters
    ----------
    what : str
        Of what they are, for the message: "labels".
    given : (N,) int
        -1 where there is none.
    n_classes : int, optional
        Numbers are below it; any by default.
    n : int, optional
        How many there have to be.

    Returns
    -------
    (N,) int32

    Raises
    ------
    ParameterError
        Another shape or type, no samples, or a number that is no class.
    """
    values = np.asarray(given)
    if values.ndim != 1 or len(values) == 0 or values.dtype.kind not in "iu":
        raise ParameterError(
            f"The {what} have the shape {values.shape} and type {values.dtype}",
            "Give one whole number for each of one or more samples, -1 where there is none.",
        )
    if n is not None and len(values) != n:
        raise ParameterError(f"There are {len(values)} {what} of {n} samples", "Give one for each sample.")
    lowest, highest = int(values.min()), int(values.max())
    end = np.iinfo(np.int32).max if n_classes is None else n_classes
    if lowest < -1 or highest >= end:
        raise ParameterError(
            f"Among the {what} is {lowest if lowest < -1 else highest}",
            f"Give class numbers from 0 to {end - 1}, or -1 where there is none.",
        )
    return values.astype(np.int32, copy=False)


def checked_class_count(n_classes: int, most: int) -> int:
    """Return the number of classes, or say that it isn't one from 1 to `most`."""
    if not isinstance(n_classes, int | np.integer) or not 1 <= n_classes <= most:
        raise ParameterError(f"There are said to be {n_classes!r} classes", f"Give a whole number from 1 to {most}.")
    return int(n_classes)


def labelled(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[npt.NDArray[np.floating[Any]], Ints, int]:
    """Return the probabilities and labels of the samples that have a label, and how many have none.

    Parameters
    ----------
    probabilities : (N, K) float, 0..1
    labels : (N,) int
        -1 where unknown.

    Returns
    -------
    (n, K) float32 or float64, 0..1; (n,) int32; int

    Raises
    ------
    ParameterError
        Other shapes, no sample with a label, or numbers that are no probabilities.
    """
    values = np.asarray(probabilities)
    if values.ndim != 2 or 0 in values.shape:
        raise ParameterError(
            f"Probabilities have the shape {values.shape}", "Give one row a sample and one column a class: (N, K)."
        )
    if values.dtype.kind not in "fiu":
        raise ParameterError(f"Probabilities have the type {values.dtype}", "Give real numbers from 0 to 1.")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    numbers = class_numbers("labels", labels, values.shape[1], len(values))
    lowest, highest = float(values.min()), float(values.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ParameterError("Some probabilities are NaN or infinite", "Leave out the samples that have such.")
    if lowest < -_TOLERANCE or highest > 1 + _TOLERANCE:
        raise ParameterError(
            f"Probabilities go from {lowest:.4g} to {highest:.4g}", "Give numbers from 0 to 1: of logits, the softmax."
        )
    if lowest < 0 or highest > 1:
        values = np.clip(values, 0, 1)
    known = numbers >= 0
    n_known = int(known.sum())
    if n_known == 0:
        raise ParameterError(f"None of {len(numbers)} samples has a label", "Give a label for one or more.")
    if n_known == len(numbers):
        return values, numbers, 0
    return values[known], numbers[known], len(numbers) - n_known
