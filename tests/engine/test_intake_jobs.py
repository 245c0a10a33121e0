"""Uploads become classifiers and datasets in the engine, through the routes that a browser uses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pytest
from PIL import Image

from nnvis_dash.engine.client import Engine
from nnvis_dash.intake_routes import intake_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.uploads import PIECE
from tests.security.crafted import layer, sequential, write_keras

Client = Any


@pytest.fixture(scope="module")
def client(engine: Engine, settings: Settings) -> Iterator[Client]:
    server = flask.Flask("test")
    server.register_blueprint(intake_blueprint(Services(settings, engine.workspace, engine)))
    with server.test_client() as client:
        yield client


def upload(client: Client, files: dict[str, bytes]) -> str:
    """Send files as the browser does; return the upload's id."""
    begun = client.post("/uploads", json={"files": [[path, len(data)] for path, data in files.items()]}).json
    data = b"".join(files.values())
    for offset in range(0, len(data), PIECE):
        answer = client.put(f"/uploads/{begun['id']}?offset={offset}", data=data[offset : offset + PIECE])
        assert answer.json == {"received": min(len(data), offset + PIECE)}
    return str(begun["id"])


def finished(client: Client, upload_id: str, kind: str, name: str = "", **options: Any) -> dict[str, Any]:
    """Add what was uploaded; return the job's last state."""
    begun = client.post(f"/uploads/{upload_id}/add", json={"kind": kind, "name": name, "options": options}).json
    assert "job" in begun, begun
    end = time.monotonic() + 90
    while time.monotonic() < end:
        row = client.get(f"/jobs/{begun['job']}").json
        if row["state"] in ("done", "failed", "cancelled"):
            return dict(row)
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def left(engine: Engine) -> list[str]:
    return [path.name for path in (engine.workspace.path / "cache" / "uploads").iterdir()]


def png(value: int, side: int = 8) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    Image.fromarray(np.full((side, side), value, np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def test_a_folder_of_classes_becomes_a_dataset_and_the_upload_goes(client: Client, engine: Engine):
    upload_id = upload(client, {"cat/1.png": png(10), "cat/2.png": png(20), "dog/1.png": png(30)})
    row = finished(client, upload_id, "dataset", "pets")
    card = engine.workspace.dataset(row["result"]["fingerprint"]).card
    assert (card.name, card.n_samples, card.class_names, row["result"]["new"]) == ("pets", 3, ("cat", "dog"), True)
    assert left(engine) == []
    listed = client.get("/workspace").json
    assert {"pets"} <= {entry["name"] for entry in listed["datasets"]}
    assert client.get(f"/workspace?known={listed['version']}").json == {"version": listed["version"]}


def test_labels_and_class_names_lie_beside_flat_images(client: Client, engine: Engine):
    files = {
        "a.png": png(40),
        "b.png": png(50),
        "labels.csv": b"a.png,1\nb.png,0\n",
        "classes.csv": b"index,name\n0,car\n1,boat\n",
    }
    row = finished(client, upload(client, files), "dataset", "flat")
    dataset = engine.workspace.dataset(row["result"]["fingerprint"])
    assert dataset.labels is not None and dataset.labels.tolist() == [1, 0]
    assert dataset.class_names == ("car", "boat")
    assert dataset.card.notes == {"labels": "from labels.csv", "class names": "from classes.csv"}


def test_a_refused_upload_stays_for_another_try(client: Client, engine: Engine):
    upload_id = upload(client, {"a/1.png": png(60), "a/2.png": b"\x89PNG\r\n\x1a\nbroken"})
    row = finished(client, upload_id, "dataset", "half")
    assert row["state"] == "failed" and "2.png" in row["problem"] and str(engine.workspace.path) not in row["problem"]
    assert left(engine) == [upload_id]
    row = finished(client, upload_id, "dataset", "half", skip_unreadable=True)
    assert row["state"] == "done" and engine.workspace.dataset("half").card.n_samples == 1
    assert left(engine) == []


def test_a_classifier_is_added_and_a_hostile_one_refused(client: Client, engine: Engine, tmp_path: Path):
    row = finished(
        client, upload(client, {"net.keras": write_keras(tmp_path / "good.keras").read_bytes()}), "model", "net"
    )
    assert row["state"] == "done", row
    assert engine.workspace.model(row["result"]["fingerprint"]).name == "net"
    bad = write_keras(tmp_path / "bad.keras", sequential(layer("Lambda", function="x")))
    upload_id = upload(client, {"bad.keras": bad.read_bytes()})
    row = finished(client, upload_id, "model", "bad")
    assert row["state"] == "failed" and "Lambda" in row["problem"]
    assert [card.name for card in engine.workspace.models() if card.name == "bad"] == []
    assert client.delete(f"/uploads/{upload_id}").json == {} and left(engine) == []


def test_a_folder_of_a_saved_model_is_known_as_one(client: Client):
    upload_id = upload(client, {"saved_model.pb": b"\x08\x01", "variables/variables.index": b"x"})
    row = finished(client, upload_id, "model", "program")
    assert "SavedModel" in row["problem"] and "NNVIS_ALLOW_SAVED_MODELS=1" in row["problem"]
    client.delete(f"/uploads/{upload_id}")


def test_two_files_that_are_no_classifier_together(client: Client, engine: Engine):
    upload_id = upload(client, {"a.h5": b"x", "b.h5": b"y"})
    row = finished(client, upload_id, "model", "two")
    assert "2 files were given for one classifier: a.h5, b.h5" in row["problem"]
    client.delete(f"/uploads/{upload_id}")


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("model", {"architecture": "/etc/passwd"}, "architecture can't be '/etc/passwd'"),
        ("model", {"source": "/etc/passwd"}, "There is no option 'source'"),
        ("model", {"input_size": "224"}, "input_size can't be"),
        ("model", {"preprocessing": "magic"}, "preprocessing can't be"),
        ("dataset", {"labels": "/etc/passwd"}, "There is no option 'labels'"),
        ("dataset", {"class_names": "/etc/passwd"}, "class_names can't be"),
        ("dataset", {"split": "/"}, "split can't be"),
    ],
)
def test_no_option_reaches_a_file_of_the_server(client: Client, kind: str, options: dict[str, Any], words: str):
    upload_id = upload(client, {"x.png": png(70)})
    assert words in finished(client, upload_id, kind, "x", **options)["problem"]
    client.delete(f"/uploads/{upload_id}")


def test_what_a_browser_does_wrong_is_said(client: Client):
    upload_id = upload(client, {"x.png": png(80)})
    assert "Reload" in client.post("/uploads", data="x").json["problem"]
    assert "Reload" in client.post("/uploads", json=[1]).json["problem"]
    assert "no files" in client.post("/uploads", json={"files": []}).json["problem"]
    assert "can't be used" in client.post("/uploads", json={"files": [["../x", 1]]}).json["problem"]
    again = client.put(f"/uploads/{upload_id}?offset=0", data=b"x").json
    assert again["received"] == len(png(80)) and "Go on at" in again["problem"]
    assert "bytes" in client.put(f"/uploads/{upload_id}?offset=0", data=b"x" * (PIECE + 1)).json["problem"]
    for method, address in (("get", "/uploads/" + "0" * 32), ("put", "/uploads/x?offset=0"), ("get", "/jobs/x")):
        assert "There is no such" in getattr(client, method)(address, data=b"x").json["problem"]
    assert "can't be read" in client.post(f"/uploads/{upload_id}/add", json={"kind": "code"}).json["problem"]
    half = client.post("/uploads", json={"files": [["y", 9]]}).json["id"]
    problem = client.post(f"/uploads/{half}/add", json={"kind": "dataset", "name": "y"}).json["problem"]
    assert "0 of 9 bytes" in problem
    for one in (upload_id, half):
        client.delete(f"/uploads/{one}")
