"""Patterns that mistakes have in common: more of their images are misclassified than chance would bring together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.patterns import NeuralPatterns
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Ints

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ErrorEnriched:
    """Neural patterns with more misclassified images than chance explains, the least likely first.

    Attributes
    ----------
    patterns : NeuralPatterns
        R of them.
    errors, images : (R,) int32
        Misclassified images of each pattern, and all that were counted.
    p_values, q_values : (R,) float64
        Of one-sided Fisher exact tests, and those corrected for the number of patterns tested.
    n_tested : int
        Patterns that were tested.
    n_images, n_errors : int
        Images that were counted, and misclassified ones among them.
    """

    patterns: NeuralPatterns
    errors: Ints
    images: Ints
    p_values: Doubles
    q_values: Doubles
    n_tested: int
    n_images: int
    n_errors: int

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def error_rates(self) -> Doubles:
        """Share of each pattern's images that are misclassified (R,), 0..1."""
        return self.errors / np.maximum(self.images, 1)


def error_enriched_patterns(patterns: NeuralPatterns, wrong: npt.ArrayLike, rate: float = 0.05) -> ErrorEnriched:
    """Find the patterns whose images are misclassified more often than chance explains.

    Parameters
    ----------
    patterns : NeuralPatterns
        All that were found: the correction is for as many tests as are given.
    wrong : (N,) bool
        Whether each image is misclassified. Images whose label isn't known are left out, if the patterns have labels.
    rate : float
        Highest q-value: share of false discoveries to expect among the patterns returned, 0..1.

    Returns
    -------
    ErrorEnriched
        Sorted by p-value; of equal ones the pattern with the higher share of errors first. Empty where no image or
        every image is misclassified.

    Raises
    ------
    ParameterError
        Another number of images, no booleans, or a rate outside 0..1.

    References
    ----------
    R. A. Fisher, "Statistical Methods for Research Workers", 1934, section 21.02: the probability of as many errors or
    more if the pattern's images were drawn from all without regard to errors (hypergeometric).
    Benjamini and Hochberg, "Controlling the false discovery rate", J. R. Statist. Soc. B 57, 1995.
    """
    from scipy.stats import hypergeom

    flags = np.asarray(wrong)
    if flags.shape != (len(patterns.sequences),) or flags.dtype != np.bool_:
        raise ParameterError(
            f"The errors are {flags.shape} {flags.dtype} for {len(patterns.sequences)} images",
            "Give a yes or no for each image.",
        )
    if not 0 <= rate <= 1:
        raise ParameterError(f"The rate is {rate}", "Give a share from 0 to 1.")
    counted = np.zeros(len(flags), np.bool_)
    counted[patterns.samples] = True
    if patterns.labels is not None:
        counted &= patterns.labels >= 0
    images, errors = patterns.inside(counted), patterns.inside(counted & flags)
    n_images, n_errors = int(np.count_nonzero(counted)), int(np.count_nonzero(counted & flags))
    kinds, place = np.unique(np.stack([images, errors]), axis=1, return_inverse=True)
    p_values = hypergeom.sf(kinds[1] - 1, n_images, n_errors, kinds[0])[place.ravel()]
    q_values = benjamini_hochberg(p_values)
    numbers = np.flatnonzero((q_values <= rate) & (errors > 0) & (n_errors < n_images))
    shares = errors[numbers] / np.maximum(images[numbers], 1)
    numbers = numbers[np.lexsort((-shares, p_values[numbers]))]
    return ErrorEnriched(
        patterns.take(numbers),
        errors[numbers],
        images[numbers],
        p_values[numbers],
        q_values[numbers],
        len(patterns),
        n_images,
        n_errors,
    )


def benjamini_hochberg(p_values: Doubles) -> Doubles:
    """Correct p-values for their number: the false discovery rate at which each would be accepted.

    Parameters
    ----------
    p_values : (P,) float64, 0..1

    Returns
    -------
    (P,) float64, 0..1

    References
    ----------
    Benjamini and Hochberg, 1995; as step-up q-values, the least of p × P / rank over this and all higher p-values.
    """
    order = np.argsort(p_values)[::-1]
    ranks = np.arange(len(order), 0, -1)
    q_values = np.empty(len(order))
    q_values[order] = np.minimum.accumulate(p_values[order] * len(order) / np.maximum(ranks, 1))
    return np.minimum(q_values, 1.0)
