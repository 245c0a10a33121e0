"""Responses, attacks and minimal evidence as the page asks for them, and what it is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import flask
import numpy as np
import pytest

from callbacks import attack, evidence, responses
from callbacks.subjects import subjects, translated
from nnvis_dash.analysis.transformations import transform
from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import ParameterError
from nnvis_dash.result_routes import result_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard
from nnvis_dash.workspace.pixels import decode
from nnvis_dash.workspace.store import Workspace

NAMES = ("cat", "dog", "fox")
KEY = "0123456789abcdef0123456789abcdef"
EDITS = [["rotation", {"degree": 9}]]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """A workspace with a dataset of ten images and nothing that runs."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    images = np.random.default_rng(5).integers(0, 256, (10, 8, 8, 3)).astype(np.uint8)
    workspace.add_dataset(images, name="ten", labels=np.arange(10) % 3, class_names=list(NAMES))
    settings = Settings(workspace=str(workspace.path))
    return Services(settings, workspace, Engine(workspace.path, "tcp://127.0.0.1:9"))


@pytest.fixture(scope="module")
def card(services: Services) -> DatasetCard:
    return services.workspace.datasets()[0]


def wanted(card: DatasetCard, **more: Any) -> dict[str, Any]:
    """Return what a page asks for of the third image."""
    tested = {"sample": 3, "derived": "", "edits": EDITS, "target": None, "samples": ""}
    return {"dataset": card.fingerprint, "classifiers": ["m" * 32], "model": "m" * 32, **tested, **more}


def test_the_tested_image_or_the_selection_under_the_same_edits_is_meant(services: Services, card: DatasetCard) -> None:
    [one], n = subjects(services, wanted(card), 4)
    assert (one.sample, [edit.name for edit in one.edits], n) == (3, ["rotation"], 1)
    many, n = subjects(services, wanted(card, samples="1-3,7-9"), 4)
    assert [reference.sample for reference in many] == [1, 2, 3, 7] and n == 6
    assert {reference.edits for reference in many} == {one.edits}
    assert subjects(services, wanted(card, sample=None), 4) == ([], 0)


def test_classes_are_translated_by_name() -> None:
    assert translated(1, NAMES, ("dog", "cat", "fox")) == 0
    assert translated(1, NAMES, ("cat", "fox")) is None
    assert translated(None, NAMES, ("a", "b")) is None
    assert translated(2, ("0", "1", "2"), ("0", "1", "2")) == 2


def test_an_attack_asks_for_what_the_form_says(services: Services, card: DatasetCard) -> None:
    form = {"method": "pgd", "epsilon": 4, "steps": 3, "target": 2, "leave": "label"}
    request, n = attack.attack_request(services, wanted(card, attack=form))
    read = request.read
    assert (read.method, read.parameters, read.target) == ("pgd", {"epsilon": 4 / 255, "steps": 3}, 2)
    assert (read.labels, read.minimal, n) == ("label", False, 1)
    smallest, _ = attack.attack_request(services, wanted(card, attack=form, minimal=True))
    assert smallest.read.minimal and smallest.read.parameters == {"steps": 3}
    with pytest.raises(ParameterError, match="no image"):
        attack.attack_request(services, wanted(card, attack=form, sample=None))


class Artifact:
    """Arrays and a card, as much as is read of an artifact."""

    def __init__(self, card: dict[str, Any], **arrays: Any) -> None:
        self.key, self.card, self._arrays = KEY, card, arrays

    def array(self, name: str) -> Any:
        return np.asarray(self._arrays[name])


def attacked(**more: Any) -> Artifact:
    about = {"samples": [3, 4], "minimal": False, "target": None, "tried": "FGSM, ε = 8/255", **more}
    return Artifact(
        about,
        success=[True, False],
        success_before_rounding=[True, True],
        clean_probabilities=[[0.9, 0.1, 0.0], [0.1, 0.8, 0.1]],
        probabilities=[[0.2, 0.7, 0.1], [0.2, 0.5, 0.3]],
        labels=[0, 1],
        changed=[60, 64],
        linf=[8.0, 8.0],
        l2=[51.0, 60.0],
        epsilon=[8 / 255, np.nan],
        clean=np.zeros((2, 8, 8, 3), np.uint8),
    )


class Models:
    """Two classifiers of which the second isn't reached by the engine, or says the opposite."""

    def __init__(self, card: DatasetCard, answer: Any) -> None:
        model = SimpleNamespace(fingerprint="m" * 32, name="net", class_names=NAMES, n_classes=3)
        self.workspace = SimpleNamespace(dataset=lambda name: SimpleNamespace(card=card), model=lambda name: model)
        self.engine = SimpleNamespace(ask=lambda name, parameters: answer)

    def class_names(self, card: Any, model: Any) -> Any:
        return NAMES


def test_what_an_attack_came_to_is_told_for_every_classifier(card: DatasetCard) -> None:
    other = {"clean": [np.eye(3)[:2]], "adversarial": [np.eye(3)[[1, 1]]], "problems": [""]}
    asked = wanted(card, classifiers=["m" * 32, "n" * 32])
    told = attack.told(cast(Any, Models(card, other)), asked, cast(Any, attacked()))
    assert (told["n"], told["flipped"], told["before_rounding"], told["size"]) == (2, 1, 2, 64)
    first = told["rows"][0]
    assert (first["success"], first["linf"], first["changed"], first["epsilon"]) == (True, 8.0, 60, None)
    assert first["answers"][0] == [[1, 0.1, 0.7], [0, 0.9, 0.2]]
    assert [model["fallen"] for model in told["models"]] == [1, 1]
    assert told["models"][0]["classes"]["1"][0] == "dog"


def test_a_classifier_that_cannot_answer_says_why(card: DatasetCard) -> None:
    other = {"clean": [None], "adversarial": [None], "problems": ["It is gone."]}
    asked = wanted(card, classifiers=["m" * 32, "n" * 32])
    told = attack.told(cast(Any, Models(card, other)), asked, cast(Any, attacked(minimal=True, target=2)))
    assert told["models"][1]["problem"] == "It is gone." and told["models"][1]["fallen"] is None
    assert [row["answers"][1] for row in told["rows"]] == [[], []]
    assert [row["epsilon"] for row in told["rows"]] == [8, None]
    assert [entry[0] for entry in told["rows"][0]["answers"][0]] == [1, 0, 2]  # the target is always among them


def test_flips_are_the_first_on_each_side() -> None:
    degrees = np.array([-3.0, -2, -1, 0, 1, 2, 3])
    one = np.array([[2, 0, 0, 0, 0, 1, 2]])
    assert responses.flips(degrees, one, 3, NAMES) == [
        {"at": 0, "degree": -3.0, "name": "fox"},
        {"at": 5, "degree": 2.0, "name": "dog"},
    ]
    assert responses.flips(degrees, np.zeros((1, 7), int), 3, NAMES) == []


def test_of_several_images_half_must_have_flipped() -> None:
    degrees = np.arange(4.0)
    many = np.array([[0, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 0], [2, 2, 2, 0]])
    assert responses.flips(degrees, many, 0, NAMES) == [{"at": 2, "degree": 2.0, "name": ""}]


def question(card: DatasetCard, labels: list[int], target: int | None = None) -> responses.Question:
    images = [Reference(place) for place in range(len(labels))]
    return responses.Question(images, card, [], np.array(labels, np.int32), target)


def test_the_lines_are_prediction_label_and_target_where_they_differ(card: DatasetCard) -> None:
    probabilities = np.array([[[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]]])
    predicted = np.array([0], np.int32)

    def lines(**more: Any) -> Any:
        found = responses.series(probabilities, predicted, question(card, **more), NAMES)
        return [(line["kind"], line["name"], line["values"]) for line in found]

    prediction = ("prediction", "cat", [0.6, 0.2])
    assert lines(labels=[0]) == [prediction]
    assert lines(labels=[-1], target=0) == [prediction]
    assert lines(labels=[1], target=2) == [prediction, ("label", "dog", [0.3, 0.3]), ("target", "fox", [0.1, 0.5])]


def test_of_several_images_each_goes_by_its_own_class(card: DatasetCard) -> None:
    probabilities = np.array([[[0.6, 0.4, 0], [0.2, 0.8, 0]], [[0.1, 0.9, 0], [0.5, 0.5, 0]]])
    found = responses.series(probabilities, np.array([0, 1], np.int32), question(card, [0, 1]), NAMES)
    assert [line["kind"] for line in found] == ["prediction"]
    assert (found[0]["name"], found[0]["values"]) == ("its prediction", [0.75, 0.35])
    np.testing.assert_allclose([found[0]["low"], found[0]["high"]], [[0.63, 0.23], [0.87, 0.47]], atol=1e-9)


def test_an_image_without_a_class_of_its_own_is_left_out() -> None:
    probabilities = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_array_equal(responses.follow(probabilities, np.array([-1, 2])), [[8, 11]])
    assert len(responses.follow(probabilities, np.array([-1, 7]))) == 0


def test_an_edit_without_a_degree_has_its_default() -> None:
    assert responses.degree_of((("degree", 12),), "rotation") == 12.0
    assert responses.degree_of((), "flip_horizontal") == 1.0


def parts(**more: Any) -> Any:
    about = {
        "target": 0,
        "sufficient_found": True,
        "sufficient_probability": 0.91,
        "necessary_found": True,
        "necessary_probability": 0.2,
        "necessary_class": 1,
        "necessary_class_probability": 0.6,
        "evaluated": 50,
        "least": 0.0,
        **more,
    }
    kept, taken = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    kept[:2, :7], taken[0, :6] = True, True
    return evidence.in_words(cast(Any, Artifact(about, sufficient=kept, necessary=taken)), NAMES)


def test_both_parts_are_told_in_words() -> None:
    told = parts()
    assert "".join(told["sufficient"]["words"]) == "These 14 % of the image keep cat at 0.91"
    assert "".join(told["necessary"]["words"]) == "Without these 6 % it becomes dog at 0.60"
    assert told["summary"] == "14 % keep cat; without 6 % it becomes dog"
    stays = parts(necessary_found=False)
    assert "".join(stays["necessary"]["words"]) == "Even without all of it, it stays cat at 0.20"
    assert stays["summary"] == "Even without all of it, it stays cat at 0.20"
    none = parts(sufficient_found=False, least=0.9)
    assert "".join(none["sufficient"]["words"]) == "No part of the image is predicted as cat with 0.9"


def test_evidence_is_asked_for_the_tested_image_even_beside_a_selection(services: Services, card: DatasetCard) -> None:
    request = evidence.evidence_request(services, wanted(card, samples="1-3", filling="blur", least=0.5))
    assert Reference.read(request.read.sample).sample == 3
    assert (request.read.filling, request.read.least) == ("blur", 0.5)


@pytest.fixture(scope="module")
def client(services: Services) -> Any:
    server = flask.Flask("test")
    server.register_blueprint(result_blueprint(services))
    return server.test_client()


def shown(client: Any, address: str) -> Any:
    response = client.get(address)
    assert response.status_code == 200 and "immutable" in response.headers["Cache-Control"]
    return decode(response.data, 10_000, "picture")


def test_pictures_of_a_response_are_the_edited_image(
    client: Any, services: Services, card: DatasetCard, tmp_path: Path
) -> None:
    image = services.workspace.dataset("ten").image(2)
    about = {"name": "rotation", "parameters": {}, "dataset": card.fingerprint, "samples": [2]}
    services.workspace.artifacts.save(KEY, {"degrees": np.array([0.0, 30.0])}, about)
    np.testing.assert_array_equal(shown(client, f"/response/{KEY}/0.png"), image)
    np.testing.assert_array_equal(shown(client, f"/response/{KEY}/1.png"), transform(image, "rotation", 30))
    assert client.get(f"/response/{KEY}/2.png").status_code == 404
    assert client.get(f"/response/{'0' * 32}/0.png").status_code == 404


def test_pictures_of_an_attack_and_of_evidence_are_those_that_were_kept(client: Any, services: Services) -> None:
    clean = np.full((1, 4, 4, 3), 100, np.uint8)
    services.workspace.artifacts.save("a" * 32, {"clean": clean, "images": clean + 2}, {})
    assert (shown(client, f"/attack/{'a' * 32}/0/adversarial.png") == 102).all()
    assert (shown(client, f"/attack/{'a' * 32}/0/perturbation.png") == 128 + 63 * 2).all()
    assert client.get(f"/attack/{'a' * 32}/0/secret.png").status_code == 404
    assert client.get(f"/attack/{'a' * 32}/1/clean.png").status_code == 404
    mask = np.eye(4, dtype=bool)
    arrays = {"image": clean[0], "sufficient": mask, "necessary": mask}
    services.workspace.artifacts.save("b" * 32, arrays, {})
    assert (shown(client, f"/evidence/{'b' * 32}/sufficient.png")[mask] == 100).all()
    assert (shown(client, f"/evidence/{'b' * 32}/necessary.png")[~mask] == 100).all()


def test_where_layers_part_is_asked_of_the_engine_and_what_hinders_is_said(
    client: Any, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.workspace.artifacts.save("c" * 32, {"clean": np.zeros((1, 2, 2, 1), np.uint8)}, {})
    assert client.get(f"/attack/{'d' * 32}/0/layers.json").status_code == 404
    response = client.get(f"/attack/{'c' * 32}/0/layers.json")  # no engine runs
    assert "engine" in response.json["problem"] and "immutable" not in response.headers.get("Cache-Control", "")
    asked = []

    def ask(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        asked.append((name, parameters))
        return {"layers": ["conv", "dense"], "distance": np.array([0.25, 1.5]), "parts_at": "dense"}

    monkeypatch.setattr(services.engine, "ask", ask)
    response = client.get(f"/attack/{'c' * 32}/0/layers.json")
    assert response.json == {"layers": [["conv", 0.25], ["dense", 1.5]], "parts_at": "dense"}
    assert "immutable" in response.headers["Cache-Control"]
    assert asked == [("parting", {"attack": "c" * 32, "row": 0})]
