"""The way back: relevance of the score, layer by layer, to the pixels.

Invariants: every layer runs in inference mode on the values of one pass forward; images don't mix; a layer without a
rule is named before anything is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.attribution import scores
from nnvis_dash.analysis.attribution.scores import Score, Subject
from nnvis_dash.analysis.graph import Graph, Step, Tensor, call
from nnvis_dash.analysis.relevance.folding import Folded
from nnvis_dash.analysis.relevance.parts import (
    Chain,
    Elementwise,
    Gate,
    Join,
    Linear,
    Parts,
    Route,
    Sum,
    parts,
    rectifies,
    without_activation,
)
from nnvis_dash.analysis.relevance.rules import pulled
from nnvis_dash.analysis.relevance.ways import Place, Rules, TowardsTarget
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


class Walk:
    """A classifier's graph, ready to be gone back through.

    Parameters
    ----------
    graph : Graph
    about : Subject
    ending : bool
        Whether the last softmax or sigmoid is part of the way; not where logits are explained.

    Raises
    ------
    ParameterError
        A layer on the way without a rule; names it.
    """

    def __init__(self, graph: Graph, about: Subject, ending: bool = True) -> None:
        self.graph = graph
        self.about = about
        self.steps = _leading_to(
            graph, graph.output_slot if about.layer is None else graph.step(about.layer).outputs[0]
        )
        self.end = self.steps[-1].outputs[0]
        self.parts: dict[str, Parts] = {step.name: parts(step) for step in self.steps}
        last = None if ending else graph.ending_step
        if last is not None and last.name in self.parts:
            self.parts[last.name] = without_activation(self.parts[last.name])
        self.folded = Folded(graph, self.parts)
        if about.layer is not None:  # the unit's own values are explained, so what follows isn't folded into it
            self.folded.backward.pop(about.layer, None)
        self._pixels, self._positive = {0}, set[int]()
        for step in self.steps:
            self._note(step)

    def _note(self, step: Step) -> None:
        """Note whether a step's output is still the pixels (moved or scaled), and whether it is known to be >= 0."""
        found, out = self.parts[step.name], step.outputs[0]
        inputs = set(step.inputs)
        if isinstance(found, tuple):
            if inputs <= self._pixels and not any(
                isinstance(part, Linear) and part.kernel is not None for part in found
            ):
                self._pixels.add(out)
            keeps = all(
                isinstance(part, Route)
                or (isinstance(part, Linear) and part.kernel is None)
                or (isinstance(part, Elementwise) and part.keeps_sign)
                for part in found
            )
            if rectifies(step, found) or (keeps and inputs <= self._positive):
                self._positive.add(out)
        elif inputs <= self._positive and not (isinstance(found, Sum) and min(found.signs) < 0):
            self._positive.add(out)

    @classmethod
    def of(cls, clf: Classifier, about: Subject, output: str = "logits") -> Walk:
        """Return the way that `forward` goes for a subject and output."""
        left_out = clf.card.output != "logits" and clf.graph.ending == clf.card.output
        return cls(clf.graph, about, ending=not left_out or (about.layer is not None and output == "probabilities"))

    def single(self) -> str | None:
        """Return the linear part that makes a classifier's only output, None where it has several or another end."""
        if self.about.layer is not None or self.graph.output_shape[-1] != 1:
            return None
        step: Step | None = self.steps[-1]
        while step is not None:
            found = self.parts[step.name]
            if not isinstance(found, tuple):
                return None
            n_linear = sum(isinstance(part, Linear) for part in found)
            if n_linear:
                return _named(step, n_linear - 1) if isinstance(found[-1], Linear) else None
            if step is not self.graph.ending_step and not isinstance(found[0], Route):
                return None
            step = self.graph.before(step)
        return None

    def back(self, values: Mapping[int, Tensor], start: Tensor, rules: Rules) -> Tensor:
        """Hand relevance back to the pixels.

        Parameters
        ----------
        values : mapping of slot -> tensor
            Of one pass forward, see `forward`.
        start : tensor
            Relevance of the last step's outputs.
        rules : Rules

        Returns
        -------
        (N, h, w, c) tensor
            Relevance of the model's input.
        """
        import tensorflow as tf

        found: dict[int, Tensor] = {self.end: start}
        for step in reversed(self.steps):
            relevance = found.pop(step.outputs[0], None)
            if relevance is None:
                continue
            for slot, share in self._through(step, values, relevance, rules):
                found[slot] = found[slot] + share if slot in found else share
        return found.get(0, tf.zeros_like(values[0]))

    def _through(self, step: Step, values: Mapping[int, Tensor], relevance: Tensor, rules: Rules) -> list[Any]:
        """Return (slot, relevance) for each input of a step."""
        found = self.parts[step.name]
        xs = [values[slot] for slot in step.inputs]
        if isinstance(found, Sum):
            return list(zip(step.inputs, rules.sum(found, xs, relevance), strict=True))
        if isinstance(found, Join):
            return list(zip(step.inputs, _joined(step, xs, relevance), strict=True))
        if isinstance(found, Gate):
            return [(step.inputs[_signal(xs)], relevance)]
        if step.kind == "BatchNormalization":
            if step in self.folded.backward.values():
                return [(step.inputs[0], relevance)]
            return [(step.inputs[0], rules.normalisation(step, xs[0], relevance))]
        slot = step.inputs[0]
        norm = self.folded.forward.get(step.name)
        if norm is not None:
            slot = norm.inputs[0]
        x = values[slot]
        chain = self.folded.chain(step, found, x)
        blank = values[0][:1] * 0.0
        pixels = (lambda colour: self._moved(slot, blank + colour)) if slot in self._pixels else None
        begin = Place("", slot in self._positive, self._known(step, chain, values), pixels)
        return [(slot, _chained(step, chain, x, begin, relevance, rules))]

    def _known(self, step: Step, chain: Chain, values: Mapping[int, Tensor]) -> Tensor | None:
        """Return what a step's last linear part put out, where the way forward left it.

        Behind a plain rectifier it is known where that is open; where it is closed nothing comes back.
        """
        if isinstance(chain[-1], Linear):
            return values[self.folded.backward.get(step.name, step).outputs[0]]
        ending, slot = chain[-1], step.outputs[0]
        plain = isinstance(ending, Elementwise) and ending.plain and isinstance(chain[-2], Linear)
        return values[slot] if plain and self._silent(slot) else None

    def _silent(self, slot: int) -> bool:
        """Whether no relevance comes back to where a slot's values are 0, by rules that share by contributions."""
        return all(self._hands_nothing(user, slot) for user in self.steps if slot in user.inputs)

    def _hands_nothing(self, step: Step, slot: int) -> bool:
        found = self.parts[step.name]
        if isinstance(found, Sum) or step.kind == "BatchNormalization":
            return isinstance(found, Sum) or step in self.folded.forward.values()
        if isinstance(found, tuple):
            for part in found:
                if isinstance(part, Linear):
                    return True
                if isinstance(part, Elementwise) and not (part.keeps_sign or part.plain):
                    return False
        return self._silent(step.outputs[0])  # a 0 that was moved, joined or gated is a 0 there

    def _moved(self, slot: int, x: Tensor) -> Tensor:
        """Return what the model's input x (N, h, w, c) is in a slot before anything with weights."""
        values = {0: x}
        for step in self.steps:
            found = self.parts[step.name]
            if step.outputs[0] in self._pixels and isinstance(found, tuple):
                value = values[step.inputs[0]]
                for part in found:
                    value = part.run(value)
                values[step.outputs[0]] = value
        return values[slot]

    def rectified(self, name: str) -> bool:
        """Whether what the linear part of that name gives goes through a rectifier at once."""
        step, place = (name, 0) if name in self.parts else (name.rpartition("/")[0], int(name.rpartition("/")[2]))
        found = self.parts[step]
        assert isinstance(found, tuple)
        if place + 1 < sum(isinstance(part, Linear) for part in found):
            return False  # the first of two linear parts
        if not isinstance(found[-1], Linear):
            return rectifies(self.graph.step(step), found)
        slot = self.folded.backward.get(step, self.graph.step(step)).outputs[0]
        users = [user for user in self.steps if slot in user.inputs]
        chains = [self.parts[user.name] for user in users]
        return bool(users) and all(
            isinstance(chain, tuple) and isinstance(chain[0], Elementwise) and chain[0].rectifies for chain in chains
        )

    def linears(self, values: Mapping[int, Tensor]) -> list[tuple[str, Linear, Tensor]]:
        """Return (name, linear part with a kernel, its inputs) for all there are, in the order of the way forward."""
        found: list[tuple[str, Linear, Tensor]] = []
        for step in self.steps:
            chain = self.parts[step.name]
            if not isinstance(chain, tuple) or step.kind == "BatchNormalization":
                continue
            norm = self.folded.forward.get(step.name)
            x = values[norm.inputs[0] if norm is not None else step.inputs[0]]
            place = 0
            for part in self.folded.chain(step, chain, x):
                if isinstance(part, Linear):
                    if part.kernel is not None:
                        found.append((_named(step, place), part, x))
                    place += 1
                x = part.run(x)
        return found


def forward(
    clf: Classifier, walk: Walk, x: Tensor, target: Tensor, output: str
) -> tuple[dict[int, Tensor], Tensor, Score]:
    """Go forward once.

    Parameters
    ----------
    clf : Classifier
    walk : Walk
    x : (N, h, w, c) tensor
        The model's input, preprocessed.
    target : (N,) int32 tensor
    output : {"logits", "probabilities"}

    Returns
    -------
    values : dict of slot -> tensor
    gradient : tensor
        d score / d last step's outputs.
    found : Score
    """
    import tensorflow as tf

    values: dict[int, Tensor] = {0: tf.cast(x, tf.float32)}
    slots = {step.name: step.outputs[0] for step in walk.graph.steps if len(step.outputs) == 1}
    last = walk.end
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def visit(name: str, tensor: Tensor) -> Tensor:
            if slots[name] == last:
                tape.watch(tensor)
                values[last] = tensor
            else:
                values[slots[name]] = tf.cast(tensor, tf.float32)
            return tensor

        found = scores.score(clf, x, target, walk.about, output, visit)
    end = values[last]
    gradient = tape.gradient(found.value, end, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    values[last] = tf.cast(end, tf.float32)
    return values, tf.cast(gradient, tf.float32), found


def explained(
    clf: Classifier, about: Subject, output: str, rules: Rules, key: tuple[Any, ...], dtype: Any
) -> Callable[..., tuple[Any, ...]]:
    """Return (images, targets) -> (relevance (N, h, w, c) as raw, targets, probabilities), compiled once.

    The walk begins with the last step's values times the score's gradient there. For a logit that is the logit itself
    at its class and 0 at the others; for a probability what each logit does for it, to first order; for a unit its
    activation, each position its share of the mean.

    Raises
    ------
    ParameterError
        A layer on the way without a rule; names it.
    """

    def explain(raw: Tensor, target: Tensor) -> Any:
        walk = Walk.of(clf, about, output)  # inside the graph, which then reads the weights each time that it runs
        values, gradient, found = forward(clf, walk, scores.prepared(clf, raw), target, output)
        start = values[walk.end] * gradient
        towards = TowardsTarget(rules, walk.single(), found.target)
        return scores.as_raw(clf, walk.back(values, start, towards)), found.target, found.probability

    import tensorflow as tf

    specs = (clf.signature(dtype), tf.TensorSpec((None,), tf.int32))
    return scores.traced(clf, ("walk", *key, about, output, str(dtype)), explain, *specs)


def _named(step: Step, place: int) -> str:
    """Return the name of a step's linear part."""
    return step.name if place == 0 else f"{step.name}/{place}"


def _chained(step: Step, chain: Chain, x: Tensor, begin: Place, relevance: Tensor, rules: Rules) -> Tensor:
    """Bring relevance back through the parts of a step; `begin` tells of its inputs x."""
    inputs = [x]
    for part in chain[:-1]:
        inputs.append(part.run(inputs[-1]))
    n_linear = n_parts = sum(isinstance(part, Linear) for part in chain)
    for part, given in reversed(list(zip(chain, inputs, strict=True))):
        if isinstance(part, Linear):
            n_linear -= 1
            name, last = _named(step, n_linear), n_linear == n_parts - 1
            positive, pixels = given is x and begin.positive, None if n_linear else begin.pixels
            place = Place(name, positive, begin.z if last else None, pixels)
            relevance = rules.linear(place, part, given, relevance)
        elif isinstance(part, Elementwise):
            relevance = rules.elementwise(part, given, relevance)
        else:
            relevance = pulled(part.run, given, relevance)
    return relevance


def _leading_to(graph: Graph, slot: int) -> tuple[Step, ...]:
    """Return the steps that a slot depends on, the one that makes it last."""
    wanted, kept = {slot}, []
    for step in reversed(graph.steps):
        if wanted & set(step.outputs):
            if len(step.outputs) != 1:
                raise ParameterError(
                    f"There is no rule for the layer {step.name!r} ({step.kind}) with several outputs",
                    "Use a method that needs none: gradients, Grad-CAM, occlusion, RISE, LIME or Shapley values.",
                )
            kept.append(step)
            wanted |= set(step.inputs)
    return tuple(reversed(kept))


def _joined(step: Step, xs: list[Tensor], relevance: Tensor) -> list[Tensor]:
    """Bring relevance back through a concatenation, or to the largest of several inputs."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(xs)
        joined = call(step, dict(zip(step.inputs, xs, strict=True)))
    zero = tf.UnconnectedGradients.ZERO  # the same tensor twice
    pulled_back: list[Tensor] = tape.gradient(joined, xs, output_gradients=relevance, unconnected_gradients=zero)
    return pulled_back


def _signal(xs: list[Tensor]) -> int:
    """Return which factor of a product is the signal: the one with most positions; the others open and close it."""
    sizes = [math.prod(size or 1 for size in x.shape[1:]) for x in xs]
    return sizes.index(max(sizes))
