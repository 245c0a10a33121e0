"""LRP: which rule a layer gets, and the parameters and the call that all its methods share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.attribution import Answer, Question, scores
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.analysis.relevance.parts import Linear
from nnvis_dash.analysis.relevance.rules import AlphaBeta, Box, Flat, Rule, Z
from nnvis_dash.analysis.relevance.walk import explained
from nnvis_dash.analysis.relevance.ways import Place, Proportional
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images, Ints, Preprocessing

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class LRPParameters:
    """What every LRP method takes."""

    ignore_bias: bool = field(default=False, metadata={"help": "biases take no share of the relevance"})
    input_layer_rule: str | tuple | None = field(  # type: ignore[type-arg]
        default=None,
        metadata={"help": "another rule at the pixels: flat, or bounds (low, high) of the raw pixels for the box rule"},
    )


@dataclass(frozen=True)
class LRP(Proportional):
    """A rule for every linear part, others for dense ones and for those at the pixels."""

    rule: Rule
    dense: Rule | None = None
    first: Rule | None = None

    def linear(self, place: Place, linear: Linear, x: Tensor, relevance: Tensor) -> Tensor:
        """Share relevance by the part's rule; an average shares it in proportion to what it averages."""
        rule = self.rule
        if linear.kernel is None:
            rule = self.rule if isinstance(self.rule, Flat) else Z()
        elif place.pixels is not None and self.first is not None:
            rule = self.first.at(place.pixels) if isinstance(self.first, Box) else self.first
        elif linear.dense and self.dense is not None:
            rule = self.dense
        return rule(linear, x, relevance, place.positive, place.z)


def attributed(
    clf: Classifier,
    images: Images,
    target: Ints,
    question: Question,
    name: str,
    rules: Any,
    input_layer_rule: Any = None,
) -> Answer:
    """Explain by a walk with the given rules.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    name : str
        The method's title.
    rules : Rules
        Hashable; what it depends on is part of it.
    input_layer_rule : None, "flat" or (low, high)

    Returns
    -------
    Answer
        values (N, H, W, C) float32.

    Raises
    ------
    ParameterError
        A classifier without layers, a layer without a rule, an input layer rule that isn't one.
    """
    scores.need_layers(clf.card, name)
    about = scores.subject(clf.card, question)
    if input_layer_rule is not None:
        first = input_rule(clf.card.preprocessing, clf.card.input_shape[2], input_layer_rule)
        rules = LRP(rules.rule, rules.dense, first)
    function = explained(clf, about, question.output, rules, (rules,), images.dtype)
    values, target, probability = function(images, target)
    return Answer(values, target, probability, None)


def input_rule(preprocessing: Preprocessing, channels: int, given: Any) -> Rule:
    """Return the rule for the layer at the pixels: "flat", or bounds (low, high) of the raw pixels."""
    if given == "flat":
        return Flat()
    if isinstance(given, (tuple, list)) and len(given) == 2 and all(isinstance(value, (int, float)) for value in given):
        low, high = float(given[0]), float(given[1])
        if low < high:
            return Box(*(bounds(preprocessing, channels, value) for value in (low, high)))
    raise ParameterError(
        f"The input layer rule is {given!r}", 'Give "flat", or the lowest and the highest raw pixel: (0, 255).'
    )


def bounds(preprocessing: Preprocessing, channels: int, raw: float) -> tuple[float, ...]:
    """Return a raw pixel's value in each channel of the model's input."""
    from nnvis_dash.analysis.ends import preprocessed

    return tuple(
        float(value) for value in np.asarray(preprocessed(np.full((1, 1, 1, channels), raw), preprocessing)).ravel()
    )


def alpha_beta(alpha: float, beta: float, ignore_bias: bool) -> LRP:
    """Return LRP-alpha-beta for all layers.

    Raises
    ------
    ParameterError
        alpha − beta isn't 1.
    """
    if abs(alpha - beta - 1.0) > 1e-6:
        raise ParameterError(
            f"LRP-alpha-beta: alpha is {alpha:g} and beta {beta:g}",
            "Give an alpha that is beta + 1: relevance is kept.",
        )
    return LRP(AlphaBeta(alpha, beta, not ignore_bias))


def preset(alpha: float, beta: float, epsilon: float, flat: bool, ignore_bias: bool) -> LRP:
    """Return a composite: epsilon for dense layers, alpha-beta for convolutions, flat at the pixels or not."""
    return LRP(AlphaBeta(alpha, beta, not ignore_bias), Z(epsilon, not ignore_bias), Flat() if flat else None)
