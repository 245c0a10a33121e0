"""How far a sample lies from what a classifier knows: three scores, each higher for what is stranger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.review.neighbours import NEAREST, Neighbourhood
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

SCORES = {
    "together": "mean rank in the scores that there are",
    "energy": "energy, −ln Σ exp(logit)",
    "logit": "− maximum logit",
    "confidence": "− maximum probability",
    "distance": "distance to the 20th neighbour in feature space",
}


@dataclass(frozen=True, eq=False)
class OutlierScores:
    """Scores of N samples, each higher for what is stranger; None where what it needs was not given.

    Attributes
    ----------
    energy : (N,) float32 or None
        −ln Σ exp(logit), of logits. Probabilities don't determine it: a softmax forgets what all logits have in common.
    logit : (N,) float32 or None
        Minus the maximum logit.
    confidence : (N,) float32 or None
        Minus the maximum probability: what is left of the two where there are probabilities alone.
    distance : (N,) float32, 0..2, or None
        To the k-th nearest other sample, of features standardised and at length 1.
    """

    energy: Floats | None
    logit: Floats | None
    confidence: Floats | None
    distance: Floats | None

    @property
    def known(self) -> dict[str, Floats]:
        """Return the scores that there are by name, and `together`: the mean of their ranks, 0..1."""
        given = {name: getattr(self, name) for name in ("energy", "logit", "confidence", "distance")}
        there = {name: values for name, values in given.items() if values is not None}
        ranks = [_rank(values) for values in there.values()]
        return {"together": np.mean(ranks, axis=0).astype(np.float32), **there}


def outlier_scores(
    logits: npt.ArrayLike | None = None,
    features: npt.ArrayLike | None = None,
    *,
    probabilities: npt.ArrayLike | None = None,
    k: int = NEAREST,
    cosines: Floats | None = None,
) -> OutlierScores:
    """Score how far samples lie from what a classifier knows.

    Parameters
    ----------
    logits : (N, K) float, optional
    features : (N, F) float, optional
    probabilities : (N, K) float, optional
        Asked only where there are no logits.
    k : int
        Which neighbour's distance counts.
    cosines : (N, k) float, optional
        Of the nearest neighbours, where `Neighbourhood.nearest` has found them already; `features` aren't read then.

    Raises
    ------
    ParameterError
        Nothing to score by, or another shape.

    References
    ----------
    Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020, eq. 4 (temperature 1). Hendrycks et al.,
    "Scaling Out-of-Distribution Detection for Real-World Settings", ICML 2022 (maximum logit). Hendrycks and Gimpel, "A
    Baseline for Detecting Misclassified and Out-of-Distribution Examples", ICLR 2017 (maximum probability). Sun et al.,
    "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022; here the sample itself is left out of the
    samples that it is held against, since they are the ones to be reviewed, and features are standardised first.
    """
    energy = logit = confidence = distance = None
    if logits is not None:
        table = _table(logits)
        top = table.max(axis=1)
        energy = -(top + np.log(np.exp(table - top[:, None]).sum(axis=1)))
        logit = -top
    elif probabilities is not None:
        confidence = -_table(probabilities).max(axis=1)
    if cosines is None and features is not None:
        cosines = Neighbourhood.of(features).nearest(k)[1]
    if cosines is not None:
        far = cosines[:, -1] if cosines.shape[1] else np.ones(len(cosines), np.float32)
        distance = np.sqrt(np.maximum(2 - 2 * far, 0))
    found = [None if one is None else one.astype(np.float32) for one in (energy, logit, confidence, distance)]
    if all(one is None for one in found):
        raise ParameterError("There is nothing to score by", "Give logits, probabilities or features.")
    return OutlierScores(*found)


def logits_of(clf: Classifier, features: Floats, probabilities: Floats) -> Floats | None:
    """Return the logits of an index (N, K), out of what its last layer gets; None where they can't be told so.

    Only where the softmax of `features` times that layer's weights is `probabilities`, on samples evenly spread.
    """
    weights: Floats | None = None
    bias: Floats | np.float32 = np.float32(0)
    for layer in reversed(getattr(clf.model, "layers", ())):
        if layer.weights:
            if getattr(layer, "kernel", None) is not None:
                weights = np.asarray(layer.kernel, np.float32)
            if getattr(layer, "bias", None) is not None:
                bias = np.asarray(layer.bias, np.float32)
            break
    if weights is None:  # a graph without layers: its features are its logits
        weights = np.eye(probabilities.shape[1], dtype=np.float32)
    if weights.shape != (features.shape[1], probabilities.shape[1]):
        return None
    tried = np.unique(np.linspace(0, len(features) - 1, min(64, len(features))).astype(int))
    shown = np.asarray(features[tried], np.float32) @ weights + bias
    raised = np.exp(shown - shown.max(axis=1, keepdims=True))
    if not np.allclose(raised / raised.sum(axis=1, keepdims=True), probabilities[tried], atol=1e-3):
        return None
    return np.asarray(np.asarray(features, np.float32) @ weights + bias)


def _table(given: npt.ArrayLike) -> npt.NDArray[np.float64]:
    table = np.asarray(given, np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ParameterError(f"The table has the shape {table.shape}", "Give one row a sample: (N, K).")
    return table


def _rank(values: Floats) -> npt.NDArray[np.float64]:
    """Return each value's rank, 0 (smallest) to 1; equal values have the same."""
    ordered = np.sort(values)
    middle = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") - 1) / 2
    return np.asarray(middle / max(1, len(values) - 1))
