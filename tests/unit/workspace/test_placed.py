"""Rows that workers put straight where they belong: whole whatever the order, and damage is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.errors import Damaged
from nnvis_dash.workspace.artifacts import Artifacts


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_pieces_in_any_order_make_the_array(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], random) -> None:  # type: ignore[no-untyped-def]
    artifacts = Artifacts(tmp_path_factory.mktemp("artifacts"))
    parts = artifacts.parts("key")
    total = sum(sizes)
    stops = np.cumsum(sizes)
    whole = {"a": np.random.default_rng(0).random((total, 3)).astype(np.float32), "b": np.arange(total, dtype=np.int16)}
    pieces = list(zip(stops - sizes, stops, strict=True))
    random.shuffle(pieces)
    sums = []
    for start, stop in [*pieces, pieces[0]]:  # one is computed twice
        placed = parts.rows.place(int(start), total, {name: rows[start:stop] for name, rows in whole.items()})
        sums.append((int(start), int(stop), placed))
    parts.rows.check(sums)
    artifact = artifacts.save("key", parts.rows.arrays())
    assert parts.names() == set()  # they are no parts
    parts.clear()
    for name, rows in whole.items():
        found = artifact.array(name)
        assert found.dtype == rows.dtype
        np.testing.assert_array_equal(found, rows)


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    rows = Artifacts(tmp_path).parts("key").rows
    pieces = [(0, 4, rows.place(0, 8, {"a": np.ones((4, 2))})), (4, 8, rows.place(4, 8, {"a": np.ones((4, 2))}))]
    rows.check(pieces)
    file = tmp_path / "key.parts" / "a.rows.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(Damaged, match="start the job again"):
        rows.check(pieces)
    with pytest.raises(Damaged):
        rows.check([(0, 1, {"missing": 0})])


def test_rows_of_another_shape_are_a_defect(tmp_path: Path) -> None:
    rows = Artifacts(tmp_path).parts("key").rows
    rows.place(0, 8, {"a": np.ones((4, 2))})
    with pytest.raises(ValueError, match=r"a is float64 \(8, 2\)"):
        rows.place(4, 8, {"a": np.ones((4, 3))})


def test_only_whole_files_are_taken_over(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    rows = artifacts.parts("key").rows
    rows.place(0, 8, {"a": np.arange(8.0)})
    mapped = rows.arrays()["a"]
    artifacts.save("whole", {"a": mapped})
    artifacts.save("half", {"a": mapped[4:]})
    assert (tmp_path / "whole" / "a.npy").stat().st_ino == (tmp_path / "key.parts" / "a.rows.npy").stat().st_ino
    np.testing.assert_array_equal(artifacts.load("half").array("a"), np.arange(4.0, 8.0))
