"""A graph in two parts computes what it does in one, whatever is cut behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.graph import Graph
from nnvis_dash.analysis.partial import Partial
from nnvis_dash.errors import NotFound, ParameterError
from tests import networks


def given(graph: Graph, n: int = 3) -> np.ndarray:
    return networks.images(n, graph.input_shape).astype("float32") / 255  # type: ignore[arg-type]


@pytest.mark.parametrize("name", networks.ALL)
def test_the_two_parts_give_to_the_bit_what_the_whole_gives(name: str) -> None:
    graph = Graph(networks.ALL[name]())
    x = given(graph)
    whole = np.asarray(graph.run(x))
    for layer in graph.layers:
        partial = Partial(graph, layer.name)
        np.testing.assert_array_equal(partial.tail(partial.head(x)), whole, err_msg=layer.name)


@pytest.mark.parametrize("name", ["residual", "shared", "nested"])
def test_what_changes_at_the_cut_flows_on_as_in_the_whole(name: str) -> None:
    graph = Graph(networks.ALL[name]())
    x = given(graph)
    for layer in graph.layers:
        partial = Partial(graph, layer.name)
        own, *others = partial.head(x)

        def halved(name: str, tensor: Any, cut: str = layer.name) -> Any:
            return tensor * 0.5 if name == cut else tensor

        np.testing.assert_array_equal(partial.tail((own * 0.5, *others)), graph.run(x, halved), err_msg=layer.name)


def test_a_skip_connection_is_kept_and_a_branch_beside_it_is_computed_once() -> None:
    graph = Graph(networks.residual())
    partial = Partial(graph, "depthwise")
    (stem,) = graph.step("stem").outputs
    (own,) = graph.step("depthwise").outputs
    assert partial.kept == (own, stem)
    assert partial.behind == ("sum", "separable", "both", "average", "scores", "softmax")
    assert Partial(graph, "stem").behind[:3] == ("norm", "relu", "depthwise")
    assert Partial(graph, "separable").behind == ("both", "average", "scores", "softmax")  # not "sum"


def test_behind_the_last_layer_nothing_is_left() -> None:
    graph = Graph(networks.sequential())
    partial = Partial(graph, "head")
    assert partial.behind == () and len(partial.kept) == 1
    np.testing.assert_array_equal(partial.tail(partial.head(given(graph))), graph.run(given(graph)))


def test_each_part_is_visited_with_its_own_layers() -> None:
    graph = Graph(networks.nested())
    first: list[str] = []
    second: list[str] = []

    def into(names: list[str]) -> Any:
        return lambda name, tensor: (names.append(name), tensor)[1]

    partial = Partial(graph, "base/norm")
    partial.tail(partial.head(given(graph), into(first)), into(second))
    assert "base/norm" in first and "base:1/conv" in first  # the other call of the base doesn't depend on it
    assert sorted(first + second) == sorted(layer.name for layer in graph.layers)
    assert tuple(second) == partial.behind


def branched() -> Any:
    """Split in two along the channels by an operation with two outputs, and joined again; 6 × 6 × 4 inside."""
    import keras
    from keras import layers

    inputs = keras.Input((6, 6, 3))
    left, right = keras.ops.split(layers.Conv2D(4, 3, padding="same", name="stem")(inputs), 2, axis=-1)
    left = layers.Conv2D(2, 3, padding="same", name="left")(left)
    x = layers.Concatenate(name="both")([layers.ReLU(name="positive")(right), left])
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))


def test_an_operation_with_several_outputs_lies_in_either_part() -> None:
    graph = Graph(branched())
    x = given(graph)
    whole = np.asarray(graph.run(x))
    for layer in graph.layers:
        partial = Partial(graph, layer.name)
        np.testing.assert_array_equal(partial.tail(partial.head(x)), whole, err_msg=layer.name)
    assert "positive" not in Partial(graph, "left").behind
    (split,) = (step.name for step in graph.steps if len(step.outputs) == 2)
    with pytest.raises(ParameterError, match="2 outputs"):
        Partial(graph, split)


def test_a_layer_that_is_not_there_is_said() -> None:
    with pytest.raises(NotFound, match="conv1"):
        Partial(Graph(networks.sequential()), "conv9")
