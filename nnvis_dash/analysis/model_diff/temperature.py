"""Temperature: one number by which a model's logits are divided, so that its confidence fits what is right.

An aid for reading a reliability diagram: above 1 a model is overconfident, below 1 it is too modest. No prediction
changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.model_diff.calibration import BINS, SMALLEST, reliability
from nnvis_dash.analysis.model_diff.inputs import labelled
from nnvis_dash.errors import ParameterError

COLDEST, HOTTEST = 0.05, 20.0
_CLOSE = 1e-4  # of the logarithm of the temperature


@dataclass(frozen=True)
class Temperature:
    """The temperature that fits best, and what it does to the samples that it was fitted to.

    Attributes
    ----------
    temperature : float, 0.05..20
    at_bound : bool
        There is no best one between these bounds: such as where all samples are right.
    nll_before, nll : float, nats
        Mean of −ln p of the label at temperature 1 and at the fitted one.
    ece_before, ece : float, 0..1
        Expected calibration error at both.
    """

    temperature: float
    at_bound: bool
    nll_before: float
    nll: float
    ece_before: float
    ece: float


def fit_temperature(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS, *, equal_mass: bool = False
) -> Temperature:
    """Find the temperature with the smallest negative log likelihood.

    The logits are read from the probabilities, as ln p: the softmax doesn't know what was added to all of them. Rows
    that don't add up to 1 (of several sigmoid outputs) are divided by their sum first.

    Parameters
    ----------
    probabilities : (N, K) float, 0..1
    labels : (N,) int
        -1 unknown: left out.
    bins, equal_mass
        Of the calibration error, as `calibration.reliability` takes them.

    Returns
    -------
    Temperature
        1, with nothing changed, where there is one class or all classes are always alike.

    Raises
    ------
    ParameterError
        As of `calibration`.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599, section 4.2, eq. 9. They fit on
    validation data; here the samples are the same before and after, which flatters by little, for one number is fitted.
    """
    values, numbers, _ = labelled(probabilities, labels)
    logits = _logits(values)
    right = values.argmax(axis=1) == numbers
    of_label = logits[np.arange(len(logits)), numbers].astype(np.float64)
    totals = _totals(logits)

    def loss(temperature: float) -> float:
        return float((np.log(totals(temperature)) - of_label / temperature).mean()) + 0.0

    def error(temperature: float) -> float:
        return reliability(1 / totals(temperature), right, bins, equal_mass=equal_mass).ece

    best, at_bound = _best(loss) if logits.any() else (1.0, False)
    return Temperature(best, at_bound, loss(1.0), loss(best), error(1.0), error(best))


def scaled(probabilities: npt.ArrayLike, temperature: float) -> npt.NDArray[Any]:
    """Return the probabilities of the logits divided by a temperature.

    Parameters
    ----------
    probabilities : (N, K) float, 0..1
    temperature : float, above 0

    Returns
    -------
    (N, K) float32 or float64, 0..1; rows add up to 1.

    Raises
    ------
    ParameterError
        Another shape, numbers outside 0..1, or a temperature that isn't above 0.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ParameterError(f"The temperature is {temperature}", "Give a number above 0.")
    given = np.asarray(probabilities)
    values, _, _ = labelled(given, np.zeros(given.shape[:1], np.int32))
    logits = _logits(values)
    powers = np.exp(logits / logits.dtype.type(temperature))
    return powers / powers.sum(axis=1, keepdims=True)


def _best(loss: Callable[[float], float]) -> tuple[float, bool]:
    """Return the temperature with the smallest loss, and whether it lies at a bound.

    The loss is convex in 1 / temperature, so that it has one minimum on the logarithm's axis as well.
    """
    from scipy.optimize import minimize_scalar

    ends = (math.log(COLDEST), math.log(HOTTEST))
    found = minimize_scalar(
        lambda logarithm: loss(math.exp(logarithm)), bounds=ends, method="bounded", options={"xatol": _CLOSE}
    )
    nearest = min(ends, key=lambda end: abs(end - found.x))
    at_bound = abs(nearest - found.x) < 10 * _CLOSE
    return (math.exp(nearest), True) if at_bound else (math.exp(found.x), False)


def _logits(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return logits (n, K), the largest of each row 0."""
    logits = np.log(np.maximum(values, values.dtype.type(SMALLEST)))
    logits -= logits.max(axis=1, keepdims=True)
    return logits


def _totals(logits: npt.NDArray[Any]) -> Callable[[float], npt.NDArray[np.float64]]:
    """Return the function temperature -> (n,), Σ over classes of e^(logit / temperature): 1 over the confidence."""
    powers = np.empty_like(logits)

    def totals(temperature: float) -> npt.NDArray[np.float64]:
        np.multiply(logits, logits.dtype.type(1 / temperature), out=powers)
        np.exp(powers, out=powers)
        return np.maximum(np.einsum("ij->i", powers).astype(np.float64), 1.0)

    return totals
