"""The view of two classifiers: its routes' numbers against numpy on the indexes, filters, bad input."""

from __future__ import annotations

from typing import Any, cast

import flask
import numpy as np
import pytest

from callbacks.models import map_requests
from nnvis_dash.analysis.index import Index, index_arrays, index_key
from nnvis_dash.analysis.model_diff.transitions import mcnemar
from nnvis_dash.engine.client import Engine
from nnvis_dash.models_routes import models_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from tests import networks
from tests.callbacks.in_process import NAMES, Direct, noise_and_net
from tests.callbacks.test_suggestion_routes import arrays

N = 60
LABELS = np.arange(N) % 5


def answers(seed: int, wrong: int) -> np.ndarray:
    """Return probabilities (N, 5) that are wrong on every `wrong`-th sample."""
    rng = np.random.default_rng(seed)
    best = np.where(np.arange(N) % wrong == 0, (LABELS + 1) % 5, LABELS)
    sure = rng.uniform(0.5, 1, N).astype(np.float32)
    table = np.repeat(((1 - sure) / 4)[:, None], 5, axis=1)
    table[np.arange(N), best] = sure
    return table


TABLES = (answers(1, 3), answers(2, 4))
BEFORE, AFTER = (table.argmax(axis=1) for table in TABLES)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("models")
    workspace, data, first, _ = noise_and_net(folder, N)
    networks.sequential().save(folder / "other.keras")
    second, _ = add_model(workspace, folder / "other.keras", preprocessing="raw", class_names=list(NAMES))
    for model, table in zip((first, second), TABLES, strict=True):
        none = np.zeros((N, 0), np.float32)
        whole = Index(table, np.zeros((N, 2), np.float32), none, none, ())
        key = index_key(model.fingerprint, data.fingerprint)
        workspace.artifacts.save(key, index_arrays(whole), {"precision": "float32", "note": "", "n_samples": N})
    services = Services(Settings(), workspace, cast(Engine, Direct(workspace.path)))
    server = flask.Flask("test")
    server.register_blueprint(models_blueprint(services))
    models = [first.fingerprint, second.fingerprint]
    return {
        "client": server.test_client(),
        "wanted": {"dataset": data.fingerprint, "models": models, "primary": models[0]},
        "names": [first.name, second.name],
        "services": services,
    }


def asked(scene: dict[str, Any], **more: Any) -> dict[str, Any]:
    return dict(scene["client"].post("/models/diff", json={**scene["wanted"], **more}).get_json())


def test_the_answers_are_sent_once_with_the_names_of_their_classes(scene: dict[str, Any]) -> None:
    header, found = arrays(scene["client"].post("/models/answers", json=scene["wanted"]).data)
    assert header["names"] == list(NAMES) and header["models"] == scene["names"] and header["alone"] == [[], []]
    np.testing.assert_array_equal(found["labels"], LABELS)
    np.testing.assert_array_equal(found["predictions"], [BEFORE, AFTER])
    np.testing.assert_array_equal(found["confidence"], [table.max(axis=1) for table in TABLES])


@pytest.mark.parametrize("classes", [[], [1, 3]])
def test_changes_are_those_of_the_samples_that_pass(scene: dict[str, Any], classes: list[int]) -> None:
    answer = asked(scene, part="changes", classes=classes)
    rows = np.isin(LABELS, classes) if classes else np.ones(N, bool)
    right = np.array([BEFORE == LABELS, AFTER == LABELS])[:, rows]
    changed = answer["changed"]
    fixed, broken = int((~right[0] & right[1]).sum()), int((right[0] & ~right[1]).sum())
    assert answer["n"] == answer["labelled"] == rows.sum()
    assert changed["counts"] == {
        "both_right": int(right.all(axis=0).sum()),
        "fixed": fixed,
        "broken": broken,
        "both_wrong_same": int((~right).all(axis=0).sum()),
        "both_wrong_other": 0,
    }
    assert changed["before"] == pytest.approx(right[0].mean()) and changed["after"] == pytest.approx(right[1].mean())
    assert f"p = {mcnemar(fixed, broken).p_value:.2g}" in changed["said"][1]
    assert [row[0] for row in changed["classes"]] == (classes or list(range(5)))
    for number, n, own_fixed, own_broken, difference, low, high in changed["classes"]:
        own = LABELS[rows] == number
        assert n == own.sum()
        assert own_fixed == (~right[0] & right[1])[own].sum() and own_broken == (right[0] & ~right[1])[own].sum()
        assert difference == pytest.approx((own_fixed - own_broken) / n, abs=1e-4) and low <= difference <= high


def test_matrices_count_labels_and_predictions(scene: dict[str, Any]) -> None:
    matrices = asked(scene, part="confusion", correctness="wrong")["matrices"]
    rows = BEFORE != LABELS
    for name, first, second in (("a", LABELS, BEFORE), ("b", LABELS, AFTER), ("ab", BEFORE, AFTER)):
        expected = np.zeros((5, 5), int)
        np.add.at(expected, (first[rows], second[rows]), 1)
        assert matrices[name]["counts"] == expected.tolist() and matrices[name]["left_out"] == 0
    alone = asked(scene, part="confusion", models=scene["wanted"]["models"][1:])["matrices"]
    assert list(alone) == ["a"] and np.trace(alone["a"]["counts"]) == (AFTER == LABELS).sum()


def test_calibration_is_of_each_classifier(scene: dict[str, Any]) -> None:
    answer = asked(scene, part="calibration")
    for model, table in zip(answer["models"], TABLES, strict=True):
        sure, right = table.max(axis=1), table.argmax(axis=1) == LABELS
        place = np.clip(np.ceil(sure.astype(float) * 15).astype(int) - 1, 0, 14)
        assert model["counts"] == np.bincount(place, minlength=15).tolist()
        assert model["right"] == np.bincount(place, right, 15).astype(int).tolist()
        gaps = [abs(right[place == b].mean() - sure[place == b].mean()) * (place == b).sum() for b in set(place)]
        assert model["ece"] == pytest.approx(sum(gaps) / N, abs=1e-6)
        assert model["share_right"] == pytest.approx(right.mean())
        assert model["temperature"]["n"] == N and model["temperature"]["temperature"] > 0
    assert asked(scene, part="calibration", classes=[4], correctness="wrong")["n"] == int(
        ((LABELS == 4) & (BEFORE != LABELS)).sum()
    )


def test_a_map_that_is_only_turned_lies_over_the_other(scene: dict[str, Any]) -> None:
    wanted = {**scene["wanted"], "method": "pca", "n_samples": 0, "seed": 0, "parameters": {}}
    assert "not projected yet" in scene["client"].post("/models/maps", json=wanted).get_json()["problem"]
    places = np.random.default_rng(3).normal(size=(N, 2)).astype(np.float32)
    turned = (2 * places[:, ::-1] + 5).astype(np.float32)[::-1]  # mirrored as well, and in another order
    for request, coordinates, order in zip(
        map_requests(scene["services"], wanted), (places, turned), (1, -1), strict=True
    ):
        kept = {"coordinates": coordinates, "sample_ids": np.arange(N)[::order]}
        scene["services"].workspace.artifacts.save(request.key, kept, {})
    header, found = arrays(scene["client"].post("/models/maps", json=wanted).data)
    assert header["disparity"] == pytest.approx(0, abs=1e-6) and header["mirrored"] is True
    np.testing.assert_array_equal(found["ids"], np.arange(N))
    np.testing.assert_array_equal(found["a"], places)
    np.testing.assert_allclose(found["b"], places, atol=1e-5)
    np.testing.assert_allclose(found["moved"], 0, atol=1e-5)
    for more, says in (
        ({"models": wanted["models"][:1]}, "one map"),
        ({"method": "walk"}, "walk"),
        ({"seed": -1}, "-1"),
    ):
        assert says in scene["client"].post("/models/maps", json={**wanted, **more}).get_json()["problem"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"models": []}, "No classifier is chosen"),
        ({"models": ["x", "y", "z"]}, "3 classifiers are chosen. Leave 1 out"),
        ({"models": ["nobody"]}, "nobody"),
        ({"dataset": "nothing"}, "nothing"),
        ({"part": "colours"}, "'colours'"),
        ({"correctness": "maybe"}, "maybe"),
        ({"classes": "all"}, "classes"),
    ],
)
def test_what_can_not_be_is_said(scene: dict[str, Any], more: dict[str, Any], says: str) -> None:
    assert says in asked(scene, **more)["problem"]


def test_one_classifier_twice_is_refused(scene: dict[str, Any]) -> None:
    assert "two that differ" in asked(scene, models=[scene["wanted"]["models"][0]] * 2)["problem"]
