"""The graph of a classifier's layers, as pages ask for it."""

from __future__ import annotations

import json
from typing import Any, cast

import flask
import pytest

from nnvis_dash.analysis.architecture import architecture
from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import EngineError, NNVisError, ParameterError
from nnvis_dash.network_layers_routes import network_layers_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace
from tests import networks
from tests.callbacks.in_process import Direct


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("layers")
    workspace = Workspace(folder / "ws")
    networks.nested().save(folder / "net.keras")
    model, _ = add_model(workspace, folder / "net.keras", preprocessing="unit")
    engine = Direct(workspace.path)
    services = Services(Settings(), workspace, cast(Engine, engine))
    server = flask.Flask("test")
    server.register_blueprint(network_layers_blueprint(services))
    clf = open_classifier(workspace, model.fingerprint)
    return {"client": server.test_client(), "model": model, "clf": clf, "engine": engine}


def test_the_graph_is_that_of_the_classifier_and_is_kept(scene: dict[str, Any]) -> None:
    got = scene["client"].get(f"/network/{scene['model'].fingerprint}/architecture.json")
    assert got.get_json() == json.loads(json.dumps(architecture(scene["clf"]).to_json()))
    assert "immutable" in got.headers["Cache-Control"]
    assert {"base", "head"} <= set(got.get_json()["groups"])


@pytest.mark.parametrize(
    "problem",
    [
        EngineError("The engine doesn't answer", "Try again."),
        ParameterError("The architecture needs layers", "Add the Keras model."),
    ],
)
def test_why_there_is_no_graph_is_said_and_not_kept(scene: dict[str, Any], problem: NNVisError) -> None:
    scene["engine"].problem = problem
    try:
        got = scene["client"].get(f"/network/{scene['model'].fingerprint}/architecture.json")
    finally:
        scene["engine"].problem = None
    assert got.get_json() == {"problem": str(problem), **({"again": True} if isinstance(problem, EngineError) else {})}
    assert "immutable" not in got.headers.get("Cache-Control", "")


def test_an_unknown_classifier_costs_the_engine_nothing(scene: dict[str, Any]) -> None:
    before = scene["engine"].asked
    for name in ("0" * 32, "..", "no%2Fwhere"):
        assert scene["client"].get(f"/network/{name}/architecture.json").status_code == 404
    assert scene["engine"].asked == before
