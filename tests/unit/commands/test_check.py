"""`check`, from a contract's file to the exit code and the JUnit file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from nnvis_dash.commands import main
from nnvis_dash.commands.check import BROKEN
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.settings import Settings
from nnvis_dash.types import PREPROCESSINGS
from nnvis_dash.workspace.store import Workspace
from tests.unit.analysis.doctor.colours import NAMES, classifier, colours

RULES = """\
rules:
  - {at_least: 0.8}
  - {change: brightness, classes: all, degrees: [DEGREES], at_least: LIMIT}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a network's file, images, and a workspace with both."""
    folder = tmp_path_factory.mktemp("check")
    clf = classifier(PREPROCESSINGS["unit"], class_names=NAMES)
    clf.model.save(folder / "net.keras")
    clf.model.save_weights(folder / "net.weights.h5")
    (folder / "net.json").write_text(clf.model.to_json(), encoding="utf-8")
    images, labels = colours(120)
    np.savez(folder / "six.npz", images=images, labels=labels)
    workspace = Workspace(folder / "workspace")
    workspace.add_dataset(images, labels=labels, class_names=NAMES, name="six")
    workspace.store_model(folder / "net.keras", replace(clf.card, name="colours"))
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[tuple[str, str]]:
    """Return the words that name an engine for the workspace."""
    with local_cluster(Settings(workspace=str(folder / "workspace")), quiet=True) as address:
        yield "--scheduler", address


def identity() -> float:
    from nnvis_dash.analysis.simulation.change import change

    return change("brightness").identity


def check(folder: Path, capsys: Any, contract: str, *words: str) -> tuple[int, str, str]:
    (folder / "contract.yaml").write_text(contract, encoding="utf-8")
    status = main(["check", str(folder / "contract.yaml"), "--workspace", str(folder / "workspace"), *words])
    out, err = capsys.readouterr()
    return status, out, err


def from_files(limit: float, degrees: str) -> str:
    head = "nnvis_contract: 1\ndataset: six.npz\nclassifier: {path: net.keras, preprocessing: unit}\n"
    return head + RULES.replace("DEGREES", degrees).replace("LIMIT", str(limit))


def test_files_beside_the_contract_are_held_to_it_in_this_process(folder, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # paths begin at the contract's folder
    status, out, err = check(folder, capsys, from_files(0.8, f"{identity():g}"))
    assert status == 0, err
    assert "net on six (all 120 images)" in out and "2 of 2 rules passed: the contract is kept." in out
    weights = from_files(0.8, f"{identity():g}").replace("net.keras", "net.weights.h5, architecture: net.json")
    assert check(folder, capsys, weights)[0] == 0


def test_a_broken_contract_has_an_exit_code_of_its_own_and_names_the_images(folder, capsys):
    from nnvis_dash.analysis.simulation.change import change

    worst = change("brightness").degrees[0]
    junit = folder / "out.xml"
    contract = from_files(0.99, f"{worst:g}")
    status, out, _ = check(folder, capsys, contract, "--junit", str(junit))
    assert status == BROKEN == 3 and "1 of 2 rules passed, 1 failed: the contract is broken." in out
    assert "broken by sample" in out and "\x1b" not in out
    root = ElementTree.parse(junit).getroot()
    assert root.get("tests") == "7" and root.get("failures") == "1"
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None and "broken by sample" in (failure.text or "")
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []  # nothing half-written

    status, out, _ = check(folder, capsys, contract, "--json")
    record = json.loads(out)
    assert status == BROKEN and record["held"] is False and record["classifier"] == "net" and record["n_images"] == 120


def test_the_workspace_measures_once_and_the_second_check_reads_what_is_kept(folder, engine, capsys, monkeypatch):
    contract = (
        "nnvis_contract: 1\ndataset: six\nclassifier: colours\nagainst: colours\nsamples: 60\nrules:\n"
        "  - {change: rotation, degrees: [-90, 0, 90], at_least: 0.7}\n"
        "  - {change: rotation, degrees: [90], loses_at_most: 0}\n"
        "  - {change: brightness, of: breaking, classes: all, at_least: 0}\n"
    )
    status, out, err = check(folder, capsys, contract, *engine)
    assert status == 0, out + err
    assert "colours on six (60 images), against colours" in out

    def broken(*_: Any, **__: Any) -> None:
        raise AssertionError("an engine is started for what is known")

    monkeypatch.setattr("nnvis_dash.commands.check.local_cluster", broken)
    again, out_again, _ = check(folder, capsys, contract)
    assert again == 0 and out_again == out


def test_numbers_are_the_same_from_files_and_from_the_workspace(folder, engine, capsys):
    rules = "rules: [{change: rotation, degrees: [-90, 0, 90], of: probability, at_least: 0.1}]\n"
    names = f"[{', '.join(NAMES)}]"
    net = "{path: net.keras, preprocessing: unit}"  # it has no names: the dataset's are used
    files = f"nnvis_contract: 1\ndataset: {{path: six.npz, class_names: {names}}}\nclassifier: {net}\n"
    held = "nnvis_contract: 1\ndataset: six\nclassifier: colours\n"
    here, there = (
        json.loads(check(folder, capsys, head + rules, "--json", *engine)[1])["rules"][0] for head in (files, held)
    )
    assert [limit["class"] for limit in here["limits"]] == [limit["class"] for limit in there["limits"]]
    for one, other in zip(here["limits"], there["limits"], strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=1e-6) and one["n"] == other["n"] == 20


def test_an_interrupted_check_says_how_to_go_on(folder, capsys, monkeypatch):
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nnvis_dash.analysis.contract.measuring.sweep", stop)
    status, out, err = check(folder, capsys, from_files(0.8, "0"))
    assert status == 130 and out == "" and "run the same command to go on" in err


def test_what_is_wrong_is_said_before_anything_is_computed(folder, capsys):
    status, _, err = check(folder, capsys, from_files(0.8, "0").replace("six.npz", "seven.npz"))
    assert status == 1 and "contract.yaml, line 2: There is no dataset 'seven.npz'" in err
    status, _, err = check(
        folder, capsys, from_files(0.8, "0").replace("{path: net.keras, preprocessing: unit}", "nett")
    )
    assert status == 1 and "contract.yaml, line 3: There is no model 'nett'" in err
    status, _, err = check(folder, capsys, from_files(0.8, "0").replace("six.npz", "a" * 400))
    assert status == 1 and "contract.yaml, line 2: There is no dataset" in err
    status, _, err = check(folder, capsys, from_files(1.8, "0"))
    assert status == 1 and "line 6: rules[2].at_least is 1.8. Give a number from 0 to 1." in err
    status, _, err = check(folder, capsys, from_files(0.8, "0"), "--junit", str(folder / "none" / "out.xml"))
    assert status == 1 and "a folder that isn't there" in err
    status, _, err = check(folder, capsys, from_files(0.8, "0"), "--junit", str(folder / ("x" * 256)))
    assert status == 1 and "can't be written: File name too long. Give another file." in err
    status = main(["check", str(folder / "none.yaml"), "--workspace", str(folder / "workspace")])
    assert status == 1 and "no file 'none.yaml'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["check"])
    assert left.value.code == 2


def test_a_class_that_is_not_there_is_said(folder, capsys):
    text = from_files(0.8, "0").replace("classes: all", "classes: [red]")
    status, _, err = check(folder, capsys, text)
    assert status == 1 and "'red'" in err and "line 6" in err
