"""`doctor` and `add-model --dataset`, from the command line to the card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nnvis_dash.analysis.intake import add_model
from nnvis_dash.commands import main
from nnvis_dash.types import PREPROCESSINGS
from nnvis_dash.workspace.store import Workspace
from tests.unit.analysis.doctor.colours import NAMES, classifier, colours, network


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    images, labels = colours(120)
    workspace.add_dataset(images, labels=labels, class_names=NAMES, name="six")
    return workspace


def run(workspace: Workspace, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main([*words, "--workspace", str(workspace.path)])
    out, err = capsys.readouterr()
    return status, out, err


def keep(workspace: Workspace, names: tuple[str, ...] = ()) -> str:
    clf = classifier(PREPROCESSINGS["caffe"], "unit", class_names=names)
    path = workspace.path / "made.keras"
    clf.model.save(path)
    return workspace.store_model(path, replace(clf.card, name="colours"))[0].fingerprint


def test_a_proposal_is_shown_and_applied_only_when_asked(workspace, capsys):
    before = keep(workspace, (NAMES[1], NAMES[0], *NAMES[2:]))
    status, out, _ = run(workspace, capsys, "doctor", "colours", "--dataset", "six")
    assert status == 0 and "caffe" in out and "another order" in out and "Applied" not in out
    assert workspace.model("colours").fingerprint == before

    status, out, _ = run(workspace, capsys, "doctor", before[:8], "--dataset", "six", "--apply", "--json")
    record = json.loads(out)
    assert status == 0 and record["applied"] == ["caffe, squash"]
    assert record["diagnosis"]["candidates"][record["diagnosis"]["proposal"]]["preprocessing"]["name"] == "caffe"
    card = workspace.model("colours")
    assert card.fingerprint != before and card.preprocessing.name == "caffe" and card.class_names[0] == NAMES[1]
    assert card.notes["preprocessing"].startswith("doctor: caffe, squash")

    status, out, _ = run(workspace, capsys, "doctor", "colours", "--dataset", "six", "--apply", "--apply-class-order")
    assert status == 0 and "Applied: the order of the classes." in out
    assert workspace.model("colours").class_names == NAMES
    status, out, _ = run(workspace, capsys, "doctor", "colours", "--dataset", "six", "--apply", "--apply-class-order")
    assert status == 0 and "Nothing to apply." in out


def test_what_is_not_there_is_said(workspace, capsys):
    keep(workspace)
    assert "no dataset 'five'" in run(workspace, capsys, "doctor", "colours", "--dataset", "five")[2]
    assert "no model 'shapes'" in run(workspace, capsys, "doctor", "shapes", "--dataset", "six")[2]
    for name in ("x" * 256, "~nobody-of-this-name/x"):  # no file can be called so
        status, _, err = run(workspace, capsys, "doctor", "colours", "--dataset", name)
        assert status == 1 and f"no dataset '{name}'. Choose one of: six." in err
        status, _, err = run(workspace, capsys, "doctor", name, "--dataset", "six")
        assert status == 1 and f"no model '{name}'. Choose one of: colours." in err
    with pytest.raises(SystemExit) as left:
        main(["doctor", "colours"])
    assert left.value.code == 2 and "--dataset" in capsys.readouterr().err


def test_a_file_is_examined_and_added_with_what_fits_its_dataset(workspace, capsys, tmp_path):
    file = tmp_path / "net.keras"
    network(PREPROCESSINGS["symmetric"]).save(file)
    status, out, err = run(workspace, capsys, "doctor", str(file), "--dataset", "six", "--samples", "60")
    assert status == 0, err
    assert next(line for line in out.splitlines() if line.startswith("*")).split()[1] == "symmetric"
    status, _, err = run(workspace, capsys, "doctor", str(file), "--dataset", "six", "--apply")
    assert status == 1 and "add-model --dataset" in err

    status, out, err = run(workspace, capsys, "add-model", str(file), "--dataset", "six")
    assert status == 0 and "preprocessing symmetric" in out, err
    card = workspace.model("net")
    assert card.notes["preprocessing"].startswith("doctor: symmetric, squash, accuracy 0.9")
    again, new = add_model(workspace, file, name="net", preprocessing="symmetric")
    assert (again.fingerprint, new) == (card.fingerprint, False)
