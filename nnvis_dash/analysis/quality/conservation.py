"""Conservation: whether a heatmap adds up to what it explains, for methods that say so."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.attribution.baselines import baseline
from nnvis_dash.analysis.ends import removes_ending
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.registry import NoParameters
from nnvis_dash.types import Floats, Images

ROUNDING = 1e-4  # of the sum of all sizes, in which values may cancel one another


@MEASURES.register(
    "conservation",
    title="Conservation residual",
    reference='Bach et al., "On pixel-wise explanations for non-linear classifier decisions", PLOS ONE 10(7), 2015, '
    "doi:10.1371/journal.pone.0130140, eq. 2; Sundararajan et al., 2017, arXiv:1703.01365, proposition 1",
    traits=("lower is better", "needs the values", "soundness"),
)
def conservation(case: Case, parameters: NoParameters) -> Floats:
    """Return how far the sum of the values is from the score that they share out.

    Parameters
    ----------
    case : Case
    parameters : NoParameters

    Returns
    -------
    (N,) float32, >= 0
        |sum of the values − s| / |s|, s being the score beyond the baseline's for methods that have one (integrated
        gradients, DeepLIFT, Shapley values: trait "adds up"), else the class's logit (z⁺, w², flat, deep Taylor:
        "adds up to the logit"; LRP-z and alpha-beta with `ignore_bias`: "adds up without biases"). Where |s| is less
        than rounding of the values leaves, that stands in its place. NaN for methods that don't say that they add up
        (epsilon takes up a share, and so do biases, and neither is told), and for heatmaps of a layer.

    References
    ----------
    Bach et al., PLOS ONE 10(7), 2015, doi:10.1371/journal.pone.0130140, eq. 2; Sundararajan et al., "Axiomatic
    attribution for deep networks", ICML 2017, arXiv:1703.01365, proposition 1.
    """
    assert case.attribution is not None
    expected = _expected(case)
    values = case.attribution.values.reshape(len(case.heatmaps), -1).astype(np.float64)
    if expected is None:
        return np.full(len(values), np.nan, np.float32)
    size = np.maximum(np.abs(expected), ROUNDING * np.abs(values).sum(axis=1))
    size = np.where(np.isfinite(size) & (size > 0), size, np.nan)
    return (np.abs(values.sum(axis=1) - expected) / size).astype(np.float32)


def _expected(case: Case) -> Floats | None:
    """Return (N,) what the values should add up to; None where the method doesn't say."""
    assert case.attribution is not None
    clf, own, output = case.classifier, case.parameters, case.attribution.output
    traits = METHODS[case.attribution.method].traits
    images = clf.prepare(case.images)
    if own is None:
        return None
    if "adds up" in traits:
        return _scores(case, images) - _scores(case, baseline(images, own.baseline))
    exact = clf.card.output == "logits" or removes_ending(clf.graph, clf.card.output)
    says = "adds up to the logit" in traits or ("adds up without biases" in traits and own.ignore_bias)
    return _scores(case, images) if says and exact and output == "logits" else None


def _scores(case: Case, images: Images) -> Any:
    """Return (N,) float64: the output that was explained, of each image's target."""
    assert case.attribution is not None
    clf = case.classifier
    found = clf.logits(images) if case.attribution.output == "logits" else clf.predict(images)
    return found[np.arange(len(found)), case.targets].astype(np.float64)
