"""Class curves: how each class holds up over the degrees of a change, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.analysis.simulation.sweep import Sweep, sweep
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.datasets import Dataset

Array = npt.NDArray[np.float64]
LEVEL = 0.95
_NORMAL = 1.959963984540054  # the standard normal's quantile at (1 + LEVEL) / 2
RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class Curves:
    """Mean answers of every class over the degrees of a change; NaN where a class has no image.

    Attributes
    ----------
    name : str
        Of the change.
    degrees : (D,) float64
    identity : float
    class_names : tuple of K str
    counts : (K,) int64
        Images of each class.
    mean_probability, low, high : (D, K) float64
        Mean probability of the true class over its images, and its 95 % interval: the bootstrap's percentiles, images
        drawn within the class. An image's curve is drawn as a whole.
    accuracy, accuracy_low, accuracy_high : (D, K) float64
        Share of the class's images that are predicted right, and Wilson's 95 % interval, which, unlike a bootstrap's,
        has a width where all are right.
    rank : (D, K) float64
        1 where the class has the largest mean probability of all classes over its own images, 2 where one is larger...
    others : (K, D, K) float64 or None
        [true, degree, class]: mean probability of every class over the images of each; of more than 64 classes None.
    predicted : (K, D, K) float64 or None
        The same of the shares of predictions; kept for more than 64 classes in place of `others`, `rank` going by it.
    overall : dict of str to (D,) float64
        Over all images: "mean", "mean_low", "mean_high", "accuracy", "accuracy_low", "accuracy_high".
    n, total : int
        Images with a class that counts, and samples of the whole sweep.
    against, note : str
        As `Sweep` has them.
    """

    name: str
    degrees: Array
    identity: float
    class_names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    mean_probability: Array
    low: Array
    high: Array
    accuracy: Array
    accuracy_low: Array
    accuracy_high: Array
    rank: Array
    others: Array | None
    predicted: Array | None
    overall: dict[str, Array]
    n: int
    total: int
    against: str
    note: str


def simulate(
    clf: Classifier,
    data: Dataset | Images,
    name: str,
    degrees: npt.ArrayLike | None = None,
    *,
    labels: npt.ArrayLike | None = None,
    samples: npt.ArrayLike | None = None,
    precision: str = "float32",
    seed: int = 0,
    resamples: int = RESAMPLES,
    on_progress: Callable[[int, int], None] | None = None,
    **parameters: Any,
) -> Curves:
    """Measure how every class holds up over the degrees of a change.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, or (N, H, W, C) uint8
    name, degrees, **parameters
        As `change` takes them: a transformation, a corruption, or an attack with its epsilons in pixel values.
    labels, samples, precision, seed, on_progress
        As `sweep` takes them.
    resamples : int
        Of the bootstrap.

    Returns
    -------
    Curves

    Raises
    ------
    NotFound, ParameterError
        No such change, sample or class; says what there is.
    """
    wanted = change(name, degrees, **parameters)
    options: dict[str, Any] = {"labels": labels, "samples": samples, "precision": precision, "seed": seed}
    return curves(sweep(clf, data, wanted, on_progress=on_progress, **options), resamples=resamples, seed=seed)


def curves(
    found: Sweep, rows: npt.NDArray[Any] | slice | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> Curves:
    """Reduce a sweep to curves.

    Parameters
    ----------
    found : Sweep
    rows : positions or mask, optional
        The rows that count; all by default.
    resamples : int
        Of the bootstrap; 1 or more.
    seed : int

    Returns
    -------
    Curves
    """
    if resamples < 1:
        raise ParameterError(f"{resamples} resamples are asked for", "Ask for one or more.")
    some = found if rows is None else found.take(rows)
    some = some.take(some.labels >= 0)
    n_degrees, n_classes = len(some.degrees), some.n_classes
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(some.labels == number) for number in range(n_classes)]
    shape = (n_degrees, n_classes)
    mean, low, high, right = (np.full(shape, np.nan) for _ in range(4))
    whole = some.probabilities is not None
    shares = np.full((n_classes, *shape), np.nan)
    totals = np.zeros((resamples, n_degrees))
    for number, of_class in enumerate(members):
        if not len(of_class):
            continue
        values = np.asarray(some.true_probability[of_class], np.float64)
        means = resampled_means(values, resamples, generator)
        totals += means * len(of_class)
        mean[:, number] = values.mean(axis=0)
        low[:, number], high[:, number] = np.quantile(means, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
        right[:, number] = some.right[of_class].mean(axis=0)
        if some.probabilities is not None:
            shares[number] = some.probabilities[of_class].mean(axis=0, dtype=np.float64)
        else:
            shares[number] = _shares(some.prediction[of_class], n_classes)
    counts = np.array([len(of_class) for of_class in members], np.int64)
    accuracy_low, accuracy_high = wilson(right, counts[None, :])
    overall = _overall(some, totals)
    return Curves(
        name=some.change.name,
        degrees=some.degrees,
        identity=some.identity,
        class_names=some.class_names,
        counts=counts,
        mean_probability=mean,
        low=low,
        high=high,
        accuracy=right,
        accuracy_low=accuracy_low,
        accuracy_high=accuracy_high,
        rank=_rank(shares),
        others=shares if whole else None,
        predicted=None if whole else shares,
        overall=overall,
        n=len(some),
        total=found.total,
        against=found.against,
        note=found.note,
    )


def wilson(share: npt.ArrayLike, n: npt.ArrayLike, level: float = LEVEL) -> tuple[Array, Array]:
    """Return Wilson's interval of a proportion (Wilson 1927); NaN where n is 0.

    >>> [round(float(end), 4) for end in wilson(1.0, 20)]
    [0.8389, 1.0]
    """
    z = _NORMAL
    if level != LEVEL:
        from statistics import NormalDist

        z = NormalDist().inv_cdf((1 + level) / 2)
    p, count = np.asarray(share, np.float64), np.asarray(n, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (p + z**2 / (2 * count)) / (1 + z**2 / count)
        half = z / (1 + z**2 / count) * np.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    return np.where(p == 0, 0.0, low), np.where(p == 1, 1.0, high)


def resampled_means(values: npt.NDArray[Any], resamples: int, generator: np.random.Generator) -> Array:
    """Return means (B, ...) of bootstrap samples of the rows of `values` (n, ...): n rows drawn with replacement."""
    n = len(values)
    drawn = generator.integers(0, n, (resamples, n), dtype=np.int32)
    drawn += (np.arange(resamples, dtype=np.int32) * n)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n)
    flat = np.asarray(values, np.float64).reshape(n, -1)
    return ((weights.astype(np.float64) @ flat) / n).reshape(resamples, *values.shape[1:])


def _overall(some: Sweep, totals: Array) -> dict[str, Array]:
    n = len(some)
    if not n:
        nothing = np.full(len(some.degrees), np.nan)
        names = ("mean", "mean_low", "mean_high", "accuracy", "accuracy_low", "accuracy_high")
        return dict.fromkeys(names, nothing)
    low, high = np.quantile(totals / n, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
    right = some.right.mean(axis=0)
    right_low, right_high = wilson(right, n)
    return {
        "mean": np.asarray(some.true_probability, np.float64).mean(axis=0),
        "mean_low": low,
        "mean_high": high,
        "accuracy": right,
        "accuracy_low": right_low,
        "accuracy_high": right_high,
    }


def _shares(prediction: Ints, n_classes: int) -> Array:
    """Return (D, K) the shares of predictions (n, D)."""
    return np.stack([np.bincount(column, minlength=n_classes) / len(column) for column in prediction.T])


def _rank(shares: Array) -> Array:
    """Return (D, K) from (K, D, K): how many classes have more than the true one over its images, plus 1."""
    own = np.stack([shares[number, :, number] for number in range(len(shares))], axis=1)  # (D, K)
    above = (shares > own.T[:, :, None]).sum(axis=2).T  # (D, K)
    return np.where(np.isnan(own), np.nan, above + 1.0)
