"""Jobs on a real cluster: answers, progress, single flight, cancelling, failing, and workers that are killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request, Row
from nnvis_dash.errors import Cancelled, EngineError, NotFound, ParameterError
from tests.engine.conftest import await_true, engine_workers, runs


def quick(name: str, **more: object) -> Request:
    return Request("test-quick", {"name": name, **more})


def slow(name: str, **more: object) -> Request:
    return Request("test-slow", {"name": name, "n": 2000, **more})


def test_an_answer_is_an_artifact_under_the_requests_key(engine: Engine) -> None:
    request = quick("answer")
    artifact = engine.result(request)
    assert artifact.key == request.key
    assert artifact.array("answer").tolist() == [0.0, 1.0, 2.0]
    row = engine.row(request.key)
    assert row is not None
    assert (row.state, row.title) == ("done", "Quick")


def test_a_finished_request_needs_no_engine(engine: Engine) -> None:
    engine.result(quick("finished"))
    alone = Engine(engine.workspace.path, "tcp://127.0.0.1:1")
    assert alone.result(quick("finished")).card["name"] == "finished"
    assert alone.submit(quick("finished")) == quick("finished").key
    assert runs(engine, "quick-finished") == 1


def test_progress_is_monotone_and_ends_at_the_total(engine: Engine) -> None:
    seen: list[Row] = []
    request = slow("progress")
    artifact = engine.result(request, on_progress=seen.append)
    assert artifact.array("squares").tolist() == [number**2 for number in range(2000)]
    done = [row.done for row in seen]
    assert done == sorted(done)
    assert len(set(done)) > 3
    assert seen[-1].state == "done"
    assert seen[-1].done == seen[-1].total == 2000
    assert "squaring" in {row.message for row in seen}
    assert engine.workspace.artifacts.parts(request.key).names()


def test_equal_requests_of_twenty_people_in_several_processes_run_once(engine: Engine) -> None:
    code = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from tests.engine import sample_kinds
engine = Engine(Path(sys.argv[1]), sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
requests = [Request("test-quick", {"name": "flight", "seconds": 1.0})] * 6 + [Request("test-slow", {"name": "flight"})]
with ThreadPoolExecutor(7) as pool:
    keys = {artifact.key for artifact in pool.map(engine.result, requests)}
assert keys == {request.key for request in requests}
assert not {"tensorflow", "keras"} & set(sys.modules), "the client's process imported TensorFlow"
"""
    arguments = [sys.executable, "-c", code, str(engine.workspace.path), engine.address]
    others = [subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
    for other in others:
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(engine.result, [quick("flight", seconds=1.0)] * 2))
    for other in others:
        other.communicate(timeout=60)
        assert other.returncode == 0
    assert runs(engine, "quick-flight") == 1
    assert runs(engine, "slow-flight") == 1


@pytest.mark.parametrize(
    ("fails", "error", "words"),
    [
        ("user", ParameterError, "The layer is 'nowhere'. Choose one of: here."),
        ("defect", EngineError, "The job stopped unexpectedly: ZeroDivisionError. The engine's log says more."),
    ],
)
def test_a_job_that_fails_says_why_and_may_be_asked_again(
    engine: Engine, fails: str, error: type[Exception], words: str
) -> None:
    request = quick(f"fails-{fails}", fails=fails)
    for attempt in (1, 2):
        with pytest.raises(error) as raised:
            engine.result(request)
        assert type(raised.value) is error
        assert str(raised.value) == words
        row = engine.row(request.key)
        assert row is not None
        assert (row.state, row.reason, row.attempt) == ("failed", words, attempt)


def test_a_chunk_that_fails_ends_its_job_with_its_reason(engine: Engine) -> None:
    request = slow("chunk-fails", fails_at=700)
    with pytest.raises(ParameterError, match=r"Sample 700 can't be read. Remove it\."):
        engine.result(request)
    assert engine.workspace.artifacts.parts(request.key).names()  # what was computed before is kept


def test_unknown_requests_are_refused_before_they_reach_the_engine(engine: Engine) -> None:
    with pytest.raises(NotFound, match="kind of job"):
        engine.submit(Request("nothing"))
    with pytest.raises(ParameterError, match="wrong"):
        engine.submit(quick("x", wrong=1))


def test_cancel_reaches_a_running_job_and_its_parts_are_taken_up(engine: Engine) -> None:
    request = slow("cancel", n=3000)
    key = engine.submit(request)
    parts = engine.workspace.artifacts.parts(key)
    await_true(lambda: len(parts.names()) >= 3)
    other = Engine(engine.workspace.path, engine.address)  # from any process
    other.cancel(key)
    row = engine.row(key)
    assert row is not None
    assert row.state == "cancelled"
    time.sleep(1.0)
    kept = parts.names()
    chunks = runs(engine, "slow-cancel-chunks")
    assert not engine.workspace.artifacts.has(key)
    time.sleep(0.6)
    assert parts.names() == kept  # nothing goes on
    seen: list[Row] = []
    artifact = engine.result(request, on_progress=seen.append)
    assert np.array_equal(artifact.array("squares"), np.arange(3000.0) ** 2)
    assert parts.names() > kept
    assert runs(engine, "slow-cancel-chunks") - chunks == len(parts.names()) - len(kept)
    assert min(row.done for row in seen if row.total) >= 32 * 3  # it went on where it stopped


def test_those_who_wait_for_a_cancelled_job_are_told(engine: Engine) -> None:
    request = slow("told", n=5000)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(engine.result, request) for _ in range(3)]
        await_true(lambda: (row := engine.row(request.key)) is not None and row.done > 0)
        engine.cancel(request.key)
        for future in waiting:
            with pytest.raises(Cancelled):
                future.result(timeout=60)


def test_a_job_goes_on_while_anyone_waits_and_ends_with_the_last(engine: Engine) -> None:
    request = quick("leave", seconds=20.0)
    leave = [threading.Event(), threading.Event()]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(engine.result, request, None, event.is_set) for event in leave]
        await_true(lambda: (row := engine.row(request.key)) is not None and row.waiters == 2 and row.done > 0)
        leave[0].set()
        with pytest.raises(Cancelled):
            waiting[0].result(timeout=60)
        time.sleep(0.5)
        row = engine.row(request.key)
        assert row is not None
        assert row.state == "running"
        leave[1].set()
        with pytest.raises(Cancelled):
            waiting[1].result(timeout=60)
        row = engine.row(request.key)
        assert row is not None
        assert row.state == "cancelled"


def test_a_job_that_was_submitted_outlives_one_who_waited(engine: Engine) -> None:
    request = slow("outlives", n=1000)
    engine.submit(request)
    with pytest.raises(Cancelled):
        engine.result(request, cancelled=lambda: True)
    await_true(lambda: engine.workspace.artifacts.has(request.key))


def test_a_queued_job_can_be_cancelled(engine: Engine) -> None:
    blockers = [engine.submit(quick(f"blocker-{number}", seconds=1.5)) for number in range(2)]
    request = quick("queued")
    engine.submit(request)
    engine.cancel(request.key)
    for key in blockers:
        await_true(lambda key=key: engine.workspace.artifacts.has(key))
    time.sleep(0.3)
    assert runs(engine, "quick-queued") == 0
    assert engine.result(request).key == request.key  # asked again, it runs


def test_time_over_leaves_the_job_running(engine: Engine) -> None:
    request = quick("timeout", seconds=1.0)
    with pytest.raises(EngineError, match=r"isn't ready yet. It goes on"):
        engine.result(request, timeout=0.3)
    assert engine.result(request).key == request.key
    assert runs(engine, "quick-timeout") == 1


def test_a_killed_worker_costs_nothing_but_time(engine: Engine) -> None:
    request = slow("killed", n=4000)
    key = engine.submit(request)
    parts = engine.workspace.artifacts.parts(key)
    await_true(lambda: len(parts.names()) >= 4)
    kept = parts.names()
    victims = engine_workers()
    assert victims
    for victim in victims:
        victim.kill()
    artifact = engine.result(request)
    undisturbed = engine.result(slow("undisturbed", n=4000))
    assert np.array_equal(artifact.array("squares"), undisturbed.array("squares"))
    assert runs(engine, "slow-killed") == 2  # the coordinator ran again
    assert kept <= parts.names()
    assert runs(engine, "slow-killed-chunks") <= len(parts.names()) + 1
    row = engine.row(key)
    assert row is not None
    assert (row.state, row.attempt) == ("done", 1)


def test_a_stale_row_is_submitted_again(engine: Engine) -> None:
    """A row of a server that is gone: its attempt is taken up by a new task."""
    request = slow("stale", n=200)
    row = engine.table.claim(request, "Slow")
    engine.table.update(request.key, row.attempt, state="running", done=3, total=200)
    assert engine.result(request).key == request.key
    assert runs(engine, "slow-stale") == 1


def test_an_unreachable_engine_says_so_in_seconds(engine: Engine) -> None:
    alone = Engine(engine.workspace.path, "tcp://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"no engine at tcp://127.0.0.1:9. Start it"):
        alone.result(quick("unreachable"))
    with pytest.raises(EngineError):
        alone.submit(quick("unreachable"))
    assert time.monotonic() - began < 6
    assert alone.row(quick("unreachable").key) is None


def test_an_interactive_answer_beside_a_batch_does_not_wait_for_a_chunk(engine: Engine) -> None:
    """Chunks take 0.4 s each and would fill both threads; the resource keeps one free."""
    batch = engine.submit(slow("beside", n=12000))
    parts = engine.workspace.artifacts.parts(batch)
    await_true(lambda: len(parts.names()) >= 6)
    times = []
    for number in range(15):
        began = time.perf_counter()
        engine.result(quick(f"beside-{number}"))
        times.append(time.perf_counter() - began)
        time.sleep(0.03)
    row = engine.row(batch)
    engine.cancel(batch)
    assert row is not None
    assert row.state == "running"
    assert sorted(times)[len(times) // 2] < 0.15


def test_rows_list_what_was_asked_for(engine: Engine) -> None:
    engine.result(quick("listed"))
    assert quick("listed").key in {row.key for row in engine.rows()}
