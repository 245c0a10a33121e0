"""One engine for all tests of this folder: a real local cluster over a workspace of its own."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.settings import Settings
from tests.engine import sample_kinds  # noqa: F401  # registers the kinds in this process


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a new workspace."""
    return dataclasses.replace(Settings(), workspace=str(tmp_path_factory.mktemp("workspace")))


@pytest.fixture(scope="session")
def address(settings: Settings) -> Iterator[str]:
    """Address of a local cluster that knows the kinds of the tests."""
    with local_cluster(settings, preload=["tests.engine.sample_kinds"], quiet=True) as address:
        await_true(engine_workers, 120)
        yield address


@pytest.fixture(scope="session")
def engine(settings: Settings, address: str) -> Iterator[Engine]:
    """An engine of this process."""
    engine = Engine(settings.workspace_path, address)
    yield engine
    engine.close()


def runs(engine: Engine, what: str) -> int:
    """Return how often a sample kind left its mark."""
    file = Path(engine.workspace.path, f"runs-{what}")
    return len(file.read_text()) if file.exists() else 0


def engine_workers() -> list[psutil.Process]:
    """Return the worker processes of the local cluster."""
    return [child for child in psutil.Process().children(recursive=True) if is_engine_worker(child)]


def is_engine_worker(process: psutil.Process) -> bool:
    """Whether a process was forked from the one that has imported all of it."""
    try:
        parent = process.parent()
        return "forkserver" in " ".join(process.cmdline()) and "forkserver" in " ".join(
            parent.cmdline() if parent else []
        )
    except psutil.Error:
        return False


def await_true(condition: object, seconds: float = 60.0) -> None:
    """Wait until `condition()` is true; fail after some seconds."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)
