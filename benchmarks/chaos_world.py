"""What `benchmarks.chaos` plays with: a small workspace, a server started as a person would, and the load on it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request, Row
from nnvis_dash.errors import NNVisError
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.store import Workspace

SHAPE = (12, 12, 1)
CLASSES = ("top", "middle", "bottom", "none")
ANSWER = 10.0  # seconds within which the server is to answer again
LATE = 60.0  # seconds that a cancelling may take to be seen
TOLD = 15.0  # seconds within which a person is to be told
MODELS = """
import sys
from pathlib import Path
from nnvis_dash.analysis.intake import add_model
from nnvis_dash.workspace.store import Workspace
from tests import networks
workspace, folder = Workspace(sys.argv[1]), Path(sys.argv[2])
networks.residual().save(folder / "net.keras")
for name, preprocessing in (("unit", "unit"), ("raw", "raw"), ("spare", "symmetric")):
    add_model(workspace, folder / "net.keras", name=name, preprocessing=preprocessing, class_names=sys.argv[3:])
"""


def build(path: Path, scratch: Path) -> None:
    """Fill a workspace with 600 images and three classifiers."""
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 4
    images = rng.integers(0, 90, (600, *SHAPE))
    for label in range(3):
        images[labels == label, 4 * label : 4 * label + 4] += 120
    Workspace(path).add_dataset(images.astype(np.uint8), name="bands", labels=labels, class_names=list(CLASSES))
    subprocess.run([sys.executable, "-c", MODELS, str(path), str(scratch), *CLASSES], check=True, env=quiet())


def quiet() -> dict[str, str]:
    """Return the environment, with TensorFlow quiet."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}


def requests_of(workspace: Workspace) -> list[Request]:
    """Return the jobs of one round: indexes, attributions, attacks, simulations, projections, freezing."""
    data = workspace.dataset("bands").fingerprint
    unit, raw = workspace.model("unit").fingerprint, workspace.model("raw").fingerprint
    one: dict[str, Any] = {"dataset": data, "model": unit}
    found = [Request("index", {**one, "model": model}) for model in (unit, raw)]
    for sample in range(4):
        found += [
            Request("attribution", {**one, "samples": [sample], "method": method})
            for method in ("grad_cam", "gradient", "integrated_gradients")
        ]
        found.append(Request("attack", {**one, "samples": [sample, sample + 9], "method": "fgsm"}))
    for change, degrees in (("rotation", [-30, 0, 30]), ("brightness", [-60, 0, 60]), ("shear", [-20, 0, 20])):
        plain = {"name": change, "degrees": degrees}
        found.append(Request("simulation", {"dataset": data, "models": [unit, raw], "changes": [plain]}))
    for seed in range(3):
        found.append(Request("projection", {**one, "method": "pca", "n_samples": 200 + seed, "seed": seed}))
    for unit_number in range(3):
        found.append(Request("mutation_effect", {**one, "frozen": {"stem": [unit_number]}}))
    return found


def contents(artifacts: Artifacts, key: str) -> dict[str, np.ndarray]:
    """Return copies of an artifact's arrays, every byte checked."""
    artifact = artifacts.load(key)
    artifact.check()
    return {name: np.array(artifact.array(name)) for name in artifact.names}


def differs(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> str:
    """Return in what a result differs from the undisturbed one, "" where it doesn't.

    Floats depend on the sizes of the chunks they were computed in by a few units of the last place.
    """
    if set(found) != set(expected):
        return f"arrays {sorted(found)} in place of {sorted(expected)}"
    for name, array in expected.items():
        if found[name].shape != array.shape or found[name].dtype != array.dtype:
            return f"{name}: {found[name].shape} {found[name].dtype}"
        if array.dtype.kind in "fc":
            slack = 1e-4 * max(1.0, float(np.abs(array[np.isfinite(array)]).max(initial=0)))
            same = np.allclose(found[name], array, rtol=1e-3, atol=slack, equal_nan=True)
        else:
            same = bool((found[name] == array).mean() >= 0.999) if array.size else True
        if not same:
            return f"{name}: other values"
    return ""


class Server:
    """`python -m nnvis_dash serve` on a workspace, started again when it was killed."""

    def __init__(self, workspace: Path, scratch: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.workspace = workspace
        self.log = scratch / "server.log"
        self.clock = scratch / "clock"
        self.clock.write_bytes(struct.pack("d", 0.0))
        self._process: subprocess.Popen[bytes] | None = None
        self.turning = threading.Lock()  # held by who stops or starts it
        self.ends = 0  # how often it ended by itself
        self.seen: dict[int, psutil.Process] = {}  # every process that ever was of this server

    def start(self) -> None:
        """Start it; returns at once."""
        root = Path(__file__).resolve().parent
        environment = {
            **quiet(),
            "PYTHONPATH": os.pathsep.join([str(root / "chaos_clock"), str(root.parent)]),
            "CHAOS_CLOCK": str(self.clock),
            "NNVIS_ENGINE_WORKERS": "2",
        }
        command = [sys.executable, "-m", "nnvis_dash", "serve", "--workspace", str(self.workspace)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), "--workers", "2"], stdout=log, stderr=log, env=environment
            )

    def watch(self) -> None:
        """Start it again where it ended by itself, as systemd does."""
        with self.turning:
            if self._process is not None and self._process.poll() is not None:
                self.ends += 1
                self.start()

    def jump(self, seconds: float) -> None:
        """Set its time of day."""
        with self.clock.open("r+b") as file:
            file.write(struct.pack("d", seconds))

    def family(self) -> list[psutil.Process]:
        """Return its processes, itself first."""
        if self._process is None:
            return []
        try:
            root = psutil.Process(self._process.pid)
            found = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self.seen.update({process.pid: process for process in found})
        return found

    def some(self, what: str) -> list[psutil.Process]:
        """Return its "engine", the engine's "workers", or the "web" workers."""
        found = []
        family = self.family()
        for process in family[1:]:
            with contextlib.suppress(psutil.Error):
                line, parent = " ".join(process.cmdline()), process.ppid()
                kind = "workers" if "spawn_main" in line else "engine" if "nnvis_dash engine" in line else ""
                if not kind and "gunicorn" in line and parent == family[0].pid:
                    kind = "web"
                if kind == what:
                    found.append(process)
        return found

    def kill_all(self) -> None:
        """End everything at once, as a power cut does."""
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        for process in [*family, *self.family()]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._wait()

    def stop(self) -> float:
        """Stop it politely; return the seconds it took."""
        began = time.monotonic()
        self.family()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
        self._wait()
        return time.monotonic() - began

    def _wait(self) -> None:
        if self._process is not None:
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def engine_address(self) -> str:
        """Return where its engine is now, "" while it has none."""
        for process in self.some("engine"):
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                return f"tcp://127.0.0.1:{line[line.index('--port') + 1]}"
        return ""

    def ask(
        self, method: str, path: str, body: Any = None, timeout: float = 10.0, headers: Any = None
    ) -> tuple[int, Any]:
        """Send a request; return the status and what came, as JSON where it is. OSError where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            given = {"Content-Type": "application/json"} if not isinstance(body, bytes) else {}
            given["Origin"] = f"http://127.0.0.1:{self.port}"
            connection.request(method, path, data, {**given, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from None
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text) if text else None
        except ValueError:
            return answer.status, text


@dataclass
class Accepted:
    """A job that was accepted, until it has ended."""

    request: Request
    since: float
    number: int
    state: str = ""
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
        self.damaged: dict[str, float] = {}  # keys whose result was damaged on purpose
        self.cancelled: dict[str, float] = {}  # when the script cancelled a key
        self.answered = time.monotonic()  # when a question that was asked then was answered
        self._rng = rng
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._stopping = False
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
        table = Engine(self.server.workspace, "tcp://127.0.0.1:9").table
        while not self._stop.is_set():
            for job in list(self.open.values()):
                with contextlib.suppress(Exception):
                    self._look(job, table.get(job.request.key))
            self._stop.wait(0.1)

    def _look(self, job: Accepted, row: Row | None) -> None:
        key = job.request.key
        if row is not None and row.state in ("failed", "cancelled"):
            job.state, job.reason = row.state, row.reason
            if row.state == "failed":
                counted(self.tally.failed, f"{job.request.kind}: {row.reason}")
            elif time.monotonic() - self.cancelled.get(key, -LATE) < LATE:
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
                self.tally.silent = max(self.tally.silent, polled - heard)
                return
            if isinstance(said, dict) and said.get("progress"):
                self.tally.silent = max(self.tally.silent, polled - heard)
                heard = polled
            time.sleep(0.06)


def reference_results(server: Server, path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Compute every job once, undisturbed; forget them and return what they gave."""
    workspace = Workspace(path)
    engine = Engine(path, server.engine_address())
    found = {}
    for request in requests_of(workspace):
        engine.result(request, timeout=300)
        found[request.key] = contents(workspace.artifacts, request.key)
    engine.close()
    for folder in list(workspace.artifacts.root.iterdir()):
        workspace.artifacts.remove(folder.name.split(".")[0])
    return found


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Give a folder a disk of its own, where that is allowed, and whether it was."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "nnvis-chaos", str(folder)]
    own = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield own
    finally:
        if own:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True)
