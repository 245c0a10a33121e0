"""The description of a model against the list: every level, every kind of reference, every size."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nnvis_dash.analysis.preflight.allowed import ACTIVATIONS, is_allowed
from nnvis_dash.analysis.preflight.config import MAX_DEPTH, clean_config, read_json
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import dense, keras_object, layer, objects, sequential

EXTENTS = frozenset({16, 2})


def clean(config: Any, *, legacy: bool = False, max_parameters: int = 1000) -> dict[str, Any]:
    return clean_config(config, legacy=legacy, max_parameters=max_parameters, extents=EXTENTS)


def refusal(config: Any, **options: Any) -> str:
    with pytest.raises(RefusedModel) as caught:
        clean(config, **options)
    assert caught.value.mend
    return str(caught.value)


def test_an_honest_description_comes_back_equal_and_new():
    config = sequential()
    cleaned = clean(config)
    assert cleaned == config
    assert cleaned is not config and cleaned["config"]["layers"] is not config["config"]["layers"]


def test_compile_config_is_dropped_at_every_level():
    inner = sequential()
    inner["compile_config"] = {"loss": {"module": "os", "class_name": "function", "config": "system"}}
    inner["config"]["name"] = "inner"
    outer = sequential(inner)
    outer["compile_config"] = {"optimizer": "adam"}
    cleaned = clean(outer)
    assert "compile_config" not in json.dumps(cleaned)
    assert cleaned["config"]["layers"][1]["config"]["name"] == "inner"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.layers", "Lambda"),
        ("keras.layers", "TFSMLayer"),
        ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "JaxLayer"),
        ("keras.layers", "StringLookup"),
        ("keras.layers", "Layer"),
        ("keras.src.layers.core.dense", "Dense"),  # right class, a module that isn't on the list
        ("keras.layers.core", "Dense"),
        ("kerasevil.layers", "Dense"),
        ("keras.layersevil", "Dense"),
        ("keras", "Dense"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("keras.utils", "plot_model"),
        ("keras.models", "load_model"),
        ("keras.src.ops.core", "Map"),
        ("keras.src.ops.core", "WhileLoop"),
        ("keras.losses", "MeanSquaredError"),
        ("keras.optimizers", "Adam"),
        (None, "Dense"),
        ("", "Dense"),
        ("my_package", "MyLayer"),
    ],
)
def test_a_class_that_is_not_on_the_list_is_refused_at_any_depth(module: str | None, name: str):
    bad = {**layer("Dense"), "module": module, "class_name": name}
    bad["config"]["name"] = "villain"
    for config in (
        sequential(bad),
        sequential(sequential(bad)),
        sequential(layer("TimeDistributed", layer=bad)),
        sequential(dense(kernel_initializer=bad)),
        sequential(dense(extra=[[{"deep": bad}]])),
    ):
        text = refusal(config)
        assert "villain" in text and name in text


def test_a_custom_class_is_refused_by_its_registered_name():
    assert "my>Dense" in refusal(sequential({**dense(), "registered_name": "my>Dense"}))
    assert clean(sequential({**dense(), "registered_name": "Dense"}))


@pytest.mark.parametrize(
    "activation",
    [
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
        {"module": "keras.utils", "class_name": "function", "config": "plot_model", "registered_name": "plot_model"},
        {"module": "keras.layers", "class_name": "function", "config": "TFSMLayer", "registered_name": "TFSMLayer"},
        {"module": "keras.utils", "class_name": "function", "config": "relu", "registered_name": "relu"},
        {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "my>relu"},
        {"module": "builtins", "class_name": "function", "config": ["relu"], "registered_name": None},
        {"class_name": "__lambda__", "config": {"value": "AAAA"}},
        {"class_name": "__typespec__", "config": [], "spec_name": "TensorSpec", "module": "os"},
        {"class_name": "__bytes__", "config": {"value": "AAAA"}},
        "eval",
        "my_activation",
        "keras.utils.plot_model",
    ],
)
def test_an_activation_that_is_not_on_the_list_is_refused(activation: Any):
    assert "Dense" in refusal(sequential(dense(activation=activation)))
    assert "Dense" in refusal(sequential(layer("TimeDistributed", layer=dense(activation=activation))))


def test_every_activation_of_the_list_passes_as_text_and_as_function():
    for name in ACTIVATIONS:
        function = {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}
        assert clean(sequential(dense(activation=name)))
        assert clean(sequential(dense(activation=function)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kernel_initializer", "evil"),
        ("kernel_regularizer", "evil"),
        ("kernel_constraint", "evil"),
        ("dtype", "object"),
        ("vocabulary", "/etc/passwd"),
        ("vocabulary", ["/etc/passwd"]),
        ("filepath", "x"),
        ("url", "x"),
        ("custom_objects", {"a": 1}),
        ("anything", "file:///etc/passwd"),
        ("anything", "gs://bucket/model"),
    ],
)
def test_a_field_that_refers_to_something_outside_is_refused(field: str, value: Any):
    assert field in refusal(sequential(dense(**{field: value})))


def test_empty_fields_that_could_refer_to_something_pass():
    assert clean(sequential(dense(vocabulary=None, custom_objects={}, url="")))


def test_a_marker_with_a_module_is_refused():
    good = {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}
    assert clean(sequential(dense(constant=good)))
    assert "__numpy__" in refusal(sequential(dense(constant={**good, "module": "os"})))
    assert "object" in refusal(sequential(dense(constant={**good, "config": {"value": [1.0], "dtype": "object"}})))


def test_units_need_weights_of_that_size_in_the_file():
    assert "units = 3, but the file holds no weights" in refusal(sequential(dense(3)))
    assert "filters = 300" in refusal(sequential(layer("Conv2D", filters=300)))
    assert "input_dim = 17" in refusal(sequential(layer("Embedding", input_dim=17, output_dim=2)))
    assert clean(sequential(layer("Conv2D", filters=16)))


def test_more_units_than_the_limit_of_parameters_are_refused_first():
    assert "more than the limit of 1,000 parameters" in refusal(sequential(dense(300_000)))


@pytest.mark.parametrize(
    ("module", "registered", "ok"),
    [("keras.src.models.functional", None, True), ("keras.engine.functional", None, False), ("evil", None, False)],
)
def test_where_the_model_class_lies(module: str, registered: str | None, ok: bool):
    config = {**sequential(), "module": module, "class_name": "Functional", "registered_name": registered}
    if ok:
        assert clean(config)
    else:
        refusal(config)


def test_an_h5_file_may_leave_modules_out_but_not_name_others():
    config = sequential()
    for entry in objects(config):
        entry.pop("module", None)
    assert clean(config, legacy=True)
    refusal(config)
    refusal({**config, "module": "os"}, legacy=True)
    lambda_layer = {"class_name": "Lambda", "config": {"name": "villain", "function": ["4wEAAA==", None, None]}}
    assert "villain" in refusal(sequential(lambda_layer), legacy=True)
    old = {**config, "module": "keras.src.engine.functional", "class_name": "Functional"}
    assert clean(old, legacy=True)
    assert not is_allowed("keras.src.engine.functional", "Dense", legacy=True)


def test_depth_length_and_numbers_are_limited():
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    assert "levels deep" in refusal(sequential(dense(z=deep)))
    assert "characters" in refusal(sequential(dense(z="x" * 3000)))
    assert "characters" in refusal(sequential(dense(**{"x" * 3000: 1})))
    assert "digits" in refusal(sequential(dense(seed=10**40)))
    with pytest.raises(RefusedModel, match="levels deep"):
        read_json("[" * 100_000 + "]" * 100_000)
    with pytest.raises(RefusedModel, match="bytes"):
        read_json(b" " * (17 << 20))


def test_the_numbers_of_values_and_layers_are_limited(monkeypatch: pytest.MonkeyPatch):
    config = sequential(dense(), dense(), dense())  # four layers with the input
    monkeypatch.setattr("nnvis_dash.analysis.preflight.config.MAX_LAYERS", 4)
    assert clean(config)
    monkeypatch.setattr("nnvis_dash.analysis.preflight.config.MAX_LAYERS", 3)
    assert "more than 3 layers" in refusal(config)
    monkeypatch.setattr("nnvis_dash.analysis.preflight.config.MAX_VALUES", 20)
    assert "more than 20 values" in refusal(config)


@pytest.mark.parametrize("entry", [{"class_name": 3}, {"class_name": ["Dense"]}, {"registered_name": "x"}])
def test_a_class_must_be_a_text(entry: dict[str, Any]):
    assert "isn't a text" in refusal(sequential(dense(activation=entry)))
    assert "isn't a text" in refusal(sequential({**dense(), "module": ["keras.layers"]}))


@pytest.mark.parametrize("units", [None, "many", 2.0, True])
def test_units_that_are_no_number_are_left_to_keras(units: Any):
    assert clean(sequential(dense(units)))["config"]["layers"][1]["config"]["units"] == units


def test_a_sequential_that_is_a_list_is_walked_too():
    """Keras before 2.2 wrote the layers in the place of the config."""
    layers = [{"class_name": "Dense", "config": {"name": "d", "units": 2}}]
    assert clean({"class_name": "Sequential", "config": layers}, legacy=True)
    layers.append({"class_name": "Lambda", "config": {"name": "villain"}})
    assert "villain (Lambda) is a Lambda" in refusal({"class_name": "Sequential", "config": layers}, legacy=True)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"{'a': 1}"])
def test_what_is_not_json_is_said_to_be_damaged(text: bytes):
    with pytest.raises(ModelError, match="damaged"):
        read_json(text)


@pytest.mark.parametrize("config", [[], "model", {}, {"class_name": 3}, keras_object("keras", "Sequential", {})])
def test_what_is_not_a_model_is_named(config: Any):
    with pytest.raises(ModelError) as caught:
        clean(config)
    assert caught.value.mend


def test_a_single_layer_is_not_a_model():
    with pytest.raises(ModelError, match="single 'Dense'"):
        clean(dense())


def test_names_from_the_file_are_shown_as_harmless_text():
    config = sequential(layer("Lambda"))
    config["config"]["layers"][1]["config"]["name"] = "a\x1b[31m\n" + "b" * 500
    text = refusal(config)
    assert "\x1b" not in text and "\n" not in text and len(text) < 400
