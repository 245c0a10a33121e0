"""The stacks of many layers as the page gets them, against the classifier itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import flask
import numpy as np
import pytest

from nnvis_dash.analysis.layer_outputs import feature_maps, ranked
from nnvis_dash.engine import layer_memory
from nnvis_dash.engine.client import Engine
from nnvis_dash.network_maps_routes import network_maps_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace
from tests import networks
from tests.callbacks.in_process import Direct
from tests.callbacks.test_network_maps_routes import read

NAMES = ("ant", "bee", "cat", "dog")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A network with branches, batch normalisation and a softmax of its own, over noise."""
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("space")
    workspace = Workspace(folder / "ws")
    images = networks.images(4, (12, 12, 1), seed=3)
    data, _ = workspace.add_dataset(images, name="noise", labels=np.arange(4), class_names=list(NAMES))
    networks.residual().save(folder / "net.keras")
    model, _ = add_model(workspace, folder / "net.keras", preprocessing="unit", class_names=list(NAMES))
    services = Services(Settings(), workspace, cast(Engine, Direct(Path(workspace.path))))
    server = flask.Flask("test")
    server.register_blueprint(network_maps_blueprint(services))
    clf = open_classifier(workspace, model.fingerprint)
    return {"client": server.test_client(), "data": data, "model": model, "clf": clf, "images": images}


def stacks(place: dict[str, Any], layers: Any, **wanted: Any) -> Any:
    record = {"dataset": place["data"].fingerprint, "model": place["model"].fingerprint, "sample": 1, "stacks": layers}
    answer = place["client"].post("/network/maps", json={**record, **wanted})
    return answer.get_json() if answer.is_json else read(answer.data)


def values(found: dict[str, Any], i: int) -> Any:
    """Return what the tiles of the i-th layer stand for, (k, h, w)."""
    low, high = (found[f"{end}_{i}"][:, None, None] for end in ("low", "high"))
    return low + found[f"tiles_{i}"] / 255 * (high - low)


def test_a_stack_holds_the_channels_with_the_greatest_means_and_how_far_the_layer_reaches(
    place: dict[str, Any],
) -> None:
    found = stacks(place, ["stem", "norm", "both"])
    assert [layer["layer"] for layer in found["header"]["layers"]] == ["stem", "norm", "both"]
    for i, name in enumerate(("stem", "norm", "both")):
        maps = feature_maps(place["clf"], place["images"][1:2], name)[name][0]
        chosen = found[f"channels_{i}"]
        np.testing.assert_array_equal(chosen, ranked(maps)[:8])
        step = (found[f"high_{i}"] - found[f"low_{i}"]).max() / 255
        np.testing.assert_allclose(values(found, i), np.moveaxis(maps[:, :, chosen], -1, 0), atol=step)
        told = found["header"]["layers"][i]
        assert (told["height"], told["width"], told["mean"]) == (12, 12, False)
        np.testing.assert_allclose((told["least"], told["most"]), (maps.min(), maps.max()), rtol=1e-5)
    probabilities = place["clf"].predict(place["images"][1:2])[0]
    assert found["header"]["answers"][0][0]["name"] == NAMES[probabilities.argmax()]
    assert found["header"]["reference"] == 1


def test_pictures_are_as_small_as_asked_for(place: dict[str, Any]) -> None:
    found = stacks(place, ["stem"], side=3)
    maps = feature_maps(place["clf"], place["images"][1:2], "stem")["stem"][0]
    means = maps[:, :, found["channels_0"]].reshape(3, 4, 3, 4, 4).mean(axis=(1, 3))
    step = (found["high_0"] - found["low_0"]).max() / 255
    np.testing.assert_allclose(values(found, 0), np.moveaxis(means, -1, 0), atol=step)


def test_a_layer_without_positions_has_all_its_values_in_its_own_order(place: dict[str, Any]) -> None:
    found = stacks(place, ["scores", "softmax", "average"])
    scores = feature_maps(place["clf"], place["images"][1:2], "scores")["scores"][0]
    np.testing.assert_allclose(found["low_0"], scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["channels_0"], np.arange(4))
    np.testing.assert_allclose(found["low_1"].sum(), 1.0, rtol=1e-5)
    assert found["tiles_2"].shape == (7, 1, 1)


def test_frozen_units_change_what_lies_behind_them_alone(place: dict[str, Any]) -> None:
    free, frozen = stacks(place, ["stem", "sum"]), stacks(place, ["stem", "sum"], frozen={"stem": "0-3"})
    np.testing.assert_array_equal(free["tiles_0"], frozen["tiles_0"])
    expected = feature_maps(place["clf"], place["images"][1:2], "sum", {"stem": range(4)})["sum"][0]
    told = frozen["header"]["layers"][1]
    np.testing.assert_allclose((told["least"], told["most"]), (expected.min(), expected.max()), rtol=1e-5, atol=1e-6)
    assert free["header"]["layers"][1]["most"] != told["most"]


def test_outputs_too_large_to_be_kept_give_the_mean_of_each_layer(
    place: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_memory, "ONE", 2500)
    monkeypatch.setattr(layer_memory, "MEMORY", layer_memory.LayerMemory(10**6))
    found = stacks(place, ["stem", "sum", "scores"])
    maps = feature_maps(place["clf"], place["images"][1:2], ["stem", "scores"])
    assert [layer["mean"] for layer in found["header"]["layers"]] == [True, True, False]
    np.testing.assert_array_equal(found["channels_0"], [-1])
    step = float(found["high_0"][0] - found["low_0"][0]) / 255
    np.testing.assert_allclose(values(found, 0)[0], maps["stem"][0].mean(axis=-1), atol=step)
    np.testing.assert_allclose(found["low_2"], maps["scores"][0], rtol=1e-5, atol=1e-6)
    assert found["header"]["answers"][0]


@pytest.mark.parametrize("layers", [[], ["nowhere"], None, "stem", 7, [3]])
def test_no_layer_of_the_classifier_is_answered_in_words(place: dict[str, Any], layers: Any) -> None:
    problem = stacks(place, layers)["problem"]
    assert "Name some of: stem" in problem or "layers" in problem
