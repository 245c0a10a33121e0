"""The job table: attempts, waiters, cancelling, and what survives."""

from __future__ import annotations

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nnvis_dash.engine.jobs import STALE, JobTable, Request, Row
from nnvis_dash.errors import NotFound, ParameterError


@pytest.fixture
def table(tmp_path: Path) -> JobTable:
    return JobTable(tmp_path / "jobs")


def test_equal_requests_have_one_key_whatever_is_spelt_out() -> None:
    short = Request("projection", {"dataset": "d", "model": "m"})
    long = Request(
        "projection",
        {"seed": 0, "model": "m", "n_samples": 1000, "dataset": "d", "method": "tsne", "parameters": {}},
    )
    assert short.key == long.key
    assert len(short.key) == 32
    assert int(short.key, 16) > 0


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"dataset": "e"}, {"parameters": {"perplexity": 30}}, {"n_samples": 0}, {"model": None}]
)
def test_any_other_content_has_another_key(change: dict[str, object]) -> None:
    plain = {"dataset": "d", "model": "m"}
    assert Request("projection", plain).key != Request("projection", {**plain, **change}).key


def test_two_kinds_with_equal_parameters_have_two_keys() -> None:
    assert Request("attribution", {"dataset": "d"}).key != Request("projection", {"dataset": "d"}).key


def test_unknown_kinds_and_parameters_are_named() -> None:
    with pytest.raises(NotFound, match=r"'indx'.*index"):
        _ = Request("indx").key
    with pytest.raises(ParameterError, match=r"'perplexity'.*Its parameters: dataset"):
        _ = Request("projection", {"perplexity": 3}).key
    with pytest.raises(ParameterError, match="sample is 'three'"):
        _ = Request("attribution", {"sample": "three"}).key


def test_requests_cross_the_wire_as_text() -> None:
    request = Request("attribution", {"dataset": "é", "sample": 3, "parameters": {"low": -1.5}})
    again = Request.from_text(request.kind, request.text)
    assert again.key == request.key
    assert again.read.parameters == {"low": -1.5}


def test_the_folder_is_private(tmp_path: Path) -> None:
    JobTable(tmp_path / "jobs")
    assert stat.S_IMODE((tmp_path / "jobs").stat().st_mode) == 0o700


def test_a_claimed_job_is_shared_until_it_ends(table: JobTable) -> None:
    assert table.get("k") is None
    first, second = table.claim("k", "index", "Index"), table.claim("k", "index", "Index")
    assert (first.attempt, first.waiters, first.state) == (1, 1, "queued")
    assert (second.attempt, second.waiters) == (1, 2)
    assert table.claim("k", "index", "Index", held=1).waiters == 2
    assert table.update("k", 1, state="done")
    assert table.claim("k", "index", "Index").attempt == 2


def test_claims_from_many_threads_make_one_attempt(table: JobTable) -> None:
    with ThreadPoolExecutor(16) as pool:
        rows = list(pool.map(lambda _: table.claim("k", "index", "Index"), range(40)))
    assert {row.attempt for row in rows} == {1}
    assert sorted(row.waiters for row in rows) == list(range(1, 41))


def test_an_earlier_attempt_writes_nothing(table: JobTable) -> None:
    table.claim("k", "index", "Index")
    assert table.cancel("k")
    assert not table.update("k", 1, done=5)
    row = table.get("k")
    assert row is not None
    assert (row.state, row.done) == ("cancelled", 0)
    assert table.claim("k", "index", "Index").attempt == 2
    assert not table.update("k", 1, done=5)
    assert not table.wanted("k", 1)
    assert table.wanted("k", 2)
    assert table.update("k", 2, done=7)


def test_what_is_over_cannot_be_cancelled(table: JobTable) -> None:
    assert not table.cancel("k")
    table.claim("k", "index", "Index")
    table.update("k", 1, state="done")
    assert not table.cancel("k")
    row = table.get("k")
    assert row is not None
    assert row.state == "done"


def test_the_last_waiter_to_leave_cancels(table: JobTable) -> None:
    table.claim("k", "index", "Index")
    table.claim("k", "index", "Index")
    assert not table.leave("k", 1)
    assert table.wanted("k", 1)
    assert table.leave("k", 1)
    assert not table.wanted("k", 1)
    assert not table.leave("k", 1)


def test_rows_come_running_first_then_the_most_recent(table: JobTable) -> None:
    for key, state, started in (("a", "done", 10.0), ("b", "running", 5.0), ("c", "failed", 20.0)):
        table.claim(key, "index", "Index")
        table.update(key, 1, state=state, started=started)
    assert [row.key for row in table.rows()] == ["b", "c", "a"]


def test_a_row_without_signs_of_life_is_stale_unless_finished() -> None:
    now = time.time()
    assert not Row("k", "index", "", "running", heartbeat=now).stale
    assert Row("k", "index", "", "running", heartbeat=now - STALE - 1).stale
    assert not Row("k", "index", "", "done", heartbeat=now - STALE - 1).stale


@pytest.mark.parametrize(("row", "fraction"), [((3, 4), 0.75), ((0, 0), 0.0), ((9, 4), 1.0)])
def test_fraction(row: tuple[int, int], fraction: float) -> None:
    assert Row("k", "index", "", "running", *row).fraction == fraction


def test_old_rows_are_forgotten(table: JobTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnvis_dash.engine.jobs.KEPT_ROWS", 10)
    for number in range(30):
        table.claim(f"k{number}", "index", "Index")
        table.update(f"k{number}", 1, state="done", started=1.0 + number)
    assert len(table.rows()) <= 13
    assert table.rows()[0].key == "k29"


def test_a_damaged_table_is_set_aside(tmp_path: Path) -> None:
    table = JobTable(tmp_path / "jobs")
    table.claim("k", "index", "Index")
    table.close()
    for file in (tmp_path / "jobs").glob("cache.db*"):
        file.write_bytes(b"not a database" * 100)
    again = JobTable(tmp_path / "jobs")
    assert again.get("k") is None
    assert again.claim("k", "index", "Index").attempt == 1
    assert len(list(tmp_path.glob("jobs-damaged-*"))) == 1


def test_rows_survive_a_restart(tmp_path: Path) -> None:
    table = JobTable(tmp_path / "jobs")
    table.claim("k", "index", "Index of digits")
    table.update("k", 1, state="failed", reason="Because. Mend it.")
    table.close()
    row = JobTable(tmp_path / "jobs").get("k")
    assert row is not None
    assert (row.title, row.state, row.reason) == ("Index of digits", "failed", "Because. Mend it.")


def test_nothing_is_pickled(table: JobTable, tmp_path: Path) -> None:
    table.claim("k", "index", "Index")
    with pytest.raises(TypeError):
        table._cache.set("other", object())
