"""The review's routes: what was found once it is there, decisions, named slices with numbers by hand, safe CSV."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import flask
import numpy as np
import pytest

from callbacks.review import review_request, twins_request
from nnvis_dash.analysis.index import index_arrays, index_key
from nnvis_dash.analysis.review.label_errors import label_errors
from nnvis_dash.analysis.review.outliers import outlier_scores
from nnvis_dash.analysis.review.reviewing import Review, review_arrays, review_card
from nnvis_dash.analysis.review.slices import Slice
from nnvis_dash.analysis.review.twins import near_duplicates, twins_arrays
from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.review_routes import review_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.types import Unit
from nnvis_dash.workspace.store import Workspace
from tests import networks
from tests.callbacks.in_process import NAMES
from tests.callbacks.test_suggestion_routes import arrays

N = 20


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workspace with a labelled dataset, another one, and a classifier whose index is written by hand."""
    from nnvis_dash.analysis.classifier import load_classifier
    from nnvis_dash.analysis.index import Index

    folder = tmp_path_factory.mktemp("review")
    workspace = Workspace(folder / "ws")
    images = networks.images(N, (12, 10, 3), seed=1)
    data, _ = workspace.add_dataset(images, name="=noise", labels=np.arange(N) % 5, class_names=list(NAMES))
    other, _ = workspace.add_dataset(images[[3, 4]], name="seen", labels=[3, 0], class_names=list(NAMES))
    networks.sequential().save(folder / "net.keras")
    clf = load_classifier(folder / "net.keras", "unit", class_names=list(NAMES))
    model, _ = workspace.store_model(folder / "net.keras", clf.card)
    predicted = np.arange(N) % 5
    predicted[:4] = 4  # the first four are wrong
    table = np.full((N, 5), 0.05, np.float32)
    table[np.arange(N), predicted] = 0.8
    none = np.zeros((N, 0), np.float32)
    known = index_arrays(Index(table, np.ones((N, 3), np.float32), none, none, ()))
    workspace.artifacts.save(index_key(model.fingerprint, data.fingerprint), known)
    services = Services(Settings(), workspace, cast(Engine, None))
    server = flask.Flask("test")
    server.register_blueprint(review_blueprint(services))
    client = server.test_client()
    wanted = {"dataset": data.fingerprint, "models": [model.fingerprint]}

    def post(path: str, **more: Any) -> Any:
        return client.post(f"/review/{path}", json={**wanted, **more})

    return SimpleNamespace(
        services=services,
        workspace=workspace,
        client=client,
        wanted=wanted,
        post=post,
        table=table,
        data=data,
        other=other,
    )


def test_what_was_found_is_answered_once_it_is_there(scene: Any) -> None:
    assert "not computed yet" in scene.post("found").get_json()["problem"]
    labels = np.arange(N) % 5
    found = label_errors(scene.table, None, labels)
    cut = Slice(np.array([2, 0, 7], np.int32), 2, 0.1, 0.9, 0.05, 0.001, 0.01)
    one = Review(
        found,
        outlier_scores(probabilities=scene.table).known,
        (cut,),
        ("2 of 3 wrong",),
        ((Unit("conv1", 2),),),
        ("as it is", "grey"),
    )
    scene.workspace.artifacts.save(
        review_request(scene.services, scene.wanted).key, review_arrays(one), review_card(one)
    )
    header, sent = arrays(scene.post("found").data)
    assert header["names"] == list(NAMES) and header["forms"] == 2 and header["estimated"] == found.n_estimated
    assert header["slices"] == [
        {"n": 3, "wrong": 2, "low": 0.1, "high": 0.9, "q": 0.01, "said": "2 of 3 wrong", "units": [["conv1", 2]]}
    ]
    assert [name for name, _ in header["outliers"]] == ["together", "confidence"]
    np.testing.assert_array_equal(sent["order"], found.order)
    np.testing.assert_array_equal(sent["flagged"], found.flagged)
    np.testing.assert_array_equal(sent["likely"], found.likely)
    assert sent["slice_ids"].tolist() == [2, 0, 7] and sorted(sent["order"][:4].tolist()) == [0, 1, 2, 3]


def test_twins_of_another_dataset_come_with_their_labels(scene: Any) -> None:
    wanted = {**scene.wanted, "other": scene.other.fingerprint}
    found = near_duplicates(scene.workspace.dataset("=noise"), scene.workspace.dataset("seen"))
    scene.workspace.artifacts.save(twins_request(scene.services, wanted).key, twins_arrays(found), {"complete": True})
    header, sent = arrays(scene.client.post("/review/twins", json=wanted).data)
    assert sent["samples"].tolist() == [3, 0, 4, 1] and sent["other"].tolist() == [0, 1, 0, 1]
    assert sent["labels"].tolist() == [3, 3, 4, 0] and sent["exact"].tolist() == [1, 1]
    assert header["names"] == [list(NAMES), list(NAMES)] and header["complete"] is True
    answer = scene.post("decisions").get_json()
    assert answer["datasets"] == [[scene.other.fingerprint, "seen"]]


def test_decisions_are_kept_taken_back_and_exported(scene: Any) -> None:
    decided = {"decision": "fix", "label": "bee", "reason": "=labelled ant", "score": -0.25}
    assert scene.post("decide", samples=[5, 7], **decided).get_json()["decision"]["label"] == "bee"
    scene.post("decide", samples=[2], decision="drop")
    scene.post("decide", samples=[7], decision=None)
    again = Workspace(scene.workspace.path).reviews.read(scene.wanted["dataset"]).decisions
    assert sorted(again) == [2, 5] and again[5].score == -0.25
    assert set(scene.post("decisions").get_json()["decisions"]) == {"2", "5"}
    answer = scene.client.get(f"/review/{scene.wanted['dataset']}.csv")
    assert answer.data.decode().splitlines() == [
        "sample,name,label,decision,new label,reason,score",
        "2,,cat,drop,,,",
        "5,,ant,fix,bee,'=labelled ant,-0.25",
    ]
    assert 'filename="review--noise.csv"' in answer.headers["Content-Disposition"]
    assert scene.client.get("/review/nothing.csv").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"samples": [N], "decision": "keep"}, "no such samples"),
        ({"samples": [], "decision": "keep"}, "no such samples"),
        ({"samples": [1], "decision": "burn"}, "no decision 'burn'"),
        ({"samples": [1], "decision": "fix"}, "which class"),
        ({"samples": [1], "decision": "fix", "label": "fox"}, "fox"),
    ],
)
def test_bad_decisions_are_refused(scene: Any, wrong: dict[str, Any], says: str) -> None:
    assert says in scene.post("decide", **wrong).get_json()["problem"]


def test_named_slices_are_measured(scene: Any) -> None:
    assert scene.post("slice", name=" hard ones ", samples="0-4").get_json() == {}
    key = scene.workspace.selections.keep(b"\0\3")
    scene.post("slice", name="easy", samples=f"@{key}")
    whole, hard, easy = scene.post("named").get_json()["slices"]
    assert (whole["n"], hard["n"], hard["name"], easy["samples"]) == (N, 5, "hard ones", "8-9")
    assert hard["models"][0]["accuracy"] == pytest.approx(1 / 5) and easy["models"][0]["accuracy"] == 1
    assert hard["models"][0]["low"] == pytest.approx(0.005051, abs=1e-5)  # Clopper and Pearson for 1 of 5
    assert hard["models"][0]["high"] == pytest.approx(0.716418, abs=1e-5)
    assert whole["models"][0]["confidence"] == pytest.approx(0.8)
    scene.post("slice", name="easy", remove=True)
    assert len(scene.post("named").get_json()["slices"]) == 2
    for wrong, says in (
        ({"name": "", "samples": "1"}, "name"),
        ({"name": "x", "samples": ""}, "No sample"),
        ({"name": "x", "samples": str(N)}, "another dataset"),
        ({"name": "easy", "remove": True}, "easy"),
    ):
        assert says in scene.post("slice", **wrong).get_json()["problem"]


def test_requests_need_what_is_there(scene: Any) -> None:
    with pytest.raises(ParameterError, match="No classifier"):
        review_request(scene.services, {**scene.wanted, "models": []})
    with pytest.raises(NotFound):
        review_request(scene.services, {**scene.wanted, "models": ["nobody"]})
    with pytest.raises(ParameterError, match="against itself"):
        twins_request(scene.services, {**scene.wanted, "other": scene.wanted["dataset"]})
