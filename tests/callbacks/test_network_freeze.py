"""Freezing as the page asks for it: routes against direct calls, bad input in words."""

from __future__ import annotations

import json
from typing import Any, cast

import flask
import numpy as np
import pytest

from nnvis_dash.analysis.mutation import mutate
from nnvis_dash.engine.client import Engine
from nnvis_dash.envelope import envelope
from nnvis_dash.network_freeze_routes import network_freeze_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from tests.callbacks.in_process import Direct, noise_and_net


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.classifier import open_classifier

    workspace, data, model, images = noise_and_net(tmp_path_factory.mktemp("freeze"), 20)
    services = Services(Settings(), workspace, cast(Engine, Direct(workspace.path)))
    server = flask.Flask("test")
    server.register_blueprint(network_freeze_blueprint(services))
    clf = open_classifier(workspace, model.fingerprint)
    layer = next(layer for layer in model.layers if layer.n_units)
    return {
        "client": server.test_client(),
        "data": data,
        "model": model,
        "clf": clf,
        "images": images,
        "layer": layer,
    }


def post(scene: dict[str, Any], path: str, **more: Any) -> Any:
    record = {"dataset": scene["data"].fingerprint, "model": scene["model"].fingerprint, **more}
    return scene["client"].post(f"/network/{path}", json=record)


def test_the_answer_is_that_of_mutate(scene: dict[str, Any]) -> None:
    found = post(scene, "frozen", sample=3, frozen={scene["layer"].name: "0-1"}).get_json()
    image = scene["images"][3][None]
    fitted = scene["clf"].prepare(image)
    after = mutate(scene["clf"], fitted, {scene["layer"].name: [0, 1]}).probabilities[0]
    before = scene["clf"].predict(fitted)[0]
    assert (found["units"], found["before"], found["after"]) == (2, before.argmax(), after.argmax())
    for entry in found["entries"]:
        assert entry["after"] == pytest.approx(after[entry["index"]], abs=1e-6)
        assert entry["before"] == pytest.approx(before[entry["index"]], abs=1e-6)
    assert not found["nothing"] and found["image"].startswith("image/")


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"sample": 3, "frozen": {"conv9": "0"}}, "layer with units"),
        ({"sample": 3, "frozen": {"LAYER": "0-99"}}, "from 0 to"),
        ({"sample": 3, "frozen": {"LAYER": "x"}}, "1-5,8,11-40"),
        ({"sample": 3, "frozen": {"LAYER": "0-9999999"}}, "at most"),
        ({"sample": 3, "frozen": ["LAYER"]}, "0-3,7"),
        ({"frozen": {}}, "Click a point"),
        ({"sample": 99, "frozen": {}}, "99"),
    ],
)
def test_bad_input_is_answered_in_words(scene: dict[str, Any], record: Any, says: str) -> None:
    text = json.dumps(record).replace("LAYER", scene["layer"].name)
    answer = post(scene, "frozen", **json.loads(text))
    assert answer.status_code == 200 and says in answer.get_json()["problem"]


def test_a_file_written_is_read_back(scene: dict[str, Any]) -> None:
    ranges = {scene["layer"].name: "0-1,3"}
    file = post(scene, "frozen/file", frozen=ranges).get_json()
    assert file["name"].endswith("-frozen.json")
    assert post(scene, "frozen/read", text=file["text"]).get_json() == {"frozen": ranges, "units": 3}
    assert "aren't JSON" in post(scene, "frozen/read", text="no").get_json()["problem"]


def test_an_envelope_holds_arrays_where_typed_arrays_may_begin() -> None:
    with flask.Flask("test").test_request_context():
        data = envelope({"a": "ä"}, odd=np.arange(3, dtype=np.uint8), real=np.float32([[1.5, -2]])).data
        with pytest.raises(ValueError, match="float64"):
            envelope({}, wrong=np.zeros(2))
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    at = -(-(4 + length) // 8) * 8
    assert header["a"] == "ä" and data[at : at + 3] == b"\0\1\2"
    assert np.frombuffer(data[at + 8 : at + 16], "<f4").tolist() == [1.5, -2]
    assert header["arrays"][1] == {"name": "real", "dtype": "float32", "shape": [1, 2]}
