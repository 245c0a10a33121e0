"""The job table: attempts, waiters, cancelling, and what survives."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nnvis_dash.engine.jobs import STALE, JobTable, Request, Row
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.workspace import alive


def asked(model: str = "m") -> Request:
    return Request("index", {"model": model})


K = asked().key


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
    with pytest.raises(ParameterError, match="samples is 'three'"):
        _ = Request("attribution", {"samples": "three"}).key


def test_requests_cross_the_wire_as_text() -> None:
    request = Request("attribution", {"dataset": "é", "samples": [3], "parameters": {"low": -1.5}})
    again = Request.from_text(request.kind, request.text)
    assert again.key == request.key
    assert again.read.parameters == {"low": -1.5}


def test_the_folder_is_private(tmp_path: Path) -> None:
    JobTable(tmp_path / "jobs")
    assert stat.S_IMODE((tmp_path / "jobs").stat().st_mode) == 0o700


def test_a_claimed_job_is_shared_until_it_ends(table: JobTable) -> None:
    assert table.get(K) is None
    first, second = table.claim(asked(), "Index"), table.claim(asked(), "Index")
    assert (first.attempt, first.waiters, first.state) == (1, 1, "queued")
    assert (second.attempt, second.waiters) == (1, 2)
    assert table.claim(asked(), "Index", held=1).waiters == 2
    assert table.update(K, 1, state="done")
    assert table.claim(asked(), "Index").attempt == 2


def test_claims_from_many_threads_make_one_attempt(table: JobTable) -> None:
    with ThreadPoolExecutor(16) as pool:
        rows = list(pool.map(lambda _: table.claim(asked(), "Index"), range(40)))
    assert {row.attempt for row in rows} == {1}
    assert sorted(row.waiters for row in rows) == list(range(1, 41))


def test_an_earlier_attempt_writes_nothing(table: JobTable) -> None:
    table.claim(asked(), "Index")
    assert table.cancel(K)
    assert not table.update(K, 1, done=5)
    row = table.get(K)
    assert row is not None
    assert (row.state, row.done) == ("cancelled", 0)
    assert table.claim(asked(), "Index").attempt == 2
    assert not table.update(K, 1, done=5)
    assert not table.wanted(K, 1)
    assert table.wanted(K, 2)
    assert table.update(K, 2, done=7)


def test_what_is_over_cannot_be_cancelled(table: JobTable) -> None:
    assert not table.cancel(K)
    table.claim(asked(), "Index")
    table.update(K, 1, state="done")
    assert not table.cancel(K)
    row = table.get(K)
    assert row is not None
    assert row.state == "done"


def test_the_last_waiter_to_leave_cancels(table: JobTable) -> None:
    table.claim(asked(), "Index")
    table.claim(asked(), "Index")
    assert not table.leave(K, 1)
    assert table.wanted(K, 1)
    assert table.leave(K, 1)
    assert not table.wanted(K, 1)
    assert not table.leave(K, 1)


def test_rows_come_running_first_then_the_most_recent(table: JobTable) -> None:
    for model, state, started in (("a", "done", 10.0), ("b", "running", 5.0), ("c", "failed", 20.0)):
        table.claim(asked(model), model)
        table.update(asked(model).key, 1, state=state, started=started)
    assert [row.title for row in table.rows()] == ["b", "c", "a"]


def test_a_row_without_signs_of_life_is_stale_unless_finished() -> None:
    recent, old = alive.sign(), f"{alive.boot()} {alive.now() - STALE - 1}"
    assert not Row(K, "index", "", "running", sign=recent).stale
    assert Row(K, "index", "", "running", sign=old).stale
    assert not Row(K, "index", "", "done", sign=old).stale
    assert Row(K, "index", "", "running", sign="").stale


@pytest.mark.parametrize(("row", "fraction"), [((3, 4), 0.75), ((0, 0), 0.0), ((9, 4), 1.0)])
def test_fraction(row: tuple[int, int], fraction: float) -> None:
    assert Row(K, "index", "", "running", *row).fraction == fraction


def test_old_rows_are_forgotten(table: JobTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnvis_dash.engine.jobs.KEPT_ROWS", 10)
    for number in range(30):
        table.claim(asked(f"m{number}"), f"m{number}")
        table.update(asked(f"m{number}").key, 1, state="done", started=1.0 + number)
    assert len(table.rows()) <= 13
    assert table.rows()[0].title == "m29"


def test_a_damaged_table_is_set_aside(tmp_path: Path) -> None:
    table = JobTable(tmp_path / "jobs")
    table.claim(asked(), "Index")
    table.close()
    for file in (tmp_path / "jobs").glob("cache.db*"):
        file.write_bytes(b"not a database" * 100)
    again = JobTable(tmp_path / "jobs")
    assert again.get(K) is None
    assert again.claim(asked(), "Index").attempt == 1
    assert len(list(tmp_path.glob("jobs-damaged-*"))) == 1


def test_rows_survive_a_restart(tmp_path: Path) -> None:
    table = JobTable(tmp_path / "jobs")
    table.claim(asked(), "Index of digits")
    table.update(K, 1, state="failed", reason="Because. Mend it.")
    table.close()
    row = JobTable(tmp_path / "jobs").get(K)
    assert row is not None
    assert (row.title, row.state, row.reason) == ("Index of digits", "failed", "Because. Mend it.")
    assert row.request.key == K


def test_a_worker_that_begins_is_counted(table: JobTable) -> None:
    assert table.begin(K, 1) == 1  # a table that was begun anew doesn't know what runs
    table.claim(asked(), "Index")
    assert [table.begin(K, 1), table.begin(K, 1)] == [1, 2]
    row = table.get(K)
    assert row is not None
    assert (row.state, row.starts) == ("running", 2)
    table.cancel(K)
    assert table.begin(K, 1) == 0
    table.claim(asked(), "Index")
    assert table.begin(K, 2) == 1


def test_nothing_is_pickled(table: JobTable, tmp_path: Path) -> None:
    table.claim(asked(), "Index")
    with pytest.raises(TypeError):
        table._cache.set("other", object())
