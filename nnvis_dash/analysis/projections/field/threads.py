"""Loops over the samples, cut into slices that a few threads share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

MOST = 8  # threads: beyond it the memory is what is waited for


def usable() -> int:
    """Return how many threads this process may keep busy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST, cores))


class Threads:
    """Threads that stay for the length of a run.

    They are of our own and not numba's, whose usual layer aborts the process when two runs ask for it at once. On Linux
    they are as nice as the thread that started the run.

    Parameters
    ----------
    count : int
        1: nothing is started.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, "field") if count > 1 else None

    def each(self, n: int, work: Callable[[int, int], None], least: int = 1) -> None:
        """Call `work(first, last)` until all rows up to `n` are done, each slice of at least so many rows."""
        slices = min(4 * self.count, n // least)
        if self._pool is None or slices < 2:
            work(0, n)
            return
        bounds = [n * part // slices for part in range(slices + 1)]
        list(self._pool.map(work, bounds[:-1], bounds[1:]))

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@contextmanager
def threads(count: int | None = None) -> Iterator[Threads]:
    """Hold threads for a run; as many as there are cores if `count` isn't given."""
    held = Threads(usable() if count is None else count)
    try:
        yield held
    finally:
        held.close()
