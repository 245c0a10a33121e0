"""A graph in two parts: up to a layer, and from there on, so that what lies before the layer is computed once.

Whoever changes one layer's output many times needs only what follows from it. The first part keeps that layer's own
output and every other tensor that the second part reads: skip connections, other branches.

Invariant: the second part after the first computes what `Graph.run` does, by the same operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nnvis_dash.analysis.graph import Graph, Step, Tensor, Visit, call
from nnvis_dash.errors import ParameterError


class Partial:
    """A graph cut behind one layer.

    Only what depends on the layer is left to the second part; a branch beside it belongs to the first, in whatever
    order the graph has its steps.

    Parameters
    ----------
    graph : Graph
    layer : str
        With one output.

    Attributes
    ----------
    layer : str
    kept : tuple of int
        The slots that `head` gives and `tail` takes: the layer's own output first.
    behind : tuple of str
        The steps of `tail`.

    Raises
    ------
    NotFound, ParameterError
        No such layer, or one with several outputs.
    """

    def __init__(self, graph: Graph, layer: str) -> None:
        step = graph.step(layer)
        if len(step.outputs) != 1:
            raise ParameterError(
                f"The layer {layer!r} has {len(step.outputs)} outputs", "Choose a layer with one output."
            )
        self.graph = graph
        self.layer = layer
        (own,) = step.outputs
        made = {own}
        tail: list[Step] = []
        for following in needed(graph.steps, (graph.output_slot,)):
            if made.intersection(following.inputs):
                tail.append(following)
                made.update(following.outputs)
        read = {slot for following in tail for slot in following.inputs} | {graph.output_slot}
        self.kept: tuple[int, ...] = (own, *sorted(read - made))
        self._tail = tuple(tail)
        self._head = needed(graph.steps, self.kept)
        self.behind: tuple[str, ...] = tuple(following.name for following in tail)

    def head(self, x: Tensor, visit: Visit | None = None) -> tuple[Tensor, ...]:
        """Compute what the second part needs, in inference mode.

        Parameters
        ----------
        x : (N, H, W, C) tensor
            The model's own input (already preprocessed).
        visit : function (name, tensor) -> tensor, optional
            As `Graph.run` takes it; sees the layers of this part, the one that it ends with among them.

        Returns
        -------
        tuple of tensors
            In the order of `kept`.
        """
        from keras import ops

        values = {0: ops.cast(x, self.graph.input_dtype)}
        _run(self._head, values, visit)
        return tuple(values[slot] for slot in self.kept)

    def tail(self, tensors: Sequence[Tensor], visit: Visit | None = None) -> Tensor:
        """Compute the model's output from what `head` gave, or from what was made of it.

        Parameters
        ----------
        tensors : sequence of tensors
            In the order of `kept`; all with the same number of images.
        visit : function (name, tensor) -> tensor, optional
            Sees the layers of this part.

        Returns
        -------
        (N, K) tensor, or as the model's output is shaped.
        """
        values = dict(zip(self.kept, tensors, strict=True))
        _run(self._tail, values, visit)
        return values[self.graph.output_slot]


def needed(steps: Sequence[Step], slots: Iterable[int]) -> tuple[Step, ...]:
    """Return the steps that slots depend on, in their order."""
    wanted = set(slots)
    found: list[Step] = []
    for step in reversed(steps):
        if wanted.intersection(step.outputs):
            found.append(step)
            wanted.update(step.inputs)
    return tuple(reversed(found))


def _run(steps: Iterable[Step], values: dict[int, Tensor], visit: Visit | None) -> None:
    """Compute steps one after the other and put what they give into `values`, by slot."""
    import keras

    for step in steps:
        result = call(step, values)
        if len(step.outputs) == 1:
            values[step.outputs[0]] = result if visit is None else visit(step.name, result)
        else:
            values.update(zip(step.outputs, keras.tree.flatten(result), strict=True))
