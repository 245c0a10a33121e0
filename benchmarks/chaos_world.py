"""What `benchmarks.chaos` plays with: a small workspace, its undisturbed results, a server as a person starts it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.store import Workspace

SHAPE = (12, 12, 1)
CLASSES = ("top", "middle", "bottom", "none")
ANSWER = 10.0  # seconds within which the server is to answer again
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
        """Return its "engine", the engine's "workers", the "forkserver" that starts them, or the "web" workers."""
        found = []
        family = self.family()
        for process in family[1:]:
            with contextlib.suppress(psutil.Error):
                line, parent = " ".join(process.cmdline()), process.parent()
                above = " ".join(parent.cmdline()) if parent else ""
                kind = "engine" if "nnvis_dash engine" in line else ""
                if "forkserver" in line:
                    kind = "workers" if "forkserver" in above else "forkserver"
                if not kind and "gunicorn" in line and parent == family[0]:
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
