"""Mutation: what a classifier does when units are frozen, so that they pass zeros on.

Invariant: the classifier isn't changed; freezing nothing gives what the classifier itself gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.mutation.frozen import frozen_units
from nnvis_dash.analysis.mutation.recording import known_layers, record
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Mutation:
    """What a classifier answers with units frozen.

    Attributes
    ----------
    outputs : dict of layer -> (N, h, w, C) float32, or (N, units)
        Each layer's own output, recorded before its frozen units are masked: what the masks of earlier layers left.
    probabilities : (N, K) float32, 0..1
        With units of the layer that holds the last softmax frozen, its rows don't add up to 1: their classes have 0.
    frozen : dict of layer -> tuple of int
        Which units, ascending, in the classifier's order of layers.
    """

    outputs: dict[str, Floats]
    probabilities: Floats
    frozen: dict[str, tuple[int, ...]]


def mutate(
    clf: Classifier,
    images: Any,
    frozen: Mapping[str, Iterable[int]],
    layers: str | Sequence[str] | None = None,
) -> Mutation:
    """Freeze units and see what follows.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255, or a sequence of images
    frozen : mapping of a layer's name to the numbers of its units
        Any number of units of any layers with units: ``{"conv2": [0, 7]}``. What they put out is multiplied by 0 before
        the following layers get it. Each call of a shared layer is a layer of its own.
    layers : str or sequence of str, optional
        Those whose outputs are kept; all with units by default, none for an empty sequence.

    Returns
    -------
    Mutation

    Raises
    ------
    NotFound
        No such layer; names those there are.
    ParameterError
        A layer without units, a unit that a layer doesn't have, a TensorFlow graph without layers, images that don't
        fit.

    References
    ----------
    Zhang et al., "NeuralVis", 2019, arXiv:1906.00690, Algorithm 1: a layer's output is recorded, then masked.
    """
    names = known_layers(clf.card, layers)
    units = frozen_units(clf.card, frozen)
    found = record(clf, images, names, units)
    return Mutation(found.outputs, found.probabilities, units)
