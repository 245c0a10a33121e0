"""The network view's jobs as the page asks for them: what it is told, and what the routes show of it."""

from __future__ import annotations

import json
from typing import Any

import flask
import numpy as np
import pytest

from callbacks import network_jobs
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError, NotFound, ParameterError
from nnvis_dash.network_freeze_routes import network_freeze_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.pixels import decode
from tests import networks

SHAPE = (12, 10, 3)
NAMES = ("ant", "bee", "cat", "dog", "eel")


@pytest.fixture(scope="module")
def scene(engine: Engine, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("freeze")
    workspace = engine.workspace
    images = networks.images(20, SHAPE, seed=77)
    data, _ = workspace.add_dataset(images, name="freeze jobs", labels=np.arange(20) % 5, class_names=list(NAMES))
    networks.sequential().save(folder / "freeze-jobs.keras")
    model, _ = add_model(
        workspace, folder / "freeze-jobs.keras", preprocessing="symmetric", class_names=list(NAMES), name="freeze jobs"
    )
    services = Services(settings, workspace, engine)
    server = flask.Flask("test")
    server.register_blueprint(network_freeze_blueprint(services))
    return {
        "client": server.test_client(),
        "services": services,
        "engine": engine,
        "data": data,
        "model": model,
        "clf": open_classifier(workspace, model.fingerprint),
        "images": images,
        "layer": next(layer for layer in model.layers if layer.n_units),
    }


def ask(scene: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    wanted = {"dataset": scene["data"].fingerprint, "model": scene["model"].fingerprint, **more}
    found = network_jobs.JOBS[name](scene["services"], wanted, scene["engine"].result)
    json.dumps(found, allow_nan=False)  # what a store can hold
    return found


def test_the_effect_lists_the_images_that_change(scene: dict[str, Any]) -> None:
    layer = scene["layer"]
    found = ask(scene, "effect", frozen={layer.name: f"0-{layer.n_units - 1}"})
    assert found["units"] == layer.n_units and sum(found["n"]) == 20 and found["against"] == "labels"
    assert f"{layer.n_units} units" in found["said"] or "all" in found["said"]
    changed = scene["clf"].predict(scene["clf"].prepare(scene["images"])).argmax(axis=1)
    for one in found["flipped"]:
        assert one["before"] == changed[one["id"]] and one["before"] != one["after"]
    with pytest.raises(ParameterError, match="No unit is frozen"):
        ask(scene, "effect", frozen={})


def test_a_campaign_s_matrix_has_the_classes_with_images(scene: dict[str, Any]) -> None:
    found = ask(scene, "campaign", layers=[scene["layer"].name], samples="0-9")
    assert (found["images"], found["units"]) == (10, scene["layer"].n_units)
    assert found["layers"] == [[scene["layer"].name, 0, scene["layer"].n_units]]
    answer = scene["client"].post("/network/campaign", json={"key": found["key"]})
    length = int.from_bytes(answer.data[:4], "little")
    header = json.loads(answer.data[4 : 4 + length])
    assert [one["name"] for one in header["arrays"]] == ["change", "classes", "n"]
    assert header["arrays"][0]["shape"] == [scene["layer"].n_units, 5]
    assert "problem" in scene["client"].post("/network/campaign", json={"key": "0" * 32}).get_json()


def test_smallest_sets_need_an_image_and_repairs_its_label(scene: dict[str, Any]) -> None:
    found = ask(scene, "smallest", sample=3, goal="break")
    assert found["found"] == (found["prediction"] != found["prediction_frozen"])
    assert ask(scene, "smallest", sample=3, goal="repair")["target"] == 3
    with pytest.raises(ParameterError, match="Click a point"):
        ask(scene, "smallest", goal="break")


def test_a_visualisation_s_picture_is_the_job_s_image(scene: dict[str, Any]) -> None:
    request = Request("feature_visualisation", {"model": scene["model"].fingerprint, "target": 1, "steps": 2})
    artifact = scene["engine"].result(request)
    answer = scene["client"].get(f"/network/visualisation/{request.key}.png")
    np.testing.assert_array_equal(decode(answer.data, name="it"), artifact.array("image"))
    assert scene["client"].get(f"/network/visualisation/{'0' * 32}.png").status_code == 404


def test_both_attributions_are_of_one_class_and_in_one_scale(scene: dict[str, Any]) -> None:
    explained = {
        **{"sample": 3, "derived": "", "edits": [], "layer": None, "explained": None, "unit": None, "target": None},
        **{"method": "grad_cam", "parameters": {}, "output": "logits", "clip": 100, "smooth": True},
    }
    layer = scene["layer"].name
    same = ask(scene, "redrawn", frozen={}, **explained)
    assert same["distance"] == 0 and same["pictures"][0] == same["pictures"][1]
    found = ask(scene, "redrawn", frozen={layer: "0-2"}, **explained)
    assert found["target"] == same["target"] and found["distance"] > 0
    assert found["probabilities"][0] == same["probabilities"][0]
    with pytest.raises(NotFound):
        ask(scene, "redrawn", frozen={"conv9": "0"}, **explained)
    with pytest.raises(NNVisError):
        ask(scene, "redrawn", frozen={layer: "0-2"}, **{**explained, "sample": None})
