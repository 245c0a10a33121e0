"""What running out of memory is called, and which warm models go before it does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nnvis_dash.engine import memory, worker
from nnvis_dash.engine.memory import free_bytes, is_shortage, shortage, wanted_bytes
from nnvis_dash.engine.worker import WarmClassifiers

NUMPY = "Unable to allocate 3.50 GiB for an array with shape (7, 8) and data type float32"
TENSORFLOW = "OOM when allocating tensor with shape[1000,224,224,3] and type float on /job:localhost"


class ResourceExhaustedError(Exception):
    """As TensorFlow names its own."""


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (MemoryError(NUMPY), int(3.5 * 2**30)),
        (ResourceExhaustedError(TENSORFLOW), 1000 * 224 * 224 * 3 * 4),
        (ResourceExhaustedError(TENSORFLOW.replace("float", "half")), 1000 * 224 * 224 * 3 * 2),
        (MemoryError(), 0),
    ],
)
def test_what_was_asked_for_is_read_from_the_error(error: Exception, wanted: int) -> None:
    assert is_shortage(error)
    assert wanted_bytes(error) == wanted


def test_a_person_is_told_what_it_needs_and_what_there_is() -> None:
    said = str(shortage(MemoryError(NUMPY), 2 * 10**9, 1))
    assert said.startswith("The job needs about 3.8 GB more for a single image; there are 2.0 GB. Take a smaller model")
    assert "needs more memory than there is; there are 0.5 GB" in str(shortage(MemoryError(), 5 * 10**8))
    assert not is_shortage(ValueError(NUMPY))


def test_the_lowest_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 10**9))
    monkeypatch.setattr(memory, "_CGROUPS", ())
    assert free_bytes() == 8 * 10**9
    rss = memory.psutil.Process().memory_info().rss
    assert abs(free_bytes(rss + 10**9) - (0.95 * (rss + 10**9) - rss)) < 10**8
    limit, used = tmp_path / "max", tmp_path / "current"
    limit.write_text("3000000000\n")
    used.write_text("2500000000\n")
    monkeypatch.setattr(memory, "_CGROUPS", ((limit, used), (tmp_path / "none", used)))
    assert free_bytes() == 5 * 10**8
    limit.write_text("max\n")
    assert free_bytes() == 8 * 10**9


def test_the_least_recently_used_models_go_while_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = WarmClassifiers(10**12)
    for name in "abcd":
        warm._entries["/w", name] = (SimpleNamespace(), 10)  # type: ignore[assignment]
    free = iter([0, 10, 10**12])
    monkeypatch.setattr(worker, "free_bytes", lambda limit: next(free))
    warm.make_room()
    assert warm.fingerprints() == ("c", "d")
    monkeypatch.setattr(worker, "free_bytes", lambda limit: 0)
    warm.make_room()
    assert warm.fingerprints() == ("d",)  # the last one is in use
