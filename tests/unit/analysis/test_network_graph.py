"""Layers, connections and costs of a classifier: worked by hand, and against the papers' figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nnvis_dash.analysis.activation_area import activation_area
from nnvis_dash.analysis.architecture import INPUT, Architecture, architecture
from nnvis_dash.analysis.card import describe
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.feature_visualisation import feature_visualisation
from nnvis_dash.analysis.graph import Graph
from nnvis_dash.analysis.opaque import OpaqueGraph
from nnvis_dash.analysis.receptive_field import receptive_field
from nnvis_dash.analysis.saved_model import freeze_file
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit
from tests import networks
from tests.saved_models import SHAPE, linear, save_function


def described(build: Any) -> Architecture:
    return architecture(Classifier.from_keras(build()))


def macs(layers: list[Any], shape: tuple[int | None, ...]) -> dict[str, int | None]:
    """Return the count of every layer of a Sequential, by its class's name."""
    import keras

    model = keras.Sequential([keras.layers.Input(shape), *layers])
    return {node.kind: node.macs for node in architecture(Graph(model)).nodes}


def test_a_chain_by_hand():
    found = described(networks.sequential)
    nodes = {node.name: node for node in found.nodes}
    assert list(nodes)[:3] == [INPUT, "conv1", "pool"]
    assert nodes[INPUT].output_shape == (12, 10, 3) and nodes[INPUT].kind == "Input"
    conv = nodes["conv1"]  # 10 × 8 positions of 3 × 3 × 3 × 4 weights
    assert (conv.kind, conv.output_shape, conv.activation, conv.n_units) == ("Conv2D", (10, 8, 4), "relu", 4)
    assert (conv.parameters, conv.macs) == (3 * 3 * 3 * 4 + 4, 80 * 108)
    assert nodes["conv2"].macs == 3 * 2 * (3 * 3 * 4 * 6)
    assert nodes["hidden"].macs == 36 * 8 and nodes["head"].macs == 8 * 5
    assert nodes["head"].activation == "softmax"
    assert (nodes["pool"].macs, nodes["pool"].activation, nodes["pool"].n_units) == (0, "", 0)
    assert found.macs == 80 * 108 + 6 * 216 + 36 * 8 + 40
    assert found.parameters == sum(node.parameters for node in found.nodes)
    assert found.edges[:2] == ((INPUT, "conv1"), ("conv1", "pool"))
    assert len(found.edges) == len(found.nodes) - 1
    assert found.groups == () and found.uncounted == ()


def test_branches_meet_where_they_are_joined():
    found = described(networks.residual)
    assert {("stem", "sum"), ("depthwise", "sum"), ("sum", "both"), ("separable", "both")} <= set(found.edges)
    nodes = {node.name: node for node in found.nodes}
    assert nodes["depthwise"].macs == 144 * 9 * 4
    assert nodes["separable"].macs == 144 * (9 * 4 + 4 * 3)
    assert nodes["norm"].macs == 0 and nodes["norm"].parameters == 16


def test_nested_models_are_groups_and_a_second_call_is_another_one():
    found = described(networks.nested)
    nodes = {node.name: node for node in found.nodes}
    assert found.groups == ("base", "base:1", "head")
    assert nodes["base/conv"].path == ("base",) and nodes["base:1/conv"].path == ("base:1",)
    assert nodes["scale"].path == ()
    assert found.parameters == networks.nested().count_params()
    assert sum(node.parameters for node in found.nodes) > found.parameters
    assert ("base/norm", "mean") in found.edges and ("base:1/norm", "mean") in found.edges


def test_models_nested_in_nested_ones_have_the_whole_path():
    import keras

    inner = keras.Sequential([keras.layers.Input((4, 4, 2)), keras.layers.Conv2D(2, 1, name="conv")], name="inner")
    outer = keras.Sequential([keras.layers.Input((4, 4, 2)), inner, keras.layers.Flatten(name="flat")], name="outer")
    whole = keras.Sequential([keras.layers.Input((4, 4, 2)), outer, keras.layers.Dense(3, name="head")])
    nodes = {node.name: node for node in architecture(Graph(whole)).nodes}
    assert nodes["outer/inner/conv"].path == ("outer", "outer/inner")
    assert architecture(Graph(whole)).groups == ("outer", "outer/inner")


def test_operations_and_shared_layers_are_nodes():
    found = described(networks.shared)
    nodes = {node.name: node for node in found.nodes}
    assert nodes["twice"].macs == nodes["twice:1"].macs == 64 * 9 * 3 * 3
    assert found.parameters == networks.shared().count_params()
    assert any(target.startswith("add") and source == INPUT for source, target in found.edges)
    assert len(set(found.edges)) == len(found.edges)


def test_other_kinds_of_layer_by_hand():
    from keras import layers

    found = macs([layers.Conv2DTranspose(5, 3, strides=2), layers.Conv2D(10, 3, groups=5)], (6, 6, 2))
    assert found["Conv2DTranspose"] == 36 * (3 * 3 * 2 * 5)
    assert found["Conv2D"] == 11 * 11 * (3 * 3 * 1 * 10)
    found = macs([layers.Conv1D(4, 3), layers.DepthwiseConv1D(3), layers.SeparableConv1D(2, 3)], (10, 3))
    assert found["Conv1D"] == 8 * 36 and found["DepthwiseConv1D"] == 6 * 12
    assert found["SeparableConv1D"] == 4 * (3 * 4 + 4 * 2)
    found = macs([layers.Conv3D(2, 2), layers.Dense(3), layers.PReLU(), layers.LayerNormalization()], (3, 3, 3, 1))
    assert found["Conv3D"] == 8 * 16 and found["Dense"] == 8 * 6
    assert found["PReLU"] == 0 and found["LayerNormalization"] == 0


def test_what_cannot_be_counted_is_named():
    import keras
    from keras import layers

    inputs = keras.Input((4, 6))
    seen = layers.MultiHeadAttention(2, 3, name="attention")(inputs, inputs)
    x = layers.LSTM(5, name="memory")(keras.ops.matmul(seen, keras.ops.transpose(seen, (0, 2, 1))))
    found = architecture(Graph(keras.Model(inputs, layers.Dense(2, name="head")(x))))
    assert {"attention", "memory"} < set(found.uncounted) and len(found.uncounted) == 3
    assert found.macs == 10


def test_an_open_size_is_the_classifiers_or_unknown():
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((None, None, 3)),
            layers.Conv2D(2, 3, padding="same", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, name="head"),
        ]
    )
    open_ended = {node.name: node for node in architecture(Graph(model)).nodes}
    assert open_ended["conv"].macs is None and open_ended["conv"].output_shape == (None, None, 2)
    assert architecture(Graph(model)).uncounted == ("conv",) and open_ended["head"].macs == 8
    clf = Classifier.from_keras(model, input_size=(5, 7))
    fixed = {node.name: node for node in architecture(clf).nodes}
    assert fixed["conv"].macs == 35 * 54 and fixed["conv"].output_shape == (5, 7, 2)


@pytest.mark.parametrize("build", [networks.nested, networks.shared])
def test_json_and_back(build: Any):
    found = described(build)
    record = found.to_json()
    assert json.loads(json.dumps(record)) == record
    assert record["macs"] == found.macs and record["groups"] == list(found.groups)
    assert Architecture.from_json(record) == found


def test_a_layer_may_be_called_as_the_input_is():
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, name=INPUT)])
    found = architecture(Graph(model))
    assert [node.name for node in found.nodes] == [f"{INPUT}_", INPUT]
    assert found.edges == ((f"{INPUT}_", INPUT),)


def test_an_activation_may_be_a_layer():
    import keras

    layer = keras.layers.Dense(2, activation=keras.layers.LeakyReLU(0.1))
    found = architecture(Graph(keras.Sequential([keras.layers.Input((3,)), layer])))
    assert found.nodes[-1].activation == "LeakyReLU"


def test_frozen_units_change_nothing_about_the_costs():
    from nnvis_dash.analysis.mutation.frozen_graph import frozen_classifier

    clf = Classifier.from_keras(networks.sequential())
    frozen = architecture(frozen_classifier(clf, {"conv1": [0], "head": [1]}))
    assert (frozen.macs, frozen.parameters) == (architecture(clf).macs, architecture(clf).parameters)


def test_a_graph_without_layers_is_refused_in_words(tmp_path: Path):
    clf = opaque_classifier(tmp_path)
    for ask in (
        lambda: architecture(clf),
        lambda: receptive_field(clf, "conv"),
        lambda: activation_area(clf, networks.images(1, SHAPE), Unit("conv", 0)),
        lambda: feature_visualisation(clf, Unit("conv", 0)),
    ):
        with pytest.raises(ParameterError, match="TensorFlow graph without any"):
            ask()
    found = feature_visualisation(clf, 2, steps=16)  # a class needs no layers
    assert found.activation > found.before and found.note == ""


def opaque_classifier(folder: Path) -> Classifier:
    """Return a classifier that is a finished TensorFlow graph."""
    import tensorflow as tf

    saved = save_function(folder / "saved", lambda module, images: tf.nn.softmax(linear(module, images)))
    freeze_file(
        {"path": str(saved), "folder": str(folder), "max_bytes": 1 << 20, "max_parameters": 10_000}, lambda phase: None
    )
    graph = OpaqueGraph.open(folder / "model.pb")
    return Classifier(graph, describe(graph, name="opaque", preprocessing="unit", content="c"))


# VGG-16: 15.47 G (15.3 G and the dense layers); MobileNet: 569 M, Howard et al., arXiv:1704.04861, table 4;
# ResNet-50: 3.8 G, He et al., arXiv:1512.03385, table 1 (Keras strides in the first 1 × 1 convolution, as there).
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("VGG16", 15.465e9, 15.475e9), ("MobileNet", 568.5e6, 569.5e6), ("ResNet50", 3.855e9, 4.1e9)],
)
def test_the_papers_figures(name: str, low: float, high: float):
    import keras

    model = getattr(keras.applications, name)(weights=None)
    assert low < architecture(Graph(model)).macs < high


# Howard et al., arXiv:1704.04861: 41 M for 0.25 MobileNet-224, 76 M for 0.5 MobileNet-160; Sandler et al.,
# arXiv:1801.04381, table 4: 300 M. Field of MobileNet: Araujo et al., doi:10.23915/distill.00021.
@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "millions", "layer", "size"),
    [
        ("mobilenet_v1_025_224_keras280.h5", 41, "conv_pw_13", 315),
        ("mobilenet_v1_05_160.keras", 76.5, "conv_pw_13", 315),
        ("mobilenet_v2_10_224.keras", 300.8, "Conv_1", 491),
    ],
)
def test_mobilenets_of_other_people(shared_data: Path, name: str, millions: float, layer: str, size: int):
    clf = load_classifier(shared_data / "models" / "imagenet" / name)
    found = architecture(clf)
    assert found.macs / 1e6 == pytest.approx(millions, abs=0.1)
    assert found.parameters == clf.card.parameters and found.uncounted == ()
    field = receptive_field(clf, layer)
    assert field.size == (size, size) and field.stride == (32, 32)
