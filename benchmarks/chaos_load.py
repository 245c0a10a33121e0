"""The load that `benchmarks.chaos` puts on a server: jobs, questions and waiting pages, and what became of each."""

from __future__ import annotations

import contextlib
import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.chaos_world import Server, contents, differs, requests_of
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import JobTable, Request, Row
from nnvis_dash.errors import NNVisError
from nnvis_dash.workspace.store import Workspace


@dataclass
class Accepted:
    """A job that was accepted, until it has ended."""

    request: Request
    since: float
    number: int
    state: str = ""
    cancelled: bool = False  # by the script
    reason: str = ""


@dataclass
class Tally:
    """What happened to the jobs, the questions and the pages."""

    accepted: int = 0
    done: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)  # more than killing explains
    slowest_job: float = 0.0
    questions: int = 0
    unanswered: int = 0
    gaps: list[float] = field(default_factory=list)
    server_errors: dict[str, int] = field(default_factory=dict)
    pages: int = 0
    pages_answered: int = 0
    pages_told: int = 0
    silent: float = 0.0  # the longest that a page was without an answer, progress or word while its server answered
    silent_during: list[str] = field(default_factory=list)  # the faults meanwhile and shortly before


def counted(counts: dict[str, int], what: str) -> None:
    """Add one; numbers in sentences are all alike."""
    what = re.sub(r"[0-9]+([.,][0-9]+)*", "n", what)[:160]
    counts[what] = counts.get(what, 0) + 1


class Load:
    """Threads that submit jobs, wait for them, ask questions and keep pages waiting, until told to stop."""

    def __init__(self, server: Server, references: Mapping[str, Mapping[str, np.ndarray]], rng: random.Random) -> None:
        self.server = server
        self.references = references
        self.tally = Tally()
        self.workspace = Workspace(server.workspace)
        self.open: dict[str, Accepted] = {}
        self.kills: list[float] = []  # when a process was killed, or a table or result damaged
        self.faults: list[tuple[float, str]] = []  # when which was injected
        self.damaged: dict[str, float] = {}  # keys whose result was damaged on purpose
        self.answered = time.monotonic()  # when a question that was asked then was answered
        self._rng = rng
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._stopping = False
        self._table = JobTable(server.workspace / "cache" / "jobs")
        self._engines: dict[str, Engine] = {}
        self._requests = requests_of(self.workspace)
        self._threads = [
            threading.Thread(target=target, name=target.__name__, daemon=True)
            for target in (self._submit, self._watch, self._question, self._page, self._page)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float) -> None:
        """Submit nothing any more; wait until all that was accepted has ended, then stop."""
        self._stopping = True
        end = time.monotonic() + patience
        while self.open and time.monotonic() < end:
            time.sleep(0.5)
        for job in self.open.values():
            row = self.engine().row(job.request.key)
            self.tally.lost.append(f"{job.request.kind} {job.request.key[:8]}: {row.state if row else 'no row'}")
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        for engine in self._engines.values():
            engine.close()

    def engine(self) -> Engine:
        """Return a client of the engine that runs now."""
        address = self.server.engine_address() or "tcp://127.0.0.1:9"
        with self._lock:
            if address not in self._engines:
                self._engines[address] = Engine(self.server.workspace, address)
            return self._engines[address]

    def accept(self, request: Request) -> bool:
        """Submit a job; return whether it was accepted."""
        try:
            self.engine().submit(request)
        except (NNVisError, OSError) as error:
            counted(self.tally.refused, str(error))
            return False
        with self._lock:
            if request.key not in self.open:
                self.tally.accepted += 1
                self.open[request.key] = Accepted(request, time.monotonic(), self.tally.accepted)
        return True

    def cancel(self, job: Accepted) -> None:
        """Cancel a job that has not ended, and no later one of the same key."""
        with self._lock:
            if self.open.get(job.request.key) is job:
                job.cancelled = True
                self._table.cancel(job.request.key)

    def pick(self) -> Request:
        """Return any job of the round."""
        return self._rng.choice(self._requests)

    def _submit(self) -> None:
        """Begin jobs; where all are finished, forget the results and go round again."""
        while not self._stop.is_set() and not self._stopping:
            if len(self.open) < 6:
                request = self.pick()
                if request.key not in self.open:
                    if self.workspace.artifacts.has(request.key):
                        self.workspace.artifacts.remove(request.key)
                        if request.kind == "simulation":
                            self._forget_sweeps(request)
                    self.accept(request)
            self._stop.wait(0.15)

    def _forget_sweeps(self, request: Request) -> None:
        from nnvis_dash.engine.kinds.simulation import read_changes, wanted_sweeps

        for change in read_changes(request.read.changes):
            for wanted in wanted_sweeps(request.read, change):
                self.workspace.artifacts.remove(wanted.key)

    def _watch(self) -> None:
        """See how each accepted job ends, and hold its result against the undisturbed one."""
        while not self._stop.is_set():
            for job in list(self.open.values()):
                with contextlib.suppress(Exception):
                    self._look(job, self._table.get(job.request.key))
            self._stop.wait(0.1)

    def _look(self, job: Accepted, row: Row | None) -> None:
        key = job.request.key
        if row is not None and row.state in ("failed", "cancelled"):
            job.state, job.reason = row.state, row.reason
            if row.state == "failed":
                counted(self.tally.failed, f"{job.request.kind}: {row.reason}")
            elif job.cancelled:
                self.tally.cancelled += 1
            else:
                self.tally.wrong.append(f"{job.request.kind} {key[:8]}: cancelled by nobody")
        elif self.workspace.artifacts.has(key) and (row is None or row.finished):
            try:
                wrong = differs(contents(self.workspace.artifacts, key), self.references[key])
            except NNVisError as error:  # damaged meanwhile: it is computed again for whoever asks
                if key not in self.damaged:
                    self.tally.wrong.append(f"{job.request.kind} {key[:8]}: {error}")
                with self._lock:
                    self.open.pop(key, None)
                self.accept(job.request)
                return
            if wrong:
                self.tally.wrong.append(f"{job.request.kind} {key[:8]}: {wrong}")
            job.state = "done"
            self.tally.done += 1
        elif row is not None and row.state == "done" and not self.workspace.artifacts.has(key):
            job.state = "done"  # and damaged, or forgotten, since
            self.tally.done += 1
            if key not in self.damaged:
                self.tally.wrong.append(f"{job.request.kind} {key[:8]}: done without a result")
        else:
            return
        now = time.monotonic()
        self.tally.slowest_job = max(self.tally.slowest_job, now - job.since)
        explained = 1 + sum(job.since - 15 <= when <= now for when in self.kills)
        if row is not None and row.starts > explained:
            self.tally.starts.append(f"{job.request.kind} {key[:8]}: {row.starts} starts, {explained - 1} faults")
        self.damaged.pop(key, None)
        with self._lock:
            self.open.pop(key, None)

    def _question(self) -> None:
        """Ask what a slider asks, all the time."""
        data = self.workspace.dataset("bands").fingerprint
        models = [self.workspace.model(name).fingerprint for name in ("unit", "raw")]
        before = time.monotonic()
        while not self._stop.is_set():
            began = time.monotonic()
            wanted = {"dataset": data, "sample": self._rng.randrange(600), "edits": [], "classifiers": models}
            self.tally.questions += 1
            try:
                status, said = self.server.ask("POST", "/whatif", wanted, timeout=3.0)
                answered = status == 200 and isinstance(said, dict) and "answers" in said
                if status >= 500:
                    counted(self.tally.server_errors, f"{status} /whatif {str(said)[:80]}")
            except OSError:
                answered = False
            if answered:
                self.answered = began
                now = time.monotonic()
                self.tally.gaps.append(now - before)
                before = now
            else:
                self.tally.unanswered += 1
            self._stop.wait(0.1)

    def _page(self) -> None:
        """Be a page that waits for a job by Dash's background callbacks."""
        data, model = self.workspace.dataset("bands").fingerprint, self.workspace.model("unit").fingerprint
        while not self._stop.is_set():
            value = {"dataset": data, "model": model, "frozen": {"stem": str(self._rng.randrange(3))}}
            body = {
                "output": "network-effect-found.data",
                "outputs": {"id": "network-effect-found", "property": "data"},
                "inputs": [{"id": "network-effect-run", "property": "data", "value": value}],
                "changedPropIds": ["network-effect-run.data"],
            }
            with contextlib.suppress(OSError):
                status, handle = self.server.ask("POST", "/_dash-update-component", body)
                if status == 200 and isinstance(handle, dict) and "job" in handle:
                    self.tally.pages += 1
                    self._poll(body, handle)
                elif status >= 500:
                    counted(self.tally.server_errors, f"{status} a background callback")
            self._stop.wait(0.5)

    def _poll(self, body: Any, handle: Mapping[str, str]) -> None:
        """Poll until there is an answer or a word; note the longest silence while the server answered polls."""
        heard, polled = time.monotonic(), time.monotonic()
        while not self._stop.is_set():
            path = f"/_dash-update-component?cacheKey={handle['cacheKey']}&job={handle['job']}"
            try:
                status, said = self.server.ask("POST", path, body)
            except OSError:  # a page tries again; the time without a server isn't silence of the job
                time.sleep(0.3)
                heard += time.monotonic() - polled
                polled = time.monotonic()
                continue
            polled = time.monotonic()
            if status >= 400 or (isinstance(said, dict) and ("error" in said or "response" in said)):
                answered = isinstance(said, dict) and "response" in said
                self.tally.pages_answered += answered
                self.tally.pages_told += not answered
                self._hear(heard, polled)
                return
            if isinstance(said, dict) and said.get("progress"):
                self._hear(heard, polled)
                heard = polled
            time.sleep(0.06)

    def _hear(self, since: float, now: float) -> None:
        """Note a page's silence where it is the longest, and what was done to the server."""
        with self._lock:
            if now - since > self.tally.silent:
                self.tally.silent = now - since
                self.tally.silent_during = [
                    f"{what}, {when - since:+.0f} s" for when, what in self.faults if since - 5 <= when <= now
                ]
