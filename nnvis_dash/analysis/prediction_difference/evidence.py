"""Weight of evidence: how far the odds of a class change when something of the image isn't known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def log_odds(p: Any, q: Any, n_classes: int, laplace: int) -> Doubles:
    """Return log2(p' / (1 − p')) of probabilities with the Laplace correction p' = (p N + 1) / (N + K).

    Parameters
    ----------
    p : array
        Probability, 0..1.
    q : array
        1 − p, given apart since float32 can't tell a p near 1 from 1.
    n_classes : int
        K.
    laplace : int
        N, 1 or more; the published code has 100,000. The larger, the less an almost certain prediction is held back.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return np.log2(p * laplace + 1.0) - np.log2(q * laplace + (n_classes - 1.0))


def log_odds_slope(p: Any, q: Any, n_classes: int, laplace: int) -> Doubles:
    """Return d log_odds / d p, which turns a standard error of p into one of the weight of evidence."""
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return (laplace / (p * laplace + 1.0) + laplace / (q * laplace + (n_classes - 1.0))) / np.log(2.0)


def weight_of_evidence(p: Any, q: Any, p_without: Any, q_without: Any, n_classes: int, laplace: int) -> Doubles:
    """Return log2 odds(c | x) − log2 odds(c | x without w), in bits: positive where w speaks for the class.

    `p_without` is the mean over samples of the probability: probabilities are averaged, then turned into odds.
    """
    before = log_odds(p, q, n_classes, laplace)
    return before - log_odds(p_without, q_without, n_classes, laplace)
