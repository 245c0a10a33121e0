"""What a method does at each kind of part, and what all rules of LRP do at those that aren't linear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from nnvis_dash.analysis.graph import Step, Tensor
from nnvis_dash.analysis.relevance.parts import Elementwise, Linear, Sum
from nnvis_dash.analysis.relevance.rules import divide


@dataclass(frozen=True)
class Place:
    """Where in the network a linear part stands."""

    name: str  # of its step; with `/1` for the second linear part of a step
    positive: bool  # its inputs are known to be >= 0
    z: Tensor | None  # its outputs where they are known, at least where there is relevance
    pixels: Callable[[Tensor], Tensor] | None  # its inputs for a colour (c,) of the model's input; None behind weights


class Rules(Protocol):
    """What a method does at each kind of part."""

    def linear(self, place: Place, linear: Linear, x: Tensor, relevance: Tensor) -> Tensor:
        """Return the relevance of a linear part's inputs x."""
        ...

    def elementwise(self, part: Elementwise, x: Tensor, relevance: Tensor) -> Tensor:
        """Return the relevance of an elementwise part's inputs x."""
        ...

    def sum(self, part: Sum, xs: list[Tensor], relevance: Tensor) -> list[Tensor]:
        """Return the relevance of each term."""
        ...

    def normalisation(self, step: Step, x: Tensor, relevance: Tensor) -> Tensor:
        """Return the relevance of the inputs of a batch normalisation that stands alone."""
        ...


class Proportional:
    """The rules of LRP for everything but linear parts: relevance passes activations unchanged and sums are shared."""

    def elementwise(self, part: Elementwise, x: Tensor, relevance: Tensor) -> Tensor:
        """Pass relevance on as it is."""
        return relevance

    def sum(self, part: Sum, xs: list[Tensor], relevance: Tensor) -> list[Tensor]:
        """Share relevance in proportion to the terms."""
        import tensorflow as tf

        terms = [sign * x for sign, x in zip(part.signs, xs, strict=True)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(terms)
            total = sum(terms[1:], terms[0])  # of unlike shapes too
        shares = tape.gradient(total, terms, output_gradients=divide(relevance, total))
        return [term * share for term, share in zip(terms, shares, strict=True)]

    def normalisation(self, step: Step, x: Tensor, relevance: Tensor) -> Tensor:
        """Pass relevance on as it is."""
        return relevance


@dataclass(frozen=True)
class TowardsTarget:
    """Rules for a classifier of one output z: its first class's score is −z, what the negated weights put out."""

    rules: Rules
    single: str | None
    target: Tensor  # (N,) class

    def linear(self, place: Place, linear: Linear, x: Tensor, relevance: Tensor) -> Tensor:
        """Return the relevance of a linear part's inputs x; of negated weights where the first class is explained."""
        import tensorflow as tf

        if place.name != self.single or linear.kernel is None:
            return self.rules.linear(place, linear, x, relevance)
        turned = replace(linear, kernel=-linear.kernel, bias=None if linear.bias is None else -linear.bias)
        of_first = tf.reshape(tf.cast(self.target == 0, x.dtype), [-1, *(1 for _ in relevance.shape[1:])])
        other = replace(place, z=None if place.z is None else -place.z)
        return self.rules.linear(place, linear, x, relevance * (1 - of_first)) + self.rules.linear(
            other, turned, x, relevance * of_first
        )

    def elementwise(self, part: Elementwise, x: Tensor, relevance: Tensor) -> Tensor:
        """Return the relevance of an elementwise part's inputs x."""
        return self.rules.elementwise(part, x, relevance)

    def sum(self, part: Sum, xs: list[Tensor], relevance: Tensor) -> list[Tensor]:
        """Return the relevance of each term."""
        return self.rules.sum(part, xs, relevance)

    def normalisation(self, step: Step, x: Tensor, relevance: Tensor) -> Tensor:
        """Return the relevance of the inputs of a batch normalisation that stands alone."""
        return self.rules.normalisation(step, x, relevance)
