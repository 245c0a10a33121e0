"""A large selection over HTTP, and the strip's first samples."""

from __future__ import annotations

from pathlib import Path

import flask
import numpy as np
import pytest

from callbacks.strip import foremost
from nnvis_dash.engine.client import Engine
from nnvis_dash.routes import blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.selections import MOST_BYTES
from nnvis_dash.workspace.store import Workspace

BITS = "application/octet-stream"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    workspace = Workspace(tmp_path)
    return Services(Settings(workspace=str(tmp_path)), workspace, Engine(workspace.path, ""))


def test_a_selection_is_kept_and_given_back(services: Services) -> None:
    server = flask.Flask("test")
    server.register_blueprint(blueprint(services))
    client = server.test_client()
    key = client.post("/selections", data=b"\x05\x80\0", content_type=BITS).get_json()
    assert services.workspace.selections.ids(f"@{key}").tolist() == [0, 2, 15]
    answer = client.get(f"/selections/{key}")
    assert answer.data == b"\x05\x80" and "immutable" in answer.headers["Cache-Control"]
    assert client.get("/selections/" + "0" * 32).status_code == 404
    for data, kind in ((b"\x05", "text/plain"), (b"\x01" * (MOST_BYTES + 1), BITS)):
        assert "a bit a sample" in client.post("/selections", data=data, content_type=kind).get_json()["problem"]


def test_the_foremost_are_the_smallest_ranks_in_order() -> None:
    ranks = np.random.default_rng(0).permutation(500)
    for most in (1, 60, 500, 501):
        assert ranks[foremost(ranks, most)].tolist() == sorted(ranks.tolist())[:most]
    assert foremost(ranks[:0], 60).tolist() == []
