"""What the what-if lens asks while a slider moves: answers against the classifier itself, bad input in words."""

from __future__ import annotations

import base64
import io
from typing import Any, cast

import flask
import numpy as np
import pytest
from PIL import Image

from nnvis_dash.analysis.transformations import TRANSFORMATIONS, transform
from nnvis_dash.engine.client import Engine
from nnvis_dash.routes import blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.whatif_routes import MANY, whatif_blueprint
from nnvis_dash.workspace.pixels import fit
from tests import networks
from tests.callbacks.in_process import NAMES, Direct, noise_and_net

TURN = ["rotation", {"degree": 40}]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.classifier import open_classifier

    workspace, data, model, images = noise_and_net(tmp_path_factory.mktemp("whatif"), 80)
    services = Services(Settings(), workspace, cast(Engine, Direct(workspace.path)))
    server = flask.Flask("test")
    server.register_blueprint(blueprint(services))
    server.register_blueprint(whatif_blueprint(services))
    clf = open_classifier(workspace, model.fingerprint)
    return {"client": server.test_client(), "data": data, "model": model, "clf": clf, "images": images, "ws": workspace}


def ask(scene: dict[str, Any], **wanted: Any) -> Any:
    record = {"dataset": scene["data"].fingerprint, "classifiers": [scene["model"].fingerprint], **wanted}
    return scene["client"].post("/whatif", json=record).get_json()


def probabilities(scene: dict[str, Any], *images: Any) -> Any:
    return scene["clf"].predict(np.stack([fit(image, *scene["clf"].card.input_shape) for image in images]))


def test_an_edited_image_comes_back_with_what_is_said_of_it_before_and_after(scene: dict[str, Any]) -> None:
    found = ask(scene, sample=3, edits=[TURN])
    image = scene["images"][3]
    turned = transform(image, "rotation", 40)
    drawn = Image.open(io.BytesIO(base64.b64decode(found["after"].split(",")[1])))
    np.testing.assert_array_equal(np.asarray(drawn), turned)
    before, after = probabilities(scene, image, turned)
    entries = found["answers"][0]["entries"]
    assert [entry["name"] for entry in entries] == [NAMES[entry["index"]] for entry in entries]
    for entry in entries:
        assert entry["before"] == pytest.approx(before[entry["index"]], abs=1e-6)
        assert entry["after"] == pytest.approx(after[entry["index"]], abs=1e-6)
        assert entry["label"] == (entry["index"] == 3)
    assert (found["answers"][0]["before"], found["answers"][0]["after"]) == (before.argmax(), after.argmax())


def test_the_addresses_of_both_images_lead_to_them(scene: dict[str, Any]) -> None:
    found = ask(scene, sample=3, edits=[TURN])
    seen = scene["client"].get("/" + found["before"])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(seen.data))), scene["images"][3])
    address = f"/image/{scene['data'].fingerprint}/{found['reference']}.png"
    turned = np.asarray(Image.open(io.BytesIO(scene["client"].get(address).data)))
    np.testing.assert_array_equal(turned, transform(scene["images"][3], "rotation", 40))
    small = Image.open(io.BytesIO(scene["client"].get(address + "?side=6").data))
    assert max(small.size) == 6


def test_an_image_without_edits_has_nothing_before_it(scene: dict[str, Any]) -> None:
    found = ask(scene, sample=5, edits=[])
    assert found["before"] is None and found["reference"] == 5
    assert found["answers"][0]["before"] is None
    assert found["answers"][0]["entries"][0]["before"] is None


def test_an_edit_that_changes_nothing_changes_no_answer(scene: dict[str, Any]) -> None:
    for entry in ask(scene, sample=5, edits=[["rotation", {"degree": 0}]])["answers"][0]["entries"]:
        assert entry["after"] == entry["before"]


def test_a_derived_sample_stands_beside_its_parent(scene: dict[str, Any]) -> None:
    image = networks.images(1, (20, 20, 3), seed=8)[0]
    sample = scene["ws"].derived.save(image, "adversarial", "x", dataset=scene["data"].fingerprint, parent=4, label=4)
    found = ask(scene, derived=sample.fingerprint, edits=[])
    assert found["before"] == f"image/{scene['data'].fingerprint}/4.png"
    before, after = probabilities(scene, scene["images"][4], image)
    first = found["answers"][0]["entries"][0]
    assert first["after"] == pytest.approx(after.max(), abs=1e-6)
    assert first["before"] == pytest.approx(before[first["index"]], abs=1e-6)
    alone = scene["ws"].derived.save(image, "uploaded", "y")
    assert ask(scene, derived=alone.fingerprint)["before"] is None


def test_a_selection_is_asked_under_the_same_edits(scene: dict[str, Any]) -> None:
    record = {
        "dataset": scene["data"].fingerprint,
        "classifiers": [scene["model"].fingerprint],
        "samples": "0-79",
        "edits": [TURN],
    }
    found = scene["client"].post("/whatif/selection", json=record).get_json()
    images = scene["images"][:MANY]
    before = probabilities(scene, *images).argmax(axis=1)
    after = probabilities(scene, *transform(images, "rotation", 40)).argmax(axis=1)
    told = found["answers"][0]
    assert (found["of"], found["selected"]) == (MANY, 80)
    assert told["which"] == np.flatnonzero(before != after).tolist() and told["flipped"] == len(told["which"])
    labels = np.arange(MANY) % 5
    assert told["right"] == [int((before == labels).sum()), int((after == labels).sum())]


def test_every_transformation_is_described_in_its_group(scene: dict[str, Any]) -> None:
    found = scene["client"].get("/transformations").get_json()
    assert {one["name"] for one in found["transformations"]} == set(TRANSFORMATIONS)
    places = [found["groups"].index(one["group"]) for one in found["transformations"]]
    assert places == sorted(places)
    for one in found["transformations"]:
        degree = next(parameter for parameter in one["parameters"] if parameter["name"] == "degree")
        assert degree["low"] <= one["identity"] <= degree["high"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, "No image is named"),
        ({"sample": 80}, "no sample 80 in noise"),
        ({"sample": -1}, "The sample is -1"),
        ({"sample": 1, "edits": [["warp", {}]]}, "warp"),
        ({"sample": 1, "edits": [["rotation", {"degree": 999}]]}, "from -180 to 180"),
        ({"sample": 1, "edits": [["rotation", {"angle": 9}]]}, "no parameter 'angle'"),
        ({"sample": 1, "edits": [["erase", {"region": "circle:1"}]]}, "circle"),
        ({"derived": "0" * 32}, "no derived sample"),
        ({"derived": "../../x"}, "32 hexadecimal"),
        ({"sample": 1, "dataset": "nowhere"}, "nowhere"),
        ({"sample": 1, "classifiers": ["nowhere"]}, "nowhere"),
    ],
)
def test_what_cannot_be_shown_is_said(scene: dict[str, Any], wanted: dict[str, Any], says: str) -> None:
    assert says in ask(scene, **wanted)["problem"]
