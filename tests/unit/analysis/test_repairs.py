"""Each repair by itself: what it makes of an old description, and what it refuses, with the reason. No Keras here."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.preflight.allowed import is_allowed
from nnvis_dash.analysis.preflight.config import clean_config
from nnvis_dash.analysis.preflight.repairs import keras1
from nnvis_dash.analysis.preflight.repairs import repair as registry
from nnvis_dash.analysis.preflight.repairs.draft import Draft
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import dense, layer, objects, sequential
from tests.unit.analysis.old_files import behind, entry, layer_named, old_functional, old_sequential, repaired

FLATTEN, DENSE = entry("Flatten"), entry("Dense", units=2, activation="linear")
EXTENTS = frozenset({16, 2, 3, 784})


def refusal(config: dict[str, Any], version: str = "2.2.4") -> str:
    with pytest.raises(ModelError) as caught:
        repaired(config, version)
    assert caught.value.mend
    return caught.value.what


def test_a_description_of_today_is_left_as_it_is():
    config = sequential()
    model, words = repaired(config, "3.15.1")
    assert model == config and words == ""


def test_every_repair_says_what_it_is_for():
    assert len({step.__name__ for step in registry.REPAIRS}) == len(registry.REPAIRS)
    assert all(step.__doc__ for step in registry.REPAIRS)


# The whole


def test_a_list_of_layers_becomes_a_model():
    old = old_sequential(FLATTEN, DENSE)
    inner = {"class_name": "Sequential", "config": old["config"]["layers"]}
    model, words = repaired({"class_name": "Sequential", "config": [inner, entry("Dense", "last", units=2)]}, "2.1.6")
    start, nested, last = model["config"]["layers"]
    assert start["class_name"] == "InputLayer" and start["config"]["batch_shape"] == [None, 4, 4, 1]
    assert [layer["class_name"] for layer in nested["config"]["layers"]] == ["InputLayer", "Flatten", "Dense"]
    assert model["config"]["name"] != nested["config"]["name"] and last["config"]["name"] == "last"
    assert "list of layers" in words and "InputLayer put in front" in words


def test_the_class_model_is_functional_and_single_ends_are_no_lists():
    config = old_functional(behind(FLATTEN, "x"), behind(DENSE, "flatten"), output="dense")
    model, words = repaired(config)
    assert (model["class_name"], model["module"]) == ("Functional", "keras.src.models.functional")
    assert model["config"]["input_layers"] == ["x", 0, 0] and model["config"]["output_layers"] == ["dense", 0, 0]
    assert layer_named(model, "x")["config"] == {"name": "x", "batch_shape": [None, 4, 4, 1], "dtype": "float32"}
    assert layer_named(model, "dense")["module"] == "keras.layers"
    assert "class Model" in words and "batch_input_shape read as batch_shape" in words


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda model: model["config"]["layers"][0]["config"].update(batch_input_shape=[None, 5, 5, 3]), [5, 5, 3]),
        (lambda model: model["config"].update(build_input_shape=[None, 6, 6, 3]), [6, 6, 3]),
        (lambda model: model.update(build_config={"input_shape": [None, 7, 7, 3]}), [7, 7, 3]),
    ],
)
def test_the_input_of_a_sequential_model_is_found(change: Any, shape: list[int]):
    config = {"class_name": "Sequential", "config": {"name": "old", "layers": copy.deepcopy([FLATTEN, DENSE])}}
    change(config)
    model, _ = repaired(config)
    assert model["config"]["layers"][0]["config"]["batch_shape"] == [None, *shape]
    assert "batch_input_shape" not in model["config"]["layers"][1]["config"]


def test_arguments_of_a_call_are_written_as_today():
    attention = entry("MultiHeadAttention", "mha", num_heads=2, key_dim=3)
    attention["inbound_nodes"] = [[["x", 0, 0, {"value": ["flatten", 0, 0], "training": False, "mask": None}]]]
    config = old_functional(behind(FLATTEN, "x"), attention, output="mha")
    (call,) = layer_named(repaired(config)[0], "mha")["inbound_nodes"]
    assert call["args"][0]["config"]["keras_history"] == ["x", 0, 0]
    assert call["kwargs"]["value"]["config"]["keras_history"] == ["flatten", 0, 0]
    assert call["kwargs"]["training"] is False and "mask" not in call["kwargs"] and "legacy" not in call


@pytest.mark.parametrize(("kind", "last"), [("Sequential", 1), ("Model", 2)])
def test_calls_of_a_nested_model_are_counted_from_0(kind: str, last: int):
    """They were counted from 1; in the list of outputs today's functional models still are."""
    inner = old_sequential(FLATTEN) if kind == "Sequential" else old_functional(behind(FLATTEN, "x"), output="flatten")
    inner["config"]["name"] = "inner"
    inner["inbound_nodes"] = [[["x", 0, 0, {}]], [["x", 0, 0, {}]]]
    add = behind(entry("Add"), ("inner", 1), ("inner", 2))
    config = old_functional(inner, add, output="inner")
    config["config"]["output_layers"] = [["inner", 2, 0], ["add", 0, 0]]
    model, words = repaired(config)
    assert [reference[:2] for reference in layer_named(model, "add")["inbound_nodes"][0]] == [
        ["inner", 0],
        ["inner", 1],
    ]
    assert model["config"]["output_layers"] == [["inner", last, 0], ["add", 0, 0]]
    assert "counted as today" in words


def test_slashes_in_names_are_replaced_wherever_the_name_stands():
    config = old_functional(
        behind(entry("Flatten", "conv1/bn"), "x"),
        behind(entry("Dense", "conv1_bn", units=2), "conv1/bn"),
        output="conv1_bn",
    )
    model, words = repaired(config)
    assert [layer["name"] for layer in model["config"]["layers"]] == ["x", "conv1_bn_1", "conv1_bn"]
    assert layer_named(model, "conv1_bn")["inbound_nodes"] == [[["conv1_bn_1", 0, 0]]]
    assert "/ replaced by _" in words


# Keras 1

KERAS_1 = [
    (
        entry("Convolution2D", nb_filter=3, nb_row=5, nb_col=4, border_mode="same", subsample=[2, 2], init="he_normal",
              dim_ordering="tf", W_regularizer={"name": "WeightRegularizer", "l1": 0, "l2": 1}, bias=True,
              b_constraint=None, activity_regularizer=None),
        ("Conv2D", {"filters": 3, "kernel_size": [5, 4], "padding": "same", "strides": [2, 2],
                    "data_format": "channels_last", "use_bias": True, "activity_regularizer": None}),
    ),
    (
        entry("AtrousConvolution2D", nb_filter=3, nb_row=3, nb_col=3, atrous_rate=[2, 2]),
        ("Conv2D", {"filters": 3, "kernel_size": [3, 3], "dilation_rate": [2, 2]}),
    ),
    (
        entry("Convolution1D", nb_filter=3, filter_length=5, subsample_length=2, input_length=None, input_dim=4),
        ("Conv1D", {"filters": 3, "kernel_size": 5, "strides": 2}),
    ),
    (
        entry("Deconvolution2D", nb_filter=3, nb_row=2, nb_col=2, output_shape=[None, 8, 8, 3]),
        ("Conv2DTranspose", {"filters": 3, "kernel_size": [2, 2]}),
    ),
    (
        entry("SeparableConvolution2D", nb_filter=3, nb_row=3, nb_col=3, depth_multiplier=2, dim_ordering="tf",
              depthwise_regularizer=None, b_regularizer=None),
        ("SeparableConv2D", {"filters": 3, "kernel_size": [3, 3], "depth_multiplier": 2,
                             "data_format": "channels_last", "depthwise_regularizer": None}),
    ),
    (
        entry("MaxPooling2D", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="tf"),
        ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"}),
    ),
    (entry("MaxPooling1D", pool_length=3, stride=2), ("MaxPooling1D", {"pool_size": 3, "strides": 2})),
    (
        entry("Dense", output_dim=2, input_dim=16, init="uniform", bias=False),
        ("Dense", {"units": 2, "use_bias": False}),
    ),
    (entry("Dropout", p=0.25), ("Dropout", {"rate": 0.25})),
    (entry("SpatialDropout2D", p=0.25), ("SpatialDropout2D", {"rate": 0.25})),
    (entry("GaussianNoise", sigma=0.5), ("GaussianNoise", {"stddev": 0.5})),
    (entry("UpSampling1D", length=2), ("UpSampling1D", {"size": 2})),
    (entry("LeakyReLU", alpha=0.1), ("LeakyReLU", {"negative_slope": 0.1})),
    (
        entry("ZeroPadding2D", padding={"top_pad": 1, "left_pad": 2}, dim_ordering="tf"),
        ("ZeroPadding2D", {"padding": [[1, 0], [2, 0]], "data_format": "channels_last"}),
    ),
    (
        entry("BatchNormalization", mode=0, axis=3, epsilon=0.001, gamma_init="one", beta_init="zero"),
        ("BatchNormalization", {"axis": 3, "epsilon": 0.001}),
    ),
    (
        entry("GRU", output_dim=3, inner_init="orthogonal", inner_activation="sigmoid", dropout_W=0.1, dropout_U=0.0,
              consume_less="cpu", U_regularizer=None, unroll=False),
        ("GRU", {"units": 3, "recurrent_activation": "sigmoid", "dropout": 0.1, "recurrent_dropout": 0.0,
                 "unroll": False, "reset_after": False}),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "expected"), KERAS_1, ids=[old["class_name"] for old, _ in KERAS_1])
def test_names_and_arguments_of_keras_1(old: dict[str, Any], expected: tuple[str, dict[str, Any]]):
    model, words = repaired(old_sequential(old), "1.2.2")
    new = layer_named(model, old["config"]["name"])
    fixed = {"name": old["config"]["name"], "trainable": True}
    if "SpatialDropout" in old["class_name"]:
        del fixed["trainable"]  # which has no effect there, and is no argument
    assert (new["class_name"], new["config"]) == (expected[0], {**fixed, **expected[1]})
    assert "keras1" not in new and words


@pytest.mark.parametrize(
    ("mode", "more", "kind", "config"),
    [
        ("sum", {}, "Add", {}),
        ("mul", {}, "Multiply", {}),
        ("ave", {}, "Average", {}),
        ("max", {}, "Maximum", {}),
        ("concat", {"concat_axis": 1}, "Concatenate", {"axis": 1}),
        ("dot", {"dot_axes": [1, 1]}, "Dot", {"axes": [1, 1], "normalize": False}),
    ],
)
def test_merge_becomes_the_layer_of_its_mode(mode: str, more: dict[str, Any], kind: str, config: dict[str, Any]):
    merge = entry("Merge", mode=mode, mode_type="raw", output_shape=None, arguments={}, **more)
    model, words = repaired(old_functional(behind(merge, "x", "x"), output="merge"), "1.2.2")
    assert layer_named(model, "merge")["class_name"] == kind
    assert layer_named(model, "merge")["config"] == {"name": "merge", **config}
    assert f"Merge({mode}) read as {kind}" in words


@pytest.mark.parametrize(
    ("old", "says"),
    [
        (entry("Merge", mode="cos"), "'cos'"),
        (entry("Merge", mode="sum", mode_type="lambda"), "has no longer"),
        (entry("Merge", mode="sum", layers=[entry("Dense", units=2)]), "several models"),
        (entry("Convolution2D", nb_filter=3, nb_row=3, nb_col=3, border_mode="full"), "'full'"),
        (entry("BatchNormalization", mode=2), "statistics of each batch (mode = 2)"),
        (entry("BatchNormalization", mode=1), "mode = 1"),
        (
            entry("SeparableConvolution2D", nb_filter=3, nb_row=3, nb_col=3, dim_ordering="th"),
            "kernels in Theano's order",
        ),
    ],
)
def test_what_keras_1_could_and_today_can_not_is_refused(old: dict[str, Any], says: str):
    assert says in refusal(old_sequential(old), "1.2.2")


def conversion(old: dict[str, Any], version: str, backend: str) -> tuple[Any, str]:
    draft = Draft(old_sequential(old, shape=(1, 6, 6)), version, backend)
    words = " | ".join(registry.repair(draft))
    return (draft.conversions[0][1] if draft.conversions else None), words


def test_kernels_of_theano_are_transposed_and_turned():
    old = entry("Convolution2D", nb_filter=2, nb_row=2, nb_col=2, dim_ordering="th")
    kernel = np.arange(8.0).reshape(2, 1, 2, 2)  # filters, inputs, rows, columns
    convert, words = conversion(old, "1.2.2", "")
    new, bias = convert([kernel, np.zeros(2)])
    np.testing.assert_array_equal(new[:, :, 0, 0], [[3, 2], [1, 0]])
    np.testing.assert_array_equal(new[:, :, 0, 1], [[7, 6], [5, 4]])
    assert bias.shape == (2,) and "a guess" in words
    convert, words = conversion(old, "1.2.2", "tensorflow")
    np.testing.assert_array_equal(convert([kernel])[0][:, :, 0, 0], [[0, 1], [2, 3]])
    assert "a guess" not in words and "today's order" in words


def test_kernels_of_keras_2_on_theano_are_only_turned():
    old = entry("Conv2D", filters=1, kernel_size=[2, 2], data_format="channels_first")
    convert, _ = conversion(old, "2.0.5", "theano")
    np.testing.assert_array_equal(convert([np.arange(4.0).reshape(2, 2, 1, 1)])[0][:, :, 0, 0], [[3, 2], [1, 0]])
    assert conversion(old, "2.0.5", "tensorflow")[0] is None


@pytest.mark.parametrize(
    ("kind", "first", "shape", "expected"),
    [
        ("Conv1D", False, (5, 1, 4, 3), (5, 4, 3)),
        ("Conv1D", False, (3, 4, 5, 1), (5, 4, 3)),
        ("Conv2D", True, (8, 3, 5, 4), (5, 4, 3, 8)),
        ("Conv3D", True, (8, 3, 5, 4, 2), (5, 4, 2, 3, 8)),
        ("Conv2DTranspose", False, (5, 4, 3, 8), (5, 4, 8, 3)),
        ("Conv2DTranspose", True, (8, 3, 5, 4), (5, 4, 8, 3)),
    ],
)
def test_where_the_axes_of_a_kernel_went(kind: str, first: bool, shape: tuple[int, ...], expected: tuple[int, ...]):
    assert keras1._kernel(kind, first, True, False)([np.zeros(shape)])[0].shape == expected


def test_the_gates_of_recurrent_layers_are_joined():
    arrays = [np.full((1, 1), number) for number in range(12)]  # W, U, b of each gate
    kernel, recurrent, bias = keras1._gates("LSTM", "")(arrays)
    assert (kernel.tolist(), recurrent.tolist(), bias.tolist()) == ([[0, 6, 3, 9]], [[1, 7, 4, 10]], [[2, 8, 5, 11]])
    kernel, _, bias = keras1._gates("GRU", "")(arrays[:9])
    assert (kernel.tolist(), bias.tolist()) == ([[0, 3, 6]], [[2, 5, 8]])
    assert keras1._gates("GRU", "")(arrays[:3]) == arrays[:3]


def test_weights_of_keras_1_inside_a_nested_model_are_refused():
    old = entry("Convolution2D", nb_filter=2, nb_row=2, nb_col=2, dim_ordering="th")
    assert "inside another model" in refusal(old_sequential(old_sequential(old)), "1.2.2")


def test_where_all_channels_come_first_padding_that_does_not_say_so_does_too():
    padding = entry("ZeroPadding2D", padding=[1, 1])
    conv = entry("Convolution2D", nb_filter=3, nb_row=3, nb_col=3, dim_ordering="th")
    model, _ = repaired(old_sequential(padding, conv, shape=(3, 8, 8)), "1.2.2")
    names = [layer["class_name"] for layer in model["config"]["layers"]]
    assert names == ["InputLayer", "ZeroPadding2D", "Conv2D", "Permute"], "and the map is given back as it was"
    assert layer_named(model, "zeropadding2d")["config"]["data_format"] == "channels_last"


# Fields

HARMLESS = [
    ("DepthwiseConv2D", "groups", 1),
    ("SeparableConv2D", "groups", 1),
    ("Conv2DTranspose", "groups", 1),
    ("LSTM", "time_major", False),
    ("GRU", "implementation", 2),
    ("Embedding", "input_length", 7),
    ("Dense", "batch_input_shape", [None, 3]),
    ("Dense", "input_dtype", "float32"),
    ("BatchNormalization", "renorm", False),
    ("BatchNormalization", "fused", True),
    ("BatchNormalization", "virtual_batch_size", None),
    ("SeparableConv2D", "kernel_initializer", None),
    ("SpatialDropout2D", "noise_shape", None),
    ("MultiHeadAttention", "query_shape", [None, 3, 4]),
    ("RandomFlip", "rng_type", "stateful"),
]


@pytest.mark.parametrize(("kind", "field", "value"), HARMLESS)
def test_a_field_that_changes_nothing_is_left_out(kind: str, field: str, value: Any):
    config = old_sequential(FLATTEN, entry(kind, "last", **{field: value}))
    model, words = repaired(config)
    assert field not in layer_named(model, "last")["config"]
    assert f"{kind}: {field} left out" in words or field == "batch_input_shape"
    if "__" not in field:
        kept, said = repaired(config, "3.15.1")
        assert field in layer_named(kept, "last")["config"] and "left out" not in said, "today's Keras knows its fields"


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("DepthwiseConv2D", "groups", 2),
        ("LSTM", "time_major", True),
        ("BatchNormalization", "renorm", True),
        ("BatchNormalization", "virtual_batch_size", 4),
        ("BatchNormalization", "adjustment", 4),
        ("BatchNormalization", "axis", [1, 3]),
    ],
)
def test_a_field_that_changes_the_result_is_refused_by_name(kind: str, field: str, value: Any):
    text = refusal(old_sequential(FLATTEN, entry(kind, "last", **{field: value})))
    assert "The layer last" in text and kind in text and str(value) in text


@pytest.mark.parametrize("field", ["sparse", "ragged"])
def test_inputs_that_are_no_dense_tensors_are_refused(field: str):
    start = entry("InputLayer", "x", batch_input_shape=[None, 4, 4, 1], **{field: True})
    assert field in refusal({"class_name": "Sequential", "config": {"name": "old", "layers": [start, DENSE]}})


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ({"class_name": "Policy", "config": {"name": "mixed_float16"}}, "mixed_float16"),
        ({"class_name": "PolicyV1", "config": {"name": "infer", "loss_scale": None}}, "float32"),
        ({"module": "keras.mixed_precision", "class_name": "Policy", "config": {"name": "float32"}}, "float32"),
        ({"class_name": "DTypePolicy", "module": "keras.src", "config": {"name": "float16"}}, "float16"),
        ("infer", "float32"),
    ],
)
def test_policies_become_texts(dtype: Any, expected: str):
    model, words = repaired(old_sequential(FLATTEN, entry("Dense", "last", units=2, dtype=dtype)))
    assert layer_named(model, "last")["config"]["dtype"] == expected and "dtype policies" in words


def test_todays_policies_are_left_alone():
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    model, words = repaired(sequential(layer("Flatten"), dense(dtype=policy)), "3.15.1")
    assert model["config"]["layers"][2]["config"]["dtype"] == policy and not words


def test_initializers_lose_their_dtype_and_an_old_name():
    start = {"class_name": "VarianceScaling", "config": {"scale": 2, "mode": "fan_in", "distribution": "normal"}}
    zeros = {"class_name": "Zeros", "config": {"dtype": "float32"}}
    old = entry("Dense", "last", units=2, dtype="float32", kernel_initializer=start, bias_initializer=zeros)
    model, words = repaired(old_sequential(FLATTEN, old))
    config = layer_named(model, "last")["config"]
    assert config["kernel_initializer"]["config"]["distribution"] == "truncated_normal"
    assert config["kernel_initializer"]["module"] == "keras.initializers"
    assert config["bias_initializer"]["config"] == {} and config["dtype"] == "float32"
    assert "initializers" in words


@pytest.mark.parametrize("kind", ["BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"])
def test_batch_normalization_of_any_age(kind: str):
    model, words = repaired(old_sequential(entry(kind, "bn", axis=[3])))
    found = layer_named(model, "bn")
    assert (found["class_name"], found["config"]["axis"]) == ("BatchNormalization", 3) and "BatchNorm" in words


def test_a_gru_without_the_word_resets_first():
    gru = entry("GRU", units=3)
    assert layer_named(repaired(old_sequential(gru, shape=(4, 3)))[0], "gru")["config"]["reset_after"] is False
    gru["config"]["reset_after"] = True
    assert layer_named(repaired(old_sequential(gru, shape=(4, 3)))[0], "gru")["config"]["reset_after"] is True
    del gru["config"]["reset_after"]
    kept, _ = repaired(old_sequential(gru, shape=(4, 3)), "3.15.1")
    assert "reset_after" not in layer_named(kept, "gru")["config"]


def test_layers_and_initializers_of_keras_applications_get_their_modules():
    start = {"module": "tensorflow.python.ops.init_ops_v2", "class_name": "Constant", "config": {"value": 0}}
    scale = entry("LayerScale", "s", init_values=1e-6, projection_dim=1)
    model, _ = repaired(old_sequential(scale, FLATTEN, entry("Dense", "d", units=2, bias_initializer=start)))
    assert layer_named(model, "s")["module"] == "keras.src.applications.convnext"
    assert layer_named(model, "d")["config"]["bias_initializer"]["module"] == "keras.initializers"
    checked(model, legacy=False)
    scale["config"]["other"] = 1
    with pytest.raises(RefusedModel, match="LayerScale"):
        checked(repaired(old_sequential(scale))[0], legacy=False)


def test_small_renamings():
    old = [
        entry("ThresholdedReLU", "t", theta=0.5),
        entry("RandomHeight", "h", factor=0.1),
        entry("Dense", "d", units=2, activation="softmax_v2"),
        entry("Dense", "a", units=2, activation={"class_name": "LeakyReLU", "config": {"name": "l", "alpha": 0.1}}),
    ]
    model, words = repaired(old_sequential(*old))
    assert layer_named(model, "t")["config"]["threshold"] == 0.5 and layer_named(model, "t")["class_name"] == "ReLU"
    assert layer_named(model, "h")["class_name"] == "Identity"
    assert layer_named(model, "d")["config"]["activation"] == "softmax"
    inner = layer_named(model, "a")["config"]["activation"]
    assert inner["config"]["negative_slope"] == 0.1 and inner["module"] == "keras.layers"
    assert "ThresholdedReLU" in words and "RandomHeight" in words and "softmax_v2" in words


def test_hard_sigmoid_is_stretched_where_that_is_exact_and_refused_elsewhere():
    model, words = repaired(old_sequential(FLATTEN, entry("Dense", "d", units=2, activation="hard_sigmoid")))
    names = [layer["class_name"] for layer in model["config"]["layers"]]
    assert names == ["InputLayer", "Flatten", "Dense", "Rescaling", "Activation"]
    assert layer_named(model, "d")["config"]["activation"] == "linear" and "slope" in words
    kept, _ = repaired(old_sequential(FLATTEN, entry("Dense", "d", units=2, activation="hard_sigmoid")), "3.1.0")
    assert layer_named(kept, "d")["config"]["activation"] == "hard_sigmoid"
    for old in (
        entry("LSTM", "r", units=2, recurrent_activation="hard_sigmoid"),
        entry("LSTM", "r", units=2, activation="hard_sigmoid"),
        entry("Bidirectional", "b", layer=entry("GRU", "r", units=2, recurrent_activation="hard_sigmoid")),
    ):
        assert "1/5 to 1/6" in refusal(old_sequential(old, shape=(4, 3)))


@pytest.mark.parametrize(
    ("version", "refused"),
    [("2.2.4", True), ("2.3.1", True), ("2.1.6-tf", True), ("2.2.4-tf", False), ("2.4.0", False), ("3.15.1", False)],
)
def test_bilinear_enlargement_of_early_versions_is_refused(version: str, refused: bool):
    for way in ("bilinear", "nearest"):
        config = old_sequential(entry("UpSampling2D", size=[2, 2], interpolation=way))
        if refused and way == "bilinear":
            assert "half a pixel" in refusal(config, version)
        else:
            assert repaired(config, version)


# TensorFlow's functions


def operation(function: str, *inputs: str, **arguments: Any) -> dict[str, Any]:
    return behind(entry("TFOpLambda", "op", function=function), *inputs, **arguments)


def node(definition: Any) -> dict[str, Any]:
    return behind(entry("TensorFlowOpLayer", "op", node_def=definition, constants={}), "x")


@pytest.mark.parametrize(
    ("old", "says"),
    [
        (operation("nn.bias_add", "x", bias=[1.0], data_format="NCHW"), "channels that come first"),
        (operation("reshape", "x", shape=["x", 0, 0]), "isn't written in the file"),
        (operation("math.add", "x"), "without y"),
        (operation("nn.softmax", "x", beta=3), "beta"),
        (operation("clip_by_value", "x", clip_value_min=0, clip_value_max=["x", 0, 0]), "bounds"),
        (operation("cast", "x", dtype="string"), "string"),
        (node({"op": "ReadFile"}), "ReadFile"),
        (node({"op": "BiasAdd", "attr": {"data_format": {"s": "TkNIVw=="}}}), "BiasAdd"),
        (node("name: x"), "None"),
        (node("\n\x01a\x12\x08ReadFile"), "ReadFile"),
        (node("\n\x01a\x12\x03Mul"), "Mul with 1 inputs"),
    ],
)
def test_functions_that_can_not_be_turned_into_operations_are_refused(old: dict[str, Any], says: str):
    text = refusal(old_functional(old, output="op"))
    assert says in text and "op" in text


# Channels and inputs


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (
            [entry("TimeDistributed", layer=entry("Conv2D", "inner", filters=2, data_format="channels_first"))],
            "repeats inner",
        ),
        ([entry("Conv2D", filters=2, data_format="channels_first", activation="softmax")], "along the width"),
    ],
)
def test_channels_that_can_not_be_put_last_are_refused(layers: list[dict[str, Any]], says: str):
    assert says in refusal(old_sequential(*layers, shape=(3, 8, 8)))


@pytest.mark.parametrize(
    ("shape", "layers", "outer", "says"),
    [
        ((28, 28), [FLATTEN, DENSE], [28, 28, 1], "28 × 28: a channel axis"),
        ((784,), [DENSE], [28, 28, 1], "784 numbers: taken as an image of 28 × 28 × 1 (a guess"),
        ((3072,), [DENSE], [32, 32, 3], "32 × 32 × 3"),
        ((10,), [DENSE], [10], ""),
        ((1,), [DENSE], [1], ""),
        ((28, 28, 1), [FLATTEN, DENSE], [28, 28, 1], ""),
        ((16, 16), [entry("Embedding", input_dim=3, output_dim=3), DENSE], [16, 16], ""),
    ],
)
def test_inputs_become_images(shape: tuple[int, ...], layers: list[dict[str, Any]], outer: list[int], says: str):
    for config in (
        old_sequential(*layers, shape=shape),
        old_functional(
            *(behind(old, before) for old, before in zip(layers, ["x", layers[0]["config"]["name"]], strict=False)),
            output=layers[-1]["config"]["name"],
            shape=shape,
        ),
    ):
        model, words = repaired(config)
        first, second = model["config"]["layers"][:2]
        assert first["config"]["batch_shape"] == [None, *outer]
        assert says in words if says else ("image" not in words and "channel axis" not in words)
        if says:
            assert second["class_name"] == "Reshape" and second["config"]["target_shape"] == list(shape)


def test_a_reshape_of_the_models_own_is_enough():
    reshape = entry("Reshape", target_shape=[28, 28, 1])
    model, _ = repaired(old_sequential(reshape, FLATTEN, DENSE, shape=(784,)))
    assert [layer["class_name"] for layer in model["config"]["layers"]] == ["InputLayer", "Reshape", "Flatten", "Dense"]


# Refused before any repair, and held against the list after


def checked(config: Any, *, legacy: bool = True) -> None:
    clean_config(config, legacy=legacy, max_parameters=1000, extents=EXTENTS)


LAMBDA = entry("Lambda", "evil", function=["4wEAAA==", None, None], function_type="lambda")


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Sequential", "config": [FLATTEN, LAMBDA]},
        {"class_name": "Sequential", "config": [{"class_name": "Sequential", "config": [LAMBDA]}]},
        old_functional(behind(LAMBDA, "x"), output="evil"),
        old_sequential(entry("Merge", mode="sum", layers=[LAMBDA])),
        old_sequential(entry("TimeDistributed", layer=LAMBDA)),
        old_sequential(entry("Convolution2D", activation={"class_name": "__lambda__", "config": {}})),
        old_sequential(entry("MyLayer")),
        old_sequential({**entry("Convolution2D"), "module": "evil.layers"}),
        old_sequential(entry("TFOpLambda", function="io.read_file")),
        old_sequential(entry("TFOpLambda", function="py_function")),
        old_sequential(entry("TFOpLambda", function=["math.add"])),
        old_sequential(entry("TFOpLambda", function="math.add", filepath="/etc/passwd")),
        old_sequential(entry("SlicingOpLambda", function="eval")),
        old_sequential(entry("TensorFlowOpLayer", node_def="{}", constants={"0": entry("MyLayer")})),
        old_sequential(entry("StringLookup", vocabulary="/etc/passwd")),
        old_sequential(entry("Dense", activation="eval", units=2)),
    ],
)
def test_what_is_hostile_is_refused_before_any_repair(config: dict[str, Any]):
    with pytest.raises(RefusedModel):
        checked(config)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (None, "Convolution2D"),
        ("keras.layers", "Merge"),
        ("keras.layers", "TFOpLambda"),
        ("keras.src.layers.core.tf_op_layer", "TFOpLambda"),
        ("keras.mixed_precision", "Policy"),
        (None, "PolicyV1"),
        ("tf_keras.src.engine.functional", "Functional"),
        (None, "Dense"),
    ],
)
def test_old_names_are_for_the_repairs_alone(module: str | None, name: str):
    assert is_allowed(module, name, legacy=True) and not is_allowed(module, name, legacy=False)


def test_what_repairs_make_is_held_against_the_list(monkeypatch: pytest.MonkeyPatch):
    def careless(draft: Draft) -> str:
        draft.model["config"]["layers"].append({**LAMBDA, "module": "keras.layers"})
        return "something put in"

    monkeypatch.setattr(registry, "REPAIRS", (*registry.REPAIRS, careless))
    model, words = repaired(old_sequential(FLATTEN, DENSE))
    assert "something put in" in words
    with pytest.raises(RefusedModel, match="is a Lambda"):
        checked(model, legacy=False)


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "Sequential", "config": {"name": "x", "layers": [entry("Dense"), 3]}},
        {"class_name": "Sequential", "config": {"name": "x", "layers": "Dense"}},
        {"class_name": "Model", "config": {"name": "x", "layers": [{**DENSE, "inbound_nodes": 3}]}},
        old_sequential(entry("MaxPooling2D", dim_ordering=[])),
        old_sequential(entry("BatchNormalization", axis=[])),
        old_sequential(entry("Merge", mode={})),
        {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": []}]},
    ],
)
def test_a_description_that_no_keras_wrote_is_refused_in_words(config: dict[str, Any]):
    text = refusal(config, "1.2.2")
    assert "\n" not in text and len(text) < 300


PLACES = [
    old_functional(behind(FLATTEN, "x"), behind(DENSE, "flatten"), output="dense"),
    {"class_name": "Sequential", "config": [old for old, _ in KERAS_1]},
    old_functional(behind(entry("Merge", mode="concat", concat_axis=-1), "x", "x"), output="merge"),
    old_functional(behind(entry("Conv2D", filters=2, data_format="channels_first"), "x"), output="conv2d"),
    old_functional(operation("math.add", "x", y=[1.0, 2.0]), output="op"),
]
ODD: list[Any] = [
    None,
    True,
    -1,
    10**9,
    0.5,
    "x",
    "channels_first",
    [],
    {},
    [[]],
    ["x", 0, 0],
    [None, 3],
    entry("Dense"),
]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_description_ends_in_a_model_or_in_words(data: st.DataObject):
    config = copy.deepcopy(data.draw(st.sampled_from(PLACES)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(objects(config))))
        place[data.draw(st.sampled_from([*place, "axis", "data_format", "name"]))] = copy.deepcopy(
            data.draw(st.sampled_from(ODD))
        )
    version = data.draw(st.sampled_from(["", "1.2.2", "2.2.4", "3.15.1"]))
    try:
        model, _ = repaired(clean_config(config, legacy=True, max_parameters=10**6, extents=frozenset({2, 3})), version)
        checked(model, legacy=False)
    except ModelError as error:
        assert error.mend and "\n" not in error.what
