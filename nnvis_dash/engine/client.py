"""The engine as a web worker, a script or a command sees it: submit a request, watch its row, wait for its artifact.

The Dask client is made on first use, in the process that uses it (never before a fork), and made anew when the
scheduler was restarted. A finished request is answered from the workspace without the engine.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import CancelledError, Client, Future, KilledWorker, fire_and_forget

import nnvis_dash.engine.steady  # noqa: F401
from nnvis_dash.engine.jobs import JobTable, Request, Row
from nnvis_dash.engine.keeper import Keeper
from nnvis_dash.engine.launch import QUESTION, claim, launch, noting_request
from nnvis_dash.engine.report import EngineWorker
from nnvis_dash.engine.tls import security
from nnvis_dash.errors import Cancelled, EngineError
from nnvis_dash.person import current_person
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace

if TYPE_CHECKING:
    from nnvis_dash.workspace.artifacts import Artifact

logger = logging.getLogger(__name__)
logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it would say, `_connect` says in one line

CONNECT = 4.0  # seconds after which a scheduler counts as unreachable
RECONNECT = 20.0  # seconds that one who waits already gives a scheduler that was lost to come back
LOOK = 0.1  # seconds between two looks at a job's row
QUIET = 5.0  # seconds without news of a job after which whoever waits is told what may be
BUSY = "waiting for the engine, which is busy with other jobs"
AWAY = "waiting for the engine, which is being started again; the job goes on by itself"
LEFT = 0.5  # seconds before a job that its engine left is launched again
TRIES = 5  # how often a task that was lost with its scheduler is submitted again


class Engine:
    """The door to the engine, safe to use from several threads and to make before a fork.

    Parameters
    ----------
    workspace : Path
        The workspace's folder, at the same path for the engine's workers.
    address : str
        The Dask scheduler, "tcp://host:8786".
    """

    def __init__(self, workspace: Path, address: str) -> None:
        self.address = address
        self.workspace = Workspace(workspace)
        self.table = JobTable(self.workspace.path / "cache" / "jobs")
        self._client: Client | None = None
        self._pid = 0
        self._closed = False
        self._lock = threading.Lock()
        # Threads that wait for answers; the others go on serving pages and images though the engine is away.
        self._asking = threading.BoundedSemaphore(max(2, Settings.from_environment().web_threads * 3 // 4))
        self._failed = 0.0
        self.on_asked: Callable[[Request, bool], None] = lambda request, found: None  # the web server counts

    def submit(self, request: Request) -> str:
        """Start a request's job unless it runs or its artifact is there; return its key at once.

        The job goes on when this process ends.

        Raises
        ------
        EngineError
            The engine can't be reached.
        ParameterError, NotFound
            The request can't be read.
        """
        key = request.key
        found = self._has(request)
        self.on_asked(request, found)
        if not found:
            client = self._connect()
            row = claim(self.table, self.workspace, request, keep=True)
            launch(client, self.workspace, request, row.attempt, keep=True)
        return key

    @property
    def whole(self) -> Engine:
        """This engine, as nobody in particular uses it."""
        return self

    def row(self, key: str) -> Row | None:
        """Return how a job stands, None when it was never asked for."""
        return self.table.get(key)

    def rows(self) -> list[Row]:
        """Return all jobs: the running ones first, then the most recent."""
        return self.table.rows()

    def cancel(self, key: str) -> None:
        """Cancel a job for everyone who waits for it. What it computed is kept."""
        self.table.cancel(key)

    def result(
        self,
        request: Request,
        on_progress: Callable[[Row], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        timeout: float | None = None,
    ) -> Artifact:
        """Wait for a request's artifact.

        Parameters
        ----------
        request : Request
        on_progress : callable, optional
            Called with the row when it changed, at most ten times a second.
        cancelled : callable, optional
            Asked ten times a second; when it says True this call ends, and with the last one who waits the job.
        timeout : float, optional
            Seconds. The job goes on after them.

        Raises
        ------
        Cancelled
            The job was cancelled, here or elsewhere.
        EngineError
            The engine can't be reached, the job ended unexpectedly, or the time is over.
        NNVisError
            What the job itself raised.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        row: Row | None = None
        self.on_asked(request, self._has(request))
        for _ in range(TRIES):
            if self._has(request):
                return self.workspace.artifacts.load(request.key)
            client = self._connect_again(row, on_progress, cancelled) if row else self._connect()
            row = claim(self.table, self.workspace, request, row.attempt if row else 0)
            future = launch(client, self.workspace, request, row.attempt, keep=False)
            try:
                self._wait(client, future, row, on_progress, cancelled, deadline)
                if self._has(request):
                    return self.workspace.artifacts.load(request.key)
                self._raise(future, row)
            finally:
                future.release()
        raise EngineError("The engine lost the job several times", "See whether its workers keep running, then retry.")

    def ask(self, name: str, parameters: Mapping[str, Any], timeout: float = 30.0) -> dict[str, Any]:
        """Ask a question and wait for its answer: no row, no artifact, next in every worker's queue.

        Parameters
        ----------
        name : str
            One of `nnvis_dash.engine.questions`.
        parameters : mapping
            What JSON can hold.
        timeout : float
            Seconds.

        Raises
        ------
        EngineError
            The engine can't be reached, or doesn't answer in time.
        NNVisError
            What the question itself raised.
        """
        from nnvis_dash.engine.job import answer, outcome_error

        if not self._asking.acquire(timeout=CONNECT):
            raise EngineError("The engine has too many questions to answer", "Try again in a moment.")
        try:
            client = self._connect()
            with noting_request():
                future = client.submit(
                    answer,
                    str(self.workspace.path),
                    name,
                    json.dumps(dict(parameters)),
                    key=f"{name}-{uuid.uuid4().hex}",
                    priority=QUESTION,
                )
            try:
                _await_answer(client, future, timeout)
                outcome = future.result(timeout=CONNECT)
            except (TimeoutError, OSError, CancelledError, KilledWorker):
                raise EngineError("The engine doesn't answer", "It is busy, or it stopped: try again.") from None
            finally:
                future.release()
        finally:
            self._asking.release()
        if "answer" not in outcome:
            raise outcome_error(outcome)
        return dict(outcome["answer"])

    def workers(self, timeout: float = 2.0) -> list[EngineWorker]:
        """Return the engine's workers as the scheduler knows them now; none where it can't be reached."""
        try:
            client = self._connect()
            identity = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=timeout)
        except (EngineError, OSError, TimeoutError, CancelledError):
            return []
        return [EngineWorker.read(worker) for worker in identity["workers"].values()]

    def warm(self, model_fingerprint: str) -> None:
        """Ask every worker to load a model, so that the first click on it is answered at once."""
        self.submit(Request("warm", {"model": model_fingerprint}))

    def attend(self) -> None:
        """Connect, and look after the workspace's jobs though nobody asks for anything."""
        while not self._closed:
            with contextlib.suppress(EngineError):
                self._connect()
                return
            time.sleep(1.0)

    def close(self) -> None:
        """Let the connection go; jobs go on."""
        self._closed = True
        with self._lock:
            client, self._client = self._client, None
        if client is not None and self._pid == os.getpid():
            with contextlib.suppress(Exception):
                client.close()
        self.table.close()

    def _has(self, request: Request) -> bool:
        return bool(request.read.kept) and self.workspace.artifacts.sound(request.key)

    def _wait(
        self,
        client: Client,
        future: Future,
        row: Row,
        on_progress: Callable[[Row], None] | None,
        cancelled: Callable[[], bool] | None,
        deadline: float | None,
    ) -> None:
        """Return when the future is settled or the connection is lost; leave the job when this waiter gives up."""
        settled, person = threading.Event(), current_person().key
        future.add_done_callback(lambda _: settled.set())
        shown, told = row, time.monotonic()
        while not settled.wait(LOOK):
            now = self.table.get(row.key)
            if (
                now is not None
                and now.attempt == row.attempt
                and (now.state == "cancelled" or not now.asked_by(person))
            ):
                raise _cancelled()
            if now is not None and now != shown and on_progress is not None:
                on_progress(now)
                shown, told = now, time.monotonic()
            if time.monotonic() - told > QUIET:
                told = time.monotonic()
                if now is not None and now.state == "queued":
                    self.table.update(row.key, row.attempt)  # somebody still waits for it
                if on_progress is not None:
                    on_progress(replace(shown, message=BUSY if shown.state == "queued" else AWAY))
            if cancelled is not None and cancelled():
                self.table.leave(row.key, row.attempt, person)
                raise _cancelled()
            if deadline is not None and time.monotonic() > deadline:
                fire_and_forget(future)
                raise EngineError("The job isn't ready yet", "It goes on: ask again later.")
            if not _alive(client):
                return
        if on_progress is not None and (last := self.table.get(row.key)) is not None and last != shown:
            on_progress(last)

    def _raise(self, future: Future, row: Row) -> None:
        """Raise how a settled future without an artifact ended; return when its job is to be submitted again."""
        if future.status == "finished":
            from nnvis_dash.engine.job import outcome_error

            outcome = future.result(timeout=CONNECT)
            if outcome["state"] == "cancelled":
                now = self.table.get(row.key)
                if now is None or now.attempt != row.attempt or now.state != "cancelled":
                    return  # by nobody: the table was begun anew, and its job with it
            if outcome["state"] == "left":
                return time.sleep(LEFT)
            if outcome["state"] != "done":
                raise outcome_error(outcome)
        elif future.status == "error":
            name = type(future.exception(timeout=CONNECT)).__name__
            what = f"The job stopped unexpectedly: {name}"
            if name == "KilledWorker":
                what = "The engine's workers were killed several times while they ran this job"
            error = EngineError(what, "They may have run out of memory: try a smaller sample or model.")
            self.table.update(row.key, row.attempt, state="failed", reason=str(error))
            raise error
        else:
            now = self.table.get(row.key)
            if now is not None and now.attempt == row.attempt and now.state == "cancelled":
                raise _cancelled()

    def _connect_again(
        self, row: Row, on_progress: Callable[[Row], None] | None, cancelled: Callable[[], bool] | None
    ) -> Client:
        """Connect for one whose job was lost with the scheduler, which may take a while to be started again."""
        end = time.monotonic() + RECONNECT
        while True:
            try:
                return self._connect()
            except EngineError:
                if time.monotonic() > end or (cancelled is not None and cancelled()):
                    raise
                if on_progress is not None:
                    on_progress(replace(row, message=AWAY))
                time.sleep(0.5)

    def _connect(self) -> Client:
        """Return the client of this process, connected."""
        with self._lock:
            if self._client is not None and self._pid == os.getpid() and _alive(self._client):
                return self._client
            if time.monotonic() - self._failed < 1.0:
                raise self._unreachable()
            old, self._client = self._client, None
            if old is not None and self._pid == os.getpid():
                threading.Thread(target=_close, args=(old,), daemon=True).start()
            try:
                who = security(Settings.from_environment(), self.address)
                self._client = Client(self.address, timeout=CONNECT, set_as_default=False, name="nnvis", security=who)
            except (OSError, ValueError, TimeoutError) as error:
                self._failed = time.monotonic()
                logger.warning("no engine at %s: %s", self.address, type(error).__name__)
                raise self._unreachable() from None
            self._pid = os.getpid()
            client = self._client
            Keeper(client, self.workspace, self.table, lambda: self._client is client and _alive(client)).start()
            return client

    def _unreachable(self) -> EngineError:
        return EngineError(
            f"There is no engine at {self.address}",
            "Start it with `python -m nnvis_dash serve`, or set NNVIS_SCHEDULER to the scheduler that runs.",
        )


def _await_answer(client: Client, future: Future, timeout: float) -> None:
    """Return when a future is settled; raise TimeoutError when the time is over or the connection is lost."""
    settled = threading.Event()
    future.add_done_callback(lambda _: settled.set())
    end = time.monotonic() + timeout
    while not settled.wait(LOOK):
        if time.monotonic() > end or not _alive(client):
            raise TimeoutError


def _alive(client: Client) -> bool:
    """Return whether the client is connected; a scheduler that closed politely leaves a client that looks well."""
    if client.status != "running" or client.scheduler_comm is None:
        return False
    return not client.scheduler_comm.comm.closed()


def _close(client: Client) -> None:
    with contextlib.suppress(Exception):
        client.close(timeout=1)


def _cancelled() -> Cancelled:
    return Cancelled("The job was cancelled", "What was computed is kept: start it again to go on.")
