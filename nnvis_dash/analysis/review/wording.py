"""A slice in one sentence: how many are wrong, how much more than elsewhere, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnvis_dash.analysis.review.slices import Slice
from nnvis_dash.types import Ints

_MOST = 0.5  # share of the mistakes from which a confusion is what they mostly are


def said(one: Slice, labels: Ints, predictions: Ints, names: Sequence[str]) -> str:
    """Return a sentence about a slice.

    Parameters
    ----------
    one : Slice
    labels, predictions : (N,) int32
        Of all samples, in the numbers of `names`.
    names : sequence of str
    """
    first = f"{one.wrong} of {len(one.ids)} wrong, {_times(one)}"
    mistakes = one.ids[: one.wrong]
    mostly = _mostly(labels[mistakes], predictions[mistakes], names)
    return f"{first}; {mostly}" if mostly else first


def _times(one: Slice) -> str:
    if one.rest == 0:
        return "and none of the rest"
    times = one.rate / one.rest
    return f"{times:.0f} times the rest" if times >= 1.95 else f"{times:.1f} times the rest"


def _mostly(labels: Ints, predictions: Ints, names: Sequence[str]) -> str:
    """Return which confusion, else which class, most of the mistakes have; empty where none does."""
    n = len(labels)
    pairs, counts = np.unique(np.stack([labels, predictions], axis=1), axis=0, return_counts=True)
    best = int(counts.argmax())
    if counts[best] >= _MOST * n:
        return f"{_share(int(counts[best]), n)}{names[pairs[best, 0]]} taken for {names[pairs[best, 1]]}"
    for values, before, after in ((predictions, "taken for ", ""), (labels, "", " taken for others")):
        found, counts = np.unique(values, return_counts=True)
        best = int(counts.argmax())
        if counts[best] >= _MOST * n:
            return f"{_share(int(counts[best]), n)}{before}{names[found[best]]}{after}"
    return ""


def _share(count: int, n: int) -> str:
    return "all " if count == n else "mostly "
