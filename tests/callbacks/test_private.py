"""Others' things are the same as missing ones, by every route, question and job; uploads and trays are one's own."""

from __future__ import annotations

import dataclasses
import json
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask
import flask.testing
import numpy as np
import pytest

from callbacks.selection import _opened
from callbacks.workspace import rail_regions
from nnvis_dash.access.ways import verified_id
from nnvis_dash.app import create_app
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.engine.personal import ARTIFACTS, DATASETS, MODELS, PersonalEngine
from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.person import ANYONE, Person, acting_as, current_person
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.store import Workspace
from tests.unit.commands.test_commands import card

ANN, BOB, CID = (Person(verified_id("proxy", name), name, True) for name in ("Ann", "Bob", "Cid"))
NOBODY = "f" * 32  # a fingerprint that nothing has
HARMLESS = """
    upload name options samples sample method methods parameters target targets labels minimal layer layers
    explained unit units output frozen alike change changes precision tolerance reduce window outer sampler
    stride seed laplace antithetic live adaptive seconds numbers names runs channel steps where features
    n_samples n_regions filling least first second per_channel count goal limit png rows n image against part
    row number degree pair side channels cards by support length gaps order of classes correctness label pattern
    images score most areas measure standardised
"""  # parameters that name neither a dataset nor a classifier nor an artifact
NOWHERE = "tcp://127.0.0.1:9"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("private") / "ws"


class Client(flask.testing.FlaskClient):
    """Pages of this server, opened by the current person through a proxy that names them."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        headers = {"Origin": "http://localhost", "X-Forwarded-User": current_person().name}
        return super().open(*args, **{**kwargs, "headers": headers})


@pytest.fixture(scope="module")
def server(place: Path) -> flask.Flask:
    named = {"auth": "proxy", "proxy_address": "127.0.0.1", "proxy_header": "X-Forwarded-User"}
    server = create_app(Settings(workspace=str(place), scheduler=NOWHERE, allowed_hosts="localhost", **named)).server
    server.test_client_class = Client
    return server


@pytest.fixture(scope="module")
def things(server: flask.Flask, place: Path) -> tuple[DatasetCard, ModelCard, str]:
    """Ann's dataset, her classifier, and what was computed of both."""
    workspace = Workspace(place)
    with acting_as(ANN):
        images = np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3)
        data, _ = workspace.add_dataset(images, name="secret", labels=[0, 1] * 3, class_names=["a", "b"])
        (place / "clean.keras").write_bytes(b"model")
        model, _ = workspace.store_model(place / "clean.keras", replace(card("secret net"), n_classes=2))
    workspace.artifacts.save("1" * 32, {"sample_ids": np.arange(6)}, {"named": [data.fingerprint, model.fingerprint]})
    return data, model, "1" * 32


def addresses(server: flask.Flask, fingerprint: str, key: str) -> Iterator[tuple[str, str]]:
    """Give a method and an address of every route that names something, with these names."""
    fill = {"reference": "0", "row": 0, "place": 0, "readout": 0, "what": "clean", "kind": "csv", "shelf": "datasets"}
    fill |= dict.fromkeys(("dataset", "model", "fingerprint"), fingerprint) | dict.fromkeys(("key", "upload_id"), key)
    adapter = server.url_map.bind("localhost")
    for rule in server.url_map.iter_rules():
        watched = ("/metrics", "/readyz")  # of the server's own, which change by themselves
        ours = rule.rule != "/" and not rule.rule.startswith(("/_", "/assets", "/static", "/<path", *watched))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"} if ours else ():
            values = {name: fill.get(name, "x") for name in rule.arguments}
            yield method, adapter.build(rule.endpoint, values, method=method)


def asked(
    server: flask.Flask, dataset: str, model: str, key: str, methods: str = "GET POST PUT DELETE"
) -> dict[tuple[str, str], tuple[int, str]]:
    """Return status and text of every route, with these names in its address, its query and its record."""
    client = server.test_client()
    answers = {}
    record = {
        **{"dataset": dataset, "other": dataset, "model": model, "models": [model, model], "classifiers": [model]},
        **{"key": key, "job": key, "primary": model, "sample": 0, "image": 0, "row": 0, "images": [0, 0]},
        **{"kind": "model", "fingerprint": model, "shared": True, "candidate": 0, "layer": "a", "change": {}},
        **{"keys": [key, key], "maps": [{"dataset": dataset, "model": model}] * 2, "samples": "0", "changes": []},
    }
    names = ((dataset, "DATASET"), (model, "MODEL"), (key, "KEY"))
    for fingerprint, name in ((dataset, "dataset"), (model, "model")):
        for method, address in addresses(server, fingerprint, key):
            if method not in methods.split():
                continue
            query = {"models": model, "model": model, "dataset": dataset, "ids": "0", "fit": model}
            sent = {"query_string": query} | ({"json": record} if method != "GET" else {})
            answer = client.open(address, method=method, **sent)
            text = answer.get_data().decode("latin-1")
            for given, instead in names:
                address, text = address.replace(given, instead), text.replace(given, instead)
            answers[method, f"{name} {address}"] = (answer.status_code, text)
    return answers


def test_what_is_hidden_is_answered_as_what_is_missing_by_every_route(
    server: flask.Flask, things: tuple[DatasetCard, ModelCard, str]
) -> None:
    data, model, key = things
    with acting_as(BOB):
        hidden = asked(server, data.fingerprint, model.fingerprint, key)
        missing = asked(server, NOBODY, "e" * 32, "d" * 32)
    assert hidden == missing and len(hidden) > 120
    assert not any("secret" in text for _, text in hidden.values())
    with acting_as(ANN):  # who does reach what those routes have
        seen = asked(server, data.fingerprint, model.fingerprint, key, "GET")
    differing = {address for address, answer in seen.items() if answer != missing[address]}
    assert len(differing) >= 9 and ("GET", "dataset /image/DATASET/0.png") in differing


def test_a_link_to_what_is_private_opens_the_start_and_says_so(
    things: tuple[DatasetCard, ModelCard, str], place: Path
) -> None:
    data, model, _ = things
    workspace = Workspace(place, viewer=current_person)
    services = Services(Settings(), workspace, PersonalEngine(Engine(place, NOWHERE), workspace))
    session = Session(data.fingerprint, (model.fingerprint,))
    link = f"?s={encode_link(State(session)).removeprefix('?s=')}"
    for person, problem in ((BOB, True), (ANYONE, True), (ANN, False)):
        with acting_as(person):
            state, said = _opened(services, link)
            assert bool(said) == problem and (state.session == session) != problem
            assert ("secret" in json.dumps(rail_regions(services, session), default=str)) != problem
            assert problem == (said is not None and "not shared with you" in said)


def test_every_parameter_that_could_name_something_is_known() -> None:
    """A new kind of job or question with a new name for a fingerprint must be put into one of the sets."""
    for registry in (KINDS, QUESTIONS):
        for name in (one for one in registry if not one.startswith("test-")):
            fields = {field.name for field in dataclasses.fields(registry[name].parameters)}
            assert fields <= set(re.findall(r"\w+", HARMLESS)) | DATASETS | MODELS | ARTIFACTS, name


def test_the_engine_computes_what_the_person_sees(things: tuple[DatasetCard, ModelCard, str], place: Path) -> None:
    data, model, key = things
    workspace = Workspace(place, viewer=current_person)
    engine = PersonalEngine(Engine(place, NOWHERE), workspace)
    index = Request("index", {"dataset": data.fingerprint, "model": model.fingerprint})
    with acting_as(BOB):
        for parameters in ({"dataset": data.fingerprint}, {"models": ["secret net"]}, {"attack": key}):
            with pytest.raises(NotFound):
                engine.ask("anything", parameters)
        for act in (engine.submit, engine.result):
            with pytest.raises(NotFound, match="There is no"):
                act(index)
    with acting_as(ANN), pytest.raises(NotFound, match="whole"):
        engine.ask("anything", {"dataset": data.fingerprint[:8]})


def test_jobs_are_of_those_who_asked(things: tuple[DatasetCard, ModelCard, str], place: Path) -> None:
    data, model, _ = things
    workspace = Workspace(place, viewer=current_person)
    raw = Engine(place, NOWHERE)
    engine = PersonalEngine(raw, workspace, max_jobs=2)
    private = Request("index", {"dataset": data.fingerprint, "model": model.fingerprint})
    common = Request("warm", {"model": NOBODY})
    raw.table.claim(private, "Index of secret", people=[ANN.key])
    for person in (ANN, BOB):
        raw.table.claim(common, "Warm", people=[person.key])
    raw.table.claim(Request("warm", {"model": "e" * 32}), "Everyone's")

    def titles(person: Person) -> set[str]:
        with acting_as(person):
            return {row.title for row in engine.rows()}

    assert titles(ANN) == {"Index of secret", "Warm", "Everyone's"}
    assert titles(BOB) == {"Warm", "Everyone's"} and titles(ANYONE) == {"Everyone's"}
    with acting_as(ANN), pytest.raises(ParameterError, match=r"2 long jobs of yours .* NNVIS_MAX_JOBS"):
        engine.submit(Request("doctor", {"dataset": data.fingerprint, "model": model.fingerprint}))
    with acting_as(BOB):
        assert engine.row(private.key) is None
        engine.cancel(private.key)  # not his
        engine.cancel(common.key)  # his share of it
    assert titles(BOB) == {"Everyone's"} and titles(ANN) == {"Index of secret", "Warm", "Everyone's"}
    with acting_as(ANN):
        engine.cancel(common.key)
        row = engine.row(common.key)
    assert row is not None and row.state == "cancelled"


def test_an_upload_is_there_for_who_began_it(server: flask.Flask) -> None:
    client = server.test_client()
    with acting_as(ANN):
        begun = client.post("/uploads", json={"files": [["a.bin", 4]]}).get_json()["id"]
    unknown = "0" * 32
    for person in (BOB, CID):
        with acting_as(person):
            for method, sent in (
                ("GET", {}),
                ("PUT", {"data": b"evil", "query_string": {"offset": 0}}),
                ("DELETE", {}),
            ):
                there, missing = (client.open(f"/uploads/{one}", method=method, **sent) for one in (begun, unknown))
                assert there.get_json() == missing.get_json()
            added = {"kind": "dataset", "name": "x"}
            there, missing = (client.post(f"/uploads/{one}/add", json=added) for one in (begun, unknown))
            assert there.get_json() == missing.get_json()
    with acting_as(ANN):
        assert client.get(f"/uploads/{begun}").get_json() == {"received": 0, "total": 4}


def test_a_tray_follows_who_is_signed_in(server: flask.Flask, place: Path) -> None:
    derived = Workspace(place).derived.save(np.zeros((2, 2, 1), np.uint8), "drawn", "mine")
    with acting_as(BOB):  # who has the link sees it
        png = server.test_client().get(f"/tray/{derived.fingerprint}.png").get_data()

    def names(client: Any) -> list[str]:
        return [entry["name"] for entry in client.get("/tray").get_json()["entries"]]

    with acting_as(ANN):
        server.test_client().post("/tray/image?name=hers", data=png)
        assert names(server.test_client()) == ["hers"]  # in another browser
    with acting_as(BOB):
        assert names(server.test_client()) == []
    unnamed = create_app(Settings(workspace=str(place), scheduler=NOWHERE)).server
    unnamed.test_client_class = Client
    client = unnamed.test_client()
    client.post("/tray/image?name=theirs", data=png)
    assert names(client) == ["theirs"] and names(unnamed.test_client()) == []


def test_a_workspace_is_for_its_account_alone(server: flask.Flask, things: Any, place: Path) -> None:
    open_to_others = [path for path in [place, *place.rglob("*")] if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert open_to_others == []
