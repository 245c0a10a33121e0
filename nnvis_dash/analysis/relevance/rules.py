"""Rules: how the relevance of a linear part's outputs is shared among its inputs.

All are one formula. An input x_i gives the output z_j the contribution c_ij, made of x and the weights in the rule's
own way; input i gets the sum over j of c_ij / sum_i c_ij of R_j. Each sum over j is one pass back through the layer, so
no contribution is ever written down. An output whose contributions add up to nothing hands nothing on.

The names follow Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance
propagation", PLOS ONE 10(7), 2015, doi:10.1371/journal.pone.0130140, and Montavon et al., "Layer-wise relevance
propagation: an overview", 2019, doi:10.1007/978-3-030-28954-6_10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.analysis.relevance.parts import Linear

ROUNDING = 1e-5  # of a sum of thousands of float32


class Rule(Protocol):
    """Shares relevance among the inputs of a linear part."""

    def __call__(self, linear: Linear, x: Tensor, relevance: Tensor, positive: bool, z: Tensor | None = None) -> Tensor:
        """Return (N, ..., C) relevance of the inputs x of the same shape.

        Parameters
        ----------
        linear : Linear
        x : (N, ..., C) tensor
        relevance : (N, ..., K) tensor
            Of the outputs.
        positive : bool
            x is known to be >= 0.
        z : (N, ..., K) tensor, optional
            `linear.run(x)` where that is known already; it may be anything where the relevance is 0.
        """
        ...


@dataclass(frozen=True)
class Z:
    """LRP-0, or LRP-epsilon where epsilon > 0 takes up what is small: c = x w, and a bias takes its own share."""

    epsilon: float = 0.0
    bias: bool = True

    def __call__(self, linear: Linear, x: Tensor, relevance: Tensor, positive: bool, z: Tensor | None = None) -> Tensor:
        import tensorflow as tf

        z = _without_bias(linear, x, z) if not self.bias else linear.run(x) if z is None else z
        if self.epsilon:
            z += self.epsilon * tf.where(z >= 0, 1.0, -1.0)
        return x * back(linear, x, linear.kernel, divide(relevance, z))


@dataclass(frozen=True)
class AlphaBeta:
    """LRP-alpha-beta: what supports and what inhibits an output is shared apart, with weights alpha and beta.

    With alpha 1 and beta 0 only what supports counts. alpha - beta must be 1, then relevance is conserved but for the
    shares of biases.
    """

    alpha: float = 1.0
    beta: float = 0.0
    bias: bool = True

    def __call__(self, linear: Linear, x: Tensor, relevance: Tensor, positive: bool, z: Tensor | None = None) -> Tensor:
        import tensorflow as tf

        if linear.kernel is None:  # an average: nothing of its own to weigh
            return Z()(linear, x, relevance, positive, z)
        up, down = tf.nn.relu(linear.kernel), -tf.nn.relu(-linear.kernel)
        high = x if positive else tf.nn.relu(x)
        low = [] if positive else [x - high]
        bias = linear.bias if self.bias else None
        supports = [(high, up), *((part, down) for part in low)]
        above = tf.add_n([linear.apply(part, kernel) for part, kernel in supports])
        share = divide(relevance, above if bias is None else above + tf.nn.relu(bias))
        result = self.alpha * _handed(linear, supports, share)
        if self.beta:
            inhibits = [(high, down), *((part, up) for part in low)]
            below = _difference(_without_bias(linear, x, z), above)
            share = divide(relevance, below if bias is None else below - tf.nn.relu(-bias))
            result -= self.beta * _handed(linear, inhibits, share)
        return result


@dataclass(frozen=True)
class ZPlus:
    """z+ : c = x max(w, 0), for inputs >= 0; without biases. `fast` doesn't look at the inputs' signs."""

    fast: bool = False

    def __call__(self, linear: Linear, x: Tensor, relevance: Tensor, positive: bool, z: Tensor | None = None) -> Tensor:
        if not self.fast:
            return AlphaBeta(1.0, 0.0, bias=False)(linear, x, relevance, positive, z)
        import tensorflow as tf

        kernel = None if linear.kernel is None else tf.nn.relu(linear.kernel)
        return _shared(linear, [(x, kernel)], relevance)


@dataclass(frozen=True)
class WSquare:
    """w^2: c = w squared, whatever the input."""

    def __call__(self, linear: Linear, x: Tensor, relevance: Tensor, positive: bool, z: Tensor | None = None) -> Tensor:
        kernel = None if linear.kernel is None else linear.kernel**2
        return _spread(linear, x, kernel, relevance)


@dataclass(frozen=True)
class Flat:
    """Flat: every input that reaches an output counts the same."""

    def __call__(self, linear: Linear, x: Tensor, relevance: Tensor, positive: bool, z: Tensor | None = None) -> Tensor:
        import tensorflow as tf

        kernel = None if linear.kernel is None else tf.ones_like(linear.kernel)
        return _spread(linear, x, kernel, relevance)


@dataclass(frozen=True)
class Box:
    """z^B: for inputs between bounds, c = x w - low max(w, 0) - high min(w, 0); for pixels, without biases."""

    low: Any  # a channel, in the model's input; in a walk a tensor that fits the inputs
    high: Any

    def at(self, pixels: Callable[[Tensor], Tensor]) -> Box:
        """Return the rule with the bounds of a linear part's inputs, which the model moved or scaled."""
        import tensorflow as tf

        ends = [pixels(tf.convert_to_tensor(bound, tf.float32)) for bound in (self.low, self.high)]
        return Box(tf.minimum(*ends), tf.maximum(*ends))

    def __call__(self, linear: Linear, x: Tensor, relevance: Tensor, positive: bool, z: Tensor | None = None) -> Tensor:
        import tensorflow as tf

        if linear.kernel is None:
            return Z()(linear, x, relevance, positive, z)
        up, down = tf.nn.relu(linear.kernel), -tf.nn.relu(-linear.kernel)
        low, high = (tf.zeros_like(x) + tf.convert_to_tensor(bound, x.dtype) for bound in (self.low, self.high))
        z = linear.apply(x, linear.kernel) - linear.apply(low, up) - linear.apply(high, down)
        share = divide(relevance, z)
        result = x * back(linear, x, linear.kernel, share) - low * back(linear, low, up, share)
        return result - high * back(linear, high, down, share)


def divide(above: Tensor, below: Tensor) -> Tensor:
    """Return above / below, 0 where `below` is 0."""
    import tensorflow as tf

    return tf.math.divide_no_nan(above, below)


def back(linear: Linear, x: Tensor, kernel: Tensor | None, upstream: Tensor) -> Tensor:
    """Return (N, ..., C): `upstream` (N, ..., K) brought back through a linear part with some kernel."""
    return pulled(lambda given: linear.apply(given, kernel), x, upstream)


def pulled(function: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor) -> Tensor:
    """Return the vector-Jacobian product of a function at x."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        z = function(x)
    return tape.gradient(z, x, output_gradients=upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _shared(linear: Linear, pairs: Sequence[tuple[Tensor, Tensor | None]], relevance: Tensor) -> Tensor:
    """Share relevance in proportion to the sum of some contributions x w."""
    import tensorflow as tf

    z = tf.add_n([linear.apply(x, kernel) for x, kernel in pairs])
    return _handed(linear, pairs, divide(relevance, z))


def _handed(linear: Linear, pairs: Sequence[tuple[Tensor, Tensor | None]], share: Tensor) -> Tensor:
    """Hand each output's share to its contributions x w."""
    import tensorflow as tf

    return tf.add_n([x * back(linear, x, kernel, share) for x, kernel in pairs])


def _without_bias(linear: Linear, x: Tensor, z: Tensor | None) -> Tensor:
    if z is None:
        return linear.apply(x, linear.kernel)
    return z if linear.bias is None else z - linear.bias


def _difference(whole: Tensor, above: Tensor) -> Tensor:
    """Return what of a sum is below 0, from the sum and what is above; 0 where that is only rounding.

    One layer's pass less than adding it up. What is left of two numbers that are nearly alike has few digits, so less
    than a thousandth of a percent counts as nothing.
    """
    import tensorflow as tf

    below = whole - above
    return tf.where(below < -ROUNDING * above, below, 0.0)


def _spread(linear: Linear, x: Tensor, kernel: Tensor | None, relevance: Tensor) -> Tensor:
    import tensorflow as tf

    ones = tf.ones_like(x)
    return back(linear, ones, kernel, divide(relevance, linear.apply(ones, kernel)))
