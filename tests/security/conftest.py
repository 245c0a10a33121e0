"""A server that needs the token, for the tests of who may come in."""

from __future__ import annotations

import pytest

from tests.security.doors import Place


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("doors"))


@pytest.fixture
def place(locked: Place) -> Place:
    """Give the server; nobody has asked too much of it yet."""
    locked.door.limits._own.clear()
    locked.door.limits._shared.clear()
    return locked
