"""Artifacts are there whole or not at all, and the first of two stays."""

from __future__ import annotations

import contextlib
import errno
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.errors import Damaged, NotFound
from nnvis_dash.workspace import artifacts as module
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.temporaries import sweep, temporary_folder

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


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit of an array": lambda folder: flip(folder / "a.npy"),
    "a bit of the card": lambda folder: flip(folder / "card.json"),
    "a torn array": lambda folder: (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:100]),
    "a torn card": lambda folder: (folder / "card.json").write_text((folder / "card.json").read_text()[:20]),
    "no array": lambda folder: (folder / "a.npy").unlink(),
    "an empty card": lambda folder: (folder / "card.json").write_text(""),
    "a card that is none": lambda folder: (folder / "card.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_is_damaged_is_set_aside_and_made_again(artifacts: Artifacts, damage: Callable[[Path], object]) -> None:
    artifacts.save(KEY, {"a": np.arange(1000.0)}, {"n": 1})
    assert artifacts.sound(KEY)
    damage(artifacts.root / KEY)
    with pytest.raises(Damaged, match="set aside"):
        artifacts.load(KEY).array("a")
    assert not artifacts.has(KEY) and not artifacts.sound(KEY)
    assert len(list(artifacts.root.glob(".damaged-*"))) == 1
    assert artifacts.save(KEY, {"a": np.arange(1000.0)}).array("a")[-1] == 999
    assert artifacts.sweep() == 0


def test_a_folder_whose_card_is_gone_is_made_again(artifacts: Artifacts) -> None:
    artifacts.save(KEY, {"a": np.arange(3)})
    (artifacts.root / KEY / "card.json").unlink()
    assert not artifacts.has(KEY)
    assert artifacts.save(KEY, {"a": np.arange(3)}).array("a").tolist() == [0, 1, 2]


def test_a_sum_is_taken_once_until_the_file_changes(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Path] = []
    true_sum = module._sha256
    monkeypatch.setattr(module, "_sha256", lambda path: taken.append(path) or true_sum(path))
    artifacts.save(KEY, {"a": np.arange(10), "b": np.arange(4)})
    for _ in range(3):
        artifacts.load(KEY).check()
        artifacts.load(KEY).array("a")
    assert [path.name for path in taken] == ["a.npy", "b.npy"]
    (artifacts.root / KEY / "a.npy").touch()
    artifacts.load(KEY).array("a")
    assert len(taken) == 3


def test_large_arrays_are_checked_behind_the_answer(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGE", 100)
    artifacts.save(KEY, {"a": np.arange(1000)})
    flip(artifacts.root / KEY / "a.npy")
    with contextlib.suppress(NotFound):  # the check may be faster
        artifacts.load(KEY).array("a")
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("sums-")]:
        thread.join()
    assert not artifacts.has(KEY)


def test_artifacts_of_an_older_version_are_read(artifacts: Artifacts) -> None:
    artifacts.save(KEY, {"a": np.arange(3)})
    (artifacts.root / KEY / "card.json").write_text(json.dumps({"card": 1, "method": "tsne"}))
    assert artifacts.load(KEY).card == {"card": 1, "method": "tsne"}
    assert artifacts.load(KEY).array("a").tolist() == [0, 1, 2]
    assert artifacts.sound(KEY)


def test_any_flipped_bit_of_a_part_is_found(artifacts: Artifacts) -> None:
    parts = artifacts.parts(KEY)
    parts.save("x", {"a": np.arange(6, dtype=np.uint8)})
    path = artifacts.root / f"{KEY}.parts" / "x.npz"
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 4
        path.write_bytes(data)
        try:
            found = parts.load("x")
        except Damaged:
            assert not path.exists()
        else:  # a bit that means nothing: a date, or the name of the archive's maker
            assert found["a"].tolist() == list(range(6))


def test_only_what_nobody_writes_is_swept(artifacts: Artifacts) -> None:
    artifacts.save(KEY, {"a": np.arange(3)})
    artifacts.parts(KEY).save("x", {"a": np.arange(3)})
    with temporary_folder(artifacts.root, f".{KEY}.") as mine:
        left = artifacts.root / f".{KEY}.0123"
        left.mkdir()
        (left / "a.npy").touch()
        (artifacts.root / f"{KEY}.parts" / ".0123").touch()
        assert artifacts.sweep() == 2
        assert mine.is_dir() and not left.exists()
    assert not mine.exists()
    assert artifacts.sound(KEY) and artifacts.parts(KEY).names() == {"x"}


def test_what_a_killed_process_wrote_is_swept(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from nnvis_dash.workspace.temporaries import temporary_file, temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder, temporary_file(Path(sys.argv[1])) as (path, _):
    (folder / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == -9
    assert len(list(tmp_path.iterdir())) == 2
    assert sweep(tmp_path, ".*") == 2
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_becomes_full_leaves_nothing_half_written(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    artifacts.parts(KEY).save("x", {"a": np.arange(3)})
    monkeypatch.setattr(module.os, "fsync", full)
    for save in (artifacts.save, lambda key, arrays: artifacts.parts(key).save("y", arrays)):
        with pytest.raises(OSError, match="No space left"):
            save(KEY, {"a": np.arange(3)})
    assert not artifacts.has(KEY) and artifacts.parts(KEY).names() == {"x"}
    assert [entry.name for entry in artifacts.root.iterdir()] == [f"{KEY}.parts"]
    assert [entry.name for entry in (artifacts.root / f"{KEY}.parts").iterdir()] == ["x.npz"]
