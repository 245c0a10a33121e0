"""What a job outlives: fifty who ask at once, no memory, no disk, no progress, damage, and clocks that jump."""

from __future__ import annotations

import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import Future, Scheduler

from nnvis_dash.engine import keeper
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import JobTable, Request
from nnvis_dash.errors import EngineError
from nnvis_dash.workspace import disk
from tests.engine.conftest import await_true, engine_workers, runs


def slow(name: str, **more: object) -> Request:
    return Request("test-slow", {"name": name, "n": 600, **more})


def test_fifty_who_ask_at_once_start_a_job_once(engine: Engine) -> None:
    request = slow("fifty")
    clients = [engine, *(Engine(engine.workspace.path, engine.address) for _ in range(4))]
    barrier = threading.Barrier(50)

    def ask(number: int) -> str:
        barrier.wait()
        return clients[number % 5].result(request).key

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(ask, range(50))) == {request.key}
    row = engine.row(request.key)
    assert row is not None
    assert (row.attempt, row.starts, runs(engine, "slow-fifty")) == (1, 1, 1)
    assert engine.table.accepted() == []
    for client in clients[1:]:
        client.close()


def test_a_chunk_that_needs_more_memory_is_cut(engine: Engine) -> None:
    artifact = engine.result(slow("hungry", n=100, room_for=9))
    assert np.array_equal(artifact.array("squares"), np.arange(100.0) ** 2)


def test_a_job_that_no_cutting_helps_says_what_it_needs_and_fails_alone(engine: Engine) -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(engine.result, slow("beside-hungry"))
        with pytest.raises(
            EngineError, match=r"needs about 51.5 GB more for a single image; there are [0-9.]+ GB\. Take"
        ):
            engine.result(Request("test-hungry", {"name": "a"}))
        assert len(other.result(30).array("squares")) == 600


def test_a_chunk_that_costs_its_worker_is_cut_and_a_job_beside_it_goes_on(engine: Engine) -> None:
    """Memory that runs out is a kill -9 from outside: what was tried is known from the marks on disk."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(engine.result, slow("beside-deadly", n=1500))
        artifact = engine.result(slow("deadly", n=32, room_for=20, kills=True))
        assert len(artifact.array("squares")) == 32
        assert len(other.result(60).array("squares")) == 1500


def test_a_disk_that_becomes_full_fails_the_job_with_that_sentence(engine: Engine) -> None:
    request = slow("full", full_at=300)
    with pytest.raises(EngineError, match=r"There is no space left on the disk of the workspace\. Remove something"):
        engine.result(request)
    row = engine.row(request.key)
    assert row is not None and row.state == "failed" and row.reason.startswith("There is no space left")
    assert not list(engine.workspace.artifacts.root.glob(".*"))


def test_new_work_is_refused_where_the_disk_is_nearly_full(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNVIS_DISK_LIMIT_PERCENT", "85")
    known = slow("known")
    engine.result(known)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage(10**10, 9 * 10**9, 10**9))
    with pytest.raises(EngineError, match=r"is full: 954 of 9,537 MB are free\. Free 477 MB, then start it again"):
        engine.submit(slow("refused"))
    assert engine.row(slow("refused").key) is None and engine.table.accepted() == []
    assert len(engine.result(known).array("squares")) == 600


def test_a_job_that_makes_no_progress_is_ended_with_its_worker(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request("test-stuck", {"name": "a"})
    key = engine.submit(request)
    await_true(lambda: runs(engine, "stuck-a") == 1)
    before = {worker.pid for worker in engine_workers()}
    client = engine._connect()
    mine = keeper.Keeper(client, engine.workspace, engine.table, lambda: True)
    mine._limit = 1
    await_true(lambda: (row := engine.row(key)) is not None and row.stuck > 1)
    mine.look_over()
    row = engine.row(key)
    assert row is not None and row.state == "failed" and "made no progress" in row.reason
    await_true(lambda: not before & {worker.pid for worker in engine_workers()})
    assert len(engine.result(slow("after-stuck")).array("squares")) == 600


def test_the_process_that_workers_are_forked_from_may_be_killed(engine: Engine) -> None:
    await_true(engine_workers, 60)
    before = {worker.pid: worker for worker in engine_workers()}
    (fork_server,) = {worker.parent() for worker in before.values()}
    assert fork_server is not None
    key = engine.submit(slow("forked"))
    fork_server.kill()
    await_true(lambda: not any(worker.is_running() for worker in before.values()))
    assert len(engine.result(slow("forked")).array("squares")) == 600
    assert engine.row(key).state == "done" and not before.keys() & {worker.pid for worker in engine_workers()}


def test_a_job_whose_parts_are_lost_with_an_engine_is_left_to_the_next(engine: Engine) -> None:
    request = slow("lost parts", seconds=0.005)
    key = engine.submit(request)
    await_true(lambda: (row := engine.row(key)) is not None and row.done > 0)
    client = engine._connect()

    def chunks(dask_scheduler: Scheduler) -> list[str]:
        return [str(name) for name in dask_scheduler.tasks if f"chunk-{key}" in str(name)]

    names = client.run_on_scheduler(chunks)
    assert names
    client.cancel([Future(name, client) for name in names], force=True)
    assert len(engine.result(request).array("squares")) == 600
    await_true(lambda: (row := engine.row(key)) is not None and row.state == "done")


def test_a_row_that_a_server_left_behind_is_no_job_that_hangs(engine: Engine) -> None:
    request = Request("test-quick", {"name": "left"})
    row = engine.table.claim(request, "Left")
    engine.table._put(replace(row, state="running", sign="", moved=""))
    before = {worker.pid for worker in engine_workers()}
    mine = keeper.Keeper(engine._connect(), engine.workspace, engine.table, lambda: True)
    mine._limit = 1
    await_true(lambda: (row := engine.row(request.key)) is not None and row.stuck > 1)
    mine.look_over()
    assert {worker.pid for worker in engine_workers()} == before
    assert engine.result(request).card["name"] == "left"


def test_a_damaged_result_is_computed_again_for_whoever_asks(engine: Engine) -> None:
    request = slow("damaged")
    path = engine.workspace.artifacts.root / engine.result(request).key / "squares.npy"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    assert np.array_equal(engine.result(request).array("squares"), np.arange(600.0) ** 2)
    assert runs(engine, "slow-damaged") == 2


def test_a_damaged_part_is_computed_again_within_the_job(engine: Engine) -> None:
    request = slow("part", n=2000)
    parts = engine.workspace.artifacts.parts(engine.submit(request))
    await_true(lambda: len(parts.names()) >= 2)
    path = sorted(parts._folder.glob("*.npz"))[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert np.array_equal(engine.result(request).array("squares"), np.arange(2000.0) ** 2)
    row = engine.row(request.key)
    assert row is not None and row.state == "done"


def test_a_job_table_that_is_damaged_in_the_middle_loses_no_job(engine: Engine) -> None:
    request = slow("table", n=2500)
    key = engine.submit(request)
    await_true(lambda: (row := engine.row(key)) is not None and row.done > 0)
    table = Path(engine.workspace.path, "cache", "jobs", "cache.db")
    table.write_bytes(b"not a database" * 1000)
    assert np.array_equal(engine.result(request).array("squares"), np.arange(2500.0) ** 2)
    await_true(lambda: engine.table.accepted() == [])
    row = engine.row(key)
    assert row is not None and row.state == "done"


def test_a_job_that_nobody_asks_for_goes_on_on_a_new_table(engine: Engine) -> None:
    request = slow("alone", n=2500)
    key = engine.submit(request)
    await_true(lambda: (row := engine.row(key)) is not None and row.done > 0)
    Path(engine.workspace.path, "cache", "jobs", "cache.db").write_bytes(b"")
    await_true(lambda: engine.workspace.artifacts.has(key), 40)
    await_true(lambda: engine.table.accepted() == [])


def test_a_job_whose_row_is_missed_for_a_moment_is_not_cancelled(engine: Engine) -> None:
    """A damaged table is begun anew, and doesn't know the job until whoever waits asks again."""
    request = slow("missed", n=2500)
    key = engine.submit(request)
    await_true(lambda: (row := engine.row(key)) is not None and row.done > 0)
    row = engine.row(key)
    assert row is not None
    engine.table._cache.delete(key)
    time.sleep(0.5)
    if engine.row(key) is None:
        engine.table._put(row)
    assert np.array_equal(engine.result(request).array("squares"), np.arange(2500.0) ** 2)
    row = engine.row(key)
    assert row is not None and row.state == "done"


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_jumps_by_a_day_makes_nothing_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    table = JobTable(tmp_path / "jobs")
    row = table.claim(slow("clock"), "Slow")
    table.begin(row.key, row.attempt)
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + jump)
    seen = table.get(row.key)
    assert seen is not None and not seen.stale and seen.stuck < 5
    assert table.update(row.key, row.attempt, done=1, total=2)
    seen = JobTable(tmp_path / "jobs").get(row.key)
    assert seen is not None and not seen.stale and seen.done == 1
