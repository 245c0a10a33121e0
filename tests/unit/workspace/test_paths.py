"""Paths as a person writes them: whatever the name, there is something or there is nothing, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnvis_dash.workspace.paths import expanded, there

NOWHERE = ("missing.png", "a" * 256, "a" * 10_000, "a/" * 5_000, "a\0b", "~nobody-of-this-name/images")


def test_what_is_there_is_returned_with_its_home_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "images").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert there(tmp_path / "images") == there("~/images") == expanded("~/images") == tmp_path / "images"


@pytest.mark.parametrize("name", NOWHERE, ids=lambda name: name[:12].replace("\0", "0"))
def test_a_name_that_nothing_has_is_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert there(name) is None
    assert there(tmp_path / name) is None


def test_the_home_of_nobody_stays_as_it_is_written():
    assert expanded("~nobody-of-this-name/images") == Path("~nobody-of-this-name/images")
