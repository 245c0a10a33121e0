"""Slices: groups of alike samples in which a classifier errs more often than elsewhere, found without naming them.

Samples are clustered finely by their features (and labels, where there are any), the clusters joined step by step to
ever larger ones, and every cluster that occurs on the way is tested: does it err more than the rest? Errors play no
part in the clustering. Of those that pass, the ones with the highest rate that is sure (the interval's lower end) are
taken, one after the other, as long as they have no sample in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.review.neighbours import Neighbourhood
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints

FINEST = 96  # clusters at the start
SMALLEST = 8  # samples of a slice
SIGNIFICANT = 0.05  # false discovery rate
_ALONE = 15_000  # samples up to which all are clustered at once; more go in batches
_LABEL = 0.7  # how far two labels are apart, where the farthest features are 2


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice.

    Attributes
    ----------
    ids : (n,) int32
        Its samples, the wrong ones first, each by their distance from its middle.
    wrong : int
        How many of them are wrong.
    low, high : float, 0..1
        95 % confidence interval of its error rate.
    rest : float, 0..1
        Error rate of all other samples.
    p, q : float, 0..1
        Of the one-sided binomial test against `rest`; q after Benjamini and Hochberg over all clusters tested.
    """

    ids: Ints
    wrong: int
    low: float
    high: float
    rest: float
    p: float
    q: float

    @property
    def rate(self) -> float:
        """Error rate."""
        return self.wrong / len(self.ids)


def slices(
    features: npt.ArrayLike,
    errors: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    smallest: int = SMALLEST,
    significant: float = SIGNIFICANT,
) -> list[Slice]:
    """Find groups of alike samples with more errors than the others have.

    Parameters
    ----------
    features : (N, F) float
    errors : (N,) bool
        Whether each sample is wrong.
    labels : (N,) int, optional
        Samples of other labels are then farther apart; -1 for none.
    smallest : int
        Samples that a slice has at least.
    significant : float, 0..1
        Share of false discoveries that is allowed.

    Returns
    -------
    list of Slice
        The surest first; no sample is in two.

    Raises
    ------
    ParameterError
        Shapes that don't belong together.

    References
    ----------
    The idea of slices by representation and label: Eyuboglu et al., "Domino: Discovering Systematic Errors with
    Cross-Modal Embeddings", ICLR 2022; its mixture model also looks at predictions, which is left out here so that the
    test stays honest. Ward, "Hierarchical Grouping to Optimize an Objective Function", 1963. Clopper and Pearson, 1934.
    Benjamini and Hochberg, 1995.
    """
    around = Neighbourhood.of(features)
    wrong = np.asarray(errors)
    if wrong.shape != (len(around),) or wrong.dtype != np.bool_:
        raise ParameterError(f"Errors have the shape {wrong.shape}", f"Give True or False for {len(around)} samples.")
    if not wrong.any() or len(wrong) < 2 * smallest:
        return []
    space = around.directions
    if labels is not None:
        given = np.asarray(labels)
        if given.shape != wrong.shape:
            raise ParameterError(f"Labels have the shape {given.shape}", f"Give one for {len(around)} samples.")
        marks = np.eye(int(given.max(initial=0)) + 1, dtype=np.float32)[np.maximum(given, 0)]
        space = np.hstack([space, marks * np.where(given >= 0, _LABEL / 2**0.5, 0)[:, None].astype(np.float32)])
    clusters = [ids for ids in _tree(space) if smallest <= len(ids) <= len(wrong) - smallest]
    tested = [_tested(ids, wrong) for ids in clusters]
    adjusted = benjamini_hochberg([p for _, _, p in tested])
    passed = [place for place in range(len(clusters)) if adjusted[place] <= significant]
    bounds = {place: clopper_pearson(tested[place][0], len(clusters[place])) for place in passed}
    taken, found = np.zeros(len(wrong), np.bool_), []
    for place in sorted(passed, key=lambda i: (-bounds[i][0], -len(clusters[i]), clusters[i][0])):
        ids, (count, rest, p), (low, high) = clusters[place], tested[place], bounds[place]
        if taken[ids].any():
            continue
        taken[ids] = True
        middle = space[ids].mean(axis=0)
        far = ((space[ids] - middle) ** 2).sum(axis=1)
        shown = ids[np.lexsort((ids, far, ~wrong[ids]))].astype(np.int32)
        found.append(Slice(shown, count, low, high, rest, p, adjusted[place]))
    return sorted(found, key=lambda one: (one.p, one.ids[0]))


def clopper_pearson(wrong: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share of which `wrong` of n were seen (Clopper and Pearson, 1934)."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, wrong, n - wrong + 1)) if wrong else 0.0
    high = float(beta.ppf(1 - tail, wrong + 1, n - wrong)) if wrong < n else 1.0
    return low, high


def benjamini_hochberg(p: list[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate (Benjamini and Hochberg, 1995), in their order."""
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return [float(value) for value in adjusted]


def _tree(space: Floats) -> list[npt.NDArray[np.int64]]:
    """Return the samples of every cluster of a tree, the finest first; no two clusters are equal."""
    from scipy.cluster.hierarchy import ward
    from sklearn.cluster import KMeans, MiniBatchKMeans

    n_clusters = int(np.clip(len(space) // (2 * SMALLEST), 2, FINEST))
    kind = KMeans if len(space) <= _ALONE else MiniBatchKMeans
    made = kind(n_clusters, n_init=1, random_state=0).fit(space)
    members = [np.flatnonzero(made.labels_ == number) for number in range(n_clusters)]
    members = [ids for ids in members if len(ids)]
    centres = np.stack([space[ids].mean(axis=0) for ids in members])
    if len(members) > 1:
        for left, right, _, _ in ward(centres.astype(np.float64)):
            members.append(np.sort(np.concatenate([members[int(left)], members[int(right)]])))
    return members


def _tested(ids: npt.NDArray[np.int64], wrong: npt.NDArray[np.bool_]) -> tuple[int, float, float]:
    """Return the errors in a cluster, the rate of the rest, and the p-value of the first against the second."""
    from scipy.stats import binom

    count = int(wrong[ids].sum())
    others = len(wrong) - len(ids)
    rest = (int(wrong.sum()) - count) / others
    return count, rest, float(binom.sf(count - 1, len(ids), rest)) if count else 1.0
