"""How often one may ask: each limit is a bucket that fills again steadily (generic cell rate algorithm).

What matters across web workers (guesses, uploads, jobs) is counted in one diskcache, the rest in each worker's memory.
Time is the machine's monotonic clock, which all processes share and nobody sets. A counter that can't be read or
written (a full disk) refuses nobody: it guards the server's load, the token's length guards the door.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diskcache

from nnvis_dash.workspace.safe_cache import SafeCache

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """So many at once, then so many a second.

    Attributes
    ----------
    name : str
        Of the bucket.
    burst : int
        How many may come at once.
    rate : float
        How many a second fill up again.
    what : str
        What there are too many of, for the message.
    """

    name: str
    burst: int
    rate: float
    what: str

    def after(self, full_at: float, now: float) -> tuple[float, float]:
        """Return the time at which the bucket is full again after one more, and the seconds until there is room for it.

        Where there is no room (more than 0 s), nothing is counted.
        """
        whole = self.burst / self.rate
        start = min(max(full_at, now), now + whole)  # a time from before a restart of the machine counts as one bucket
        then = start + 1 / self.rate
        wait = then - now - whole
        return (start, wait) if wait > 1e-9 else (then, 0.0)


GUESSES = Limit("guess", 5, 5 / 60, "guesses of the token")
SIGN_INS = Limit("sign-in", 60, 1.0, "sign-ins")
UPLOADS = Limit("upload", 60, 1.0, "uploads")
IMAGES = Limit("image", 300, 5.0, "images")
ADDITIONS = Limit("add", 30, 0.5, "additions to the workspace")
JOBS = Limit("job", 240, 20.0, "jobs")
NOTES = Limit("note", 60, 1.0, "lines of the audit log")  # of one address, about refusals and sign-ins
REQUESTS = Limit("request", 4000, 400.0, "requests")  # of one person, in each worker

BY_ENDPOINT = {
    "intake.begin": UPLOADS,
    "tray.uploaded": IMAGES,
    "intake.add": ADDITIONS,
    "intake.doctor": JOBS,
}
MOST = 20_000  # counters in a worker's memory


class Limits:
    """The counters of one server.

    Parameters
    ----------
    folder : Path
        Of the diskcache, made where it is missing and anew where it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._shared = SafeCache(folder)
        self._own: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, limit: Limit, who: str) -> float:
        """Count one more of somebody; return 0, or the seconds to wait where there are too many."""
        key = f"{limit.name} {who}"
        return self._wait_here(limit, key) if limit is REQUESTS else self._wait_shared(limit, key)

    def forget(self, limit: Limit, who: str) -> None:
        """Empty somebody's bucket."""
        try:
            self._shared.delete(f"{limit.name} {who}")
        except (sqlite3.Error, diskcache.Timeout, OSError):
            log.warning("a counter of sign-ins could not be emptied")

    def _wait_here(self, limit: Limit, key: str) -> float:
        now = time.monotonic()
        with self._lock:
            self._own[key], wait = limit.after(self._own.pop(key, 0.0), now)
            if len(self._own) > MOST:
                self._own.popitem(last=False)
        return wait

    def _wait_shared(self, limit: Limit, key: str) -> float:
        now = time.monotonic()
        try:
            with self._shared.transact(retry=True):
                held: Any = self._shared.get(key)
                full_at, wait = limit.after(float(held or 0.0), now)
                if not wait:
                    self._shared.set(key, full_at, expire=2 * limit.burst / limit.rate)
            return wait
        except (sqlite3.Error, diskcache.Timeout, OSError):
            log.warning("the counters of requests can't be written")
            return 0.0


def seconds_in_words(wait: float) -> str:
    """Return when to try again: whole seconds, or minutes where there are many."""
    seconds = max(1, math.ceil(wait))
    if seconds > 90:
        return f"{math.ceil(seconds / 60)} minutes"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
