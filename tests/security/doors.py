"""What the tests of who may come in share: a server that needs the token, and its routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import numpy as np

from nnvis_dash.access.secret import Token
from nnvis_dash.app import create_app, render_once
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace

OURS = {"Origin": "http://localhost"}
PAGE = {"Accept": "text/html"}
WRITING = ("POST", "PUT", "PATCH", "DELETE")


class Place:
    """A server that needs the token, and a browser that brought it."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(workspace=str(folder), auth="token")
        images = np.arange(6 * 8 * 8, dtype=np.uint8).reshape(6, 8, 8, 1)
        self.dataset = Workspace(folder).add_dataset(images, name="grey", labels=[0, 1] * 3, class_names=["a", "b"])[0]
        self.app = create_app(self.settings)
        render_once(self.app)
        self.server: flask.Flask = self.app.server
        self.token = Token(self.settings)
        self.door = next(f.__self__ for f in self.server.before_request_funcs[None] if hasattr(f, "__self__"))

    def client(self) -> Any:
        return self.server.test_client()

    def signed_in(self) -> Any:
        client = self.client()
        assert client.get("/", query_string={"token": self.token.current()}).status_code == 303
        return client

    def cookie(self, client: Any) -> Any:
        return client.get_cookie(self.server.config["SESSION_COOKIE_NAME"])


def questions(server: flask.Flask) -> Iterator[tuple[str, str]]:
    """Give the method and an address of every route there is."""
    for rule in server.url_map.iter_rules():
        address = re.sub(r"<(?:int:|float:)[^>]*>", "1", rule.rule)
        address = re.sub(r"<[^>]*>", "x", address)
        for method in sorted(rule.methods or ()):
            yield method, address
