"""Neural patterns: units of different layers that are the most active ones together in many images.

An image's path through a classifier is the most active unit of every layer (`unit_sequences`). What many paths have in
common is a pattern: neighbouring layers by default, any layers with gaps. A pattern that only images of one class have
tells what that class is recognised by; one that mistakes have in common tells what the classifier falls for.

Everything here works on the paths alone, in tens of milliseconds for 50,000 images and 16 layers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.index import Index
from nnvis_dash.analysis.neural_patterns.enrichment import ErrorEnriched, error_enriched_patterns
from nnvis_dash.analysis.neural_patterns.itemsets import gapped
from nnvis_dash.analysis.neural_patterns.mining import contiguous
from nnvis_dash.analysis.neural_patterns.patterns import (
    NeuralPattern,
    NeuralPatterns,
    checked_labels,
    checked_samples,
    sorted_patterns,
)
from nnvis_dash.analysis.neural_patterns.ranking import Recommended, recommended_patterns
from nnvis_dash.analysis.neural_patterns.sequences import Sequences, unit_sequences
from nnvis_dash.errors import ParameterError

__all__ = [
    "ErrorEnriched",
    "NeuralPattern",
    "NeuralPatterns",
    "Recommended",
    "Sequences",
    "error_enriched_patterns",
    "neural_patterns",
    "recommended_patterns",
    "unit_sequences",
]

LIMIT = 200_000  # patterns


def neural_patterns(
    idx: Index | Sequences,
    labels: npt.ArrayLike | None = None,
    min_support: int = 20,
    min_length: int = 2,
    *,
    gaps: bool = False,
    samples: npt.ArrayLike | None = None,
    by: str = "max",
    closed: bool = True,
    limit: int = LIMIT,
) -> NeuralPatterns:
    """Find the units that are the most active ones of their layers together in many images.

    Parameters
    ----------
    idx : Index or Sequences
        What `nnvis.index` returned, or what `unit_sequences` read from it.
    labels : (N,) whole numbers, optional
        For the class counts; negative where unknown.
    min_support : int
        Images that a pattern has at least.
    min_length : int
        Units that a pattern has at least.
    gaps : bool
        Whether a pattern may leave out layers between its units.
    samples : ids or (N,) bool, optional
        Look only at these images; all by default.
    by : {"max", "mean"}
        How `unit_sequences` reads an index.
    closed : bool
        Leave out a pattern if a longer one has the same images.
    limit : int
        Patterns that there may be.

    Returns
    -------
    NeuralPatterns
        The highest support first. Empty where nothing is that frequent. A layer in which no unit of an image is active
        takes no part in that image's patterns.

    Raises
    ------
    ParameterError
        An index without units, labels or samples that don't fit, a number that is too low, or more patterns than
        `limit`; then it says which support would do.

    References
    ----------
    Park et al., "VATUN: Visual Analytics for Testing and Understanding Convolutional Neural Networks", EuroVis 2021.
    """
    for name, number in (("min_support", min_support), ("min_length", min_length), ("limit", limit)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
            raise ParameterError(f"{name} is {number!r}", "Give a whole number from 1 up.")
    paths = idx if isinstance(idx, Sequences) else unit_sequences(idx, by)
    known = checked_labels(labels, len(paths))
    ids = checked_samples(samples, len(paths))
    table = paths.channels if len(ids) == len(paths) else paths.channels[ids]
    mine = gapped if gaps else contiguous
    return sorted_patterns(mine(table, int(min_support), int(min_length), closed, int(limit)), paths, ids, known)
