"""The interpreter gives the model's own numbers on every kind of graph, and changes nothing in it."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.graph import Graph
from nnvis_dash.errors import ModelError, NotFound
from tests import networks


@pytest.mark.parametrize("name", networks.ALL)
def test_output_is_the_models_own(name):
    model = networks.ALL[name]()
    x = networks.images(5, model.input_shape[1:]).astype("float32") / 255
    result = Graph(model).run(x)
    np.testing.assert_allclose(result, model(x, training=False), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in networks.ALL if name != "logits"])
def test_without_the_last_activation_is_exact(name):
    import tensorflow as tf

    graph = Graph(networks.ALL[name]())
    x = networks.images(5, graph.input_shape).astype("float32") / 255
    inverse = tf.nn.softmax if graph.ending == "softmax" else tf.sigmoid
    logits = np.asarray(graph.run(x, logits=True))
    assert np.ptp(logits) > 0.01
    assert not np.allclose(logits, graph.run(x))
    np.testing.assert_array_equal(inverse(logits), graph.run(x))


def test_logits_by_hand():
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((1, 2, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.layers[-1].set_weights([np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, 0.0])])
    x = np.array([[[[2.0], [1.0]]]], dtype="float32")
    np.testing.assert_array_equal(Graph(model).run(x, logits=True), [[2 * 1 + 1 * 3 + 0.5, 2 * 2 - 1]])


def test_a_model_without_ending_gives_its_logits():
    graph = Graph(networks.logits())
    x = networks.images(2, graph.input_shape).astype("float32")
    assert graph.ending is None
    np.testing.assert_array_equal(graph.run(x), graph.run(x, logits=True))


def test_an_activation_before_a_dense_layer_is_no_ending():
    import keras
    from keras import layers

    model = keras.Sequential(
        [layers.Input((2, 2, 1)), layers.Flatten(), layers.Dense(3, activation="sigmoid"), layers.Dense(2)]
    )
    assert Graph(model).ending is None


@pytest.mark.parametrize("ending", ["softmax layer", "softmax operation", "sigmoid operation", "activation of axis 1"])
def test_endings_of_other_kinds(ending):
    import keras
    from keras import layers

    inputs = keras.Input((2, 2, 1))
    x = layers.Dense(3)(layers.Flatten()(inputs))
    outputs = {
        "softmax layer": lambda: layers.Softmax()(x),
        "softmax operation": lambda: keras.ops.softmax(x),
        "sigmoid operation": lambda: keras.ops.sigmoid(x),
        "activation of axis 1": lambda: layers.Softmax(axis=1)(x),
    }[ending]()
    graph = Graph(keras.Model(inputs, outputs))
    values = networks.images(3, (2, 2, 1)).astype("float32") / 100
    assert graph.ending == ("sigmoid" if "sigmoid" in ending else "softmax")
    np.testing.assert_allclose(graph.run(values, logits=True), keras.Model(inputs, x)(values), atol=1e-6)


def test_names_of_nested_and_shared_layers():
    names = [layer.name for layer in Graph(networks.nested()).layers]
    assert "base/conv" in names
    assert "base:1/conv" in names
    assert "base:1/norm" in names
    assert names[-1] == "head/classes"
    assert len(set(names)) == len(names)
    calls = [layer.name for layer in Graph(networks.shared()).layers if layer.kind == "Conv2D"]
    assert calls == ["twice", "twice:1"]


def test_layers_say_shape_parameters_and_units():
    layers = {layer.name: layer for layer in Graph(networks.residual()).layers}
    assert layers["stem"].output_shape == (12, 12, 4)
    assert layers["stem"].parameters == 3 * 3 * 1 * 4 + 4
    assert {name: layer.n_units for name, layer in layers.items() if layer.n_units} == {
        "stem": 4,
        "depthwise": 4,
        "separable": 3,
        "scores": 4,
    }
    assert layers["sum"].kind == "Add"
    assert layers["sum"].is_map


def test_transposed_convolutions_have_units():
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((4, 4, 1)), layers.Conv2DTranspose(5, 2), layers.Flatten(), layers.Dense(2)])
    assert [layer.n_units for layer in Graph(model).layers] == [5, 0, 2]


def test_visit_sees_every_layer_once_and_in_order():
    graph = Graph(networks.nested())
    seen = []

    def visit(name, tensor):
        seen.append((name, tuple(tensor.shape[1:])))
        return tensor

    graph.run(networks.images(2, graph.input_shape).astype("float32"), visit)
    assert seen == [(layer.name, layer.output_shape) for layer in graph.layers]


def test_what_visit_returns_flows_on():
    graph = Graph(networks.sequential())
    x = networks.images(3, graph.input_shape).astype("float32")
    frozen = graph.run(x, lambda name, tensor: tensor * 0 if name == "hidden" else tensor, logits=True)
    bias = graph.step("head").operation.bias.numpy()
    np.testing.assert_allclose(frozen, np.tile(bias, (3, 1)), atol=1e-6)


def test_a_second_call_of_a_shared_layer_can_be_replaced_alone():
    graph = Graph(networks.shared())
    x = networks.images(2, graph.input_shape).astype("float32")
    whole = graph.run(x)
    first = graph.run(x, lambda name, tensor: tensor * 0 if name == "twice" else tensor)
    second = graph.run(x, lambda name, tensor: tensor * 0 if name == "twice:1" else tensor)
    assert not np.allclose(whole, second)
    assert not np.allclose(first, second)


def test_runs_in_a_traced_function():
    import tensorflow as tf

    graph = Graph(networks.nested())
    x = tf.constant(networks.images(3, graph.input_shape).astype("float32"))
    np.testing.assert_allclose(tf.function(graph.run)(x), graph.run(x), atol=1e-6)


def test_integers_are_cast_to_the_models_type():
    graph = Graph(networks.nested())
    x = networks.images(2, graph.input_shape)
    np.testing.assert_array_equal(graph.run(x), graph.run(x.astype("float32")))


def test_nothing_of_the_model_is_changed():
    model = networks.sequential()
    head = model.get_layer("head")
    before = (model.to_json(), [weight.copy() for weight in model.get_weights()], head.activation)
    nodes = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers]
    graph = Graph(model)
    x = networks.images(2, graph.input_shape).astype("float32")
    graph.run(x, logits=True)
    graph.run(x, lambda name, tensor: tensor * 2)
    assert head.activation is before[2]
    assert model.to_json() == before[0]
    assert [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers] == nodes
    for old, new in zip(before[1], model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_are_shared_with_the_model():
    model = networks.sequential()
    graph = Graph(model)
    x = networks.images(2, graph.input_shape).astype("float32")
    model.get_layer("head").bias.assign([1.0, 2.0, 3.0, 4.0, 5.0])
    model.get_layer("head").kernel.assign(np.zeros((8, 5)))
    np.testing.assert_array_equal(graph.run(x, logits=True), [[1, 2, 3, 4, 5]] * 2)


def test_layers_with_several_outputs_are_passed_over():
    import keras
    from keras import layers

    inputs = keras.Input((4, 4, 4))
    left, right = keras.ops.split(layers.Conv2D(4, 1, name="conv")(inputs), 2, axis=-1)
    model = keras.Model(inputs, layers.Dense(2, name="head")(layers.Flatten(name="flat")(left * right)))
    graph = Graph(model)
    x = np.random.default_rng(0).normal(size=(3, 4, 4, 4)).astype("float32")
    names = []
    result = graph.run(x, lambda name, tensor: names.append(name) or tensor)
    np.testing.assert_allclose(result, model(x), atol=1e-6)
    assert names[0] == "conv"
    assert not any("split" in name for name in names)


def test_an_unknown_layer_is_named_with_those_there_are():
    with pytest.raises(NotFound, match=r"no layer 'conv9'.*conv1, pool, conv2"):
        Graph(networks.sequential()).step("conv9")


def test_models_that_are_no_graph_are_refused():
    import keras
    from keras import layers

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelError, match=r"'own' is a Own whose layers can't be followed\. Build it with"):
        Graph(Own(name="own"))
    with pytest.raises(ModelError, match="Build it with"):
        Graph(keras.Sequential([layers.Dense(2)]))
    one, two = keras.Input((2,)), keras.Input((2,))
    with pytest.raises(ModelError, match="2 inputs"):
        Graph(keras.Model([one, two], one + two))
    with pytest.raises(ModelError, match="2 outputs"):
        Graph(keras.Model(one, [one + 1, one + 2]))


def test_keras_still_has_what_the_graph_reads():
    """Keras's private names that graph.py relies on; a new Keras that drops one fails here and says which."""
    model = networks.nested()
    assert model._nodes_by_depth
    node = next(node for nodes in model._nodes_by_depth.values() for node in nodes if not node.is_input)
    assert node.operation is not None
    assert node.outputs
    assert node.arguments.keras_tensors
    assert isinstance(node.arguments.args, tuple)
    assert isinstance(node.arguments.kwargs, dict)
    assert networks.sequential()._functional._nodes_by_depth
    layer = model.layers[-1].layers[-1]
    assert "_inbound_nodes" in layer.__dict__
    assert "_outbound_nodes" in layer.__dict__
    assert "activation" in layer.__dict__
