"""The command line as a user meets it: exit status, what is said and where."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.commands import USER_ERROR, main
from nnvis_dash.errors import DatasetError, RefusedModel
from nnvis_dash.person import Person, acting_as
from nnvis_dash.settings import Settings
from nnvis_dash.types import ModelCard, Preprocessing
from nnvis_dash.workspace.store import Workspace
from tests.unit.workspace.files import encoded, listing, pixels, write_tree

IMAGES = pixels(0, 6, 5, 4)
ROOT = Path(__file__).resolve().parents[3]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a fresh workspace, give its status, output and errors."""
    monkeypatch.setenv("NNVIS_WORKSPACE", str(tmp_path / "workspace"))

    def call(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    path = tmp_path / "things.npz"
    np.savez(path, x=IMAGES, y=np.array([0, 1, 1, 0, 2, 1]))
    return path


def card(name: str = "net") -> ModelCard:
    return ModelCard(
        name,
        "ab" * 16,
        (28, 28, 1),
        10,
        (),
        "softmax",
        Preprocessing("unit"),
        "squash",
        (),
        7206,
        "a",
        "b",
        "net.keras",
    )


def store_model(workspace: Workspace, name: str = "net") -> None:
    file = workspace.path / "cache" / "clean.keras"
    file.write_bytes(b"model")
    workspace.store_model(file, card(name))


def test_add_list_and_remove_a_dataset(run: Run, npz: Path) -> None:
    status, out, err = run("add-dataset", npz, "--class-names", "cat,dog,emu")
    assert (status, err) == (0, "")
    assert out.startswith("Added the dataset things (") and "6 images, 5 × 4 × 1, 3 classes." in out
    assert "layout: (N, H, W) got a channel axis" in out
    status, out, err = run("add-dataset", npz, "--class-names", "cat,dog,emu", "--name", "other")
    assert status == 0 and out.startswith("These images are in the workspace already: things (")
    status, out, err = run("list")
    assert status == 0 and [line.split()[0] for line in out.splitlines() if line][:2] == ["DATASET", "things"]
    assert "No models yet" in out
    assert run("remove", "things")[1].startswith("Removed the dataset things (")
    assert "No datasets yet" in run("list", "datasets")[1]


def test_json(run: Run, npz: Path, tmp_path: Path) -> None:
    status, out, err = run("add-dataset", npz, "--json")
    answer = json.loads(out)
    assert (status, err) == (0, "") and answer["new"] is True
    assert answer["dataset"]["n_samples"] == 6 and answer["dataset"]["image_shape"] == [5, 4, 1]
    assert json.loads(run("add-dataset", npz, "--json")[1])["new"] is False
    store_model(Workspace(tmp_path / "workspace"))
    listed = json.loads(run("list", "--json")[1])
    model = json.loads(json.dumps(card().to_json()))
    assert listed == {"datasets": [{**answer["dataset"], "owners": []}], "models": [{**model, "owners": []}]}
    assert set(json.loads(run("list", "models", "--json")[1])) == {"models"}
    removed = json.loads(run("remove", answer["dataset"]["fingerprint"][:6], "--json")[1])
    assert removed == {
        "removed": {"kind": "dataset", "name": "things", "fingerprint": answer["dataset"]["fingerprint"]}
    }


def test_all_options_of_add_dataset(run: Run, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "a", {"x.png": encoded(IMAGES[0]), "y.png": encoded(IMAGES[1]), "z.png": b"bad"})
    (tmp_path / "labels.csv").write_text("x.png,dog\ny.png,cat\nz.png,dog\n")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    other = tmp_path / "elsewhere"
    status, out, _ = run(
        "add-dataset", tree, "--labels", tmp_path / "labels.csv", "--class-names", tmp_path / "names.txt",
        "--skip-unreadable", "--name", "pets", "--workspace", other,
    )  # fmt: skip
    assert status == 0 and "skipped: 1 unreadable: z.png" in out
    data = Workspace(other).dataset("pets")
    assert data.class_names == ("cat", "dog") and data.labels is not None and data.labels.tolist() == [1, 0]
    np.savez(tmp_path / "s.npz", x_train=IMAGES[:4], x_test=IMAGES[4:])
    assert (
        json.loads(run("add-dataset", tmp_path / "s.npz", "--split", "train", "--json")[1])["dataset"]["n_samples"] == 4
    )


def test_a_users_error_is_one_line_on_standard_error(run: Run, npz: Path, tmp_path: Path) -> None:
    run("list")  # makes the workspace
    before = listing(tmp_path / "workspace")
    for arguments, words in (
        (("add-dataset", tmp_path / "missing.npz"), "There is no file or folder 'missing.npz'. Check the path."),
        (("add-dataset", npz, "--labels", tmp_path / "no.csv"), "There is no file 'no.csv' with labels."),
        (("add-dataset", tmp_path / ("x" * 256)), "There is no file or folder 'xxx"),
        (("add-model", tmp_path / ("x" * 256)), "There is no model file 'xxx"),
        (("add-dataset", npz, "--class-names", "cat"), "The label 2 is not a class: there are 1 class names."),
        (("remove", "nothing"), "There is no dataset or model 'nothing'."),
        (("remove", "nothing", "--model"), "There is no model 'nothing'."),
        (("add-dataset", "keras:imagenet"), "Choose one of: mnist, fashion_mnist, cifar10."),
    ):
        status, out, err = run(*arguments)
        assert status == 1 and out == ""
        assert err.startswith("error: ") and words in err and err.count("\n") == 1
        assert str(tmp_path) not in err
    assert listing(tmp_path / "workspace") == before


def test_the_limit_of_pixels_is_a_setting(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_tree(tmp_path / "a", {"x.png": encoded(IMAGES[0])})
    monkeypatch.setenv("NNVIS_MAX_PIXELS", "19")
    status, _, err = run("add-dataset", tree)
    assert status == 1 and "at most 19 are read" in err
    monkeypatch.setenv("NNVIS_MAX_PIXELS", "many")
    status, _, err = run("list")
    assert status == 1 and "NNVIS_MAX_PIXELS is 'many'" in err


@pytest.mark.parametrize("arguments", [[], ["bogus"], ["add-dataset"], ["list", "cats"], ["list", "--bogus"]])
def test_wrong_arguments_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["add-dataset", "add-model", "list", "remove"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert f"usage: python -m nnvis_dash {command}" in out and "--workspace" in out and "--json" in out


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    for file in (ROOT / "nnvis_dash" / "commands").glob("*.py"):
        if "def add_parser" in file.read_text() and file.name != "__init__.py":
            assert file.stem.rstrip("_").replace("_", "-") in out


def test_add_model_passes_everything_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def add_model(workspace: Workspace, source: str, **options: object) -> tuple[ModelCard, bool]:
        seen.update(options, source=source, workspace=workspace.path)
        options["on_progress"]("loading")  # type: ignore[operator]
        return card(), True

    monkeypatch.setattr("nnvis_dash.commands.add_model.add_model", add_model)
    status, out, err = run(
        "add-model", "net.keras", "--name", "n", "--preprocessing", "caffe", "--class-names", "a,b", "--resize", "crop",
        "--head", "classes", "--input-size", "160x192", "--output", "logits",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert out.startswith("Added the model net (abababab): input 28 × 28 × 1, 10 classes (softmax), preprocessing unit")
    seen.pop("on_progress")
    assert seen == {
        "source": "net.keras", "workspace": tmp_path / "workspace", "name": "n", "preprocessing": "caffe",
        "class_names": ("a", "b"), "resize": "crop", "head": "classes", "input_size": (160, 192), "output": "logits",
        "dataset": None, "architecture": None,
    }  # fmt: skip
    assert run("add-model", "net.keras", "--input-size", "96")[0] == 0 and seen["input_size"] == (96, 96)
    for wrong in ("0", "a", "1x2x3", "-5"):
        status, _, err = run("add-model", "net.keras", f"--input-size={wrong}")
        assert status == 1 and repr(wrong) in err and "160x192" in err
    assert json.loads(run("add-model", "net.keras", "--json")[1])["model"]["n_classes"] == 10
    assert seen["class_names"] is None and seen["preprocessing"] == "auto" and seen["resize"] == "squash"


def test_a_refused_model_says_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def add_model(*arguments: object, **options: object) -> tuple[ModelCard, bool]:
        raise RefusedModel("The layer 'x' can run code", "Save it without.")

    monkeypatch.setattr("nnvis_dash.commands.add_model.add_model", add_model)
    assert run("add-model", "net.keras") == (1, "", "error: The layer 'x' can run code. Save it without.\n")


def test_remove_asks_which_where_both_have_the_name(run: Run, npz: Path, tmp_path: Path) -> None:
    run("add-dataset", npz, "--name", "net")
    store_model(Workspace(tmp_path / "workspace"))
    status, _, err = run("remove", "net")
    assert status == 1 and "--dataset or --model" in err
    assert "Removed the model net" in run("remove", "net", "--model")[1]
    assert "Removed the dataset net" in run("remove", "net")[1]


def test_keras_datasets_take_their_name_and_class_names(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(name: str, destination: Path) -> None:
        labels = np.array([9, 1])
        np.savez(destination, x_train=IMAGES[:2], y_train=labels, x_test=IMAGES[2:4], y_test=labels)

    monkeypatch.setattr("nnvis_dash.analysis.keras_datasets.download", download)
    assert run("add-dataset", "keras:fashion_mnist")[0] == 0
    data = Workspace(tmp_path / "workspace").dataset("fashion_mnist")
    assert data.class_names[9] == "Ankle boot" and np.array_equal(data.image(0)[..., 0], IMAGES[2])


def test_a_download_that_fails_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, destination: Path) -> None:
        raise DatasetError("There is no internet here", "Download it elsewhere.")

    monkeypatch.setattr("nnvis_dash.analysis.keras_datasets.download", download)
    assert run("add-dataset", "keras:mnist") == (1, "", "error: There is no internet here. Download it elsewhere.\n")


def test_ctrl_c_leaves_the_workspace_as_it_was(
    run: Run, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("list")
    before = listing(tmp_path / "workspace")

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nnvis_dash.commands.terminal.Progress.__call__", interrupt)
    assert run("add-dataset", npz)[0] == 130
    assert listing(tmp_path / "workspace") == before


def python_m(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "nnvis_dash", *map(str, arguments)]


def test_as_a_program(npz: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        python_m("add-dataset", npz, "--workspace", tmp_path / "w"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and done.stderr == "" and done.stdout.startswith("Added the dataset things")
    bad = subprocess.run(
        python_m("remove", "x", "--workspace", tmp_path / "w"), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert bad.returncode == 1 and bad.stdout == "" and bad.stderr.startswith("error: There is no dataset or model 'x'")


def test_progress_is_drawn_on_a_terminal_only(npz: Path, tmp_path: Path) -> None:
    outer, inner = pty.openpty()
    try:
        done = subprocess.run(
            python_m("add-dataset", npz, "--workspace", tmp_path / "w"),
            cwd=ROOT, stdout=subprocess.PIPE, stderr=inner, timeout=60,
        )  # fmt: skip
        os.close(inner)
        drawn = os.read(outer, 10_000).decode()
    finally:
        os.close(outer)
    assert done.returncode == 0
    assert "Reading images [##############################] 6/6" in drawn
    assert drawn.endswith("\r\x1b[K")  # the line is cleared at the end


@pytest.mark.shared_data
def test_a_real_model(run: Run, shared_data: Path, tmp_path: Path) -> None:
    status, out, err = run("add-model", shared_data / "models" / "mnist" / "lenet1.keras", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["model"]["input_shape"] == [28, 28, 1]
    assert Workspace(tmp_path / "workspace").model("lenet1").n_classes == 10


def test_settings_pass_through_the_environment_of_another_process() -> None:
    changed = Settings(port=1, workspace="w", max_upload_mb=7, allow_saved_models=True)
    for settings in (Settings(), changed):
        assert Settings.from_environment(settings.environment()) == settings


def test_what_is_a_persons_is_listed_shared_and_written_down(run: Run, npz: Path, tmp_path: Path) -> None:
    with acting_as(Person("a" * 32, "Ann", True)):
        Workspace(tmp_path / "workspace").add_dataset(npz, name="cats")
    run("add-dataset", npz.parent / npz.name, "--name", "again")  # the same content: everyone's from now on
    assert "everyone" in run("list", "datasets")[1]
    status, _, err = run("share", "cats", "--private")
    assert status == USER_ERROR and "belongs to everyone" in err
    store_model(Workspace(tmp_path / "workspace"))
    with acting_as(Person("b" * 32, "Bob", True)):
        Workspace(tmp_path / "workspace").add_dataset(np.ones((2, 3, 3, 1), np.uint8), name="dogs")
    assert run("share", "dogs")[1].endswith("Bob (private)\n")
    assert run("share", "dogs", "--with-everyone")[1].endswith("Bob (shared)\n")
    assert "Bob (shared)" in run("list")[1]
    answer = json.loads(run("share", "dogs", "--private", "--json")[1])
    assert answer["owners"] == [{"id": "b" * 32, "name": "Bob", "shared": False}]
    _, out, _ = run("audit", "--person", "Bob")
    assert out.splitlines()[0].startswith("TIME") and len(out.splitlines()) == 2 and "name=dogs" in out
    lines = [json.loads(line) for line in run("audit", "--json")[1].splitlines()]
    assert [line["action"] for line in lines] == ["add", "add", "add", "add", "share", "keep private"]
    assert run("audit", "--since", "2999")[1] == "No lines.\n"
