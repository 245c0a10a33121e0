"""The fewest units whose freezing breaks one prediction, or repairs a wrong one.

Found greedily and then thinned out, so that no unit of a set can be left out; a smaller set of other units may exist.
What is found was tried: the classifier answers with just these units frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.ends import removes_ending
from nnvis_dash.analysis.mutation.campaign import chosen_layers, units_in
from nnvis_dash.analysis.mutation.frozen import freezing
from nnvis_dash.analysis.mutation.recording import record
from nnvis_dash.analysis.response import one_image
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Tensor

LIMIT = 256
CANDIDATES = 8  # units that are tried for one place, the most promising first
GROWTH = 8  # a set grows by an eighth of itself: one unit at a time up to 15
_SMALLEST = 1e-30  # probability whose logarithm stands for that of 0

Sets = npt.NDArray[np.bool_]  # (M, U): which units each of M sets freezes


@dataclass(frozen=True, eq=False)
class BreakingSet:
    """Units whose freezing changes one prediction.

    Attributes
    ----------
    goal : {"break", "repair"}
    target : int
        The class that is no longer to be predicted, or that is to be.
    found : bool
        Whether freezing `units` does it. It is also true of no units, where the prediction is so to begin with.
    units : tuple of Unit
        None of them can be left out; the one that promised most first. Empty where no set was found.
    frozen : dict of a layer's name to unit numbers
        The same units as `mutate` takes them.
    prediction, prediction_frozen : int
    probabilities, probabilities_frozen : (K,) float32
        With nothing frozen, and with `units`; where no set was found, with `tried`.
    tried : tuple of Unit
        The largest set that was frozen.
    evaluated : int
        Sets that were frozen in all.
    reason : str
        Why no set was found; empty where one was.
    """

    goal: Literal["break", "repair"]
    target: int
    found: bool
    units: tuple[Unit, ...]
    frozen: dict[str, tuple[int, ...]]
    prediction: int
    prediction_frozen: int
    probabilities: Floats
    probabilities_frozen: Floats
    tried: tuple[Unit, ...]
    evaluated: int
    reason: str


def smallest_breaking_set(
    clf: Classifier,
    image: Any,
    layers: str | Sequence[str] | None = None,
    target: int | None = None,
    limit: int = LIMIT,
) -> BreakingSet:
    """Search the fewest units without which a prediction breaks.

    The set grows by the units that hold the target's logit furthest above the greatest other's, by gradient ×
    activation with those before it frozen; of the first few each is really frozen, and the best is taken. It goes on
    where even the best brings the goal no nearer, as units may matter only together. Once the prediction is another,
    units are dropped again as long as it stays so, in halves, quarters, and so on down to single ones.

    Parameters
    ----------
    clf : Classifier
    image : (H, W, C) or (H, W) array of raw pixels, 0..255
        Fitted to the classifier's input.
    layers : str or sequence of str, optional
        Whose units may be frozen; by default all but the last, which holds the classes themselves.
    target : int, optional
        The class; the prediction by default.
    limit : int
        Most units of a set on the way, 1 or more.

    Returns
    -------
    BreakingSet
        Says why where none was found.

    Raises
    ------
    NotFound, ParameterError
        No such layer or class, or an image that doesn't fit.

    References
    ----------
    Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE Transactions on Software
    Engineering 28, 2002: how the set is thinned out.
    """
    return _searched(clf, image, "break", target, layers, limit)


def smallest_repairing_set(
    clf: Classifier, image: Any, label: int, layers: str | Sequence[str] | None = None, limit: int = LIMIT
) -> BreakingSet:
    """Search the fewest units without which an error is right.

    As `smallest_breaking_set`, with the units that hold the label's logit down.

    Parameters
    ----------
    clf : Classifier
    image : (H, W, C) or (H, W) array of raw pixels, 0..255
    label : int
        The right class.
    layers : str or sequence of str, optional
    limit : int

    Returns
    -------
    BreakingSet

    Raises
    ------
    NotFound, ParameterError
        No such layer or class, or an image that doesn't fit.
    """
    return _searched(clf, image, "repair", label, layers, limit)


class _Judged(NamedTuple):
    """What freezing some sets does."""

    margin: Floats  # (M,) logit of the class over the greatest other
    prediction: npt.NDArray[np.int64]  # (M,)


class _Search:
    """Asks the classifier about one image with units frozen."""

    def __init__(
        self, clf: Classifier, pixels: Images, layers: tuple[str, ...], goal: Literal["break", "repair"], target: int
    ) -> None:
        self._clf = clf
        self._pixels = pixels
        self._target = np.int32(target)
        self._breaks = goal == "break"
        self._ask, self._slope = _compiled(clf, layers, pixels.dtype)
        self.units = units_in(clf.card, layers)
        self.evaluated = 0

    def judge(self, sets: Sets) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return how near each set (M, U) is to the goal (M,), and whether it is reached (M,)."""
        self.evaluated += len(sets)
        size = batch_size(self._clf.card)
        parts = [
            self._ask(self._pixels, (~sets[start : start + size]).astype(np.float32), self._target)
            for start in range(0, len(sets), size)
        ]
        margin = np.concatenate([part.margin for part in parts])
        reached = np.concatenate([part.prediction for part in parts]) == self._target
        return (-margin, ~reached) if self._breaks else (margin, reached)

    def promise(self, chosen: npt.NDArray[np.bool_]) -> Floats:
        """Return (U,) by how much freezing each unit as well brings the goal nearer, to first order."""
        slope = self._slope(self._pixels, (~chosen[None]).astype(np.float32), self._target)
        return slope if self._breaks else -slope

    def grown(self, limit: int) -> tuple[list[int], bool]:
        """Return units in the order in which they were added, and whether freezing them all reaches the goal."""
        order: list[int] = []
        chosen = np.zeros(len(self.units), bool)
        _, (reached,) = self.judge(chosen[None])
        while not reached and len(order) < limit:
            promise = self.promise(chosen)
            heard = np.flatnonzero((promise != 0) & ~chosen)
            if not len(heard):
                break
            best = heard[np.argsort(-promise[heard], kind="stable")][: max(CANDIDATES, len(order) // GROWTH)]
            n = min(max(1, len(order) // GROWTH), limit - len(order))
            trials = [best[:n]] if n > 1 else [best[number : number + 1] for number in range(len(best))]
            sets = np.repeat(chosen[None], len(trials), axis=0)
            for row, added in enumerate(trials):
                sets[row, added] = True
            nearness, goals = self.judge(sets)
            row = int(nearness.argmax())
            order += [int(unit) for unit in trials[row]]
            chosen, reached = sets[row], bool(goals[row])
            progress.step(len(order), limit)
        return order, bool(reached)

    def thinned(self, order: list[int]) -> list[int]:
        """Return the units of a set that reaches the goal without those that can be left out: ddmin's complements."""
        parts = 2
        while order:
            blocks = [block for block in np.array_split(np.asarray(order), min(parts, len(order))) if len(block)]
            sets = np.zeros((len(blocks), len(self.units)), bool)
            sets[:, order] = True
            for row, block in enumerate(blocks):
                sets[row, block] = False
            nearness, reached = self.judge(sets)
            if reached.any():
                left = sets[int(np.where(reached, nearness, -np.inf).argmax())]
                order = [unit for unit in order if left[unit]]
                parts = max(2, parts - 1)
            elif parts >= len(order):
                break
            else:
                parts = min(2 * parts, len(order))
        return order


def _searched(
    clf: Classifier,
    image: Any,
    goal: Literal["break", "repair"],
    target: int | None,
    layers: str | Sequence[str] | None,
    limit: int,
) -> BreakingSet:
    _check(clf, goal, target, limit)
    names = chosen_layers(clf.card, layers)
    pixels = clf.prepare(one_image(image)[None])
    before = clf.predict(pixels)[0]
    prediction = int(before.argmax())
    wanted = prediction if target is None else int(target)
    search = _Search(clf, pixels, names, goal, wanted)
    order, found = search.grown(limit)
    tried = tuple(search.units[unit] for unit in order)
    order = search.thinned(order) if found else order
    frozen = _by_layer(names, [search.units[unit] for unit in order])
    after = record(clf, pixels, (), frozen).probabilities[0]
    found = found and (int(after.argmax()) == wanted) == (goal == "repair")  # the last word: it is really frozen
    return BreakingSet(
        goal=goal,
        target=wanted,
        found=found,
        units=tuple(search.units[unit] for unit in order) if found else (),
        frozen=frozen if found else {},
        prediction=prediction,
        prediction_frozen=int(after.argmax()),
        probabilities=before,
        probabilities_frozen=after,
        tried=tried,
        evaluated=search.evaluated,
        reason="" if found else _reason(len(tried), limit, search.evaluated, names),
    )


def _reason(n_tried: int, limit: int, evaluated: int, layers: tuple[str, ...]) -> str:
    """Say why no set was found."""
    where = layers[0] if len(layers) == 1 else f"{len(layers)} layers"
    if n_tried >= limit:
        why = f"not with {n_tried} units of {where} frozen, and {limit} is the limit"
    elif n_tried:
        why = f"not with {n_tried} units of {where} frozen, and no other is heard, by gradient × activation"
    else:
        why = f"no unit of {where} is heard, by gradient × activation"
    return f"{why}; {evaluated} {'set was' if evaluated == 1 else 'sets were'} tried"


def _by_layer(names: tuple[str, ...], units: Sequence[Unit]) -> dict[str, tuple[int, ...]]:
    found = {name: tuple(sorted(unit.channel for unit in units if unit.layer == name)) for name in names}
    return {name: channels for name, channels in found.items() if channels}


def _compiled(
    clf: Classifier, layers: tuple[str, ...], dtype: np.dtype[Any]
) -> tuple[Callable[..., _Judged], Callable[..., Floats]]:
    """Return two functions of an image (1, h, w, c), masks and a class: what is said, and the slope by each mask."""

    def build() -> tuple[Callable[..., _Judged], Callable[..., Floats]]:
        import tensorflow as tf

        shapes = {layer.name: layer for layer in clf.card.layers}
        counts = [shapes[name].n_units for name in layers]
        ending = clf.graph.ending_step
        # Where the last activation's own units may be frozen, logits would be looked at before they are.
        covered = ending is not None and ending.name in layers and removes_ending(clf.graph, clf.card.output)

        def said(raw: Tensor, masks: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            parts = tf.split(masks, counts, axis=1)
            laid = {
                name: tf.reshape(part, (-1, *[1] * (len(shapes[name].output_shape) - 1), count))
                for name, part, count in zip(layers, parts, counts, strict=True)
            }
            many = tf.repeat(raw, tf.shape(masks)[0], axis=0)
            if covered:
                probabilities = clf.scores(many, freezing(laid))
                logits = tf.math.log(tf.maximum(probabilities, _SMALLEST))
            else:
                logits = clf.scores(many, freezing(laid), "logits")
                probabilities = clf.to_probabilities(logits)
            others = tf.where(tf.range(clf.card.n_classes) == target, -np.inf, logits)
            return logits[:, target] - tf.reduce_max(others, axis=1), tf.argmax(probabilities, axis=1)

        def slope(raw: Tensor, masks: Tensor, target: Tensor) -> Tensor:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(masks)
                margin, _ = said(raw, masks, target)
            return tape.gradient(margin, masks, unconnected_gradients=tf.UnconnectedGradients.ZERO)[0]

        specs = (
            tf.TensorSpec((1, *clf.card.input_shape), dtype),
            tf.TensorSpec((None, sum(counts)), tf.float32),
            tf.TensorSpec((), tf.int32),
        )
        ask = tf.function(said, autograph=False).get_concrete_function(*specs)
        lean = tf.function(slope, autograph=False).get_concrete_function(*specs)

        def run(*arrays: Any) -> _Judged:
            return _Judged(*(tensor.numpy() for tensor in ask(*map(tf.convert_to_tensor, arrays))))

        return run, lambda *arrays: lean(*map(tf.convert_to_tensor, arrays)).numpy()

    return clf.compiled(("smallest set", layers, dtype.name), build)


def _check(clf: Classifier, goal: str, target: int | None, limit: int) -> None:
    whole = isinstance(limit, (int, np.integer)) and not isinstance(limit, bool)
    if not whole or limit < 1:
        raise ParameterError(f"The limit is {limit!r}", "Give a number of units, 1 or more.")
    last = clf.card.n_classes - 1
    whole = isinstance(target, (int, np.integer)) and not isinstance(target, bool)
    if (target is not None or goal == "repair") and (not whole or not 0 <= int(target or 0) <= last):
        raise ParameterError(f"There is no class {target!r}", f"Give a class number from 0 to {last}.")
