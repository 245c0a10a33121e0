"""How far a long analysis is: methods tell after each chunk, whoever asked for it listens or cancels."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int], None]

_listener: contextvars.ContextVar[Report | None] = contextvars.ContextVar("progress", default=None)
_images: contextvars.ContextVar[tuple[int, int, int]] = contextvars.ContextVar("images done", default=(0, 1, 1))


@contextmanager
def reporting(report: Report) -> Iterator[None]:
    """Call `report(done, total)` for every chunk of the analyses made inside; what it raises stops them."""
    token = _listener.set(report)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def part(done: int, now: int, total: int) -> Iterator[None]:
    """Say that the steps inside belong to `now` of `total` images, after `done` of them; parts may have parts."""
    outer_done, outer_now, outer_total = _images.get()
    token = _images.set((outer_done * total + outer_now * done, outer_now * now, outer_total * total))
    try:
        yield
    finally:
        _images.reset(token)


def step(done: int, total: int) -> None:
    """Tell that `done` of `total` equal steps on the present images are over."""
    report = _listener.get()
    if report is not None:
        before, now, images = _images.get()
        report(before * total + now * done, images * total)
