"""Nothing that was accepted is lost: jobs whose worker, engine or machine ended are begun again, whoever is there.

In every process that is connected to the engine a thread asks for the workspace's keeper's lock; the one that has it
looks after the jobs. The kernel lets go of the lock when that process ends, and another takes over.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nnvis_dash.engine.jobs import JobTable, Request, Row
from nnvis_dash.engine.launch import launch
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.uploads import Uploads

if TYPE_CHECKING:
    from distributed import Client

    from nnvis_dash.workspace.store import Workspace

logger = logging.getLogger(__name__)
PERIOD = 2.0  # seconds between two looks
GIVEN_UP = 60.0  # seconds of silence after which a job that only somebody waited for counts as ended
AGAIN = 8.0  # seconds before a job that still gives no sign of life is launched once more
EVERY = 5  # of how many looks one goes over all rows


class Keeper:
    """The thread of one client; it ends with the client's connection.

    Parameters
    ----------
    client : Client
    workspace : Workspace
    table : JobTable
    connected : callable
        Whether the client still is.
    """

    def __init__(self, client: Client, workspace: Workspace, table: JobTable, connected: Callable[[], bool]) -> None:
        self._client = client
        self._workspace = workspace
        self._table = table
        self._connected = connected
        self._limit = Settings.from_environment().job_seconds
        self._pause = threading.Event()
        self._uploads = Uploads(workspace.path / "cache" / "uploads", 0)
        self._launched: dict[str, float] = {}

    def start(self) -> None:
        """Begin to look after the jobs."""
        threading.Thread(target=self._run, name="keeper", daemon=True).start()

    def _run(self) -> None:
        while self._connected():
            with self._lock() as mine:
                looks = 0
                while mine and self._connected():
                    try:
                        if looks == 0:
                            self._workspace.sweep()
                        self.take_up()
                        if looks % EVERY == 0:
                            self.look_over()
                    except Exception as error:  # the disk is full, or the connection went: the next look may see better
                        logger.warning("the jobs can't be looked after now: %s", error)
                    looks += 1
                    self._pause.wait(PERIOD)
            self._pause.wait(PERIOD)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[bool]:
        """Give whether this is the workspace's keeper now."""
        descriptor = os.open(
            self._workspace.path / "cache" / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(descriptor)

    def take_up(self) -> None:
        """Launch what was accepted and runs nowhere; what still runs isn't started twice."""
        for one in self._table.accepted():
            request = one.request
            row = self._table.get(request.key)
            if row is None:
                row = self._table.claim(request, one.title, people=one.people, keep=True)
            elif row.finished:
                self._table.settle(row)
                continue
            elif not row.stale:
                continue
            self._launch(request, row)

    def look_over(self) -> None:
        """End rows that nobody works on or waits for any more, jobs that hang, and uploads that nobody goes on with."""
        self._uploads.sweep()
        accepted = {one.request.key for one in self._table.accepted()}
        for row in self._table.rows():
            if row.finished:
                continue
            if self._limit and row.stuck > self._limit and (busy := self._busy_with(row)):
                self._end_hanging(row, busy)
            elif row.stale and row.key not in accepted and row.request.read.batch:
                self._launch(row.request, row)
            elif row.stale and row.key not in accepted and row.silent > GIVEN_UP:
                reason = "The job stopped with the process that it ran in. Start it again: what was computed is kept."
                self._table.update(row.key, row.attempt, state="failed", reason=reason)

    def _launch(self, request: Request, row: Row) -> None:
        name = f"{row.key}-{row.attempt}"
        if time.monotonic() - self._launched.get(name, -AGAIN) > AGAIN:  # a queued one gives no sign of life
            self._launched[name] = time.monotonic()
            launch(self._client, self._workspace, request, row.attempt, keep=True)
            if row.state == "running":
                logger.info("%s %s: taken up again", row.kind, row.key[:8])

    def _busy_with(self, row: Row) -> list[str]:
        """Return the workers that are at a job; none are at one whose row was left by a server that is gone."""
        return [worker for worker, keys in self._client.processing().items() if any(row.key in str(k) for k in keys)]

    def _end_hanging(self, row: Row, busy: list[str]) -> None:
        """Fail a job that makes no progress and restart the workers that it is on; other jobs there go on by retry."""
        reason = (
            f"The job made no progress for {row.stuck / 60:.0f} minutes and was ended. "
            "Take fewer samples, or ask for more time (NNVIS_JOB_SECONDS)."
        )
        if not self._table.update(row.key, row.attempt, state="failed", reason=reason):
            return
        logger.error("%s %s: hangs; its worker is restarted", row.kind, row.key[:8])
        self._client.restart_workers(busy, timeout=30, raise_for_error=False)
