"""How many bad inputs there are: no table is lost, and no name stands for two inputs of one test."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.security.rows import Row


def test_there_are_hundreds_of_bad_inputs_in_every_kind():
    counts: dict[str, int] = {}
    for path in Path(__file__).parent.glob("test_bad_*.py"):
        module = importlib.import_module(f"tests.security.{path.stem}")
        rows: list[Row] = []
        for function in vars(module).values():
            for mark in getattr(function, "pytestmark", []):
                if mark.name == "parametrize" and mark.args[0] == "row":
                    rows += mark.args[1]
        counts[path.stem] = len({(row.name, row.make) for row in rows})
        assert all(row.says and row.error for row in rows)
    assert min(counts.values()) >= 5, counts
    assert sum(counts.values()) >= 800, counts
