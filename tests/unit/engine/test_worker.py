"""Warm classifiers: loaded once, the least recently used out first."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nnvis_dash.engine.worker import WarmClassifiers
from nnvis_dash.errors import ModelError
from nnvis_dash.logs import without_lines

MB = 2**20
WORKSPACE: Any = SimpleNamespace(path=Path("/w"), model=lambda fingerprint: SimpleNamespace(parameters=0))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace loading by a list of what was loaded; a classifier named "n-..." has n MB of weights."""
    loaded: list[str] = []

    def open_classifier(workspace: Any, fingerprint: str) -> Any:
        time.sleep(0.02)
        if fingerprint == "broken":
            raise ModelError("It can't be read", "Save it again.")
        loaded.append(fingerprint)
        return SimpleNamespace(card=SimpleNamespace(parameters=int(fingerprint.split("-")[0]) * MB // 4))

    monkeypatch.setattr("nnvis_dash.analysis.classifier.open_classifier", open_classifier)
    return loaded


def test_the_least_recently_used_goes(loads: list[str]) -> None:
    warm = WarmClassifiers(10 * MB)
    for name in ("4-a", "4-b", "4-a", "4-c"):
        warm.get(WORKSPACE, name)
    assert warm.fingerprints() == ("4-a", "4-c")
    assert loads == ["4-a", "4-b", "4-c"]
    warm.get(WORKSPACE, "4-b")
    assert loads[-1] == "4-b"
    assert warm.fingerprints() == ("4-c", "4-b")


def test_a_model_larger_than_the_limit_stays_alone(loads: list[str]) -> None:
    warm = WarmClassifiers(10 * MB)
    warm.get(WORKSPACE, "4-a")
    warm.get(WORKSPACE, "99-b")
    assert warm.fingerprints() == ("99-b",)


def test_many_threads_load_a_model_once(loads: list[str]) -> None:
    warm = WarmClassifiers(10 * MB)
    barrier = threading.Barrier(8)

    def get(_: int) -> Any:
        barrier.wait()
        return warm.get(WORKSPACE, "1-a")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(get, range(8)))
    assert loads == ["1-a"]
    assert all(entry is found[0] for entry in found)


def test_a_model_that_cannot_be_loaded_is_tried_again(loads: list[str]) -> None:
    warm = WarmClassifiers(10 * MB)
    for _ in range(2):
        with pytest.raises(ModelError):
            warm.get(WORKSPACE, "broken")
    assert warm.fingerprints() == ()


def test_known_noise_is_kept_off_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with without_lines(b"noise"):
        os.write(2, b"some noise here\na real warning\n")
    assert capfd.readouterr().err == "a real warning\n"
