"""A job as its kind's function sees it, inside an engine worker, and the two tasks that run every job and question.

The broad `except` of each is one of the project's few: whatever ends a job badly becomes a reason in its row.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from distributed import get_client, get_worker, secede
from distributed.comm import CommClosedError

from nnvis_dash import errors
from nnvis_dash.engine.courtesy import serving
from nnvis_dash.engine.desk import Desk
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS, KindFunction
from nnvis_dash.engine.memory import free_bytes, is_shortage, shortage
from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.engine.report import job_ended
from nnvis_dash.errors import Cancelled, Damaged, EngineError, NNVisError
from nnvis_dash.workspace.disk import no_space
from nnvis_dash.workspace.sharing import named_in

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from distributed import Client, Worker

    from nnvis_dash.workspace.artifacts import Parts

logger = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two signs of life
LOOK = 0.1  # seconds between two looks at the table
STARTS = 6  # how often an attempt is begun in vain, when each time its worker or the whole engine is lost
AGAIN = 3  # how often a job is begun again over what it found damaged


class Job(Desk):
    """One run of one request.

    Parameters
    ----------
    path : str
        The workspace's folder.
    request : Request
    attempt : int
        The attempt of the row that this run belongs to.
    """

    def __init__(self, path: str, request: Request, attempt: int) -> None:
        super().__init__(path)
        self.request = request
        self.key = request.key
        self.attempt = attempt
        self._looked = 0.0
        self._cancelled = threading.Event()
        self._state: dict[str, Any] = {}
        self._left = False
        try:
            self._worker: Worker | None = get_worker()
        except ValueError:  # called directly
            self._worker = None

    @cached_property
    def client(self) -> Client:
        """The worker's own client, for a coordinator that launches chunks."""
        return get_client()

    def leave_thread(self) -> None:
        """Give the worker's thread back, before waiting for other tasks; may be called again."""
        if not self._left:
            self._left = True
            self.client  # noqa: B018  # it is found through the task, which a thread of our own isn't
            secede()

    @property
    def stopping(self) -> bool:
        """Whether the worker is being closed."""
        return self._worker is not None and self._worker.status.name not in ("init", "running", "paused")

    @property
    def parts(self) -> Parts:
        """What is kept of an unfinished run."""
        return self.workspace.artifacts.parts(self.key)

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Say how far the job is; at most ten times a second reach the table.

        Raises
        ------
        Cancelled
            Nobody wants it any more.
        """
        self._state = {"done": int(done), "total": int(total), "message": message}
        self.check()

    def check(self) -> None:
        """Raise Cancelled when nobody wants the job any more; cheap enough for every iteration."""
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self._write()
        if self._cancelled.is_set():
            raise _cancelled()
        if self.stopping:
            raise EngineError("The engine stops", "It goes on with the job when it is started again.")

    def wanted(self) -> None:
        """Raise Cancelled when nobody wants the job any more, without changing its row: for a chunk."""
        if not self.table.wanted(self.key, self.attempt):
            raise _cancelled()

    def make_room(self) -> None:
        """Let warm models go while less memory is free than a chunk may need."""
        from nnvis_dash.engine.worker import WARM

        WARM.make_room(self.memory_limit)

    @property
    def memory_limit(self) -> int:
        """Bytes that this worker's nanny allows it; 0 for no limit."""
        manager = getattr(self._worker, "memory_manager", None)
        return int(getattr(manager, "memory_limit", None) or 0)

    def save(self, arrays: Mapping[str, npt.NDArray[np.generic]], card: Mapping[str, Any]) -> None:
        """Save the job's artifact; its card also names the datasets and classifiers that it was made of."""
        named = named_in(self.request.parameters)
        self.workspace.artifacts.save(self.key, arrays, {**({"named": named} if named else {}), **card})

    def _write(self) -> None:
        try:
            wanted = self.table.update(self.key, self.attempt, **self._state)
        except sqlite3.Error as error:  # a full disk: the job ends by itself where that is in its way
            logger.warning("%s %s: its row can't be written: %s", self.request.kind, self.key[:8], error)
            return
        if not wanted:
            self._cancelled.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Show signs of life while the job runs."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                self._write()

        starts = self.table.begin(self.key, self.attempt)
        if not starts:
            raise _cancelled()
        if starts > STARTS:
            raise EngineError(
                f"The engine stopped {starts - 1} times while it ran this job",
                "It may need more memory than there is: try a smaller model or fewer samples.",
            )
        heart = threading.Thread(target=beat, name=f"heartbeat-{self.key[:8]}", daemon=True)
        heart.start()
        try:
            yield
        finally:
            over.set()
            heart.join()

    def end(self, state: str, reason: str = "") -> None:
        """Write the last word into the row, unless it was cancelled before."""
        done = self._state.get("total", 0) if state == "done" else self._state.get("done", 0)
        try:
            self.table.update(self.key, self.attempt, **{**self._state, "done": done}, state=state, reason=reason)
        except sqlite3.Error as error:  # the row goes stale, and what was accepted is taken up again
            logger.error("%s %s: its end can't be written: %s", self.request.kind, self.key[:8], error)


class EngineLost(EngineError):
    """What a job waited for is lost with its engine: the job is left to the next engine, which goes on with it."""


def run(path: str, kind: str, text: str, attempt: int) -> dict[str, str]:
    """Run one job in an engine worker and return how it ended; it never raises.

    Parameters
    ----------
    path : str
        The workspace's folder.
    kind, text : str
        The request, its parameters as JSON.
    attempt : int
        The attempt of the row that this run belongs to.

    Returns
    -------
    dict of str
        {"state": "done"}; {"state": "left"}, to the next engine; or also "error", "what" and "mend": see
        `outcome_error`.
    """
    began = time.perf_counter()
    job: Job | None = None
    try:
        request = Request.from_text(kind, text)
        entry = KINDS[kind]
        job = Job(path, request, attempt)
        if request.read.batch:
            job.leave_thread()
        if not (request.read.kept and job.workspace.artifacts.sound(job.key)):
            with job.running(), nullcontext() if request.read.batch else serving():
                _work(job, entry.function)
        job.end("done")
        job_ended(kind, "done", time.perf_counter() - began)
        logger.info("%s %s: %.3f s", kind, job.key[:8], time.perf_counter() - began)
        return {"state": "done"}
    except Exception as error:
        outcome = describe(shortage(error, free_bytes(job.memory_limit)) if job and is_shortage(error) else error)
        left = isinstance(error, EngineLost | CommClosedError) or (job and job.stopping)
        if job is not None and left and not isinstance(error, Cancelled):
            logger.info("%s %s: left to the next engine, for this one stops", kind, job.key[:8])
            job.table.abandon(job.key, attempt)
            return {"state": "left"}
        job_ended(kind, outcome["state"], time.perf_counter() - began)
        if job is not None:
            job.end(outcome["state"], reason=str(outcome_error(outcome)))
        level = logging.INFO if isinstance(error, NNVisError) else logging.ERROR
        name = kind if job is None else f"{kind} {job.key[:8]}"
        logger.log(level, "%s: %s", name, outcome["state"], exc_info=level == logging.ERROR)
        return outcome


def _work(job: Job, function: KindFunction) -> None:
    """Run a kind's function, again where it found a part or an artifact that was damaged: that one is gone then."""
    for again in range(AGAIN):
        try:
            return function(job, job.request.read)
        except Damaged as error:
            if again == AGAIN - 1:
                raise
            logger.warning("%s %s: begun again: %s", job.request.kind, job.key[:8], error)


def _cancelled() -> Cancelled:
    return Cancelled("The job was cancelled", "What was computed is kept: start it again to go on.")


def answer(path: str, name: str, text: str) -> dict[str, Any]:
    """Answer a question in an engine worker; it never raises.

    Parameters
    ----------
    path : str
        The workspace's folder.
    name, text : str
        The question, its parameters as JSON.

    Returns
    -------
    dict
        {"answer": what the question's function returns}, or how it failed: see `outcome_error`.
    """
    try:
        entry = QUESTIONS[name]
        with serving():
            return {"answer": entry.function(Desk(path), entry.read(json.loads(text)))}
    except Exception as error:
        error = shortage(error, free_bytes()) if is_shortage(error) else error
        if not isinstance(error, NNVisError):
            logger.exception("%s: no answer", name)
        return dict(describe(error))


def describe(error: Exception) -> dict[str, str]:
    """Put an error into words that can cross the wire without being pickled."""
    error = no_space(error) or error
    if isinstance(error, NNVisError):
        state = "cancelled" if isinstance(error, Cancelled) else "failed"
        return {"state": state, "error": type(error).__name__, "what": error.what, "mend": error.mend}
    what = f"The job stopped unexpectedly: {type(error).__name__}"
    return {"state": "failed", "error": "EngineError", "what": what, "mend": "The engine's log says more."}


def outcome_error(outcome: Mapping[str, str]) -> NNVisError:
    """Return the error that `describe` put into words."""
    kind = getattr(errors, outcome.get("error", ""), EngineError)
    if not (isinstance(kind, type) and issubclass(kind, NNVisError)):
        kind = EngineError
    return kind(outcome.get("what", "The job ended badly"), outcome.get("mend", ""))
