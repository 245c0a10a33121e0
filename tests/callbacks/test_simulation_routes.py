"""The simulation view's routes before anything is simulated, its jobs' parameters, and bad input in words."""

from __future__ import annotations

from typing import Any, cast

import flask
import numpy as np
import pytest

from callbacks.simulation import FEW, PAIRED, breaking_request, pair_parameters, selected, wanted_change
from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.simulation_routes import simulation_blueprint
from nnvis_dash.state.ids import decode_ids
from nnvis_dash.workspace.store import Workspace
from tests import networks
from tests.callbacks.in_process import Direct

SHAPE = (12, 10, 3)
N = 400


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("simulation")
    workspace = Workspace(folder / "ws")
    data, _ = workspace.add_dataset(networks.images(N, SHAPE, seed=1), name="noise", labels=np.arange(N) % 5)
    networks.sequential().save(folder / "net.keras")
    model, _ = add_model(workspace, folder / "net.keras", preprocessing="unit")
    services = Services(Settings(), workspace, cast(Engine, Direct(workspace.path)))
    server = flask.Flask("test")
    server.register_blueprint(simulation_blueprint(services))
    wanted = {"dataset": data.fingerprint, "models": [model.fingerprint], "change": "rotation"}
    return {"client": server.test_client(), "services": services, "wanted": wanted, "model": model}


def post(scene: dict[str, Any], path: str, **more: Any) -> Any:
    return scene["client"].post(f"/simulation/{path}", json={**scene["wanted"], **more}).get_json()


def test_what_never_began_is_answered_without_the_engine(scene: dict[str, Any]) -> None:
    found = post(scene, "curves")
    assert found["models"] == [
        {"model": scene["model"].fingerprint, "name": scene["model"].name, "total": N, "n": 0, "whole": None}
    ]
    assert found["degrees"] == list(change("rotation").degrees) and found["unit"] == "°"
    assert post(scene, "breaking") == {"changes": [], "queue": []}
    assert post(scene, "summary", set="corruptions") == {"models": []}
    assert post(scene, "pairs", other="brightness") == {"known": False}
    assert post(scene, "contract") == {"text": "", "changes": []}


@pytest.mark.parametrize(
    ("path", "more", "says"),
    [
        ("curves", {"change": "spin"}, "spin"),
        ("curves", {"models": []}, "No classifier"),
        ("curves", {"low": 5, "high": 5}, "degrees from 5 to 5"),
        ("curves", {"steps": 5000}, "2 to 101"),
        ("curves", {"low": "x"}, "'x'"),
        ("examples", {"class": 0, "degree": 99, "n": 3}, "degree is 99"),
        ("examples", {"class": -1, "degree": 0, "n": 3}, "class is -1"),
        ("summary", {"set": "all"}, "'all'"),
        ("pairs", {"other": "rotation"}, "the same"),
    ],
)
def test_bad_input_is_answered_in_words(scene: dict[str, Any], path: str, more: dict[str, Any], says: str) -> None:
    if path == "examples":
        more = {**more, "model": scene["model"].fingerprint}
    problem = post(scene, path, **more)["problem"]
    assert says in problem


def test_own_degrees_are_spaced_and_hold_the_one_that_changes_nothing() -> None:
    assert wanted_change({"change": "rotation"}) == change("rotation")
    found = wanted_change({"change": "rotation", "low": -10, "high": 20, "steps": 4})
    assert found.degrees == (-10, 0, 10, 20)
    assert wanted_change({"change": "rotation", "low": 5, "high": 15, "steps": 3}).degrees == (0, 5, 10, 15)
    assert wanted_change({"change": "rotation", "steps": 3}).degrees == (-180, 0, 180)


def test_the_selection_is_what_lasso_and_filters_leave(scene: dict[str, Any]) -> None:
    services, wanted = scene["services"], scene["wanted"]
    assert selected(services, wanted) == ""
    assert selected(services, {**wanted, "samples": "3-9"}) == "3-9"
    assert selected(services, {**wanted, "samples": f"0-{N - 1}"}) == ""  # all of them is no selection
    with pytest.raises(NNVisError, match="no image"):
        selected(services, {**wanted, "samples": "3-9", "correctness": "wrong"})  # without an index none is known wrong


def test_two_changes_are_tried_at_a_few_degrees_on_a_fair_sample(scene: dict[str, Any]) -> None:
    found = pair_parameters(scene["services"], {**scene["wanted"], "other": "fog"})
    ids = np.array(decode_ids(found["samples"]))
    assert len(ids) == PAIRED and np.bincount(ids % 5).tolist() == [PAIRED // 5] * 5
    assert len(found["first"]["degrees"]) == FEW and 0 in found["first"]["degrees"]
    assert found["second"]["degrees"] == [0, 1, 2, 3, 4, 5]
    some = pair_parameters(scene["services"], {**scene["wanted"], "other": "fog", "samples": "0-19"})
    assert some["samples"] == "0-19"


def test_breaking_points_are_asked_for_the_first_classifier_alone(scene: dict[str, Any]) -> None:
    request = breaking_request({**scene["wanted"], "models": ["a", "b"]}, change("blur"))
    assert request.kind == "breaking_points" and request.parameters["model"] == "a"
