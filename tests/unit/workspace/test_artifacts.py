"""Artifacts are there whole or not at all, and the first of two stays."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.errors import NotFound
from nnvis_dash.workspace.artifacts import Artifacts

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


def test_what_is_saved_is_loaded(artifacts: Artifacts) -> None:
    arrays = {
        "coordinates": np.arange(6, dtype=np.float32).reshape(3, 2),
        "card": np.array(["a", "ü"]),
        "empty": np.zeros((0, 4), dtype=np.int32),
        "scalar": np.float32(3.5),
    }
    assert not artifacts.has(KEY)
    artifacts.save(KEY, arrays, {"method": "tsne", "seed": 0})
    assert artifacts.has(KEY)
    artifact = artifacts.load(KEY)
    assert artifact.key == KEY and artifact.card == {"method": "tsne", "seed": 0}
    assert artifact.names == ("card", "coordinates", "empty", "scalar")
    for name, array in arrays.items():
        assert np.array_equal(artifact.array(name), array) and artifact.array(name).dtype == np.asarray(array).dtype
    assert isinstance(artifact.array("coordinates"), np.memmap)
    with pytest.raises(ValueError):
        artifact.array("coordinates")[0] = 1  # read-only


def test_the_first_stays_and_nothing_else_is_left(artifacts: Artifacts) -> None:
    artifacts.save(KEY, {"a": np.array([1])})
    again = artifacts.save(KEY, {"a": np.array([2])})
    assert again.array("a").tolist() == [1]
    assert [entry.name for entry in artifacts.root.iterdir()] == [KEY]


def test_many_that_save_at_once_end_with_one(artifacts: Artifacts) -> None:
    barrier = threading.Barrier(8)
    errors: list[BaseException] = []

    def save(number: int) -> None:
        barrier.wait()
        try:
            assert artifacts.save(KEY, {"a": np.full(1000, number)}).array("a").shape == (1000,)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(artifacts.load(KEY).array("a").tolist())) == 1
    assert [entry.name for entry in artifacts.root.iterdir()] == [KEY]


def test_a_failed_save_leaves_nothing(artifacts: Artifacts) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        artifacts.save(KEY, {"a": np.array([1]), "b": np.array([{}], dtype=object)})
    assert not artifacts.has(KEY)
    assert list(artifacts.root.iterdir()) == []


@pytest.mark.parametrize("key", ["..", "../x", "a/b", "", "a" * 200, ".", "a.parts", "\x00"])
def test_a_key_is_never_a_path(artifacts: Artifacts, key: str) -> None:
    assert not artifacts.has(key)
    with pytest.raises(NotFound):
        artifacts.load(key)
    with pytest.raises(NotFound):
        artifacts.parts(key)
    with pytest.raises(ValueError):
        artifacts.save(key, {})


def test_an_unknown_array_names_those_there(artifacts: Artifacts) -> None:
    artifact = artifacts.save(KEY, {"a": np.array([1])})
    with pytest.raises(NotFound, match=r"'b'.*a\."):
        artifact.array("b")
    with pytest.raises(NotFound):
        artifact.array("../a")


def test_remove(artifacts: Artifacts) -> None:
    artifacts.save(KEY, {"a": np.array([1])})
    artifacts.parts(KEY).save("x", {"a": np.array([1])})
    artifacts.remove(KEY)
    assert not artifacts.has(KEY)
    assert list(artifacts.root.iterdir()) == []
    artifacts.remove(KEY)  # again: nothing to do


def test_parts_outlive_the_run(artifacts: Artifacts) -> None:
    parts = artifacts.parts(KEY)
    assert parts.names() == set()
    parts.save("frame-000001", {"coordinates": np.eye(2, dtype=np.float32)})
    parts.save("ids", {"ids": np.array([3, 1])})
    parts.save("ids", {"ids": np.array([4, 1])})
    assert not artifacts.has(KEY)
    again = Artifacts(artifacts.root).parts(KEY)
    assert again.names() == {"frame-000001", "ids"}
    assert again.load("ids")["ids"].tolist() == [4, 1]
    assert np.array_equal(again.load("frame-000001")["coordinates"], np.eye(2))
    artifacts.save(KEY, {"a": np.array([1])})
    assert artifacts.parts(KEY).names() == {"frame-000001", "ids"}
    again.clear()
    assert parts.names() == set()
    with pytest.raises(NotFound):
        parts.load("ids")
    with pytest.raises(NotFound):
        parts.load("../../card")
