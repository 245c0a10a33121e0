"""Hostile model files: each is refused with a reason or neutralised, nothing runs, nothing is left, no path shown."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis import quarantine
from nnvis_dash.analysis.intake import add_model, checked_copy
from nnvis_dash.analysis.preflight import check
from nnvis_dash.analysis.preflight.config import clean_config
from nnvis_dash.analysis.quarantine import Limits
from nnvis_dash.errors import ModelError, RefusedModel
from nnvis_dash.workspace.store import Workspace
from tests.security.crafted import deep_copy, dense, keras_object, layer, objects, sequential, write_keras

SAYS = {
    "absolute": "'/etc/evil'",
    "bomb": "'metadata2.json'",
    "deep": "levels deep",
    "empty": "empty (0 bytes)",
    "fn_builtin_eval": "builtins.eval",
    "fn_load": "keras.models.load_model",
    "fn_plot": "keras.utils.plot_model",
    "fn_tfsm": "keras.layers.TFSMLayer",
    "h5_cycle": "linked twice",
    "h5_extlink": "link to another file",
    "h5_softlink": "link to another place",
    "h5_vlen": "aren't numbers",
    "jax": "JaxLayer",
    "lambda_code": "is a Lambda",
    "othermodule": "subprocess.Popen",
    "strlookup": "StringLookup",
    "td_lambda": "is a Lambda",
    "textvec": "TextVectorization",
    "torchwrap": "TorchModuleWrapper",
    "trunc": "10,448 of 20,896 bytes",
    "typespec": "__typespec__",
    "zipbomb": "more than 200 times",
}
HONEST = (
    ("mnist/lenet1.keras", 7206),
    ("mnist/lenet4.keras", 69362),
    ("imagenet/mobilenet_v1_05_160.keras", 1342536),
    ("imagenet/mobilenet_v2_10_224.keras", 3538984),
    ("fer2013/mini_xception_64_keras205.hdf5", 58423),
    ("mnist/tensorspace_keras216.h5", 44426),
    ("imagenet/mobilenet_v1_025_224_keras280.h5", 475544),
)


@pytest.mark.shared_data
def test_every_hostile_file_is_known_here(shared_data: Path):
    names = {path.stem for path in (shared_data / "hostile").iterdir() if "hang" not in path.stem}
    assert names == {*SAYS, "nested_compile"}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", SAYS)
def test_a_hostile_file_is_refused_with_its_reason(name: str, shared_data: Path, tmp_path: Path):
    (path,) = (shared_data / "hostile").glob(f"{name}.*")
    with pytest.raises(ModelError) as caught:
        check(path, tmp_path)
    assert SAYS[name] in caught.value.what and caught.value.mend
    assert isinstance(caught.value, RefusedModel) == (name not in ("empty", "trunc"))
    assert str(shared_data) not in str(caught.value) and str(tmp_path) not in str(caught.value)
    assert not list(tmp_path.glob("clean*"))


@pytest.mark.shared_data
def test_the_loss_of_a_nested_model_is_left_behind(shared_data: Path, tmp_path: Path):
    checked = check(shared_data / "hostile" / "nested_compile.keras", tmp_path)
    with zipfile.ZipFile(checked.clean) as archive:
        config = archive.read("config.json").decode()
    assert "set_random_seed" not in config and "compile_config" not in config and "inner" in config


@pytest.mark.shared_data
def test_the_files_on_which_hdf5_hangs_end_with_an_error(shared_data: Path, tmp_path: Path):
    """Each takes its second of CPU, so two run at a time."""

    def answer(number: int) -> str:
        folder = tmp_path / str(number)
        folder.mkdir()
        path = shared_data / "hostile" / f"h5_hang_{number}.h5"
        request = {"path": str(path), "folder": str(folder), "max_parameters": 10**6, "max_bytes": 10**6}
        try:
            quarantine.run("check", request, folder, Limits(check_seconds=1))
        except ModelError as error:
            return error.what
        return "passed"

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(answer, range(12)))
    said = "The model file could not be read within 1 seconds: it is damaged, or made to keep its reader busy"
    assert answers == [said] * 12
    honest = {"path": str(write_keras(tmp_path / "model.keras")), "folder": str(tmp_path)}
    honest |= {"max_parameters": 10**6, "max_bytes": 10**6}
    assert quarantine.run("check", honest, tmp_path, Limits(check_seconds=1))["n_parameters"] == 34


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "parameters"), HONEST)
def test_an_honest_file_of_other_people_passes(name: str, parameters: int, shared_data: Path, tmp_path: Path):
    assert check(shared_data / "models" / name, tmp_path).n_parameters == parameters


@pytest.mark.shared_data
def test_adding_and_refusing_in_a_workspace(shared_data: Path, tmp_path: Path):
    workspace = Workspace(tmp_path / "workspace")
    models = shared_data / "models"
    lenet, new = add_model(workspace, models / "mnist" / "lenet1.keras", preprocessing="unit")
    assert new and (lenet.input_shape, lenet.n_classes, lenet.output) == ((28, 28, 1), 10, "softmax")
    emotions, _ = add_model(workspace, models / "fer2013" / "mini_xception_64_keras205.hdf5", preprocessing="symmetric")
    assert (emotions.input_shape, emotions.n_classes) == ((64, 64, 1), 7)
    assert emotions.notes["written by"] == "Keras 2.0.5"
    before = sorted(workspace.path.rglob("*"))
    for path, says in (
        (models / "mnist" / "lenet1_weights_only.h5", "only the weights"),
        (shared_data / "hostile" / "lambda_code.keras", "is a Lambda"),
    ):
        with pytest.raises(ModelError) as caught:
            add_model(workspace, path)
        assert says in caught.value.what and caught.value.mend
        assert str(path.parent) not in str(caught.value) and str(tmp_path) not in str(caught.value)
        assert sorted(workspace.path.rglob("*")) == before


VILLAINS: list[Any] = [
    keras_object("keras.layers", "Lambda", {"name": "l", "function": {"class_name": "__lambda__", "config": {}}}),
    keras_object("keras.layers", "TFSMLayer", {"name": "l", "filepath": "/tmp/x"}),
    keras_object("subprocess", "Popen", {"args": "id"}),
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
    {"class_name": "__lambda__", "config": {"value": "AAAA"}},
    keras_object("keras.layers", "Dense", {"name": "l", "units": 2}) | {"registered_name": "evil>Dense"},
    {"registered_name": "evil>Anything"},
    {"vocabulary": "/etc/passwd"},
]
BASES = [
    sequential(),
    sequential(sequential(layer("TimeDistributed", layer=dense(kernel_regularizer="l2"))), dense()),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_villain_is_found_wherever_it_stands(data: st.DataObject):
    config = deep_copy(data.draw(st.sampled_from(BASES)))
    place = data.draw(st.sampled_from(list(objects(config))))
    villain = deep_copy(data.draw(st.sampled_from(VILLAINS)))
    for _ in range(data.draw(st.integers(0, 3))):
        villain = data.draw(st.sampled_from([[villain], {"inner": villain}]))
    place[data.draw(st.sampled_from(["layers", "config", "activation", "new", "kernel_initializer"]))] = villain
    with pytest.raises(ModelError):
        clean_config(config, legacy=data.draw(st.booleans()), max_parameters=100, extents=frozenset({16, 2}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_archive_passes_the_check_or_is_refused_in_words(data: st.DataObject, tmp_path: Path):
    """Bytes of the directory and the headers are changed; the weights keep their checksum, so HDF5 isn't reached."""
    content = bytearray(write_keras(tmp_path / "model.keras").read_bytes())
    start = content.rindex(b"PK\x01\x02") - 200
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(start, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "changed.keras"
    path.write_bytes(bytes(content))
    try:
        check(path, tmp_path)
    except ModelError as error:
        assert error.mend and str(tmp_path) not in str(error)


def test_a_file_named_by_a_model_is_not_shown(tmp_path: Path):
    canary = tmp_path / "canary"
    canary.write_text("secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    for field in ("vocabulary", "filepath", "url"):
        lookup = keras_object("keras.layers", "StringLookup", {"name": "lookup", field: str(canary)})
        path = write_keras(tmp_path / "model.keras", sequential(lookup))
        with pytest.raises(RefusedModel) as caught:
            checked_copy(path, folder)
        assert "secret" not in str(caught.value) and str(canary) not in str(caught.value)
    assert not list(folder.glob("clean*"))
