"""Signs of life: who is still there, by clocks that nobody sets.

A sign names the machine's present boot and the seconds since it. On the same machine its age is exact, whatever is
done to the time of day. One of another machine, or of a boot before this, is compared with itself: its age is how long
it was seen unchanged here.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MOST = 10_000  # others that are watched at a time


def now() -> float:
    """Return seconds since the machine started, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def boot() -> str:
    """Return the name of the machine's present boot; where the system has none, one of this process."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex


def sign() -> str:
    """Return a sign of life given now."""
    return f"{boot()} {now():.3f}"


class Watch:
    """How long others have been silent."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def silence(self, name: str, given: str) -> float:
        """Return for how many seconds `name`, whose last sign is given, was silent; for ever where it gave none."""
        if not given:
            return math.inf
        where, _, when = given.partition(" ")
        if where == boot():
            return max(0.0, now() - float(when))
        with self._lock:
            if len(self._seen) > _MOST:
                self._seen.clear()
            before, since = self._seen.get(name, ("", 0.0))
            if before != given:
                before, since = self._seen[name] = given, now()
            return now() - since
