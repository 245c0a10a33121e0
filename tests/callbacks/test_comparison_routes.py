"""A page of samples by classifiers and methods: its rows and answers, its pictures, its ratings and their export."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import flask
import numpy as np
import pytest
from PIL import Image

from callbacks.comparison import compared, page_request, page_wanted
from nnvis_dash.comparison_routes import comparison_blueprint
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled, ModelError
from nnvis_dash.figures import heatmap
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.artifacts import Artifact
from nnvis_dash.workspace.store import Workspace
from tests import networks

N = 24
LABELS = ("ant", "bee", "cat", "dog", "eel")
NAMES = {"net1": LABELS, "net2": ("Eel", "dog", "cat", "bee", "ant"), "net3": ("ant", "bee", "cat", "dog", "=fox")}


@dataclass
class Said:
    """Stands for the engine: each classifier says the same of all images, the output that is its own number."""

    models: list[str] = field(default_factory=list)
    asked: int = 0

    def ask(self, question: str, parameters: Mapping[str, Any]) -> Any:
        assert question == "predictions"
        self.asked += 1
        tables = []
        for model in parameters["models"]:
            table = np.full((len(parameters["images"]), 5), 0.1, np.float32)
            table[:, self.models.index(model)] = 0.6
            tables.append(table)
        return {"probabilities": tables, "problems": [""] * len(tables)}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("comparison")
    workspace = Workspace(folder / "ws")
    labels = np.arange(N) % 5
    labels[7] = -1
    images = networks.images(N, (12, 10, 3), seed=1)
    data, _ = workspace.add_dataset(images, name="noise", labels=labels, class_names=list(LABELS))
    net = networks.sequential()
    models = []
    for number, (name, names) in enumerate(NAMES.items()):
        net.layers[0].set_weights([values + number for values in net.layers[0].get_weights()])
        net.save(folder / f"{name}.keras")
        models.append(add_model(workspace, folder / f"{name}.keras", preprocessing="unit", class_names=list(names))[0])
    fingerprints = [model.fingerprint for model in models]
    engine = Said(fingerprints)
    services = Services(Settings(), workspace, cast(Engine, engine))
    server = flask.Flask("test")
    server.register_blueprint(comparison_blueprint(services))
    wanted = {
        **{"dataset": data.fingerprint, "models": fingerprints, "samples": "0-11", "methods": ["grad_cam", "lrp_z"]},
        **{"attribution": "grad_cam", "parameters": {"relu": False}},
    }
    return {"client": server.test_client(), "services": services, "wanted": wanted, "engine": engine}


def page(scene: dict[str, Any], **more: Any) -> dict[str, Any]:
    return dict(scene["client"].post("/comparison/page", json={**scene["wanted"], **more}).get_json())


def test_a_page_says_of_every_row_what_each_classifier_makes_of_it(scene: dict[str, Any]) -> None:
    found = page(scene, page=2, top=2)
    assert (found["page"], found["n_pages"], found["n_rows"]) == (2, 3, 12)
    assert [row["name"] for row in found["rows"]] == ["#5", "#6", "#7", "#8", "#9"]
    assert [row["label"] for row in found["rows"]] == ["ant", "bee", None, "dog", "eel"]
    # Without a label it is what the first classifier says: its output 0, ant.
    assert [row["explained"] for row in found["rows"]] == ["ant", "bee", "ant", "dog", "eel"]
    assert found["methods"] == [["grad_cam", "Grad-CAM"], ["lrp_z", "LRP-z"]]
    first, second, third = found["models"]
    assert [one["name"] for one in found["models"]] == list(NAMES)
    # The answers: output 0 of net1 is ant, output 1 of net2 is dog, output 2 of net3 is cat.
    assert [one["rows"][0]["top"][0][0] for one in found["models"]] == ["ant", "dog", "cat"]
    assert first["rows"][0]["top"][0] == ["ant", 0.6, 0] and len(first["rows"][0]["top"]) == 2
    assert [row["n_answers"] for row in found["rows"]] == [3] * 5
    assert [row["right"] for row in first["rows"]] == [True, False, None, False, False]
    assert [row["right"] for row in second["rows"]] == [False, False, None, True, False]
    assert not any(row["agrees"] for model in found["models"] for row in model["rows"])
    # The same class is another output of the second classifier, and the third one has no eel.
    assert [row["target"] for row in first["rows"]] == [0, 1, 0, 3, 4]
    assert [row["target"] for row in second["rows"]] == [4, 3, 4, 1, 0]
    assert [row["target"] for row in third["rows"]] == [0, 1, 0, 3, -1]


def test_a_chosen_class_is_explained_in_all_rows(scene: dict[str, Any]) -> None:
    found = page(scene, target=4)
    assert {row["explained"] for row in found["rows"]} == {"eel"}
    assert [{row["target"] for row in model["rows"]} for model in found["models"]] == [{4}, {0}, {-1}]


def test_without_a_selection_it_is_the_tested_image(scene: dict[str, Any]) -> None:
    edits = [["flip_horizontal", {}]]
    found = page(scene, samples="", sample=3, derived="", edits=edits)
    assert [row["name"] for row in found["rows"]] == ["#3 edited"] and found["rows"][0]["label"] == "dog"
    save, image = scene["services"].workspace.derived.save, np.zeros((12, 10, 3), np.uint8)
    for dataset, label in ((scene["wanted"]["dataset"], "eel"), ("f" * 32, None)):
        drawn = save(image, "drawn", f"drawing {label}", dataset=dataset, label=4)
        [row] = page(scene, samples="", sample=None, derived=drawn.fingerprint, edits=[])["rows"]
        assert (row["sample"], row["name"], row["label"]) == (f"d{drawn.fingerprint}", f"drawing {label}", label)
    none = page(scene, samples="", sample=None, derived="", edits=[])
    assert (none["rows"], none["n_pages"]) == ([], 1)
    alone = page(scene, models=scene["wanted"]["models"][:1])
    assert {row["agrees"] for row in alone["models"][0]["rows"]} == {None}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dataset": "nothing"}, "nothing"),
        ({"models": ["nobody"]}, "nobody"),
        ({"models": []}, "No classifier"),
        ({"samples": "22-25"}, "no sample 24 in noise"),
        ({"samples": "x"}, "x"),
        ({"target": 5}, "no class 5"),
        ({"page": "two"}, "page"),
        ({"top": 99}, "99"),
    ],
)
def test_what_is_not_there_is_said(scene: dict[str, Any], change: dict[str, Any], says: str) -> None:
    assert says in page(scene, **change)["problem"]


def test_a_request_explains_a_page_in_one_batch(scene: dict[str, Any]) -> None:
    services, wanted = scene["services"], {**scene["wanted"], "page": 2}
    found = page_wanted(services, wanted)
    request, places = page_request(found, 2, "grad_cam", wanted)
    asked = request.parameters
    assert (asked["samples"], asked["targets"]) == ([5, 6, 7, 8], [0, 1, 0, 3]) and places == [0, 1, 2, 3, -1]
    assert (asked["layer"], asked["parameters"]) == (None, {"relu": False})
    other, places = page_request(found, 1, "lrp_z", {**wanted, "layer": "first"})
    assert other.parameters["targets"] == [4, 3, 4, 1, 0] and places == [0, 1, 2, 3, 4]
    assert (other.parameters["layer"], other.parameters["parameters"]) == (None, {})  # no layer of its own to choose
    first, _ = page_request(found, 1, "grad_cam", {**wanted, "layer": "first"})
    assert first.parameters["layer"] == "conv1"
    assert page_request(page_wanted(services, {**wanted, "target": 4}), 2, "lrp_z", wanted) == (None, [-1] * 5)


def kept(services: Services, request: Request) -> Artifact:
    """Keep heatmaps of the values 1, 2, .. in place of the engine."""
    n = len(request.parameters["samples"])
    maps = np.arange(1, n + 1, dtype=np.float32)[:, None, None] * np.linspace(-1, 1, 120, dtype=np.float32).reshape(
        1, 12, 10
    )
    card = {"method": request.parameters["method"], "layer": None}
    return services.workspace.artifacts.save(request.key, {"heatmap": maps, "values": maps}, card)


def test_cells_arrive_one_after_the_other_and_one_that_cannot_says_why(scene: dict[str, Any]) -> None:
    services, wanted = scene["services"], {**scene["wanted"], "page": 2, "clip": 100, "smooth": True}
    seen: list[tuple[str, int]] = []

    def wait(request: Request, **more: Any) -> Artifact:
        seen.append((more["of"], len(more["cells"])))
        if request.parameters["method"] == "grad_cam" and request.parameters["model"] == wanted["models"][1]:
            raise ModelError("It has no map", "Take another.")
        return kept(services, request)

    cells = compared(services, wanted, wait)["cells"]
    assert seen == [(f"{n + 1} of 6", n) for n in range(6)]
    assert [(cell["method"], wanted["models"].index(cell["model"])) for cell in cells] == [
        *(("grad_cam", n) for n in range(3)),
        *(("lrp_z", n) for n in range(3)),
    ]
    assert cells[1]["problem"] == "It has no map. Take another."
    assert cells[3]["most"] == [1, 2, 3, 4, 5] and cells[5]["most"] == [1, 2, 3, 4, 0]
    assert cells[5]["places"] == [0, 1, 2, 3, -1] and cells[3]["signed"]

    def pixels(address: str) -> list[np.ndarray]:
        drawn = scene["client"].get(address).get_json()
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one.split(",")[1])))) for one in drawn]

    key = cells[3]["key"]
    maps = np.asarray(services.workspace.artifacts.load(key).array("heatmap"))
    alone, over = (np.asarray(Image.open(io.BytesIO(png))) for png in heatmap.pictures(maps[1], 100.0, True, 5.0))
    own = pixels(f"/comparison/{key}.json")
    assert len(own) == 5
    np.testing.assert_array_equal(own[1], own[0])  # by its own strongest value each is as the first
    shared = pixels(f"/comparison/{key}.json?limits=0,5,nan,-1,x")
    np.testing.assert_array_equal(shared[1], alone)
    for place in (0, 2, 3, 4):
        np.testing.assert_array_equal(shared[place], own[0])
    np.testing.assert_array_equal(pixels(f"/comparison/{key}.json?limits=0,5&over=1")[1], over)
    assert "immutable" in scene["client"].get(f"/comparison/{key}.json").headers["Cache-Control"]
    assert scene["client"].get(f"/comparison/{'0' * 32}.json").status_code == 404

    def cancelled(request: Request, **more: Any) -> Artifact:
        raise Cancelled("It was cancelled", "Start it again.")

    with pytest.raises(Cancelled):
        compared(services, wanted, cancelled)


def test_ratings_are_kept_shown_and_exported(scene: dict[str, Any]) -> None:
    client, wanted = scene["client"], scene["wanted"]
    dataset, (net, _, fox) = wanted["dataset"], wanted["models"]

    def rate(**more: Any) -> Any:
        record = {"dataset": dataset, "sample": 5, "model": net, "method": "lrp_z", "rating": 4, "explained": "ant"}
        return client.post("/comparison/rate", json={**record, **more}).get_json()

    assert rate()["means"] == [[net, "lrp_z", 4.0, 1]]
    assert rate(sample=6, rating=1)["means"] == [[net, "lrp_z", 2.5, 2]]
    rate(model=fox, explained="=fox\n", method="grad_cam")
    found = page(scene, page=2)
    assert sorted(found["ratings"]) == sorted(
        [
            ["5", net, "lrp_z", 4, "ant"],
            ["6", net, "lrp_z", 1, "ant"],
            ["5", fox, "grad_cam", 4, "=fox"],
        ]
    )
    assert [net, "lrp_z", 2.5, 2] in found["means"] and page(scene, page=1)["ratings"] == []
    rate(sample=6, rating=None)

    text = client.get(f"/comparison/{dataset}/ratings.csv")
    assert text.mimetype == "text/csv" and "attachment" in text.headers["Content-Disposition"]
    lines = text.data.decode().splitlines()
    assert lines[0] == "dataset,sample,classifier,fingerprint,method,class,rating,rated" and len(lines) == 3
    assert lines[1].startswith(f"noise,5,net1,{net},lrp_z,ant,4,20") and f"net3,{fox},grad_cam,'=fox,4," in lines[2]
    table = json.loads(client.get(f"/comparison/{dataset}/ratings.json").data)
    assert [(row["sample"], row["classifier"], row["class"], row["rating"]) for row in table] == [
        (5, "net1", "ant", 4),
        (5, "net3", "=fox", 4),
    ]
    assert client.get(f"/comparison/{dataset}/ratings.xls").status_code == 404
    assert client.get("/comparison/nothing/ratings.csv").status_code == 404


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rating": 6}, "The rating is 6"),
        ({"rating": "4"}, "The rating is 4"),
        ({"sample": N}, f"no sample {N}"),
        ({"sample": "../x"}, "The image"),
        ({"model": "nobody"}, "nobody"),
        ({"method": "magic"}, "magic"),
        ({"dataset": "../.."}, "no dataset"),
    ],
)
def test_what_cannot_be_rated_is_refused(scene: dict[str, Any], change: dict[str, Any], says: str) -> None:
    wanted = scene["wanted"]
    record = {"dataset": wanted["dataset"], "sample": 1, "model": wanted["models"][0], "method": "lrp_z", "rating": 3}
    assert says in scene["client"].post("/comparison/rate", json={**record, **change}).get_json()["problem"]


def test_an_index_answers_in_place_of_the_engine(scene: dict[str, Any]) -> None:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.index import index, index_arrays

    services, wanted = scene["services"], scene["wanted"]
    model = wanted["models"][0]
    found = index(open_classifier(services.workspace, model), services.dataset(wanted["dataset"]))
    key = services.index_request(wanted["dataset"], model).key
    services.workspace.artifacts.save(key, index_arrays(found), {"n_samples": N})
    before = scene["engine"].asked
    answer = page_wanted(services, {**wanted, "models": [model]})
    assert scene["engine"].asked == before
    np.testing.assert_array_equal(answer.probabilities[0], found.probabilities[:5])
