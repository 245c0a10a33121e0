"""What can be said of a preprocessing without labels.

A batch normalisation near the input remembers the mean and the variance of what it saw in training, so the right
preprocessing is the one under which it sees that again. Measured on 13 networks with such a layer (Fashion-MNIST and
CIFAR-10 under five preprocessings and BGR, three MobileNets and a face network at −1..1), it was the right one each
time. The order of the channels is the weakest part of it: two orders differ by 0.01 to 0.07, scales by 0.1 and more.

Low entropy says next to nothing: it follows the scale of the input, since larger pixels make larger logits, and was
lowest for the right preprocessing in 6 of 25 networks. Only its extremes tell: a network that is undecided between all
classes on every image, or certain on every image, is likely to see pixels of another size than in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.doctor.trials import Rows
from nnvis_dash.types import Floats

_LIVE = 0.01  # a channel counts where its variance in training was at least so much of the median
_LEAST = 1e-12
_RESAMPLED = 200
_UNDECIDED, _CERTAIN = 0.95, 0.01  # mean entropy / ln K beyond which a network sees pixels of another size
RELIABLE = 14 / 15  # what 13 right ones of 13 allow to say (Laplace's rule of succession)


def mismatches(rows: Rows, variances: Floats, chosen: npt.NDArray[np.int64] | None = None) -> list[float | None]:
    """Return how unlike training the first batch normalisation finds its input, for each candidate.

    Parameters
    ----------
    rows : dict of arrays
        `mean` and `square` (n, C, U); see `trials.try_candidates`.
    variances : (U,) float32
        Of the channels in training.
    chosen : (m,) int64, optional
        Rows to be used, with repetition; all by default.

    Returns
    -------
    list of C float or None
        Mean over the live channels of ln(1 + d), d being the Kullback-Leibler divergence between two normal
        distributions, (s² + m² − 1 − ln s²) / 2 for a standardised input with mean m and variance s². The logarithm
        keeps a few channels from deciding alone. None where there is no such layer or no finite output.

    References
    ----------
    Yin et al., "Dreaming to Distill" (DeepInversion), CVPR 2020, arXiv:1912.08795, eq. 4, compares the same statistics.
    """
    total = rows["predicted"].shape[1]
    if not (variances > 0).any():
        return [None] * total
    live = variances >= _LIVE * np.median(variances[variances > 0])
    among = np.arange(len(rows["predicted"])) if chosen is None else chosen
    found: list[float | None] = []
    for number in range(total):
        given = among[rows["predicted"][among, number] >= 0]
        if len(given) == 0:
            found.append(None)
            continue
        mean = rows["mean"][given, number].astype(np.float64).mean(axis=0)[live]
        square = rows["square"][given, number].astype(np.float64).mean(axis=0)[live]
        variance = np.maximum(square - mean * mean, _LEAST)
        divergence = (variance + mean * mean - 1 - np.log(variance)) / 2
        found.append(float(np.log1p(np.maximum(divergence, 0)).mean()))
    return found


def least_mismatch(rows: Rows, variances: Floats, seed: int = 0) -> tuple[int, list[float]]:
    """Return the candidate with the least mismatch, and how often it stays ahead of each when images are redrawn.

    Returns
    -------
    best : int
    ahead : list of C float, 0..1
        Share of bootstrap samples of the images in which the best candidate has less mismatch than that one.
    """
    whole = mismatches(rows, variances)
    best = min(
        (number for number, value in enumerate(whole) if value is not None), key=lambda number: whole[number] or 0
    )
    rng = np.random.default_rng(seed)
    n = len(rows["predicted"])
    wins = np.zeros(len(whole))
    for _ in range(_RESAMPLED):
        again = mismatches(rows, variances, rng.integers(0, n, n))
        own = again[best]
        wins += [own is not None and (value is None or own < value) for value in again]
    return best, [float(share) for share in wins / _RESAMPLED]


def plausible(entropies: Sequence[float]) -> list[int]:
    """Return the candidates whose mean entropy, as a share of ln K, is neither extreme."""
    return [number for number, value in enumerate(entropies) if _CERTAIN <= value <= _UNDECIDED]
