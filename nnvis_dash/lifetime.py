"""How long processes live: never longer than the one that they work for, however that one ends.

A process that is killed with -9 can't stop its children, so they must notice by themselves.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends: also one that hangs in C code."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def on_end_of_lifeline(descriptor: int, call: Callable[[], object], grace: float) -> None:
    """Call when the other end of a pipe is closed, as it is by the kernel when its owner is gone.

    Parameters
    ----------
    descriptor : int
        The end of the pipe that is read.
    call : callable
        Begins to end this process, from a thread.
    grace : float
        Seconds after which this process ends at once.
    """

    def watch() -> None:
        while os.read(descriptor, 4096):
            pass
        call()
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


class SharedFlag:
    """A yes or no that this process and all that were forked from it share."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Make it a yes, for all of them at once."""
        self._page[0] = 1

    def __bool__(self) -> bool:
        return self._page[0] == 1


STOPPING = SharedFlag()  # the web server was told to stop: it still answers, but a load balancer is to look elsewhere
