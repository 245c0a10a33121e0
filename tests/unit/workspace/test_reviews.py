"""Decisions and named slices: kept whole, by several at once, and safe in a spreadsheet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nnvis_dash.errors import DatasetError, NotFound, ParameterError
from nnvis_dash.workspace.reviews import Decision, Reviews, as_csv
from nnvis_dash.workspace.spreadsheet import harmless

KEY = "a" * 32


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    (tmp_path / "lock").touch()
    return Reviews(tmp_path / "reviews", tmp_path / "lock")


def test_nobody_loses_a_decision(reviews: Reviews, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda sample: reviews.decide(KEY, [sample], Decision("keep")), range(24)))
    assert sorted(reviews.read(KEY).decisions) == list(range(24))
    assert [path.name for path in (tmp_path / "reviews").iterdir()] == [f"{KEY}.json"]
    assert reviews.decide(KEY, range(24), None).decisions == {} == reviews.read(KEY).decisions


def test_a_failed_write_leaves_the_old_file(reviews: Reviews, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reviews.decide(KEY, [1], Decision("drop"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left")

    monkeypatch.setattr("nnvis_dash.workspace.disk.os.fsync", full)
    with pytest.raises(DatasetError, match="no space"):
        reviews.decide(KEY, [2], Decision("drop"))
    assert list(reviews.read(KEY).decisions) == [1] and len(list((tmp_path / "reviews").iterdir())) == 1


def test_slices_have_names(reviews: Reviews) -> None:
    reviews.keep_slice(KEY, "on\ngrass", "1-3")
    assert reviews.keep_slice(KEY, "on grass", "1-4").slices == {"on grass": "1-4"}
    with pytest.raises(NotFound):
        reviews.remove_slice(KEY, "nothing")
    with pytest.raises(ParameterError, match="name"):
        reviews.keep_slice(KEY, "x" * 81, "1")
    assert reviews.remove_slice(KEY, "on grass").slices == {}


def test_damage_is_said(reviews: Reviews, tmp_path: Path) -> None:
    reviews.decide(KEY, [1], Decision("drop"))
    (tmp_path / "reviews" / f"{KEY}.json").write_text("{")
    with pytest.raises(DatasetError, match="damaged"):
        reviews.read(KEY)
    with pytest.raises(ValueError, match="fingerprint"):
        reviews.read("../secret")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"


def test_csv_quotes_what_it_must() -> None:
    text = as_csv({4: Decision("fix", "b", 'says "c", d', 0.123456)}, lambda sample: "=a.png", lambda sample: "a")
    assert text.splitlines()[1] == '4,\'=a.png,a,fix,b,"says ""c"", d",0.1235'
