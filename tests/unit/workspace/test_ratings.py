"""Ratings of cells: kept whole or not at all, one a cell, exported so that no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nnvis_dash.errors import DatasetError, ParameterError
from nnvis_dash.workspace import ratings as module
from nnvis_dash.workspace.ratings import Rating, Ratings, as_csv, means

DATASET, NET, OTHER = "d" * 32, "a" * 32, "b" * 32


def test_a_cell_has_one_rating_which_can_be_taken_away(tmp_path: Path) -> None:
    kept = Ratings(tmp_path / "ratings", DATASET)
    assert kept.all() == {}
    kept.rate(5, NET, "grad_cam", 2, "cat")
    kept.rate(5, NET, "lrp_z", 3)
    kept.rate(5, NET, "grad_cam", 4, "dog")
    again = Ratings(tmp_path / "ratings", DATASET).all()
    assert [(one.sample, one.method, one.rating, one.explained) for one in again.values()] == [
        (5, "grad_cam", 4, "dog"),
        (5, "lrp_z", 3, ""),
    ]
    assert again["5", NET, "grad_cam"].rated > 1.7e9
    kept.rate(5, NET, "grad_cam", None)
    kept.rate(6, NET, "grad_cam", None)
    assert list(kept.all()) == [("5", NET, "lrp_z")]
    assert Ratings(tmp_path / "ratings", "e" * 32).all() == {}
    assert sorted(path.suffix for path in (tmp_path / "ratings").iterdir()) == [".json", ".lock"]


def test_many_at_once_lose_none(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Ratings(tmp_path, DATASET).rate(n, NET, "lrp_z", 1 + n % 5), range(24)))
    assert {one.sample: one.rating for one in Ratings(tmp_path, DATASET).all().values()} == {
        n: 1 + n % 5 for n in range(24)
    }


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Ratings(tmp_path, DATASET)
    kept.rate(1, NET, "lrp_z", 5)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nnvis_dash.workspace.disk.os.fsync", full)
    with pytest.raises(DatasetError, match="no space left"):
        kept.rate(2, NET, "lrp_z", 1)
    assert list(kept.all()) == [("1", NET, "lrp_z")]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".lock"]


def test_what_is_no_rating_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Ratings(tmp_path, DATASET)
    for wrong in (0, 6, True, 2.0, "3"):
        with pytest.raises(ParameterError, match="Give 1 to 5"):
            kept.rate(1, NET, "lrp_z", wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="no dataset"):
        Ratings(tmp_path, "../elsewhere")
    monkeypatch.setattr(module, "MOST", 1)
    kept.rate(1, NET, "lrp_z", 3)
    kept.rate(1, NET, "lrp_z", 4)
    with pytest.raises(ParameterError, match="has 1 ratings"):
        kept.rate(2, NET, "lrp_z", 3)
    for damaged in ("[{", "[1]", '[{"sample": 1}]', "5"):
        next(tmp_path.glob("*.json")).write_text(damaged)
        with pytest.raises(DatasetError, match="damaged"):
            kept.all()


def test_means_by_classifier_and_method() -> None:
    rated = [Rating(1, NET, "lrp_z", 2), Rating(2, NET, "lrp_z", 5), Rating(1, OTHER, "lrp_z", 1)]
    assert means(rated) == {(NET, "lrp_z"): (3.5, 2), (OTHER, "lrp_z"): (1.0, 1)}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_text_of_a_table_is_a_formula(text: str) -> None:
    [head, row] = csv.reader(io.StringIO(as_csv(("name", "number"), [(text, -3)]), newline=""))
    assert head == ["name", "number"] and row == [f"'{text}", "-3"]


def test_other_texts_are_as_they_were() -> None:
    text = as_csv(("a", "b"), [('say "ä", b', 1), ("two\nlines", 2.5)])
    assert text == 'a,b\r\n"say ""ä"", b",1\r\n"two\nlines",2.5\r\n'
