"""Chunks: what is missing, how large the next one is, and how rows come together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnvis_dash.engine.chunks import LARGEST, TARGET, Pace, gather, missing, part_interval, part_name


@pytest.mark.parametrize(
    ("kept", "total", "gaps"),
    [
        ([], 5, [(0, 5)]),
        ([(0, 5)], 5, []),
        ([(0, 2), (3, 4)], 5, [(2, 3), (4, 5)]),
        ([(3, 5), (0, 1)], 5, [(1, 3)]),
        ([(0, 3), (1, 4)], 5, [(4, 5)]),
        ([(0, 5), (1, 2)], 6, [(5, 6)]),
        ([(0, 9)], 5, []),
        ([], 0, []),
    ],
)
def test_missing(kept: list[tuple[int, int]], total: int, gaps: list[tuple[int, int]]) -> None:
    assert missing(kept, total) == gaps


def test_part_names() -> None:
    assert part_interval(part_name(0, 32)) == (0, 32)
    assert part_interval("frame-000003") is None
    assert part_interval("chunk-a-b") is None
    assert part_interval("ids") is None


def test_the_pace_reaches_its_target_in_a_few_chunks_and_follows_the_load() -> None:
    pace = Pace(32)
    sizes = []
    for _ in range(6):
        sizes.append(pace.size)
        pace.saw(pace.size, pace.size / 400)  # 400 images a second
    assert sizes == [32, 32, 128, 160, 160, 160]
    assert pace.size / 400 <= TARGET
    pace.saw(160, 1.0)  # a neighbour takes more than half of the machine
    assert pace.size == 64
    for _ in range(20):
        pace.saw(pace.size, 1e-6)
    assert pace.size == LARGEST


def test_a_large_model_gets_chunks_of_a_few_images() -> None:
    pace = Pace(32)
    for _ in range(4):
        pace.saw(pace.size, pace.size / 7)
    assert pace.size == 2  # 7 images a second


def test_a_first_chunk_that_compiled_for_seconds_says_nothing() -> None:
    pace = Pace(64)
    pace.saw(64, 5.0)
    assert pace.size == 64
    pace.saw(3, 4.0)  # the end of a gap
    assert pace.size == 64
    pace.saw(64, 0.01)
    assert pace.size == 256


def test_rows_come_together_at_their_places_even_where_chunks_overlap() -> None:
    parts = {
        part_name(2, 4): {"a": np.array([2, 3]), "b": np.array([[2.0, 2.5], [3.0, 3.5]])},
        part_name(0, 3): {"a": np.array([0, 1, 2]), "b": np.array([[0.0, 0.5], [1.0, 1.5], [2.0, 2.5]])},
        "ids": {"a": np.array([9])},
    }
    job: Any = SimpleNamespace(parts=SimpleNamespace(names=lambda: set(parts), load=parts.__getitem__))
    together = gather(job, 4, lambda name, shape, dtype: np.full(shape, 99, dtype))
    assert together["a"].tolist() == [0, 1, 2, 3]
    assert together["b"].tolist() == [[0.0, 0.5], [1.0, 1.5], [2.0, 2.5], [3.0, 3.5]]


def test_many_workers_get_longer_chunks() -> None:
    """Up to 25 workers a chunk takes 0.4 s, with 100 of them four times as long: the scheduler has no more to do."""
    sizes = {}
    for workers in (1, 25, 100):
        pace = Pace(32, workers)
        for _ in range(20):
            pace.saw(pace.size, pace.size / 2000)  # samples a second
        sizes[workers] = pace.size
    assert sizes == {1: 800, 25: 800, 100: 3200}
