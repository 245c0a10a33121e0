"""The frames of a projection, as the map asks for them while they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import flask
import numpy as np
import pytest

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.routes import blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.artifacts import Parts
from nnvis_dash.workspace.store import Workspace

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    parts = Workspace(tmp_path).artifacts.parts(KEY)
    parts.save("ids", {"sample_ids": np.array([2, 5, 7])})
    for number in range(3):
        parts.save(f"frame-{number:06d}", {"coordinates": np.full((3, 2), number, np.float32)})
    return parts


@pytest.fixture
def client(tmp_path: Path) -> Any:
    server = flask.Flask("test")
    server.register_blueprint(blueprint(Services(Settings(), Workspace(tmp_path), cast(Engine, None))))
    return server.test_client()


def heads(answer: Any) -> tuple[int, ...]:
    return (answer.status_code, *(int(answer.headers[f"X-{name}"]) for name in ("Points", "Frames", "Last")))


def test_only_the_frames_after_the_last_are_sent(client: Any, parts: Parts) -> None:
    answer = client.get(f"/map/{KEY}/frames?after=0")
    assert heads(answer) == (200, 3, 2, 2)
    assert np.frombuffer(answer.data[:12], "<i4").tolist() == [2, 5, 7]
    assert np.frombuffer(answer.data[12:], "<f4").reshape(2, 2, 3)[:, 0, 0].tolist() == [1, 2]
    assert heads(client.get(f"/map/{KEY}/frames?after=2")) == (200, 0, 0, 2)


def test_a_projection_that_begins_anew_while_its_frames_are_read_has_none_yet(
    client: Any, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = parts.names()
    monkeypatch.setattr(Parts, "names", lambda _: seen)
    parts.clear()
    assert heads(client.get(f"/map/{KEY}/frames")) == (200, 0, 0, -1)


def test_how_far_the_map_can_be_believed_is_there_once_it_was_measured(client: Any, tmp_path: Path) -> None:
    artifacts = Workspace(tmp_path).artifacts
    assert client.get(f"/map/{KEY}/honesty").status_code == 404
    values = np.array([1, 0.5, 0.25], np.float32)
    artifacts.save(Request("honesty", {"map": KEY}).key, {"trustworthiness": values, "continuity": values[::-1]}, {})
    answer = client.get(f"/map/{KEY}/honesty")
    assert np.frombuffer(answer.data, "<f4").tolist() == [1, 0.5, 0.25, 0.25, 0.5, 1]
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_true_neighbours_of_a_point(client: Any, tmp_path: Path) -> None:
    reference = np.array([[0, 0], [5, 0], [1, 0], [9, 9]], np.float32)
    Workspace(tmp_path).artifacts.save(KEY, {"reference": reference}, {})
    answer = client.get(f"/map/{KEY}/neighbours/0")
    assert np.frombuffer(answer.data, "<i4").tolist() == [2, 1, 3]
    for row in ("4", "-1", "x"):
        assert client.get(f"/map/{KEY}/neighbours/{row}").status_code == 404


def test_a_key_that_is_none_is_not_found(client: Any) -> None:
    assert client.get("/map/x.y/frames").status_code == 404
