"""Dash's background callbacks on diskcache, for work that only waits for the engine: a thread each, not a process each.

Dash's own manager forks a process for every request, shares one result between two people who ask the same (one of them
may get nothing), and signals bare process ids. Here each request has a key of its own, its thread waits for the
engine's job (which is keyed by content, so equal requests still run once), and a job that dies is reported.

Invariant: values are plain JSON (the cache is a `JSONDisk`, never a pickle).
"""

from __future__ import annotations

import contextlib
import contextvars
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from dash import DiskcacheManager

from nnvis_dash.engine.jobs import Request, Row
from nnvis_dash.errors import Cancelled
from nnvis_dash.person import acting_as, current_person
from nnvis_dash.services import Services
from nnvis_dash.workspace.alive import Watch, sign
from nnvis_dash.workspace.artifacts import Artifact

BEAT = 1.0  # seconds between signs of life
LOST = 10.0  # seconds without one after which a job is lost, and whoever waits for it is told
UNKNOWN = 5.0  # seconds after which one is lost of which the cache knows nothing: it may have been begun anew
KEPT = 8 * 86400  # seconds that what isn't fetched is kept: a clock that jumps by a day drops nothing
LOOK = 0.01  # seconds between two looks at a job that runs in another worker
HOLD = 0.3  # seconds for which a poll is held open for an answer that is about to come

_job: contextvars.ContextVar[str] = contextvars.ContextVar("job", default="")


class WaitingJobs(DiskcacheManager):  # type: ignore[misc]
    """Runs each background callback in a thread of the web worker that was asked."""

    def __init__(self, cache: Any) -> None:
        super().__init__(cache)
        self._watch = Watch()
        self._done: dict[str, threading.Event] = {}

    def build_cache_key(self, fn: Any, args: Any, cache_args_to_ignore: Any, triggered: Any) -> str:
        """Return a key of this request's own; what is equal between requests is shared in the engine."""
        return uuid.uuid4().hex

    def call_job_fn(self, key: str, job_fn: Callable[..., None], args: Any, context: Any) -> str:
        """Start the thread that waits; the job's name is its key."""
        with contextlib.suppress(sqlite3.Error):  # on a full disk the next beat may stand
            self.handle.set(f"beat-{key}", sign(), expire=KEPT)
        done = self._done[key] = threading.Event()
        person = current_person()

        def run() -> None:
            _job.set(key)
            try:
                with acting_as(person):
                    job_fn(key, self._make_progress_key(key), args, context)
            finally:
                try:
                    self.handle.set(f"over-{key}", True, expire=KEPT)
                finally:  # of a full disk the page hears as of a worker that was killed
                    done.set()

        def beat() -> None:
            while not done.wait(BEAT):
                with contextlib.suppress(sqlite3.Error):
                    self.handle.set(f"beat-{key}", sign(), expire=KEPT)
            time.sleep(HOLD)
            self._done.pop(key, None)

        within = contextvars.copy_context()  # on behalf of whoever asked
        threading.Thread(target=within.run, args=(run,), name=f"waits-{key[:8]}", daemon=True).start()
        threading.Thread(target=beat, name=f"beats-{key[:8]}", daemon=True).start()
        return key

    def job_running(self, job: str) -> bool:
        """Whether the job's thread still gives signs of life, in whichever worker it is, or its answer waits.

        Dash asks this after it found no answer yet, and gives the answer up where it hears no: one that came between
        the two questions would never be fetched.
        """
        if self.handle.get(f"over-{job}"):  # set behind the answer
            return job in self.handle
        done = self._done.get(job)
        if done is not None and not done.is_set():
            return True
        beat = self.handle.get(f"beat-{job}")
        return self._watch.silence(job, beat or "none") < (LOST if beat else UNKNOWN)

    def terminate_job(self, job: str | None) -> None:
        """Ask the job's thread to stop waiting."""
        if job is not None:
            self.handle.set(f"stop-{job}", True, expire=KEPT)

    def terminate_unhealthy_job(self, job: str) -> bool:
        """Nothing to do: a thread that is gone holds nothing."""
        return False

    def _hold(self, key: str) -> None:
        """Wait until the job is over, wherever it runs, for at most `HOLD` seconds."""
        done = self._done.get(key)
        if done is not None:
            done.wait(HOLD)
            return
        end = time.monotonic() + HOLD
        while not self.handle.get(f"over-{key}") and time.monotonic() < end and self.job_running(key):
            time.sleep(LOOK)

    def get_result(self, key: str, job: str | None) -> Any:
        """Return the result, held back for at most `HOLD` seconds if it is about to come; a lost job is an error."""
        self._hold(key)
        result = super().get_result(key, None)
        lost = result is self.UNDEFINED and job is not None and not self.job_running(job)
        if lost and not self.handle.get(f"stop-{job}"):
            message = "The work stopped unexpectedly. Start it again."
            return {"background_callback_error": {"msg": message, "tb": ""}}
        return result


def stopped(manager: WaitingJobs) -> Callable[[], bool]:
    """Return a question for the running background callback: has its page stopped waiting for it?"""
    key = _job.get()
    return lambda: bool(key and manager.handle.get(f"stop-{key}"))


class PageLeft(Exception):
    """The page asked for something else before this was done."""


def wait_for(
    services: Services, manager: WaitingJobs, request: Request, report: Callable[[Any], None], /, **more: Any
) -> Artifact:
    """Return a request's artifact inside a background callback.

    `report` gets ``{"key", "done", "total", "message", **more}`` while it waits; with what the page asked for as
    `request` in `more`, the page tells it from what is reported late for an older one.

    Raises
    ------
    PageLeft
        The page no longer wants it.
    NNVisError
        The job failed, was cancelled by a person, or the engine can't be reached.
    """
    left = stopped(manager)

    def progress(row: Row) -> None:
        report({"key": request.key, "done": row.done, "total": row.total, "message": row.message, **more})

    try:
        return services.engine.result(request, on_progress=progress, cancelled=left)
    except Cancelled:
        if left():
            raise PageLeft from None
        raise
