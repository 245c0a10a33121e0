"""The engine beside a server or command: a program that is watched, started again where it was, and never left over.

Its owner may be gunicorn's arbiter, which forks web workers at any time and reaps whatever child ends. Therefore:

- one pipe is the lifeline of every engine that is started here. Only its owner keeps the write end (`let_go` closes it
  in a forked worker), so the kernel closes it when the owner dies, and the engine stops.
- the watching thread holds no lock while it waits, takes no signals, and starts programs with `posix_spawn`, which
  leaves no descriptor that a worker forked in between could keep open.
- the engine is known by its pidfd: it tells of the end also when another has reaped it, and never means a stranger.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from nnvis_dash.engine.tls import protocol
from nnvis_dash.errors import EngineError
from nnvis_dash.settings import Settings

logger = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks whether to stop
FIRST_WAIT, LONGEST_WAIT = 0.1, 4.0  # seconds before an engine that ended is started again
STEADY = 20.0  # seconds after which an engine counts as well, and the wait is the first one again
STOPPING = 15.0  # seconds that an engine has to stop


class EngineBeside:
    """An engine that lives as long as its owner.

    Parameters
    ----------
    settings : Settings
        The engine gets them, whatever this process's environment says.
    preload : sequence of str
        Further modules that the engine's workers import at their start.
    quiet : bool
        Leave the line that each job writes into the log out.
    """

    def __init__(self, settings: Settings, preload: Sequence[str] = (), quiet: bool = False) -> None:
        self._options = [*(f"--preload={module}" for module in preload), *(["--quiet"] if quiet else [])]
        self._settings = dataclasses.replace(settings, workspace=str(settings.workspace_path), scheduler="")
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._engine = -1  # a pidfd
        self._pid = 0
        self._thread: threading.Thread | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])

    @property
    def address(self) -> str:
        """The scheduler's address, the same for every engine that is started here."""
        return f"{protocol(self._settings)}127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the engine and the thread that watches it; returns before the engine answers."""
        self._lifeline = os.pipe()
        self._spawn()
        self._thread = threading.Thread(target=self._watch, name="engine-beside", daemon=True)
        self._thread.start()

    def await_scheduler(self, seconds: float = 60.0) -> None:
        """Return when the scheduler answers.

        Raises
        ------
        EngineError
            It doesn't within so many seconds.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise EngineError("The engine did not start", "Its messages are above.")

    def stop(self) -> None:
        """Stop the engine, whose workers leave their jobs to the next one; returns when it is gone."""
        self._stopping.set()
        with self._lock:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._engine, signal.SIGTERM)
            if not _ended(self._engine, STOPPING):
                logger.warning("the engine did not stop within %d s and is killed", STOPPING)
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._engine, signal.SIGKILL)
                _ended(self._engine, STOPPING)
            self._reap()
        self.let_go()

    def let_go(self) -> None:
        """Close what a forked child must not hold."""
        for descriptor in self._lifeline:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _spawn(self) -> None:
        command = [
            sys.executable,
            "-m",
            "nnvis_dash",
            "engine",
            "--port",
            str(self._port),
            "--lifeline",
            *self._options,
        ]
        root = str(Path(__file__).resolve().parents[2])
        variables = {
            "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
            "PYTHONWARNINGS": "ignore:resource_tracker",  # what one that was killed left goes unsaid
        }
        self._pid = os.posix_spawn(
            sys.executable,
            command,
            {**os.environ, **variables, **self._settings.environment(secrets=False)},
            file_actions=[(os.POSIX_SPAWN_DUP2, self._lifeline[0], 0)],
            setsid=True,  # Ctrl+C is for the server, which then stops its engine
            setsigmask=[],
        )
        self._engine = os.pidfd_open(self._pid)
        self._began = time.monotonic()

    def _watch(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the main thread
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            if not _ended(self._engine, LOOK):
                continue
            if time.monotonic() - self._began > STEADY:
                wait = FIRST_WAIT
            if self._stopping.wait(wait):
                return
            wait = min(2 * wait, LONGEST_WAIT)
            with self._lock:
                if self._stopping.is_set():
                    return
                self._reap()
                logger.warning("the engine ended and is started again")
                self._spawn()

    def _reap(self) -> None:
        """Take the ended engine off the process table, where gunicorn hasn't."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, os.WNOHANG)
        os.close(self._engine)


def _ended(pidfd: int, seconds: float) -> bool:
    """Return whether a process ends within so many seconds."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(1000 * seconds))
