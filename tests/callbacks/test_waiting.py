"""Background callbacks that wait in a thread: own keys, errors that arrive, lost jobs that are reported."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from callbacks import waiting
from callbacks.waiting import WaitingJobs, stopped
from nnvis_dash.workspace import alive
from nnvis_dash.workspace.safe_cache import SafeCache


@pytest.fixture
def manager(tmp_path: Path) -> WaitingJobs:
    return WaitingJobs(SafeCache(tmp_path / "callbacks"))


def start(manager: WaitingJobs, work: Any) -> str:
    key = manager.build_cache_key(work, [1], [], None)
    job_fn = manager.make_job_fn(lambda *args: work(*args), progress=True)
    context: dict[str, Any] = {}
    assert manager.call_job_fn(key, job_fn, [], context) == key
    return key


def result(manager: WaitingJobs, key: str, seconds: float = 5.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = manager.get_result(key, key)
        if value is not manager.UNDEFINED:
            return value
    raise AssertionError("no result")


def test_a_result_comes_back_and_is_taken_out_of_the_cache(manager: WaitingJobs) -> None:
    key = start(manager, lambda report: {"answer": 42})
    assert result(manager, key) == {"answer": 42}
    assert key not in manager.handle


def test_equal_requests_have_keys_of_their_own(manager: WaitingJobs) -> None:
    first, second = (start(manager, lambda report: "mine") for _ in range(2))
    assert first != second
    assert result(manager, first) == result(manager, second) == "mine"


def test_progress_arrives_while_it_runs(manager: WaitingJobs) -> None:
    go = threading.Event()

    def work(report: Any) -> str:
        report({"done": 1, "total": 2})
        go.wait(5)
        return "over"

    key = start(manager, work)
    end = time.monotonic() + 5
    while (seen := manager.get_progress(key)) is None and time.monotonic() < end:
        time.sleep(0.01)
    assert seen == [{"done": 1, "total": 2}]
    assert manager.get_result(key, key) is manager.UNDEFINED
    go.set()
    assert result(manager, key) == "over"


def test_an_answer_that_comes_behind_the_question_for_it_is_not_given_up(manager: WaitingJobs) -> None:
    """Dash looks for the answer, then asks whether the job still runs; both say no for one that ends in between."""
    go = threading.Event()
    key = start(manager, lambda report: go.wait(5) and "late")
    assert manager.get_result(key, key) is manager.UNDEFINED
    go.set()
    assert manager._done[key].wait(5)
    assert manager.job_running(key)
    assert manager.get_result(key, key) == "late"
    assert not manager.job_running(key)


def test_an_exception_arrives_as_an_error(manager: WaitingJobs) -> None:
    def work(report: Any) -> None:
        raise ValueError("no such thing")

    assert result(manager, start(manager, work))["background_callback_error"]["msg"] == "no such thing"


def test_a_job_that_is_told_to_stop_knows_it(manager: WaitingJobs) -> None:
    def work(report: Any) -> str:
        left = stopped(manager)
        end = time.monotonic() + 5
        while not left() and time.monotonic() < end:
            time.sleep(0.01)
        return "stopped" if left() else "never told"

    key = start(manager, work)
    manager.terminate_job(key)
    assert result(manager, key) == "stopped"


def test_a_job_whose_worker_died_is_reported_instead_of_polled_for_ever(
    manager: WaitingJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOST", 0.05)
    manager.handle.set("beat-gone", f"{alive.boot()} {alive.now() - 1}")
    value = manager.get_result("gone", "gone")
    assert "stopped unexpectedly" in value["background_callback_error"]["msg"]


def test_whoever_waits_is_told_within_15_seconds() -> None:
    assert waiting.LOST + waiting.BEAT + waiting.HOLD < 15


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_jumps_loses_nothing(manager: WaitingJobs, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    go = threading.Event()
    key = start(manager, lambda report: go.wait(5) and "over")
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + jump)
    elsewhere = WaitingJobs(manager.handle)  # as another web worker has it
    assert elsewhere.job_running(key)
    go.set()
    assert manager._done[key].wait(5)
    assert result(elsewhere, key) == "over"


def test_a_cache_that_is_damaged_loses_the_answer_but_not_the_next(manager: WaitingJobs, tmp_path: Path) -> None:
    go = threading.Event()
    key = start(manager, lambda report: go.wait(5) and "over")
    (tmp_path / "callbacks" / "cache.db").write_bytes(b"not a database" * 300)
    go.set()
    assert result(manager, key) == "over"


def test_a_disk_that_is_full_while_an_answer_comes_ends_the_wait(
    manager: WaitingJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, true_set = threading.Event(), manager.handle.set
    key = start(manager, lambda report: go.wait(5) and "over")

    def full(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    manager.handle.set = full
    done = manager._done[key]
    go.set()
    assert done.wait(5)
    manager.handle.set = true_set
    monkeypatch.setattr(waiting, "LOST", 0.3)
    assert "stopped unexpectedly" in result(manager, key)["background_callback_error"]["msg"]
