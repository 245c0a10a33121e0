"""The suggestion view's routes: points once they are compared, scores as an envelope, bad input in words."""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

import flask
import numpy as np
import pytest

from callbacks.suggestion import suggestion_request
from nnvis_dash.analysis.suggestion.several import suggest, suggestion_arrays, suggestion_card
from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.suggestion_routes import suggestion_blueprint
from nnvis_dash.workspace.store import Workspace
from tests import networks

N = 40


class Scores:
    """Stands for the engine: it knows one answer and notes what it was asked."""

    asked: ClassVar[list[Any]] = []

    def ask(self, question: str, parameters: Any) -> Any:
        self.asked.append((question, parameters))
        return {"values": np.array([0.5, np.nan], np.float32), "what": "a score"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import keras

    from nnvis_dash.analysis.classifier import load_classifier

    folder = tmp_path_factory.mktemp("suggestion")
    workspace = Workspace(folder / "ws")
    data, _ = workspace.add_dataset(networks.images(N, (12, 10, 3), seed=1), name="noise", labels=np.arange(N) % 5)
    models = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        networks.sequential().save(folder / f"net{seed}.keras")
        path = folder / f"net{seed}.keras"
        models.append(workspace.store_model(path, load_classifier(path, "unit", name=f"net{seed}").card)[0])
    services = Services(Settings(), workspace, cast(Engine, Scores()))
    server = flask.Flask("test")
    server.register_blueprint(suggestion_blueprint(services))
    wanted = {"dataset": data.fingerprint, "models": [model.fingerprint for model in models]}
    return {"client": server.test_client(), "services": services, "wanted": wanted, "classes": models[0].n_classes}


def arrays(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read an envelope as `assets/network.js` does."""
    length = int(np.frombuffer(data[:4], "<u4")[0])
    header = json.loads(data[4 : 4 + length])
    at, found = -(-(4 + length) // 8) * 8, {}
    for one in header["arrays"]:
        values = np.frombuffer(data, one["dtype"], int(np.prod(one["shape"])), at)
        found[one["name"]] = values.reshape(one["shape"])
        at += -(-values.nbytes // 8) * 8
    return header, found


def test_points_are_answered_once_they_are_compared(scene: dict[str, Any]) -> None:
    def post() -> Any:
        return scene["client"].post("/suggestion/points", json=scene["wanted"])

    assert "not compared yet" in post().get_json()["problem"]
    rng = np.random.default_rng(4)
    tables = [rng.dirichlet(np.ones(scene["classes"]), N).astype(np.float32) for _ in range(2)]
    direct = suggest(tables, labels=np.arange(N) % 5)
    workspace = scene["services"].workspace
    key = suggestion_request(scene["services"], scene["wanted"]).key
    workspace.artifacts.save(key, suggestion_arrays(direct), suggestion_card(direct))
    header, found = arrays(post().data)
    assert header["models"] == ["net1", "net2"] and header["names"] == list(direct.classes.names)
    assert header["alone"] == [[], []] and len(header["quadrants"]) == 4
    np.testing.assert_array_equal(found["mean"], direct.mean_confidence)
    np.testing.assert_array_equal(found["distinct"], direct.distinct_classes)
    np.testing.assert_array_equal(found["right"], direct.right_set)
    np.testing.assert_array_equal(found["predictions"], direct.predictions)
    np.testing.assert_array_equal(found["confidence"], direct.confidence)
    np.testing.assert_array_equal(found["entropy"], direct.vote_entropy)


def test_scores_are_asked_of_the_engine_and_sent_as_they_are(scene: dict[str, Any]) -> None:
    dataset, (model, _) = scene["wanted"]["dataset"], scene["wanted"]["models"]
    asked = {"dataset": dataset, "model": model, "score": "activation", "layer": "conv1", "channel": 3}
    header, found = arrays(scene["client"].post("/suggestion/scores", json=asked).data)
    assert header["what"] == "a score" and found["values"].tolist()[0] == 0.5 and np.isnan(found["values"][1])
    assert Scores.asked[-1] == ("sample_scores", asked)
    scene["client"].post("/suggestion/scores", json={"dataset": dataset, "model": model})
    assert Scores.asked[-1][1] == {
        "dataset": dataset,
        "model": model,
        "score": "confidence",
        "layer": "",
        "channel": -1,
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"models": []}, ParameterError),
        ({"models": "all"}, ParameterError),
        ({"models": ["nobody", "noone"]}, NotFound),
        ({"dataset": "nothing"}, NotFound),
    ],
)
def test_what_is_not_there_is_said(scene: dict[str, Any], change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        suggestion_request(scene["services"], {**scene["wanted"], **change})
    assert "problem" in scene["client"].post("/suggestion/points", json={**scene["wanted"], **change}).get_json()


def test_reasons_are_answered_once_they_are_compared(scene: dict[str, Any]) -> None:
    def post() -> Any:
        return scene["client"].post("/suggestion/reasons", json=scene["wanted"])

    assert "not compared yet" in post().get_json()["problem"]
    key = suggestion_request(scene["services"], scene["wanted"], "reasons").key
    values = np.linspace(0, 2, N, dtype=np.float32)
    scene["services"].workspace.artifacts.save(key, {"disagreement": values}, {})
    np.testing.assert_array_equal(arrays(post().data)[1]["disagreement"], values)
