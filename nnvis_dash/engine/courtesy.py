"""Long work gives way to people: a worker begins no further step of a chunk while it answers somebody.

Priorities order what waits, and the resource `batch` keeps a thread free, but both threads share the cores. A step that
waits until the answer is out costs the chunk a few milliseconds, and the person no longer waits for the step.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 0.5  # seconds that a step gives way, so that a chunk goes on however many ask

_served = 0
_changed = threading.Condition()


@contextmanager
def serving() -> Iterator[None]:
    """Say that a person waits for what the body computes."""
    global _served
    with _changed:
        _served += 1
    try:
        yield
    finally:
        with _changed:
            _served -= 1
            _changed.notify_all()


def give_way(longest: float = LONGEST) -> None:
    """Wait until this process serves nobody, for at most `longest` seconds."""
    with _changed:
        _changed.wait_for(lambda: not _served, longest)
