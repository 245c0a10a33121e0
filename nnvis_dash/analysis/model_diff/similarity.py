"""Similarity of layers by linear CKA: of two arrays at once, or of all layers of two models from minibatches.

For arrays X (n, d1) and Y (n, d2) over the same samples, CKA is HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)) with the Gram
matrices K = XXᵀ and L = YYᵀ: 1 where samples lie to each other alike, whatever is rotated or scaled. HSIC is an inner
product of centred Gram matrices, so that each layer's is made once and all pairs are one product of matrices; where
layers have fewer units than there are samples, XᵀY (d1, d2) gives the same number for less.

Invariant: both ways agree to rounding; an average over minibatches doesn't depend on their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError

Array = npt.NDArray[np.float64]
FEWEST = 4  # samples for which the unbiased estimate is defined
MOST = 2**28  # numbers that are held at once: 2 GiB
_NOTHING = 1e-13  # of the squared sum of squares: what rounding leaves of a unit that answers one sample only
_FITS = (1e-20, 1e30)  # sums of squares that float32 holds with all their digits


@dataclass(frozen=True, eq=False)
class LayerSimilarity:
    """CKA of each layer of one model with each of another.

    Attributes
    ----------
    rows, columns : tuple of str
        Layers of the first model and of the second, in the order in which they were given.
    values : (R, C) float64
        About 0..1: the estimate is unbiased up to the ratio, so that unlike layers may be slightly below 0. Exactly 0
        where one of the two layers says the same of all samples, or of all but one in every minibatch.
    n, batches : int
        Samples and minibatches that were seen.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Array
    n: int
    batches: int


class MinibatchCKA:
    """Sums over minibatches from which CKA between all layers of two models follows.

    Numerator and both parts of the denominator are averaged over minibatches, each by the unbiased estimator, so that
    the result doesn't depend on how large the minibatches are; some 256 samples each are usual. Memory is that of one
    minibatch: n² numbers a layer.

    References
    ----------
    Nguyen, Raghu, Kornblith, "Do Wide and Deep Networks Learn the Same Things?", ICLR 2021, arXiv:2010.15327, eq. 2-3.
    Minibatches of unequal size, which they don't have, are weighed by their samples.
    Song et al., "Feature Selection via Dependence Maximization", JMLR 13, 2012: unbiased HSIC (HSIC_1).
    Székely, Rizzo, "Partial distance correlation with methods for dissimilarities", Annals of Statistics 42, 2014:
    the same as an inner product of U-centred matrices.
    """

    def __init__(self) -> None:
        self._names: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._cross = np.zeros((0, 0))
        self._rows = np.zeros(0)
        self._columns = np.zeros(0)
        self._n = 0
        self._batches = 0

    def add(self, first: Mapping[str, npt.ArrayLike], second: Mapping[str, npt.ArrayLike]) -> None:
        """Take in what both models say of the same samples.

        Parameters
        ----------
        first, second : mapping of a layer's name to its outputs (n, d) or (n, ...), which are flattened
            At least 4 samples; the same layers every time. One and the same mapping compares a model with itself, and
            its matrices are made once.

        Raises
        ------
        ParameterError
            No layers, others than before, numbers of samples that differ or are below 4, outputs that aren't finite, or
            so many samples that their matrices would take more than 2 GiB.
        """
        if not first or not second:
            raise ParameterError("There are no layers to compare", "Give at least one of each model.")
        names = (tuple(first), tuple(second))
        if self._names is not None and (set(names[0]), set(names[1])) != (set(self._names[0]), set(self._names[1])):
            raise ParameterError(
                "The layers differ from those of the minibatch before", "Give the same ones each time."
            )
        names = self._names or names
        rows = [_centred(name, first[name]) for name in names[0]]
        columns = rows if second is first else [_centred(name, second[name]) for name in names[1]]
        n = _common_length([*rows, *columns])
        if n < FEWEST:
            raise ParameterError(
                f"A minibatch has {n} samples", f"Give {FEWEST} or more: leave out what is left over at the end."
            )
        cross, own_rows, own_columns = _products(rows, columns, unbiased=True)
        if self._names is None:
            self._names, self._cross = names, np.zeros_like(cross)
            self._rows, self._columns = np.zeros_like(own_rows), np.zeros_like(own_columns)
        weight = n / (n * (n - 3))  # HSIC has 1 / (n (n − 3)), and a minibatch counts by its samples
        self._cross += weight * cross
        self._rows += weight * own_rows
        self._columns += weight * own_columns
        self._n += n
        self._batches += 1

    def result(self) -> LayerSimilarity:
        """Return the similarities by what was taken in until now.

        Raises
        ------
        ParameterError
            Nothing was taken in.
        """
        if self._names is None:
            raise ParameterError("No minibatch was compared", "Add one or more.")
        values = _ratio(self._cross, self._rows[:, None], self._columns[None, :])
        return LayerSimilarity(*self._names, values, self._n, self._batches)


def cka(first: npt.ArrayLike, second: npt.ArrayLike, *, unbiased: bool = False) -> float:
    """Return the linear CKA of two arrays over the same samples.

    Parameters
    ----------
    first, second : (n, d1), (n, d2) float
        Of more axes the later ones are flattened.
    unbiased : bool
        By the unbiased estimate of HSIC, for which 4 samples are needed: about 0 for what is independent, however few
        samples and many units there are; it may be below 0.

    Returns
    -------
    float, 0..1
        0 where one of them is the same for all samples; the unbiased one also where it is for all but one.

    Raises
    ------
    ParameterError
        Numbers of samples that differ, are 0, or below 4 for the unbiased estimate; numbers that aren't finite; more
        than some 11,000 samples of more than some 16,000 units, whose matrices would take more than 2 GiB.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019,
    arXiv:1905.00414, eq. 4 and section 3; Song et al., JMLR 13, 2012: the unbiased one.
    """
    x, y = _centred("first", first), _centred("second", second)
    n = _common_length([x, y])
    if unbiased and n < FEWEST:
        raise ParameterError(f"There are {n} samples", f"Give {FEWEST} or more, or ask for the biased estimate.")
    cross, own_x, own_y = _products([x], [y], unbiased=unbiased)
    value = float(_ratio(cross, own_x[:, None], own_y[None, :])[0, 0])
    return value if unbiased else min(1.0, max(0.0, value))


def _centred(name: str, given: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return outputs as (n, d), each column's mean subtracted; zeros where all rows are the same.

    Neither estimate is changed by it, while the products lose fewer digits.
    """
    values = np.asarray(given)
    if values.ndim < 2 or 0 in values.shape or values.dtype.kind not in "fiub":
        raise ParameterError(
            f"The outputs of {name} have the shape {values.shape} and type {values.dtype}",
            "Give one row of numbers for each sample: (n, d).",
        )
    values = values.reshape(len(values), -1)
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    mean = values.mean(axis=0, dtype=np.float64)
    if not np.isfinite(mean).all():
        raise ParameterError(f"Some outputs of {name} are NaN or infinite", "Leave out the samples that have such.")
    if (values == values[0]).all():
        return np.zeros_like(values)
    return values - mean.astype(values.dtype)


def _common_length(layers: list[npt.NDArray[Any]]) -> int:
    lengths = sorted({len(layer) for layer in layers})
    if len(lengths) > 1:
        raise ParameterError(
            f"Layers have outputs of {lengths[0]} and of {lengths[-1]} samples", "Give the same samples to all."
        )
    return lengths[0]


def _products(
    rows: list[npt.NDArray[Any]], columns: list[npt.NDArray[Any]], *, unbiased: bool
) -> tuple[Array, Array, Array]:
    """Return the inner products of the layers' centred Gram matrices: (R, C), and with themselves (R,) and (C,)."""
    n, same = len(rows[0]), columns is rows
    units = [layer.shape[1] for layer in rows]
    others = units if same else [layer.shape[1] for layer in columns]
    by_grams = n * (sum(units) + (0 if same else sum(others)) + len(units) * len(others))
    own = sum(count * count for count in units) + (0 if same else sum(count * count for count in others))
    by_features = own + sum(units) * sum(others)
    numbers = (
        (len(units) + (0 if same else len(others))) * n**2 if by_grams < by_features else max(*units, *others) ** 2
    )
    if numbers > MOST:
        raise ParameterError(
            f"The matrices of {n} samples hold {numbers} numbers",
            "Give fewer samples at once; MinibatchCKA takes them in parts.",
        )
    with np.errstate(over="ignore", invalid="ignore"):  # `_ratio` says so
        return _by_grams(rows, columns, unbiased) if by_grams < by_features else _by_features(rows, columns, unbiased)


def _by_grams(
    rows: list[npt.NDArray[Any]], columns: list[npt.NDArray[Any]], unbiased: bool
) -> tuple[Array, Array, Array]:
    first = _grams(rows, unbiased)
    second = first if columns is rows else _grams(columns, unbiased)
    return first @ second.T, np.einsum("ij,ij->i", first, first), np.einsum("ij,ij->i", second, second)


def _grams(layers: list[npt.NDArray[Any]], unbiased: bool) -> Array:
    """Return the Gram matrices of centred layers, flattened: (L, n²); U-centred for the unbiased estimate."""
    n = len(layers[0])
    grams = np.empty((len(layers), n, n))
    for gram, layer in zip(grams, layers, strict=True):
        gram[:] = _gram(layer)
        if unbiased:
            trace = float(np.trace(gram))
            np.fill_diagonal(gram, 0.0)
            sums = gram.sum(axis=0)
            gram -= (sums / (n - 2))[:, None]
            gram -= (sums / (n - 2))[None, :]
            gram += sums.sum() / ((n - 1) * (n - 2))
            np.fill_diagonal(gram, 0.0)
            if np.vdot(gram, gram) < _NOTHING * trace**2:
                gram[:] = 0.0
    return grams.reshape(len(layers), -1)


def _gram(layer: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return XXᵀ (n, n), of float32 in float32 unless its squares don't fit."""
    gram = layer @ layer.T
    if gram.dtype == np.float32 and not _FITS[0] < float(np.trace(gram)) < _FITS[1]:
        layer = layer.astype(np.float64)
        gram = layer @ layer.T
    return gram


def _by_features(
    rows: list[npt.NDArray[Any]], columns: list[npt.NDArray[Any]], unbiased: bool
) -> tuple[Array, Array, Array]:
    """Compute the same from XᵀY: tr(KL) = ‖XᵀY‖², and K's rows add up to 0, so that only its diagonal is needed."""
    first = [np.asarray(layer, np.float64) for layer in rows]
    second = first if columns is rows else [np.asarray(layer, np.float64) for layer in columns]
    cross = np.array([[_by_units(x, y, unbiased) for y in second] for x in first])
    own = _own_by_units(first, unbiased)
    return cross, own, own if second is first else _own_by_units(second, unbiased)


def _own_by_units(layers: list[Array], unbiased: bool) -> Array:
    own = np.array([_by_units(layer, layer, unbiased) for layer in layers])
    traces = np.array([np.vdot(layer, layer) for layer in layers])
    return np.where(own < _NOTHING * traces**2, 0.0, own)


def _by_units(x: Array, y: Array, unbiased: bool) -> float:
    between = x.T @ y
    whole = float(np.vdot(between, between))
    if not unbiased:
        return whole
    n = len(x)
    lengths, others = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
    traces = float(lengths.sum() * others.sum())
    return whole - n / (n - 2) * float(lengths @ others) + traces / ((n - 1) * (n - 2))


def _ratio(cross: Array, own_first: Array, own_second: Array) -> Array:
    """Return cross / √(first · second); 0 where either has no extent."""
    below = np.sqrt(np.maximum(own_first, 0.0)) * np.sqrt(np.maximum(own_second, 0.0))
    if not np.isfinite(below).all():
        raise ParameterError("Some outputs are too large to be squared", "Divide each layer's by its largest.")
    return np.divide(cross, below, out=np.zeros_like(cross), where=below > 0)
