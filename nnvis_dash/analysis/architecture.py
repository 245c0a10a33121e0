"""A classifier's layers and how they are connected, as plain values: what a drawing of the network needs.

Everything is read from the graph's steps; nothing is computed, so a large network takes milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nnvis_dash.analysis.graph import CONVOLUTIONS, Graph, Step
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Shape: TypeAlias = tuple[int | None, ...]

INPUT = "input"
# Layers with weights that do one multiplication a number or none; all others with weights and no rule aren't counted.
_ELEMENTWISE = frozenset(
    {
        "BatchNormalization", "Embedding", "GroupNormalization", "LayerNormalization", "LayerScale", "Normalization",
        "PReLU", "RMSNormalization", "UnitNormalization",
    }
)  # fmt: skip
# Operations without weights that multiply matrices.
_PRODUCTS = frozenset({"Attention", "AdditiveAttention", "Dot", "Einsum", "Matmul", "Tensordot"})


@dataclass(frozen=True)
class Node:
    """One call of one layer or Keras operation, or the classifier's input.

    Attributes
    ----------
    name : str
        As the card calls the layer; unique.
    kind : str
        The Keras class; "Input" for the input.
    output_shape : tuple of int or None
        Without the batch axis; None where the size is only known at run time. Of several outputs the first one's.
    parameters : int
        Of the layer. Each call of a shared layer has all of them.
    activation : str
        The layer's own activation; "" where it has none, or is one itself.
    macs : int or None
        Multiply-accumulate operations for one image; None where they can't be counted.
    n_units : int
        Channels or neurons; 0 for layers without any.
    path : tuple of str
        The nested models that it lies in, the outermost first, each by its full name ("outer", "outer/inner").
    """

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    activation: str
    macs: int | None
    n_units: int
    path: tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """A classifier as a graph.

    Attributes
    ----------
    nodes : tuple of Node
        The input first, then every layer in the order in which they are computed.
    edges : tuple of (str, str)
        From which node to which; each pair once.
    parameters : int
        Of the whole model, a shared layer's once.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    parameters: int

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image, of all layers where they can be counted."""
        return sum(node.macs or 0 for node in self.nodes)

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The nodes whose multiplications aren't in `macs`."""
        return tuple(node.name for node in self.nodes if node.macs is None)

    @property
    def groups(self) -> tuple[str, ...]:
        """Full names of the nested models, each after the one that it lies in."""
        return tuple(dict.fromkeys(group for node in self.nodes for group in node.path))

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {
            "nodes": [
                {**asdict(node), "output_shape": list(node.output_shape), "path": list(node.path)}
                for node in self.nodes
            ],
            "edges": [list(edge) for edge in self.edges],
            "parameters": self.parameters,
            "macs": self.macs,
            "uncounted": list(self.uncounted),
            "groups": list(self.groups),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Architecture:
        """Read what `to_json` wrote."""
        nodes = (
            Node(**{**node, "output_shape": tuple(node["output_shape"]), "path": tuple(node["path"])})
            for node in record["nodes"]
        )
        edges = tuple((str(source), str(target)) for source, target in record["edges"])
        return cls(tuple(nodes), edges, int(record["parameters"]))


def architecture(clf: Classifier | Graph) -> Architecture:
    """Describe a classifier's layers, connections and costs.

    Parameters
    ----------
    clf : Classifier or Graph
        A graph's sizes may be open; a classifier's are those of the images that it takes.

    Returns
    -------
    Architecture
        Multiply-accumulate operations are counted for convolutions of every kind and dense layers, at the size of one
        image: one for each weight and position that it is applied to. Biases, activations, pooling, sums and
        normalisation count 0, as the papers count: a batch normalisation is folded into the convolution before it at
        run time. Other layers with weights (attention, recurrent ones) and matrix products are None.

    Raises
    ------
    ParameterError
        A TensorFlow graph without layers.
    """
    graph = graph_with_layers(clf, "The architecture")
    shapes = slot_shapes(clf)
    names = {step.name for step in graph.steps}
    given = INPUT
    while given in names:
        given += "_"
    producer = {0: given}
    nodes = [Node(given, "Input", shapes[0], 0, "", 0, 0, ())]
    edges: dict[tuple[str, str], None] = {}
    for step in graph.steps:
        nodes.append(
            Node(
                name=step.name,
                kind=step.kind,
                output_shape=shapes[step.outputs[0]],
                parameters=_n_parameters(step.operation) if step.is_layer else 0,
                activation=_activation(step),
                macs=_macs(step, [shapes[slot] for slot in step.inputs], shapes[step.outputs[0]]),
                n_units=step.n_units,
                path=_path(step.name),
            )
        )
        edges.update({(producer[slot], step.name): None for slot in step.inputs})
        producer.update(dict.fromkeys(step.outputs, step.name))
    layers = {id(step.operation): step.operation for step in graph.steps if step.is_layer}
    return Architecture(tuple(nodes), tuple(edges), sum(_n_parameters(layer) for layer in layers.values()))


def graph_with_layers(clf: Classifier | Graph, title: str) -> Graph:
    """Return the graph of a classifier, or the graph that was given.

    Raises
    ------
    ParameterError
        It is a TensorFlow graph without layers; `title` is what needs them.
    """
    graph = clf if isinstance(clf, Graph) else clf.graph
    if not graph.steps:
        raise ParameterError(
            f"{title} needs layers, and the classifier is a TensorFlow graph without any",
            "Add the Keras model that the graph was made of.",
        )
    return graph


def slot_shapes(clf: Classifier | Graph) -> dict[int, Shape]:
    """Return the shape of every tensor, without the batch axis: at a classifier's input size, or as a graph says it."""
    graph = clf if isinstance(clf, Graph) else clf.graph
    shapes: dict[int, Shape] = {0: graph.input_shape}
    for step in graph.steps:
        shapes.update(zip(step.outputs, step.shapes, strict=True))
    if not isinstance(clf, Graph):
        shapes[0] = clf.card.input_shape
        known = {layer.name: layer.output_shape for layer in clf.card.layers}
        shapes.update({step.outputs[0]: known[step.name] for step in graph.steps if step.name in known})
    return shapes


def _n_parameters(layer: Any) -> int:
    return sum(math.prod(int(size) for size in weight.shape) for weight in layer.weights)


def _path(name: str) -> tuple[str, ...]:
    parts = name.split("/")[:-1]
    return tuple("/".join(parts[: depth + 1]) for depth in range(len(parts)))


def _activation(step: Step) -> str:
    activation = getattr(step.operation, "activation", None) if step.is_layer else None
    return str(getattr(activation, "__name__", type(activation).__name__)) if activation is not None else ""


def _macs(step: Step, inputs: list[Shape], output: Shape) -> int | None:
    """Return the multiply-accumulate operations of one call for one image; None where they can't be counted."""
    layer = step.operation
    if not step.is_layer or not layer.weights:
        return None if step.kind in _PRODUCTS else 0
    kinds = {base.__name__ for base in type(layer).__mro__}
    if kinds & _ELEMENTWISE:
        return 0
    if "Dense" in kinds:
        return _times(output[:-1], [_kernel(layer, "kernel")])
    if any(kind.startswith("Separable") for kind in kinds & CONVOLUTIONS):
        return _times(output[:-1], [_kernel(layer, "depthwise_kernel"), _kernel(layer, "pointwise_kernel")])
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return None
    if kinds & {"Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"}:
        return _times(inputs[0][:-1], [_kernel(layer, "kernel")])  # each input goes to every place of the kernel
    if kinds & {"BaseConv", "BaseDepthwiseConv"}:
        return _times(output[:-1], [_kernel(layer, "kernel")])
    return None


def _kernel(layer: Any, name: str) -> int:
    return math.prod(int(size) for size in getattr(layer, name).shape)


def _times(positions: Shape, kernels: Iterable[int]) -> int | None:
    if None in positions:
        return None
    return math.prod(size or 0 for size in positions) * sum(kernels)
