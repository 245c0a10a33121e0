"""Sessions that a person ended before their time, so that a copy of the cookie is worth nothing in any worker."""

from __future__ import annotations

import logging
import sqlite3

import diskcache

log = logging.getLogger(__name__)


class Ended:
    """The sessions that were ended; each is remembered for as long as it would have lasted.

    Parameters
    ----------
    held : diskcache.Cache
        That all workers share.
    """

    def __init__(self, held: diskcache.Cache) -> None:
        self._held = held

    def add(self, session: str, seconds: float) -> None:
        """End a session."""
        self._held.set(f"ended {session}", True, expire=seconds, retry=True)

    def has(self, session: str) -> bool:
        """Whether a session was ended; one that nothing can be said of is."""
        try:
            return f"ended {session}" in self._held
        except (sqlite3.Error, diskcache.Timeout, OSError):
            log.exception("the ended sessions can't be read")
            return True
