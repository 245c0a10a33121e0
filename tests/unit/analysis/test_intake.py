"""Adding a classifier: one child process, a card, a stored model, or nothing at all."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis import intake, quarantine, quarantined
from nnvis_dash.analysis.intake import APPLICATIONS, add_model, checked_copy
from nnvis_dash.analysis.quarantine import GB, Limits
from nnvis_dash.errors import EngineError, ModelError, NotFound, ParameterError, RefusedModel
from nnvis_dash.settings import Settings
from nnvis_dash.types import Layer, ModelCard, Preprocessing
from nnvis_dash.workspace.store import Workspace
from tests.security.crafted import KERNEL, dense, layer, sequential, write_h5, write_keras


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def contents(workspace: Workspace) -> set[str]:
    found = {str(path.relative_to(workspace.path)) for path in workspace.path.rglob("*")}
    return {path for path in found if not path.startswith("audit")}


def test_a_file_becomes_a_classifier_and_again_the_same_one(tmp_path: Path, workspace: Workspace):
    path = write_keras(tmp_path / "small.keras")
    before, said = contents(workspace), []
    card, new = add_model(
        workspace, path, class_names=["cat", "dog"], notes={"held-out accuracy": "0.9"}, on_progress=said.append
    )
    assert new
    assert (card.name, card.source, card.input_shape) == ("small", "small.keras", (4, 4, 1))
    assert (card.n_classes, card.class_names, card.output, card.parameters) == (2, ("cat", "dog"), "softmax", 34)
    assert card.preprocessing.name == "unit" and "guessed" in card.notes["preprocessing"]
    assert card.notes["held-out accuracy"] == "0.9" and card.notes["written by"] == "Keras 3.15.1"
    assert said == ["Checking small.keras", "Loading small.keras with Keras"]
    assert workspace.model("small") == card
    after = contents(workspace)
    assert not any(entry.startswith("cache/intake") for entry in after)
    assert after - before == {f"models/{card.fingerprint}" + end for end in ("", "/model.keras", "/card.json")}

    again, new = add_model(workspace, path, name="another")
    assert (again, new) == (card, False) and contents(workspace) == after

    import keras

    model = keras.models.load_model(workspace.model_path("small"), compile=False)
    np.testing.assert_array_equal(model.get_weights()[0], KERNEL)


def test_other_preprocessing_makes_another_classifier_and_two_adders_end_with_one(tmp_path: Path, workspace: Workspace):
    path = write_h5(tmp_path / "small.h5")
    barrier = threading.Barrier(2)

    def add(preprocessing: str) -> tuple[ModelCard, bool]:
        barrier.wait()
        return add_model(workspace, path, name="raw", preprocessing=preprocessing)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(add, ["raw", "raw"]))
    assert sorted(new for _, new in results) == [False, True]
    assert results[0][0] == results[1][0]
    own = Preprocessing("mine", scale=0.5, mean=(0.25,))
    with pytest.raises(ModelError, match=r"another model named 'raw'.*--name"):
        add_model(workspace, path, name="raw", preprocessing=own)
    assert [card.preprocessing.name for card in workspace.models()] == ["raw"]


def test_what_does_not_fit_leaves_the_workspace_as_it_was(tmp_path: Path, workspace: Workspace):
    honest = write_keras(tmp_path / "model.keras")
    cases: list[tuple[type[Exception], str, Any, dict[str, Any]]] = [
        (ModelError, "no model file 'missing.keras'", tmp_path / "missing.keras", {}),
        (ParameterError, "3 class names for a model with 2 classes", honest, {"class_names": ["a", "b", "c"]}),
        (ParameterError, "no preprocessing 'evil'", honest, {"preprocessing": "evil"}),
        (ParameterError, "no resizing", honest, {"resize": "stretch"}),
        (RefusedModel, "Lambda", write_keras(tmp_path / "l.keras", sequential(layer("Lambda"))), {}),
        (RefusedModel, "NNVIS_MAX_MODEL_PARAMETERS", honest, {"settings": Settings(max_model_parameters=33)}),
        (NotFound, "keras.applications 'VGG15'", "keras:VGG15", {}),
    ]
    before = contents(workspace)
    for kind, says, source, options in cases:
        with pytest.raises(kind) as caught:
            add_model(workspace, source, **options)
        assert says in str(caught.value), says
        assert str(tmp_path) not in str(caught.value) and "Traceback" not in str(caught.value)
        assert contents(workspace) == before


def test_names_of_applications_are_known_without_keras():
    assert len(APPLICATIONS) == len(set(APPLICATIONS))
    with pytest.raises(NotFound) as caught:
        intake._application("nothing")
    assert "MobileNetV2" in str(caught.value) and "ConvNeXtXLarge" in str(caught.value)
    assert intake._application("vgg16") == "VGG16"

    import keras

    assert {name for name in dir(keras.applications) if name[0].isupper()} == set(APPLICATIONS)


def test_without_internet_an_application_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    import keras

    def constructor(weights: str) -> None:
        raise Exception("URL fetch failure on https://storage.googleapis.com/x: None -- [Errno -3] Name resolution")

    monkeypatch.setattr(keras.applications, "MobileNetV2", constructor)
    phases: list[str] = []
    with pytest.raises(ModelError) as caught:
        quarantined.add_application({"application": "MobileNetV2"}, phases.append)
    assert "no internet connection" in caught.value.what and "https" not in str(caught.value)
    assert "keras.applications.MobileNetV2().save('MobileNetV2.keras')" in caught.value.mend
    assert phases == ["fetch"]


def test_an_application_becomes_a_card_with_imagenet_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import keras

    built = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)], name="vgg16")
    monkeypatch.setattr(keras.applications, "VGG16", lambda weights: built)
    index = tmp_path / "index.json"
    index.write_text('{"1": ["n2", "goldfish"], "0": ["n1", "tench"]}')
    monkeypatch.setattr(keras.utils, "get_file", lambda *args, **kwargs: str(index))
    request = {
        "application": "VGG16", "name": "VGG16", "source": "keras:VGG16", "preprocessing": "auto", "class_names": None,
        "resize": "crop", "notes": {}, "folder": str(tmp_path), "head": None, "input_size": None, "output": None,
    }  # fmt: skip
    card = ModelCard.from_json(quarantined.add_application(request, lambda phase: None)["card"])
    assert card.class_names == ("tench", "goldfish")
    assert (card.source, card.preprocessing.name, card.resize) == ("keras:VGG16", "caffe", "crop")
    assert (tmp_path / "model.keras").exists()

    def offline(*args: Any, **kwargs: Any) -> str:
        raise OSError("no network")

    monkeypatch.setattr(keras.utils, "get_file", offline)
    assert quarantined.add_application(request, lambda phase: None)["card"]["class_names"] == ()


def test_layers_too_large_for_one_image_are_refused():
    card = ModelCard(
        name="m", fingerprint="", input_shape=(8, 8, 3), n_classes=2, class_names=(), output="softmax",
        preprocessing=Preprocessing.named("raw"), resize="squash",
        layers=(Layer("up", "UpSampling2D", (2**14, 2**14, 3), 0, 0),), parameters=0, feature_layer="up",
        grad_cam_layer=None, source="m",
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"'up' puts out 805,306,368 numbers \(3.0 GB\)"):
        quarantined._check_sizes(card)
    quarantined._check_sizes(replace(card, layers=(Layer("up", "UpSampling2D", (2**14, 2**14, 1), 0, 0),)))
    with pytest.raises(ModelError, match="pixels"):
        quarantined._check_sizes(replace(card, layers=(), input_shape=(10_000, 10_000, 3)))


def test_a_clean_copy_for_scripts(tmp_path: Path):
    folder = tmp_path / "clean"
    folder.mkdir()
    checked = checked_copy(write_keras(tmp_path / "model.keras"), folder)
    assert checked.clean == folder / "clean.keras" and checked.clean.exists()
    assert checked.n_parameters == 34
    with pytest.raises(RefusedModel, match="units = 5"):
        checked_copy(write_keras(tmp_path / "bad.keras", sequential(layer("Flatten"), dense(5))), folder)


def test_limits_grow_with_the_file():
    small, large = Limits().for_size(1 << 20), Limits().for_size(2 << 30)
    assert small.memory_bytes == 6 * GB and small.check_seconds == Limits().check_seconds
    assert large.memory_bytes == int(1.5 * GB) + 7 * (2 << 30)
    assert large.check_seconds > small.check_seconds and large.load_seconds > small.load_seconds


def child(code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limits: Limits | None = None) -> Any:
    """Run a child whose task is `code` (a function body with `begin`)."""
    body = "\n".join(f"    {line}" for line in code.splitlines())
    script = tmp_path / "python"
    script.write_text(
        f"#!{sys.executable} -P\n"
        "from nnvis_dash.analysis import quarantine, quarantined\n"
        f"def task(request, begin):\n{body}\n"
        "quarantined.TASKS['check'] = task\n"
        "quarantine.child()\n"
    )
    script.chmod(0o700)
    monkeypatch.setattr(quarantine.sys, "executable", str(script))
    return quarantine.run("check", {"a": 1}, tmp_path, limits or Limits())


def test_a_child_answers_and_prints_do_not_disturb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    code = "import os\nprint('noise', flush=True)\nos.system('echo more noise')\nbegin('check')\nreturn dict(request)"
    assert child(code, monkeypatch, tmp_path) == {"a": 1}


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("from nnvis_dash.errors import RefusedModel\nraise RefusedModel('no', 'yes')", RefusedModel, "no. yes"),
        ("begin('check')\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", ModelError, "damaged"),
        ("begin('load')\nimport os, signal\nos.kill(os.getpid(), signal.SIGABRT)", ModelError, "GB of memory"),
        ("begin('load')\nx = bytearray(8 << 30)", ModelError, "6.0 GB of memory"),
        ("import os\nos._exit(3)", EngineError, "could not start"),
        ("begin('load')\nraise KeyError('secret /srv/path')", ModelError, "can't be used (KeyError)"),
        ("import errno\nraise OSError(errno.ENOSPC, 'full')", ModelError, "no space left"),
        ("begin('check')\nreturn {'x': 'x' * (40 << 20)}", ModelError, "too large"),
        ("begin('check')\nwhile True: pass", ModelError, "within 1 seconds"),
    ],
)  # fmt: skip
def test_however_a_child_ends_there_is_an_answer(
    code: str, kind: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with pytest.raises(kind) as caught:
        child(code, monkeypatch, tmp_path, Limits(check_seconds=1))
    assert says in str(caught.value) and "secret" not in str(caught.value)


def test_a_child_that_sleeps_is_killed_with_its_own_children(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(quarantine, "_wall_seconds", lambda phase, limits: 2.0)
    code = (
        "import subprocess, sys, time\n"
        "inner = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(inner.pid))\n"
        "begin('check')\n"
        "time.sleep(60)"
    )
    with pytest.raises(ModelError, match="could not be read within"):
        child(code, monkeypatch, tmp_path)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child's own child still runs")


def test_a_child_sees_no_secrets_and_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("NNVIS_TEST_SECRET", "secret")
    seen = child("import os\nreturn dict(os.environ)", monkeypatch, tmp_path)
    assert "NNVIS_TEST_SECRET" not in seen
    assert seen["HOME"] == seen["TMPDIR"] == str(tmp_path)


def test_a_child_that_reads_a_file_has_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import ctypes, os, socket\n"
            f"probe = socket.socket()\n"
            f"status = probe.connect_ex(('127.0.0.1', {server.getsockname()[1]}))\n"
            "return {'status': status, 'net': os.readlink('/proc/self/ns/net')}"
        )
        seen = child(code, monkeypatch, tmp_path)
    if seen["net"] == str(Path("/proc/self/ns/net").readlink()):
        pytest.skip("this machine doesn't let a process leave its network")
    assert seen["status"] != 0
