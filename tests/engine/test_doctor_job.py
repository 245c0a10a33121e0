"""The doctor as a job finds what the function finds, and what it found is kept under the classifier's names."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nnvis_dash.analysis.card import with_preprocessing
from nnvis_dash.analysis.classifier import open_classifier
from nnvis_dash.analysis.doctor import Diagnosis, doctor
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.kinds.doctor import request
from nnvis_dash.types import PREPROCESSINGS
from nnvis_dash.workspace.store import Workspace
from tests.unit.analysis.doctor.colours import NAMES, classifier, colours


def add(workspace: Workspace, tmp_path, names):
    clf = classifier(PREPROCESSINGS["symmetric"], "unit", class_names=names)
    clf.model.save(tmp_path / "model.keras")
    card, _ = workspace.store_model(tmp_path / "model.keras", replace(clf.card, name="colours"))
    images, labels = colours(150)
    data, _ = workspace.add_dataset(images, labels=labels, class_names=NAMES, name="six colours")
    return card, data


def test_the_job_finds_what_the_function_finds(engine: Engine, tmp_path):
    wrong = (NAMES[1], NAMES[0], *NAMES[2:])
    card, data = add(engine.workspace, tmp_path, wrong)
    asked = request(card, data.fingerprint, samples=120)
    seen = []
    artifact = engine.result(
        asked, on_progress=lambda row: seen.append((row.done, row.total, row.message)), timeout=120
    )
    found = Diagnosis.from_json(json.loads(json.dumps(artifact.card["diagnosis"])))
    direct = doctor(open_classifier(engine.workspace, "colours"), engine.workspace.dataset("six colours"), samples=120)
    assert [trial.name for trial in found.candidates] == [trial.name for trial in direct.candidates]
    for one, other in zip(found.candidates, direct.candidates, strict=True):
        assert (one.n, one.accuracy) == (other.n, other.accuracy)
        assert one.confidence == pytest.approx(other.confidence, abs=1e-5)
    assert found.proposed.preprocessing.name == "symmetric" and found.class_order.class_names == NAMES
    row = engine.row(asked.key)
    assert row.title == "Doctor: colours on six colours" and row.fraction == 1
    assert not engine.workspace.artifacts.parts(asked.key).names()

    better = with_preprocessing(card, "symmetric", class_names=found.class_order.class_names)
    kept = engine.workspace.replace_model(card.fingerprint, better)
    again = engine.result(request(kept, data.fingerprint, samples=120), timeout=120)
    found = Diagnosis.from_json(again.card["diagnosis"])
    assert not found.changes and found.class_order is None and found.proposed.accuracy > 0.9

    renamed = engine.workspace.replace_model(kept.fingerprint, replace(kept, class_names=wrong))
    assert renamed.fingerprint == kept.fingerprint
    asked = request(renamed, data.fingerprint, samples=120)
    found = Diagnosis.from_json(engine.result(asked, timeout=120).card["diagnosis"])
    assert found.class_order is not None  # not the answer of before, though the fingerprint is the same
