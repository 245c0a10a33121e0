"""How sure a classifier is: plain numbers from probabilities, used by colours, sorting and the suggestion views.

Every function takes (N, K) probabilities and is defined for degenerate input too: no samples give no values, one class
gives confidence 1, entropy 0 and margin 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats


def confidence(probabilities: npt.ArrayLike) -> Floats:
    """Return the probability of the predicted class.

    Parameters
    ----------
    probabilities : (N, K) float, in 0..1

    Returns
    -------
    (N,) float32
    """
    return _checked(probabilities).max(axis=1).astype(np.float32)


def entropy(probabilities: npt.ArrayLike) -> Floats:
    """Return Shannon's entropy −Σ p ln p of every row, in nats; 0 ln 0 is 0.

    Parameters
    ----------
    probabilities : (N, K) float, in 0..1

    Returns
    -------
    (N,) float32, from 0 (certain) to ln K (all classes alike)

    References
    ----------
    Shannon, "A Mathematical Theory of Communication", 1948, section 6.
    """
    values = _checked(probabilities).astype(np.float64)
    terms = values * np.log(np.where(values > 0, values, 1.0))
    return np.maximum(-terms.sum(axis=1), 0.0).astype(np.float32)


def normalised_entropy(probabilities: npt.ArrayLike) -> Floats:
    """Return the entropy as a share of its maximum ln K, so that classifiers with different K compare.

    Parameters
    ----------
    probabilities : (N, K) float, in 0..1

    Returns
    -------
    (N,) float32, 0..1; all zero when there is one class.
    """
    n_classes = _checked(probabilities).shape[1]
    if n_classes == 1:
        return np.zeros(len(_checked(probabilities)), dtype=np.float32)
    return (entropy(probabilities) / np.float32(np.log(n_classes))).astype(np.float32)


def margin(probabilities: npt.ArrayLike) -> Floats:
    """Return how far the first class is ahead of the second.

    Parameters
    ----------
    probabilities : (N, K) float, in 0..1

    Returns
    -------
    (N,) float32, 0 (a tie) to 1; with one class it is that class's probability.
    """
    values = _checked(probabilities)
    if values.shape[1] == 1:
        return values[:, 0].astype(np.float32)
    best = np.partition(values, -2, axis=1)[:, -2:]
    return (best[:, 1] - best[:, 0]).astype(np.float32)


def _checked(probabilities: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Return `probabilities` as an array, or say why it can't be read as (N, K)."""
    values = np.asarray(probabilities)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ParameterError(
            f"Probabilities have the shape {values.shape}", "Give one row a sample and one column a class: (N, K)."
        )
    return values if np.issubdtype(values.dtype, np.floating) else values.astype(np.float64)
