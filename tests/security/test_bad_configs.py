"""Descriptions of models that would run code, read files, reach out or exhaust the machine; and JSON that is none."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnvis_dash.analysis.preflight import check
from nnvis_dash.analysis.preflight import config as config_module
from nnvis_dash.analysis.preflight.config import MAX_CONFIG_BYTES, MAX_DEPTH, MAX_LAYERS, MAX_TEXT, clean_config
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import dense, h5_bytes, layer, sequential, write_h5, write_keras
from tests.security.rows import Row, nothing_runs, refused, table
from tests.security.villains import EVERY, LAMBDAS, Villain, function, lambda_layer


def checking(tmp_path: Path) -> Callable[[Path, dict[str, Any]], object]:
    """Return the call that checks a model file in this process, in which nothing may run."""
    folder = tmp_path / "checked"
    folder.mkdir()

    def call(path: Path, options: dict[str, Any]) -> object:
        with nothing_runs():
            return check(path, folder, **options)

    return call


def held(row: Row, tmp_path: Path) -> None:
    refused(row, checking(tmp_path), tmp_path, tmp_path / "nothing")
    assert not list((tmp_path / "checked").glob("clean*"))


def around(villain: Villain, folder: Path) -> dict[str, Any]:
    return sequential(layer("Flatten"), villain.make(folder), dense())


def in_keras(villain: Villain) -> Row:
    return Row(
        villain.name,
        lambda folder: write_keras(folder / "m.keras", around(villain, folder)),
        villain.says,
        RefusedModel,
    )


def in_h5(villain: Villain) -> Row:
    return Row(
        villain.name, lambda folder: write_h5(folder / "m.h5", around(villain, folder)), villain.says, RefusedModel
    )


def beside(villain: Villain) -> Row:
    """The architecture in a file of its own, the weights in another."""

    def make(folder: Path) -> Any:
        architecture = folder / "model.json"
        architecture.write_text(json.dumps(around(villain, folder)))
        return write_h5(folder / "weights.h5"), {"architecture": str(architecture)}

    return Row(villain.name, make, villain.says, RefusedModel)


@table([in_keras(villain) for villain in EVERY])
def test_a_hostile_layer_of_a_keras_file_is_refused(row: Row, tmp_path: Path):
    held(row, tmp_path)


@table([in_h5(villain) for villain in EVERY])
def test_a_hostile_layer_of_an_h5_file_is_refused(row: Row, tmp_path: Path):
    held(row, tmp_path)


@table([beside(villain) for villain in EVERY[::4]])
def test_a_hostile_layer_of_an_architecture_is_refused(row: Row, tmp_path: Path):
    held(row, tmp_path)


def text(content: str | bytes | Callable[[], str | bytes]) -> Callable[[Path], Path]:
    """Return a maker of a .keras file with any bytes as its description."""

    def make(folder: Path) -> Path:
        made = content() if callable(content) else content
        return write_keras(
            folder / "m.keras", members={"config.json": made.encode() if isinstance(made, str) else made}
        )

    return make


def deep(levels: int, bracket: str = "[]") -> str:
    model = sequential(layer("Flatten", extra="HERE"), dense())
    inside = ('{"a":' if bracket == "{}" else "[") * levels + "1" + bracket[1] * levels
    return json.dumps(model).replace('"HERE"', inside)


def twice(first: str, second: str) -> str:
    """Return a description in which a field is given twice."""
    return json.dumps(sequential(layer("Flatten"), dense(activation="HERE"))).replace(
        '"activation": "HERE"', f'"activation": {first}, "activation": {second}'
    )


DAMAGED = "The model's description (config) isn't valid JSON, so the file is damaged"
NO_MODEL = "The file's description isn't that of a Keras model"
EVIL = json.dumps(function("keras.utils", "get_file"))
JSON = [
    Row("nothing", text(""), DAMAGED, ModelError),
    Row("cut off", text(lambda: json.dumps(sequential())[:-20]), DAMAGED, ModelError),
    Row("more behind it", text(lambda: json.dumps(sequential()) + "x"), DAMAGED, ModelError),
    Row("binary", text(bytes(range(256))), DAMAGED, ModelError),
    Row("zeros", text(bytes(1000)), DAMAGED, ModelError),
    Row("broken UTF-8", text(b'{"class_name": "\xff"}'), DAMAGED, ModelError),
    Row("python", text("{'class_name': 'Sequential'}"), DAMAGED, ModelError),
    Row("a number of 10,000 digits", text("[" + "9" * 10_000 + "]"), DAMAGED, ModelError),
    Row("null", text("null"), NO_MODEL, ModelError),
    Row("a list", text("[]"), NO_MODEL, ModelError),
    Row("a text", text('"Sequential"'), NO_MODEL, ModelError),
    Row("an empty object", text("{}"), NO_MODEL, ModelError),
    Row("a class that is null", text('{"class_name": null}'), NO_MODEL, ModelError),
    Row(
        "a module that is a list",
        text(json.dumps(sequential() | {"module": ["keras"]})),
        "names a class that isn't a text",
        RefusedModel,
    ),
    Row("a single layer", text(json.dumps(dense())), "The file holds a single 'Dense' rather than a model", ModelError),
    *(
        Row(
            f"a layer named {name!r}",
            text(lambda name=name: json.dumps(sequential(layer("Flatten"), dense(name=name)))),
            "has a name that TensorFlow can't run it under",
            ModelError,
        )
        for name in ("block 1", "a:0", ",", "é", "a\nb", "\ud800")
    ),
    Row(
        "no layers",
        text('{"class_name": "Sequential", "module": "keras", "config": {"layers": []}}'),
        "no layers",
        ModelError,
    ),
    Row(
        "layers that are a number",
        text('{"class_name": "Sequential", "module": "keras", "config": 3}'),
        "no layers",
        ModelError,
    ),
    Row(f"{MAX_DEPTH} levels too deep", text(lambda: deep(MAX_DEPTH)), "nested more than 64 levels deep", RefusedModel),
    Row("objects too deep", text(lambda: deep(MAX_DEPTH, "{}")), "nested more than 64 levels deep", RefusedModel),
    Row("100,000 levels deep", text("[" * 100_000 + "]" * 100_000), "nested more than 64 levels deep", RefusedModel),
    Row("1,000,000 brackets", text("[" * 1_000_000), "nested more than 64 levels deep", RefusedModel),
    Row("100,000 objects deep", text('{"a":' * 100_000), "nested more than 64 levels deep", RefusedModel),
    Row(
        "too large",
        text(lambda: b" " * (MAX_CONFIG_BYTES + 1)),
        "config.json has 16,777,217 bytes, too many",
        RefusedModel,
    ),
    Row(
        "too many layers",
        text(lambda: json.dumps(sequential(*[layer("Flatten")] * (MAX_LAYERS + 1)))),
        "The model has more than 20,000 layers",
        RefusedModel,
    ),
    Row("a field twice, evil last", text(twice('"relu"', EVIL)), "keras.utils.get_file", RefusedModel),
    Row(
        "a class twice, evil last",
        text(
            lambda: json.dumps(sequential()).replace(
                '"class_name": "Flatten"', '"class_name": "Flatten", "class_name": "Lambda"'
            )
        ),
        "is a Lambda",
        RefusedModel,
    ),
    Row(
        "escaped letters",
        text(lambda: json.dumps(sequential(lambda_layer(Path("/tmp/evil/x")))).replace("Lambda", "L\\u0061mbda")),
        "is a Lambda",
        RefusedModel,
    ),
    Row(
        "UTF-16",
        text(lambda: json.dumps(sequential(lambda_layer(Path("/tmp/evil/x")))).encode("utf-16")),
        "is a Lambda",
        RefusedModel,
    ),
    Row(
        "metadata that is none",
        lambda f: write_keras(f / "m.keras", members={"metadata.json": b"{"}),
        DAMAGED,
        ModelError,
    ),
    Row(
        "metadata too large",
        lambda f: write_keras(f / "m.keras", members={"metadata.json": b" " * 70_000}),
        "metadata.json has 70,000 bytes, too many",
        RefusedModel,
    ),
    Row(
        "metadata too deep",
        lambda f: write_keras(f / "m.keras", members={"metadata.json": b"[" * 60_000}),
        "nested more than 64 levels deep",
        RefusedModel,
    ),
    Row(
        "a layer's name of markup",
        text(lambda: json.dumps(sequential(dense(7, name="<script>\u202e\n\x1b[2J")))),
        "<script>???[2J (Dense) declares",
        RefusedModel,
    ),
    Row(
        "a class of markup",
        text(lambda: json.dumps(sequential(layer("<img onerror=x>\n")))),
        "<img onerror=x>?",
        RefusedModel,
    ),
    Row("a class of 1,900 letters", text(lambda: json.dumps(sequential(layer("x" * 1900)))), "xxx...", RefusedModel),
    Row("a surrogate in a name", text(lambda: json.dumps(sequential(layer("\ud800")))), "keras.layers.?", RefusedModel),
    Row(
        "h5: a description that is no JSON",
        lambda f: write_h5(f / "m.h5", attributes={"model_config": b"{"}),
        DAMAGED,
        ModelError,
    ),
    Row(
        "h5: a description of numbers",
        lambda f: write_h5(f / "m.h5", attributes={"model_config": [1, 2]}),
        "'model_config' in the model file isn't a text",
        RefusedModel,
    ),
    Row(
        "h5: an empty description",
        lambda f: write_h5(f / "m.h5", attributes={"model_config": b""}),
        DAMAGED,
        ModelError,
    ),
    Row(
        "h5: a description of two texts",
        lambda f: write_h5(f / "m.h5", attributes={"model_config": [b"{}", b"{}"]}),
        "'model_config' in the model file isn't a",
        RefusedModel,
    ),
    Row(
        "h5: no description",
        lambda f: (f / "m.h5", (f / "m.h5").write_bytes(h5_bytes()))[0],
        "holds only the weights",
        ModelError,
    ),
]


@table(JSON)
def test_a_description_that_is_none_or_too_large_is_refused(row: Row, tmp_path: Path):
    held(row, tmp_path)


@pytest.mark.parametrize("first", ["null", EVIL, '{"class_name": "__lambda__"}'])
def test_the_last_of_two_fields_is_what_keras_gets(first: str, tmp_path: Path):
    """The clean copy is written from what was checked, so a reader that takes the first one isn't fooled either."""
    path = text(twice(first, '"relu"'))(tmp_path)
    with zipfile.ZipFile(check(path, tmp_path).clean) as archive:
        config = archive.read("config.json").decode()
    assert '"activation": "relu"' in config and "get_file" not in config and "__lambda__" not in config


@pytest.mark.parametrize("villain", LAMBDAS[:2], ids=["lambda", "lambda of Keras 2"])
def test_a_compile_config_is_left_behind_at_every_level(villain: Villain, tmp_path: Path):
    folder = tmp_path / "given"
    folder.mkdir()
    loss = {"loss": villain.make(folder), "optimizer": function("os", "system")}
    inner = sequential(layer("Flatten"), dense()) | {"compile_config": loss}
    path = write_keras(folder / "m.keras", sequential(inner) | {"compile_config": loss})
    with zipfile.ZipFile(check(path, tmp_path).clean) as archive:
        config = archive.read("config.json").decode()
    assert "compile_config" not in config and "Lambda" not in config and "system" not in config


@pytest.mark.parametrize(
    ("limit", "exact", "make"),
    [
        ("MAX_LAYERS", 3, lambda: sequential()),
        ("MAX_DEPTH", 8, lambda: json.loads(deep(3))),
        ("MAX_TEXT", 31, lambda: sequential(layer("Flatten", note="x" * 31))),
        ("MAX_NUMBER", 1001, lambda: sequential(layer("Flatten", seed=1000))),
    ],
)
def test_the_limits_of_a_description_hold_exactly(
    limit: str, exact: int, make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
):
    assert MAX_LAYERS == 20_000 and MAX_TEXT == 2_000
    given = {"legacy": False, "max_parameters": 100, "extents": frozenset({16, 2})}
    monkeypatch.setattr(config_module, limit, exact)
    assert clean_config(make(), **given)
    monkeypatch.setattr(config_module, limit, exact - 1)
    with pytest.raises(RefusedModel):
        clean_config(make(), **given)


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch):
    given = {"legacy": False, "max_parameters": 100, "extents": frozenset({16, 2})}
    monkeypatch.setattr(config_module, "MAX_VALUES", 1000)
    assert clean_config(sequential(layer("Flatten", extra=[1] * 800)), **given)
    with pytest.raises(RefusedModel, match="more than 1,000 values"):
        clean_config(sequential(layer("Flatten", extra=[1] * 1000)), **given)
