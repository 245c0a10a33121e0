"""Breaking points and pairs of changes in the engine: the numbers of direct calls, sweeps used again, cancelling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.simulation.breaking import breaking_points, load_points
from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.analysis.simulation.pairs import load_grid, pair_grid
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import DatasetCard
from tests import networks
from tests.engine.test_analyses import opened as opened_net

SHAPE = (12, 12, 1)
TURN = {"name": "rotation", "degrees": [-60, -20, 0, 20, 60]}
BRIGHT = {"name": "brightness", "degrees": [-60, 0, 60]}


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """150 images of noise with three classes."""
    card, _ = engine.workspace.add_dataset(
        networks.images(150, SHAPE, seed=29), name="broken-noise", labels=np.arange(150) % 3
    )
    return card


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("broken"), 61)


def request(kind: str, dataset: DatasetCard, classifier: Any, **more: Any) -> Request:
    return Request(kind, {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint, **more})


def test_breaking_points_are_those_of_a_direct_call_and_leave_the_sweep_behind(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    wanted = request("breaking_points", dataset, classifier, change=TURN)
    found = load_points(engine.result(wanted))
    direct = breaking_points(classifier, engine.workspace.dataset("broken-noise"), change(**TURN))
    np.testing.assert_array_equal(found.ids, direct.ids)
    np.testing.assert_array_equal(found.degree, direct.degree)
    np.testing.assert_array_equal(found.prediction_after, direct.prediction_after)
    assert found.tolerance == direct.tolerance == 120 / 256 and found.against == "labels"
    assert found.evaluations == direct.evaluations - 150 * 5  # the sweep is another job's
    assert engine.workspace.artifacts.has(wanted.read.wanted.key)
    assert not engine.workspace.artifacts.parts(wanted.key).names()
    row = next(row for row in engine.rows() if row.key == wanted.key)
    assert row.title == f"where rotation breaks {classifier.card.name}, over broken-noise"
    assert row.state == "done"


def test_a_sweep_that_is_there_is_not_computed_again(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    simulation = {
        "dataset": dataset.fingerprint,
        "models": [classifier.card.fingerprint],
        "changes": [BRIGHT],
        "samples": "0-59",
    }
    engine.result(Request("simulation", {**simulation, "changes": [BRIGHT, TURN]}))
    points = load_points(engine.result(request("breaking_points", dataset, classifier, change=BRIGHT, samples="0-59")))
    assert sorted(points.ids.tolist()) == list(range(60))
    assert engine.row(Request("simulation", simulation).key) is None  # no job of its own was begun


def test_spelled_out_degrees_are_the_same_job(dataset: DatasetCard, classifier: Any) -> None:
    short = request("breaking_points", dataset, classifier, change={"name": "fog"})
    long = request("breaking_points", dataset, classifier, change={"name": "fog", "degrees": [0, 1, 2, 3, 4, 5]})
    assert short.key == long.key


def test_a_pair_grid_is_that_of_a_direct_call(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    wanted = request("pair_grid", dataset, classifier, first=TURN, second=BRIGHT, samples="0-49")
    found = load_grid(engine.result(wanted))
    direct = pair_grid(
        classifier, engine.workspace.dataset("broken-noise"), change(**TURN), change(**BRIGHT), samples=range(50)
    )
    assert found.n == 50 and found.accuracy.shape == (5, 3) and found.first == direct.first
    np.testing.assert_allclose(found.accuracy, direct.accuracy)
    np.testing.assert_allclose(found.probability, direct.probability, atol=1e-5)
    np.testing.assert_allclose(found.interaction, direct.interaction, atol=1e-6)
    row = next(row for row in engine.rows() if row.key == wanted.key)
    assert row.title == f"{classifier.card.name} under rotation and brightness, over broken-noise"


def test_a_cancelled_job_is_taken_up_again(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    wanted = request("breaking_points", dataset, classifier, change={"name": "blur", "degrees": [0, 2, 6]})
    engine.submit(wanted)
    engine.cancel(wanted.key)
    row = engine.row(wanted.key)
    assert row is not None and row.state == "cancelled"
    assert len(load_points(engine.result(wanted))) == 150


def test_unlabelled_images_agree_with_themselves(engine: Engine, classifier: Any) -> None:
    card, _ = engine.workspace.add_dataset(networks.images(20, SHAPE, seed=30), name="broken-unlabelled")
    points = load_points(engine.result(request("breaking_points", card, classifier, change=BRIGHT)))
    assert points.against == "predictions" and "agreement" in points.note and not points.wrong_clean.any()
    grid = load_grid(engine.result(request("pair_grid", card, classifier, first=TURN, second=BRIGHT)))
    assert grid.against == "predictions" and grid.accuracy[2, 1] == 1


def test_the_view_of_breaking_points_has_distributions_and_a_queue(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    wanted = request("breaking_points", dataset, classifier, change=TURN)
    points = load_points(engine.result(wanted))
    asked = {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint}
    found = engine.ask("breaking_view", {**asked, "changes": [{"name": "shear"}, TURN], "n": 10})
    assert found["changes"][0]["known"] is None
    known = found["changes"][1]["known"]
    assert [group["n"] for group in known["groups"]] == [50, 50, 50, 150] and known["groups"][-1]["number"] == -1
    assert known["distances"] == [0, 20, 60] and known["said"]
    assert known["groups"][-1]["survival"][1] == pytest.approx((points.distance > 20).mean(), abs=1e-4)
    assert len(found["queue"]) == 10
    scores = [one["score"] for one in found["queue"]]
    assert scores == sorted(scores, reverse=True)
    first = found["queue"][0]
    row = points.ids.tolist().index(first["id"])
    assert first["worst"] == 1 and first["label"] == points.labels[row]
    assert first["degree"] is None or first["degree"] == pytest.approx(points.degree[row], abs=1e-4)
    few = engine.ask("breaking_view", {**asked, "changes": [TURN], "rows": "0-9"})
    assert few["changes"][0]["known"]["groups"][-1]["n"] == 10
    assert sorted(one["id"] for one in few["queue"]) == list(range(10))


def test_the_view_of_robustness_has_scores_errors_and_epsilons(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    model = classifier.card.fingerprint
    changes = [BRIGHT, {"name": "contrast_corruption"}, {"name": "adversarial", "degrees": [0, 8]}]
    asked = {"dataset": dataset.fingerprint, "samples": "0-29"}
    engine.result(Request("simulation", {**asked, "models": [model], "changes": changes}))
    found = engine.ask(
        "robustness_view", {**asked, "model": model, "reference": model, "changes": [*changes, {"name": "snow"}]}
    )
    assert [change["column"] for change in found["changes"]] == [0, 1, 2, None]
    assert np.shape(found["score"]) == (3, 3) and found["counts"] == [[10] * 3] * 3 and len(found["said"]) == 3
    errors = found["errors"]
    assert errors["names"] == ["contrast_corruption"] and len(errors["missing"]) == 14
    assert errors["mce"] == 1 or errors["mce"] is None  # as bad as itself
    assert [curve["name"] for curve in found["epsilon"]] == ["adversarial"] and found["epsilon"][0]["n"] == 30
    nothing = engine.ask("robustness_view", {**asked, "model": model, "changes": [{"name": "snow"}]})
    assert nothing["classes"] == [] and nothing["changes"][0]["n"] == 0


def test_the_view_of_a_pair_is_the_finished_grid(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    wanted = request("pair_grid", dataset, classifier, first=TURN, second=BRIGHT, samples="0-49")
    with pytest.raises(NotFound, match="not been tried"):
        engine.ask("pair_view", {**wanted.parameters, "samples": "0-7"})
    grid = load_grid(engine.result(wanted))
    found = engine.ask("pair_view", dict(wanted.parameters))
    assert found["n"] == 50 and found["second"]["degrees"] == [-60, 0, 60] and found["first"]["unit"] == "°"
    np.testing.assert_allclose(found["interaction"], grid.interaction, atol=1e-4)


def test_bad_input_is_named(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    with pytest.raises(NotFound, match="melting"):
        engine.result(request("breaking_points", dataset, classifier, change={"name": "melting"}))
    with pytest.raises(ParameterError, match="tolerance is -1"):
        engine.result(request("breaking_points", dataset, classifier, change=TURN, tolerance=-1.0))
    with pytest.raises(ParameterError, match="FGSM comes first"):
        engine.result(request("pair_grid", dataset, classifier, first={"name": "fgsm"}, second=TURN))
    with pytest.raises(NotFound, match="no sample 150"):
        engine.result(request("pair_grid", dataset, classifier, first=TURN, second=BRIGHT, samples="150"))
