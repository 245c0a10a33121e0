"""Sets of samples as short text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnvis_dash.errors import NotFound, StateError
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.workspace.selections import MOST_BYTES, MOST_RANGES, Selections


@given(st.sets(st.integers(0, 5000), max_size=600))
def test_any_samples_have_one_text_that_gives_them_back(
    tmp_path_factory: pytest.TempPathFactory, ids: set[int]
) -> None:
    held = Selections(tmp_path_factory.mktemp("selections"))
    text = held.text(list(ids))
    assert held.ids(text).tolist() == sorted(ids)
    assert text == held.text(sorted(ids, reverse=True)) and len(text) < 1500
    if not text.startswith("@"):
        assert text == encode_ids(ids)


def test_many_ranges_are_kept_as_bits_under_their_hash(tmp_path: Path) -> None:
    held = Selections(tmp_path)
    assert held.text(range(0, 2 * MOST_RANGES, 2)) == encode_ids(range(0, 2 * MOST_RANGES, 2))
    text = held.text(range(0, 2 * MOST_RANGES + 2, 2))
    bits = held.kept(text[1:])
    assert (text[0], len(text), len(bits)) == ("@", 33, 2 * MOST_RANGES // 8 + 1)
    assert bits[:2] == b"\x55\x55", "the first sample is the lowest bit of the first byte"
    assert held.keep(bits + b"\0\0") == text[1:], "what follows the last sample makes no other selection"
    assert [path.name for path in tmp_path.iterdir()] == [text[1:]]
    assert Selections(tmp_path).ids(text).tolist() == list(range(0, 2 * MOST_RANGES + 2, 2))


@pytest.mark.parametrize("unknown", ["0" * 32, "../lock", "", "x" * 10_000, "A" * 32])
def test_unknown_keys_are_told(tmp_path: Path, unknown: str) -> None:
    with pytest.raises(NotFound, match="no selection"):
        Selections(tmp_path).ids("@" + unknown)


def test_what_is_too_large_is_told(tmp_path: Path) -> None:
    held = Selections(tmp_path)
    with pytest.raises(StateError, match=f"reaches to sample {8 * MOST_BYTES + 7:,}"):
        held.keep(b"\0" * MOST_BYTES + b"\1")
    for wrong in (-1, 8 * MOST_BYTES):
        with pytest.raises(StateError, match=f"no sample {wrong}"):
            held.text(np.array([*range(0, 4 * MOST_RANGES, 2), wrong]))
    assert not list(tmp_path.iterdir())
