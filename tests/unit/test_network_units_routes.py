"""The routes of unit dots: what they ask the engine for, and what they say where nothing can be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pytest

from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import EngineError
from nnvis_dash.network_units_routes import network_units_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.types import Layer, ModelCard, Preprocessing
from nnvis_dash.workspace.store import Workspace

LAYERS = (Layer("conv", "Conv2D", (4, 4, 3), 30, 3), Layer("pool", "MaxPooling2D", (2, 2, 3), 0, 0))


class Place:
    """A server over a workspace with two datasets and two classifiers, and an engine that says what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder / "workspace")
        images = np.arange(6 * 8 * 8, dtype=np.uint8).reshape(6, 8, 8, 1)
        labels, names = [0, 1, 1, 0, -1, 1], ["cat", "dog", "cow"]
        self.dataset = self.workspace.add_dataset(images, name="pets", labels=labels, class_names=names)[0]
        self.unlabelled = self.workspace.add_dataset(images + 9, name="unknown")[0]
        self.model = self.add(folder, "net", "a" * 32, LAYERS, ("dog", "cow", "cat"))
        self.opaque = self.add(folder, "graph", "b" * 32, (), ())
        engine = Engine(self.workspace.path, "tcp://127.0.0.1:9")
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.down = False
        engine.ask = self.ask  # type: ignore[method-assign]
        services = Services(Settings(workspace=str(self.workspace.path)), self.workspace, engine)
        server = flask.Flask("test")
        server.register_blueprint(network_units_blueprint(services))
        self.client = server.test_client()

    def add(
        self, folder: Path, name: str, fingerprint: str, layers: tuple[Layer, ...], classes: tuple[str, ...]
    ) -> ModelCard:
        file = folder / f"{name}.keras"
        file.write_bytes(b"weights")
        card = ModelCard(
            name,
            fingerprint,
            (8, 8, 1),
            3,
            classes,
            "softmax",
            Preprocessing.named("unit"),
            "squash",
            layers,
            7,
            "f",
            None,
            "s",
        )
        return self.workspace.store_model(file, card)[0]

    def ask(self, name: str, parameters: Mapping[str, Any], timeout: float = 30.0) -> dict[str, Any]:
        if self.down:
            raise EngineError("The engine doesn't answer", "Try again.")
        self.asked.append((name, dict(parameters)))
        if name == "top_images":
            return {"ids": [4, 1, 2], "images": [], "active": 0.5, "classes": None}
        values = np.array([0.5, -1.5, np.nan], np.float32)
        return {"values": values, "dead": np.array([False, True, False]), "of": [2, 4]}

    def units(self, **more: Any) -> Any:
        record = {"dataset": self.dataset.fingerprint, "model": self.model.fingerprint, **more}
        return self.client.post("/network/units", json=record)

    def problem(self, **more: Any) -> str:
        assert not self.asked
        return str(self.units(**more).json["problem"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_responses_come_as_an_envelope(place: Place) -> None:
    answer = place.units(colour="mean", samples="2-3", by="mean", standardised=True)
    length = int.from_bytes(answer.data[:4], "little")
    header = json.loads(answer.data[4 : 4 + length])
    assert (header["of"], header["said"]) == ([2, 4], "mean over the selection")
    assert [(one["name"], one["dtype"], one["shape"]) for one in header["arrays"]] == [
        ("values", "float32", [3]),
        ("dead", "uint8", [3]),
    ]
    at = -(-(4 + length) // 8) * 8
    np.testing.assert_array_equal(np.frombuffer(answer.data, "<f4", 3, at), [0.5, -1.5, 0])
    assert place.asked[0][1] == {
        "dataset": place.dataset.fingerprint,
        "model": place.model.fingerprint,
        "by": "mean",
        "standardised": True,
        "measure": "mean",
        "samples": "2-3",
    }


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ({"colour": "layer"}, {"measure": "nothing"}),
        ({"colour": "max", "samples": ""}, {"measure": "max"}),
        ({"colour": "rest", "samples": "1,4"}, {"measure": "difference", "samples": "1,4"}),
        ({"colour": "samples", "images": [3, 1]}, {"measure": "pair", "images": [3, 1]}),
        (
            {"colour": "samples", "images": [{"sample": 2, "derived": "", "edits": []}, 1]},
            {"measure": "pair", "images": [2, 1]},
        ),
        # output 0 is the dog, which the dataset calls 1; output 2 is the cat
        (
            {"colour": "classes", "class_a": 0, "class_b": 2},
            {"measure": "difference", "samples": "1-2,5", "against": "0,3"},
        ),
    ],
)
def test_each_colour_asks_for_its_own(place: Place, wanted: dict[str, Any], asked: dict[str, Any]) -> None:
    assert place.units(**wanted).status_code == 200
    [(name, parameters)] = place.asked
    assert name == "unit_responses"
    assert {key: value for key, value in parameters.items() if key not in ("dataset", "model")} == asked


def test_a_large_selection_is_read_by_its_key(place: Place) -> None:
    place.units(colour="mean", samples="@" + place.workspace.selections.keep(b"\x1f"))
    assert place.asked[0][1]["samples"] == "0-4"


def test_what_cannot_be_compared_is_said_in_words(place: Place) -> None:
    assert "No images are selected" in place.problem(colour="rest")
    assert "Two images" in place.problem(colour="samples", images=[3, None])
    assert "Two images" in place.problem(colour="samples", images=[{"sample": None, "derived": "", "edits": []}, 2])
    assert "no labels" in place.problem(dataset=place.unlabelled.fingerprint, colour="classes", class_a=0, class_b=1)
    assert "no class None" in place.problem(colour="classes", class_a=0)
    assert "no class 3" in place.problem(colour="classes", class_a=0, class_b=3)
    assert "no image of the class 'cow'" in place.problem(colour="classes", class_a=0, class_b=1)
    assert "coloured by 'smell'" in place.problem(colour="smell")
    assert "no layers with units" in place.problem(model=place.opaque.fingerprint)
    assert "no dataset" in place.problem(dataset="none such")
    place.down = True
    answer = place.units(colour="mean").json
    assert answer["again"] and "doesn't answer" in answer["problem"]


def test_top_images_come_with_a_text_that_selects_them(place: Place) -> None:
    record = {"dataset": "pets", "model": "net", "layer": "conv", "channel": 2, "n": 6, "by": "max", "areas": True}
    answer = place.client.post("/network/top", json={**record, "more": "ignored"}).json
    assert answer == {"samples": "1-2,4", "images": [], "active": 0.5, "classes": None, "of": 6}
    [(name, parameters)] = place.asked
    assert name == "top_images"
    assert (parameters["layer"], parameters["channel"], parameters["n"], parameters["areas"]) == ("conv", 2, 6, True)
    assert parameters["dataset"] == place.dataset.fingerprint
