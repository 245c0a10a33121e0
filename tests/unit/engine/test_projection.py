"""Which frames of a projection are kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnvis_dash.engine.kinds import projection as engine_projection
from nnvis_dash.engine.kinds.projection import (
    N_FRAMES,
    ProjectionParameters,
    _apart,
    _FrameKeeper,
    features_of,
)


@pytest.mark.parametrize("total", [3, 80, 750, 1000])
def test_frames_are_few_and_the_first_and_last_are_among_them(total: int) -> None:
    saved: dict[str, Any] = {}
    job: Any = SimpleNamespace(
        parts=SimpleNamespace(save=lambda name, arrays: saved.__setitem__(name, arrays["coordinates"])),
        progress=lambda done, total, message: None,
    )
    keeper = _FrameKeeper(job)
    for iteration in range(total + 1):
        keeper.frame(iteration, total, np.full((2, 2), iteration, np.float32))
    keeper.last(np.full((2, 2), -1, np.float32))
    assert min(total, N_FRAMES // 2) <= len(saved) <= N_FRAMES + 2
    assert sorted(saved)[0] == "frame-000000"
    assert (saved[max(saved)] == -1).all()


def test_a_slow_projection_keeps_a_frame_every_half_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(engine_projection.time, "monotonic", lambda: now[0])
    saved: list[str] = []
    job: Any = SimpleNamespace(
        parts=SimpleNamespace(save=lambda name, arrays: saved.append(name)), progress=lambda done, total, message: None
    )
    keeper = _FrameKeeper(job)
    for iteration in range(400):
        keeper.frame(iteration, 4000, np.zeros((2, 2), np.float32))
        now[0] += 0.1
    kept = [int(name.removeprefix("frame-")) for name in saved]
    assert max(np.diff(kept)) <= 6  # of every 50th iteration it would be 50
    monkeypatch.setattr(engine_projection, "MORE_FRAMES", 0)
    saved.clear()
    for iteration in range(400, 800):
        keeper.frame(iteration, 4000, np.zeros((2, 2), np.float32))
        now[0] += 0.1
    assert len(saved) == 8


def test_a_method_without_frames_still_leaves_one() -> None:
    saved: list[str] = []
    job: Any = SimpleNamespace(parts=SimpleNamespace(save=lambda name, arrays: saved.append(name)))
    _FrameKeeper(job).last(np.zeros((2, 2), np.float32))
    assert saved == ["frame-000000"]


def test_pixels_are_small_and_between_0_and_1() -> None:
    asked: list[Any] = []

    class Images:
        card = SimpleNamespace(image_shape=(64, 20, 3))

        def __len__(self) -> int:
            return 4

        def batch(self, ids: list[int], size: tuple[int, int, int], resize: str) -> Any:
            asked.append((ids, size))
            return np.full((len(ids), *size), 255, np.uint8)

    dataset: Any = Images()
    job: Any = None
    features = features_of(job, ProjectionParameters(features="pixels"), dataset, np.array([1, 3]))
    assert asked == [([1, 3], (32, 20, 3))]
    assert features.shape == (2, 32 * 20 * 3)
    assert features.dtype == np.float32
    assert features.max() == 1.0


def test_work_apart_gives_its_answer_or_its_error() -> None:
    assert _apart(lambda: 3) == 3
    with pytest.raises(KeyError, match="gone"):
        _apart(lambda: {}["gone"])
