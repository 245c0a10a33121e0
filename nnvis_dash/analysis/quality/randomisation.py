"""Randomisation: a heatmap that stays as it was when the weights are random doesn't show what the classifier learned.

The weights are drawn anew from the top layer down, one more layer each time: the cascade.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.similarity import mean_known, similarity
from nnvis_dash.analysis.random_weights import RandomWeights, random_weights
from nnvis_dash.errors import ModelError, ParameterError
from nnvis_dash.types import Floats

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Randomisation:
    """Parameters of the randomisation."""

    steps: int = field(
        default=4,
        metadata={"help": "of the cascade, evenly from the top layer alone to all layers", "low": 1, "high": 1000},
    )
    absolute: bool = field(default=True, metadata={"help": "compare how strong the values are, whatever their sign"})
    turned: bool = field(
        default=False, metadata={"help": "a heatmap of which all signs are turned counts as the same at each step"}
    )


@dataclass(frozen=True, eq=False)
class Cascade:
    """How alike heatmaps stay while layer after layer gets random weights.

    Attributes
    ----------
    layers : tuple of str
        The top one first.
    similarity : (L, N) float32
        Rank correlation with the original heatmaps when the weights of that layer and of all above it are random.
    """

    layers: tuple[str, ...]
    similarity: Floats


@MEASURES.register(
    "randomisation",
    title="Randomisation of weights",
    reference='Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, arXiv:1810.03292 '
    '(summed up as in Hedström et al., "Quantus", JMLR 24, 2023, arXiv:2202.06861)',
    parameters=Randomisation,
    traits=("lower is better", "explains again", "needs weights", "randomisation"),
)
def randomisation(case: Case, parameters: Randomisation) -> Floats:
    """Compare heatmaps with those of the same classifier with random weights, from the top layer down.

    Parameters
    ----------
    case : Case
    parameters : Randomisation

    Returns
    -------
    (N,) float32, −1..1
        Spearman's rank correlation with the original heatmap, the mean over the steps of the cascade: near 1 for a
        heatmap that shows edges rather than the classifier. Strengths alone are alike wherever an image is 0 and a
        method multiplies by it; signs alone turn with that of the random score: with `turned` and without `absolute`
        neither counts, from 0 to 1. NaN where the heatmap is the same everywhere, and of a
        classifier with a layer that can't be made a second time (the log says which).

    References
    ----------
    Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, arXiv:1810.03292. Departures: weights
    are drawn at their own scale (`RandomWeights.classifier`), normalisations keep theirs.
    """
    try:
        with random_weights(case.classifier) as drawn:
            n_layers = len(drawn.layers)
            places = np.unique(np.rint(np.linspace(1, n_layers, min(parameters.steps, n_layers))).astype(int))
            if parameters.steps == 1:
                places = np.array([n_layers])
            found = _similarities(case, drawn, places.tolist(), parameters.absolute)
            return mean_known((np.abs(found) if parameters.turned else found).T)
    except ModelError as error:
        _logger.info("randomisation isn't measured: %s", error)
        return np.full(len(case.heatmaps), np.nan, np.float32)


def cascade(case: Case, absolute: bool = True) -> Cascade:
    """Follow heatmaps down the whole cascade, one layer more each time.

    Parameters
    ----------
    case : Case
    absolute : bool
        Compare how strong the values are, whatever their sign.

    Returns
    -------
    Cascade

    Raises
    ------
    ParameterError
        Heatmaps from elsewhere.
    ModelError
        The classifier's weights can't be drawn anew; says why.
    """
    if case.explain is None:
        raise ParameterError("The heatmaps came without the method that made them", "Give the name of a method.")
    with random_weights(case.classifier) as drawn:
        places = range(1, len(drawn.layers) + 1)
        return Cascade(drawn.layers, _similarities(case, drawn, places, absolute))


def _similarities(case: Case, drawn: RandomWeights, places: Sequence[int], absolute: bool) -> Floats:
    """Return (len(places), N) similarities, with the weights of so many layers random."""
    assert case.explain is not None
    found = np.empty((len(places), len(case.heatmaps)), np.float32)
    for number, n_layers in enumerate(places):
        with progress.part(number, 1, len(places)):
            classifier = drawn.classifier(n_layers, case.seed)
            try:
                again = case.explain(classifier, case.images, case.targets).heatmap()
            except ModelError as error:  # its values went beyond all numbers
                _logger.info("randomisation of %d layers isn't measured: %s", n_layers, error)
                again = np.full_like(case.heatmaps, np.nan)
            found[number] = similarity(case.heatmaps, again, absolute)
    return found
