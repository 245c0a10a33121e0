"""The sample tray's and the sketchpad's routes: each person's own, refusals in words, nothing half-written."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pytest
from PIL import Image

from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import EngineError
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.sketchpad_routes import sketchpad_blueprint
from nnvis_dash.state.references import Reference
from nnvis_dash.tray_routes import LARGEST, LONGEST_NAME, tray_blueprint
from nnvis_dash.types import DatasetCard, ModelCard, Preprocessing
from nnvis_dash.workspace.derived import MOST
from nnvis_dash.workspace.pixels import decode
from nnvis_dash.workspace.store import Workspace

Client = Any
ROTATION = ["flip_horizontal", {"degree": 1}]


class Place:
    """A server over a workspace with a dataset and two classifiers, and an engine that answers what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder / "workspace")
        images = np.arange(4 * 8 * 6, dtype=np.uint8).reshape(4, 8, 6, 1) % 90
        self.dataset: DatasetCard = self.workspace.add_dataset(
            images, name="dark", labels=[0, 1, 1, -1], class_names=["cat", "dog"]
        )[0]
        self.grey = self.model(folder, "grey", "a" * 32, (14, 28, 1))
        self.colour = self.model(folder, "colour", "b" * 32, (8, 8, 3))
        self.engine = Engine(self.workspace.path, "tcp://127.0.0.1:9")
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.down = False
        services = Services(Settings(workspace=str(self.workspace.path)), self.workspace, self.engine)
        self.engine.ask = self.ask  # type: ignore[method-assign]
        self.server = flask.Flask("test")
        self.server.secret_key = "secret"
        self.server.register_blueprint(tray_blueprint(services))
        self.server.register_blueprint(sketchpad_blueprint(services))

    def model(self, folder: Path, name: str, fingerprint: str, shape: tuple[int, int, int]) -> ModelCard:
        file = folder / f"{name}.keras"
        file.write_bytes(b"weights")
        card = ModelCard(
            name, fingerprint, shape, 2, (), "softmax", Preprocessing.named("unit"), "squash", (), 7, "f", None, "s"
        )
        return self.workspace.store_model(file, card)[0]

    def ask(self, name: str, parameters: Mapping[str, Any], timeout: float = 30.0) -> dict[str, Any]:
        """Say dog with the mean brightness of a drawing, and with 0.75 of anything else."""
        if self.down:
            raise EngineError("There is no engine", "Start it.")
        self.asked.append((name, dict(parameters)))
        n = len(parameters.get("images", [0]))
        dog = 0.75
        if name == "drawing":
            dog = decode(base64.b64decode(parameters["png"])).mean() / 255
        rows = np.tile(np.array([1 - dog, dog], np.float32), (n, 1))
        known = [model in (self.grey.fingerprint, self.colour.fingerprint) for model in parameters["models"]]
        return {
            "probabilities": [rows if there else None for there in known],
            "problems": ["" if there else "gone" for there in known],
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def client(place: Place) -> Client:
    return place.server.test_client()


def png(height: int = 5, width: int = 4, value: int = 200, mode: str = "L") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (width, height), value if mode == "L" else (value, 0, 0)).save(stream, format="PNG")
    return stream.getvalue()


def stroke(ground: int = 0, side: int = 280) -> bytes:
    drawing = np.full((side, side, 3), ground, np.uint8)
    drawing[40:140, 60:110] = 255 - ground
    stream = io.BytesIO()
    Image.fromarray(drawing).save(stream, format="PNG")
    return stream.getvalue()


def upload(client: Client, data: bytes, **query: str) -> dict[str, Any]:
    return dict(client.post("/tray/image", data=data, query_string=query).json)


def entries(client: Client, **query: str) -> list[dict[str, Any]]:
    return list(client.get("/tray", query_string=query).json["entries"])


def test_an_uploaded_image_is_listed_tested_and_shown(place: Place, client: Client) -> None:
    assert entries(client) == []
    kept = upload(client, png(), name="a dog", dataset=place.dataset.fingerprint)
    query = {"dataset": place.dataset.fingerprint, "model": place.grey.fingerprint}
    [entry] = entries(client, **query)
    assert entry == {
        "fingerprint": kept["fingerprint"],
        "kind": "uploaded",
        "name": "a dog",
        "parent": None,
        "recipe": "",
        "label": None,
        "shape": [5, 4, 1],
        "prediction": {"name": "dog", "probability": 0.75},
    }
    shown = client.get(f"/tray/{kept['fingerprint']}.png")
    assert "immutable" in shown.headers["Cache-Control"]
    np.testing.assert_array_equal(decode(shown.data), np.full((5, 4, 1), 200))
    assert decode(client.get(f"/tray/{kept['fingerprint']}.png?side=2").data).shape[0] == 2
    assert client.get("/tray/" + "0" * 32 + ".png").status_code == 404


def test_what_a_classifier_said_is_not_asked_again(place: Place, client: Client) -> None:
    first = upload(client, png(value=1))["fingerprint"]
    query = {"dataset": place.dataset.fingerprint, "model": place.grey.fingerprint}
    entries(client, **query)
    second = upload(client, png(value=2))["fingerprint"]
    assert [entry["prediction"]["name"] for entry in entries(client, **query)] == ["dog", "dog"]
    assert [asked["images"] for _, asked in place.asked] == [[f"d{first}"], [f"d{second}"]]


def test_rows_stand_without_predictions_while_no_engine_answers(place: Place, client: Client) -> None:
    upload(client, png())
    place.down = True
    query = {"dataset": place.dataset.fingerprint, "model": place.grey.fingerprint}
    assert [entry["prediction"] for entry in entries(client, **query)] == [None]
    place.down = False
    assert entries(client, **{**query, "model": "c" * 32})[0]["prediction"] is None
    assert entries(client, **{**query, "dataset": "gone"})[0]["prediction"] is None


def test_two_people_dont_see_each_others_trays(place: Place) -> None:
    mine, yours = place.server.test_client(), place.server.test_client()
    kept = upload(mine, png(value=1))
    upload(yours, png(value=2))
    assert [entry["fingerprint"] for entry in entries(mine)] == [kept["fingerprint"]]
    assert len(entries(yours)) == 1
    yours.delete(f"/tray/{kept['fingerprint']}")
    assert len(entries(mine)) == 1
    answer = yours.post("/tray/save", json={"name": "stolen", "fingerprints": [kept["fingerprint"]]}).json
    assert "not in your tray" in answer["problem"]


def test_whose_tray_it_is_stands_in_a_signed_cookie_that_scripts_cant_read(place: Place) -> None:
    client = place.server.test_client()
    assert "Set-Cookie" not in client.get("/tray").headers  # whoever only looks needs none
    cookie = client.post("/tray/image", data=png()).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    other = place.server.test_client()
    other.set_cookie("session", "eyJ0cmF5IjoiLi4vLi4vZXRjIn0.forged.signature")
    assert entries(other) == []
    for path in (place.workspace.path / "trays").iterdir():
        assert path.stem.strip(".").isascii() and len(path.stem) >= 32


def test_a_removed_sample_leaves_the_list_and_stays_for_links(client: Client) -> None:
    names = [upload(client, png(value=value))["fingerprint"] for value in (1, 2)]
    assert client.delete(f"/tray/{names[0]}").json == {}
    assert [entry["fingerprint"] for entry in entries(client)] == [names[1]]
    assert client.get(f"/tray/{names[0]}.png").status_code == 200


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n", png(50, 50)[:60], b"<svg onload=alert(1)/>"])
def test_what_is_no_image_is_refused_in_words_and_leaves_nothing(place: Place, client: Client, data: bytes) -> None:
    problem = upload(client, data, name="x.png")["problem"]
    assert "image" in problem and "skip" not in problem
    assert entries(client) == []
    assert list((place.workspace.path / "artifacts").iterdir()) == []


def test_a_file_that_is_too_large_is_refused_before_it_is_read(client: Client) -> None:
    answer = client.post("/tray/image", data=io.BytesIO(b"x"), environ_overrides={"CONTENT_LENGTH": str(LARGEST + 1)})
    assert "at most 25 MB" in answer.json["problem"]


def test_a_photograph_is_made_smaller_and_says_so(client: Client) -> None:
    upload(client, png(1500, 2048, mode="RGB"), name="large")
    [entry] = entries(client)
    assert entry["shape"] == [750, 1024, 3]
    assert entry["recipe"] == "made smaller from 2048 × 1500 pixels"


def test_markup_and_control_characters_in_names_stay_text_of_bounded_length(client: Client) -> None:
    upload(client, png(), name="<img src=x onerror=alert(1)>\n\x00" + "y" * 500)
    answer = client.get("/tray")
    assert answer.mimetype == "application/json"
    [entry] = answer.json["entries"]
    assert entry["name"].startswith("<img src=x onerror=alert(1)>  y") and len(entry["name"]) == LONGEST_NAME


def test_a_full_tray_lets_the_oldest_go(place: Place, client: Client) -> None:
    first = upload(client, png(value=0))["fingerprint"]
    with client.session_transaction() as session:
        owner = session["tray"]
    listed = [f"{number:032x}" for number in range(MOST - 1)]
    (place.workspace.path / "trays" / f"{owner}.json").write_text(str([*listed, first]).replace("'", '"'))
    upload(client, png(value=1))
    assert first not in [entry["fingerprint"] for entry in entries(client)]


def test_an_edited_image_is_kept_with_parent_recipe_and_label(place: Place, client: Client) -> None:
    wanted = {"dataset": place.dataset.fingerprint, "sample": 2, "derived": "", "edits": [ROTATION]}
    kept = client.post("/tray/edited", json=wanted).json
    [entry] = entries(client)
    assert (entry["kind"], entry["parent"], entry["label"]) == ("edited", 2, "dog")
    assert entry["name"].startswith("#2, ") and entry["recipe"] in entry["name"]
    image = place.workspace.dataset("dark").image(2)
    np.testing.assert_array_equal(place.workspace.derived.image(kept["fingerprint"]), image[:, ::-1])
    again = {"dataset": place.dataset.fingerprint, "derived": kept["fingerprint"], "edits": [ROTATION]}
    second = client.post("/tray/edited", json=again).json["fingerprint"]
    about = place.workspace.derived.get(second)
    assert about.parent == f"d{kept['fingerprint']}" and about.label == 1 and about.name.startswith(entry["name"])
    np.testing.assert_array_equal(place.workspace.derived.image(second), image)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"sample": 1, "edits": []}, "Change it first"),
        ({"edits": [ROTATION]}, "Change it first"),
        ({"sample": 99, "edits": [ROTATION]}, "no sample 99"),
        ({"sample": 1, "edits": [["melt", {}]]}, "melt"),
        ({"sample": 1, "edits": "all"}, "edits"),
        ({"derived": "0" * 32, "edits": [ROTATION]}, "no derived sample"),
    ],
)
def test_an_edit_that_cant_be_kept_says_why(place: Place, client: Client, wanted: Any, problem: str) -> None:
    answer = client.post("/tray/edited", json={"dataset": place.dataset.fingerprint, **wanted}).json
    assert problem in answer["problem"]
    assert entries(client) == []


@pytest.fixture
def attacked(place: Place) -> str:
    """Keep what an attack on samples 1 and 3 came to; only the first one succeeded."""
    images = np.full((2, 14, 28, 1), 9, np.uint8)
    place.workspace.artifacts.save(
        "c" * 32,
        {"images": images, "success": np.array([True, False]), "epsilon": np.array([2 / 255, np.nan])},
        {
            "method": "fgsm",
            "parameters": {},
            "model": place.grey.fingerprint,
            "dataset": place.dataset.fingerprint,
            "samples": [1, Reference(3).plain],
            "tried": "FGSM, every ε up to 64/255",
        },
    )
    return "c" * 32


def test_an_adversarial_image_is_kept_with_how_it_was_made(place: Place, client: Client, attacked: str) -> None:
    kept = client.post("/tray/adversarial", json={"job": attacked, "row": 0}).json
    [entry] = entries(client)
    assert (entry["kind"], entry["parent"], entry["label"], entry["shape"]) == ("adversarial", 1, "dog", [14, 28, 1])
    assert entry["recipe"] == "FGSM, every ε up to 64/255, smallest ε found 2/255, against grey"
    about = place.workspace.derived.get(kept["fingerprint"])
    assert about.recipe["attack"] == "fgsm" and about.recipe["model"] == place.grey.fingerprint


@pytest.mark.parametrize(
    ("row", "problem"), [(1, "didn't change"), (2, "no image"), (-1, "no image"), (True, "no image"), ("0", "no image")]
)
def test_an_attack_that_failed_or_isnt_there_is_not_kept(client: Client, attacked: str, row: Any, problem: str) -> None:
    assert problem in client.post("/tray/adversarial", json={"job": attacked, "row": row}).json["problem"]
    assert entries(client) == []


def test_what_is_no_attack_is_not_kept(place: Place, client: Client) -> None:
    kept = upload(client, png())
    for job in (kept["fingerprint"], "0" * 32, "../x", None):
        assert "problem" in client.post("/tray/adversarial", json={"job": job, "row": 0}).json


def test_the_tray_becomes_a_dataset_with_the_labels_that_are_known(place: Place, client: Client) -> None:
    wanted = {"dataset": place.dataset.fingerprint, "sample": 2, "edits": [ROTATION]}
    edited = client.post("/tray/edited", json=wanted).json["fingerprint"]
    other = upload(client, png(8, 6))["fingerprint"]
    record = {"name": "mine", "fingerprints": [other, edited, other], "dataset": place.dataset.fingerprint}
    saved = client.post("/tray/save", json=record).json
    assert (saved["name"], saved["n_samples"], saved["new"]) == ("mine", 2, True)
    dataset = place.workspace.dataset(saved["fingerprint"])
    assert dataset.class_names == ("cat", "dog") and dataset.labels is not None
    assert dataset.labels.tolist() == [-1, 1]
    assert dataset.card.image_shape == (8, 6, 1)
    np.testing.assert_array_equal(dataset.image(1), place.workspace.derived.image(edited))
    assert dataset.card.notes["made of"] == "a sample tray: 1 uploaded, 1 edited"
    assert client.post("/tray/save", json={**record, "name": "again"}).json["new"] is False
    assert list((place.workspace.path / "cache" / "incoming").iterdir()) == []


def test_images_of_different_sizes_and_without_labels_become_a_dataset_too(place: Place, client: Client) -> None:
    names = [upload(client, png(5 + size, 4, mode=mode))["fingerprint"] for size, mode in enumerate(("L", "RGB"))]
    saved = client.post("/tray/save", json={"name": "mixed", "fingerprints": names, "dataset": "gone"}).json
    dataset = place.workspace.dataset(saved["fingerprint"])
    assert dataset.labels is None and dataset.card.image_shape is None
    assert [dataset.image(place_).shape for place_ in (0, 1)] == [(5, 4, 1), (6, 4, 3)]


@pytest.mark.parametrize("change", [{"name": ""}, {"name": "dark"}, {"fingerprints": []}, {"fingerprints": "all"}])
def test_a_dataset_that_cant_be_made_leaves_nothing(place: Place, client: Client, change: dict[str, Any]) -> None:
    kept = upload(client, png())["fingerprint"]
    answer = client.post("/tray/save", json={"name": "n", "fingerprints": [kept], **change}).json
    assert "problem" in answer
    assert [card.name for card in place.workspace.datasets()] == ["dark"]
    assert list((place.workspace.path / "cache" / "incoming").iterdir()) == []


def test_a_pad_begins_on_the_ground_of_its_data_grey_or_in_colour(place: Place, client: Client) -> None:
    dark, light = place.dataset.fingerprint, ""
    images = np.full((3, 5, 5, 3), 250, np.uint8)
    light = place.workspace.add_dataset(images, name="light")[0].fingerprint
    assert client.get(f"/sketchpad/{dark}").json == {"ground": "black", "grey": True}
    assert client.get(f"/sketchpad/{light}").json == {"ground": "white", "grey": False}
    assert client.get(f"/sketchpad/{light}?models={place.grey.fingerprint}").json["grey"] is True
    assert "problem" in client.get("/sketchpad/nothing").json


def test_a_drawing_is_predicted_as_the_primary_classifier_would_see_it(place: Place, client: Client) -> None:
    models = [place.grey.fingerprint, place.colour.fingerprint]
    query = {"dataset": place.dataset.fingerprint, "models": ",".join(models), "ground": "black", "centre": "1"}
    answer = client.post("/sketchpad/predict", data=stroke(), query_string=query).json
    seen = decode(base64.b64decode(answer["image"].split(",")[1]))
    assert seen.shape == (14, 28, 1) and seen.max() == 255
    assert [told["name"] for told in answer["answers"]] == ["grey", "colour"]
    top = answer["answers"][0]["top"]
    assert [entry["name"] for entry in top] == ["cat", "dog"]
    assert top[1]["probability"] == pytest.approx(seen.mean() / 255)
    plain = client.post("/sketchpad/predict", data=stroke(), query_string={**query, "centre": ""}).json
    assert decode(base64.b64decode(plain["image"].split(",")[1])).shape == (280, 280, 1)
    assert list((place.workspace.path / "artifacts").iterdir()) == []


def test_a_drawing_for_a_colour_classifier_keeps_its_colours(place: Place, client: Client) -> None:
    query = {"dataset": place.dataset.fingerprint, "models": place.colour.fingerprint, "ground": "white"}
    kept = client.post("/tray/drawing", data=stroke(255), query_string=query).json
    [entry] = entries(client)
    assert (entry["kind"], entry["name"], entry["shape"]) == ("drawn", "drawing 1", [280, 280, 3])
    assert place.workspace.derived.image(kept["fingerprint"])[50, 70].tolist() == [0, 0, 0]


def test_a_kept_drawing_is_the_image_that_was_predicted(place: Place, client: Client) -> None:
    query = {"dataset": place.dataset.fingerprint, "models": place.grey.fingerprint, "ground": "black", "centre": "1"}
    kept = client.post("/tray/drawing", data=stroke(), query_string=query).json
    said = client.post("/sketchpad/predict", data=stroke(), query_string=query).json
    seen = decode(base64.b64decode(said["image"].split(",")[1]))
    np.testing.assert_array_equal(place.workspace.derived.image(kept["fingerprint"]), seen)
    assert entries(client)[0]["recipe"] == "centred and scaled as MNIST is"


def test_without_a_classifier_a_drawing_has_the_size_of_the_data(place: Place, client: Client) -> None:
    query = {"dataset": place.dataset.fingerprint, "models": "", "ground": "black", "centre": "1"}
    client.post("/tray/drawing", data=stroke(), query_string=query)
    assert entries(client)[0]["shape"] == [8, 6, 1]


@pytest.mark.parametrize(
    ("data", "query", "problem"),
    [
        (stroke()[:60], {}, "damaged"),
        (b"", {}, "0 bytes"),
        (stroke(), {"ground": "pink"}, "pink"),
        (png(280, 280, 0), {}, "Draw something first"),
        (stroke(side=1200), {}, "at most"),
    ],
)
def test_a_drawing_that_cant_be_read_is_refused_in_words(
    place: Place, client: Client, data: bytes, query: dict[str, str], problem: str
) -> None:
    whole = {"dataset": place.dataset.fingerprint, "models": place.grey.fingerprint, "ground": "black", **query}
    for address in ("/tray/drawing", "/sketchpad/predict"):
        assert problem in client.post(address, data=data, query_string=whole).json["problem"]
    assert entries(client) == []
