"""Dask's messages and tornado's loops by a clock that nobody sets.

Both go by the time of day (distributed 2026.8 `batched`, tornado 6.6 `IOLoop.time`): when a clock is set back, what is
to be sent "in 2 ms" waits until the old time has come again, so a worker's results reach nobody. Here their clock
begins at the time of day and then runs as the machine does, so it can take over at any moment. Importing this module is
enough: the scheduler preloads it, the engine's clients and workers import it.
"""

from __future__ import annotations

import time

import distributed.batched
from tornado.ioloop import IOLoop

_BEGUN = time.time() - time.monotonic()


def steady_time() -> float:
    """Return seconds since 1970 as they were known when this process began, running evenly since."""
    return _BEGUN + time.monotonic()


distributed.batched.time = steady_time
IOLoop.time = lambda self: steady_time()  # type: ignore[method-assign]
