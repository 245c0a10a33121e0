"""Feature maps, mean maps, weights and two inputs as the page gets them, against the classifier itself."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, cast

import flask
import numpy as np
import pytest
from PIL import Image

from nnvis_dash.analysis.compare_inputs import compare_inputs
from nnvis_dash.analysis.layer_outputs import feature_maps, kernels, ranked
from nnvis_dash.engine import layer_memory
from nnvis_dash.engine.client import Engine
from nnvis_dash.network_maps_routes import network_maps_blueprint
from nnvis_dash.routes import blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.references import Reference
from nnvis_dash.workspace.pixels import fit
from nnvis_dash.workspace.store import Workspace
from tests import networks
from tests.callbacks.in_process import Direct

SHAPE = (12, 10, 3)
NAMES = ("ant", "bee", "cat", "dog", "eel")
FLIPPED = Edit("flip_horizontal", (("degree", 1),))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("maps")
    workspace = Workspace(folder / "ws")
    images = networks.images(8, SHAPE, seed=1)
    data, _ = workspace.add_dataset(images, name="noise", labels=np.arange(8) % 5, class_names=list(NAMES))
    networks.sequential().save(folder / "net.keras")
    model, _ = add_model(workspace, folder / "net.keras", preprocessing="unit", class_names=list(NAMES))
    services = Services(Settings(), workspace, cast(Engine, Direct(Path(workspace.path))))
    server = flask.Flask("test")
    server.register_blueprint(blueprint(services))
    server.register_blueprint(network_maps_blueprint(services))
    clf = open_classifier(workspace, model.fingerprint)
    return {"client": server.test_client(), "data": data, "model": model, "clf": clf, "images": images, "ws": workspace}


def read(body: bytes) -> dict[str, Any]:
    """Return the header and the arrays of an envelope, as the page reads them."""
    length = int(np.frombuffer(body[:4], "<u4")[0])
    found = {"header": json.loads(body[4 : 4 + length])}
    at = 4 + length + -(4 + length) % 8
    for one in found["header"]["arrays"]:
        size = int(np.prod(one["shape"])) * np.dtype(one["dtype"]).itemsize
        found[one["name"]] = np.frombuffer(body[at : at + size], one["dtype"]).reshape(one["shape"])
        at += size + -size % 8
    return found


def ask(scene: dict[str, Any], path: str = "maps", **wanted: Any) -> Any:
    record = {"dataset": scene["data"].fingerprint, "model": scene["model"].fingerprint, **wanted}
    answer = scene["client"].post(f"/network/{path}", json=record)
    return answer.get_json() if answer.is_json else read(answer.data)


def values(found: dict[str, Any], name: str = "tiles") -> Any:
    """Return what tiles stand for."""
    low, high = (found[end][:, None, None] for end in ("low", "high"))
    return low + found[name] / 255 * (high - low)


@pytest.mark.parametrize("layer", ["conv1", "pool", "conv2", "dropout"])
def test_tiles_stand_for_the_maps_that_the_classifier_computes(scene: dict[str, Any], layer: str) -> None:
    found = ask(scene, sample=3, layer=layer)
    maps = feature_maps(scene["clf"], scene["images"][3:4], layer)[layer][0]
    assert found["header"]["full"] == list(maps.shape[:2]) and found["header"]["shape"] == list(maps.shape)
    step = (found["high"] - found["low"]).max() / 255
    np.testing.assert_allclose(values(found), np.moveaxis(maps, -1, 0), atol=step)
    np.testing.assert_allclose(found["most"], maps.max(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(found["mean"], maps.mean(axis=(0, 1)), rtol=1e-4)
    np.testing.assert_array_equal(found["order_activation"], ranked(maps))
    assert found["header"]["difference"] is None and not found["difference"].any()


def test_smaller_tiles_are_averaged_and_one_channel_comes_in_full(scene: dict[str, Any]) -> None:
    found = ask(scene, sample=3, layer="conv1", side=4)
    assert (found["header"]["height"], found["header"]["width"], found["header"]["full"]) == (4, 3, [10, 8])
    one = ask(scene, sample=3, layer="conv1", side=1024, channels=[2])
    assert one["tiles"].shape == (1, 10, 8) and one["header"]["channels"] == [2]
    assert len(one["order_activation"]) == one["header"]["n"] == 4
    maps = feature_maps(scene["clf"], scene["images"][3:4], "conv1")["conv1"][0]
    np.testing.assert_allclose(values(one)[0], maps[:, :, 2], atol=(one["high"] - one["low"]).max() / 255)


def test_a_dense_layer_has_tiles_of_one_position(scene: dict[str, Any]) -> None:
    found = ask(scene, sample=3, layer="hidden")
    expected = feature_maps(scene["clf"], scene["images"][3:4], "hidden")["hidden"][0]
    assert found["tiles"].shape == (8, 1, 1)
    np.testing.assert_allclose(found["low"], expected, rtol=1e-5, atol=1e-6)
    assert found["header"]["answers"][0][0]["name"] == NAMES[scene["clf"].predict(scene["images"][3:4])[0].argmax()]


def test_with_frozen_units_the_original_stands_beside(scene: dict[str, Any]) -> None:
    frozen = {"conv1": "0-1"}
    found = ask(scene, sample=3, layer="conv2", frozen=frozen, pair=True)
    image = scene["images"][3:4]
    mutated = feature_maps(scene["clf"], image, "conv2", {"conv1": [0, 1]})["conv2"][0]
    original = feature_maps(scene["clf"], image, "conv2")["conv2"][0]
    assert found["header"]["difference"] == "frozen" and len(found["header"]["answers"]) == 3 - 1
    step = (found["high"] - found["low"]).max() / 255
    np.testing.assert_allclose(values(found), np.moveaxis(mutated, -1, 0), atol=step)
    np.testing.assert_allclose(values(found, "other"), np.moveaxis(original, -1, 0), atol=step)
    apart = (found["apart"].astype(float) - 128) / 127 * found["reach"][:, None, None]
    np.testing.assert_allclose(apart, np.moveaxis(mutated - original, -1, 0), atol=found["reach"].max() / 200)
    np.testing.assert_array_equal(found["order_difference"], ranked(mutated, "difference", original))
    own = ask(scene, sample=3, layer="conv1", frozen=frozen, pair=True)  # recorded before it is masked
    np.testing.assert_array_equal(own["tiles"], own["other"])


def test_another_image_is_held_against_with_the_same_units_frozen(scene: dict[str, Any]) -> None:
    flipped = Reference(3, "", (FLIPPED,)).plain
    found = ask(scene, sample=3, layer="conv2", frozen={"conv1": "2"}, against=flipped, pair=True)
    pair = [scene["images"][3], scene["images"][3][:, ::-1]]
    a, b = feature_maps(scene["clf"], np.stack(pair), "conv2", {"conv1": [2]})["conv2"]
    assert found["header"]["difference"] == "image"
    np.testing.assert_allclose(found["difference"], np.sqrt(((a - b) ** 2).sum(axis=(0, 1))), rtol=1e-4, atol=1e-5)


def test_every_map_layer_has_its_mean(scene: dict[str, Any]) -> None:
    found = ask(scene, sample=2, mean=True, side=5)
    names = [one["layer"] for one in found["header"]["layers"]]
    assert names == ["conv1", "pool", "conv2", "dropout"]
    assert [one["unit_layer"] for one in found["header"]["layers"]] == ["conv1", "conv1", "conv2", "conv2"]
    maps = feature_maps(scene["clf"], scene["images"][2:3], "conv2")["conv2"][0].mean(axis=-1)
    back = found["low"][2] + found["mean_2"] / 255 * (found["high"][2] - found["low"][2])
    np.testing.assert_allclose(back, maps, atol=(found["high"][2] - found["low"][2]) / 255)


def test_weights_come_as_signed_images(scene: dict[str, Any]) -> None:
    found = ask(scene, "weights", layer="conv1")
    expected = kernels(scene["clf"], "conv1")
    back = (found["tiles"].astype(float) - 128) / 127 * found["reach"][:, None, None, None]
    np.testing.assert_allclose(back, expected, atol=np.abs(expected).max() / 200)
    assert "no images of one or three channels" in ask(scene, "weights", layer="conv2")["problem"]
    assert "Choose one of: conv1." in ask(scene, "weights", layer="hidden")["problem"]


def test_two_inputs_are_compared_as_the_analysis_does(scene: dict[str, Any]) -> None:
    found = ask(scene, "compare", sample=3, against=5)
    expected = compare_inputs(scene["clf"], scene["images"][3], scene["images"][5])
    assert [name for name, _, _ in found["layers"]] == list(expected.layers)
    np.testing.assert_allclose([far for _, _, far in found["layers"]], expected.distance, rtol=1e-5)
    assert (found["parts_at"], found["said"]) == (expected.parts_at, expected.said())
    assert found["pixels"] == pytest.approx(float(expected.pixels[0]))
    assert [one["reference"] for one in found["images"]] == [3, 5]
    probabilities = scene["clf"].predict(scene["images"][[3, 5]])
    for one, said in zip(found["images"], probabilities, strict=True):
        assert one["answers"][0]["probability"] == pytest.approx(float(said.max()), abs=1e-6)


def test_without_a_second_image_it_is_the_one_before(scene: dict[str, Any]) -> None:
    edited = ask(scene, "compare", sample=3, edits=[["flip_horizontal", {"degree": 1}]])
    assert [one["name"] for one in edited["images"]] == ["#3, edited", "#3"]
    image = networks.images(1, SHAPE, seed=8)[0]
    sample = scene["ws"].derived.save(image, "adversarial", "x", dataset=scene["data"].fingerprint, parent=4, label=4)
    derived = ask(scene, "compare", derived=sample.fingerprint)
    assert [one["reference"] for one in derived["images"]] == [f"d{sample.fingerprint}", 4]
    assert "There is no second image" in ask(scene, "compare", sample=3)["problem"]
    assert "the same image" in ask(scene, "compare", sample=3, against=3)["problem"]


def test_layers_of_a_nested_model_are_looked_at_by_their_full_names(scene: dict[str, Any], tmp_path: Path) -> None:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.intake import add_model

    networks.nested().save(tmp_path / "nested.keras")
    model, _ = add_model(scene["ws"], tmp_path / "nested.keras", preprocessing="raw")
    clf = open_classifier(scene["ws"], model.fingerprint)
    image = fit(scene["images"][3], *clf.card.input_shape)[None]
    for layer in ("base/conv", "base:1/norm", "head/hidden"):
        found = ask(scene, sample=3, layer=layer, model=model.fingerprint)
        expected = feature_maps(clf, image, layer)[layer][0]
        np.testing.assert_allclose(found["mean"], expected.reshape(-1, expected.shape[-1]).mean(axis=0), rtol=1e-4)
    assert ask(scene, sample=3, layer="base:1/norm", model=model.fingerprint)["header"]["unit_layer"] == "base:1/conv"
    means = ask(scene, sample=3, mean=True, model=model.fingerprint)["header"]["layers"]
    assert {"base/conv", "base:1/conv", "mean"} <= {one["layer"] for one in means}


def test_another_layer_of_the_same_image_computes_nothing(
    scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(scene, sample=6, layer="conv1")
    monkeypatch.setattr(layer_memory, "_record", lambda *_: pytest.fail("it was computed again"))
    for layer in ("conv2", "hidden", "head", "pool"):
        assert "tiles" in ask(scene, sample=6, layer=layer)
    assert "low" in ask(scene, sample=6, mean=True)
    np.testing.assert_array_equal(ask(scene, sample=6, layer="conv1")["tiles"], first["tiles"])


def test_only_what_fits_is_recorded_together(scene: dict[str, Any]) -> None:
    card = scene["clf"].card
    names = [layer.name for layer in card.layers]
    assert list(layer_memory.recorded_together(card, ["pool"])) == names
    with_units = [layer.name for layer in card.layers if layer.n_units or layer.name == "pool"]
    assert list(layer_memory.recorded_together(card, ["pool"], 2000)) == with_units
    assert layer_memory.recorded_together(card, ["pool"], 10) == ("pool",)


def test_the_memory_lets_the_oldest_image_go_and_keeps_the_last() -> None:
    memory = layer_memory.LayerMemory(100)
    for key in ("a", "b", "c"):
        with memory.of((key,)) as held:
            held.layers["x"] = np.zeros(10, np.float32)
    assert memory.keys() == (("b",), ("c",))
    with memory.of(("big",)) as held:
        held.layers["x"] = np.zeros(1000, np.float32)
    assert memory.keys() == (("big",),)


def test_the_image_comes_as_the_classifier_gets_it(scene: dict[str, Any]) -> None:
    big = scene["ws"].derived.save(networks.images(1, (40, 30, 1), seed=2)[0], "uploaded", "tall")
    address = f"/image/{scene['data'].fingerprint}/d{big.fingerprint}.png?fit={scene['model'].fingerprint}"
    seen = np.asarray(Image.open(io.BytesIO(scene["client"].get(address).data)))
    np.testing.assert_array_equal(seen, fit(scene["ws"].derived.image(big.fingerprint), *SHAPE))
    assert scene["client"].get(address + "x").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"layer": "conv1"}, "No image is tested"),
        ({"sample": 99, "layer": "conv1"}, "no sample 99"),
        ({"sample": 1, "layer": "conv9"}, "no layer 'conv9'"),
        ({"sample": 1}, "no layer 'None'"),
        ({"sample": 1, "layer": "flatten"}, "no channels"),
        ({"sample": 1, "layer": "conv1", "channels": [4]}, "no channel 4"),
        ({"sample": 1, "layer": "conv1", "channels": []}, "No channels"),
        ({"sample": 1, "layer": "conv1", "side": 0}, "from 1 to 1024"),
        ({"sample": 1, "layer": "conv1", "frozen": {"conv1": "9"}}, "no unit 9"),
        ({"sample": 1, "layer": "conv1", "frozen": {"pool": "1"}}, "no units of its own"),
        ({"sample": 1, "layer": "conv1", "frozen": {"conv1": "x"}}, "'x'"),
        ({"sample": 1, "layer": "conv1", "against": "../x"}, "The image is"),
        ({"sample": 1, "layer": "conv1", "model": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_shown_is_said(scene: dict[str, Any], wanted: dict[str, Any], says: str) -> None:
    assert says in ask(scene, **wanted)["problem"]
