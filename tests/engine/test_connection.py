"""The client: cheap and free of TensorFlow, made after a fork, and there again after the scheduler was restarted."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.engine.forking import environment
from nnvis_dash.engine.jobs import Request
from nnvis_dash.settings import Settings
from tests.engine.conftest import await_true, is_engine_worker, runs


def python(code: str, *arguments: str) -> str:
    """Run code in a process of its own and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_client_is_cheap_to_import_and_knows_no_tensorflow() -> None:
    code = """
import sys
import nnvis_dash.engine.client
from nnvis_dash.engine.jobs import Request
Request("projection", {"dataset": "d"}).key
print(*{"tensorflow", "keras", "sklearn", "numba", "scipy", "h5py", "cv2", "foolbox", "skimage"} & set(sys.modules))
"""
    assert python(code).split() == []


def test_an_engine_made_before_a_fork_works_on_both_sides(engine: Engine) -> None:
    code = """
import os, sys
from pathlib import Path
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from tests.engine import sample_kinds
engine = Engine(Path(sys.argv[1]), sys.argv[2])
child = os.fork()
name = "child" if child == 0 else "parent"
engine.result(Request("test-quick", {"name": f"fork-{name}"}), timeout=30)
engine.close()
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    python(code, str(engine.workspace.path), engine.address)
    assert runs(engine, "quick-fork-child") == runs(engine, "quick-fork-parent") == 1


def test_many_threads_share_one_connection(engine: Engine) -> None:
    alone = Engine(engine.workspace.path, engine.address)
    requests = [Request("test-quick", {"name": f"threads-{number}"}) for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        artifacts = list(pool.map(alone.result, requests))
    assert [artifact.key for artifact in artifacts] == [request.key for request in requests]
    clients = {thread.name for thread in threading.enumerate() if "nnvis" in thread.name.lower()}
    assert len(clients) <= 2  # that of this engine and that of the other tests
    alone.close()


class Server:
    """A scheduler and a worker as an administrator starts them, at a fixed address."""

    def __init__(self, workspace: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.workspace = workspace
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        dask = [sys.executable, "-m", "dask"]
        quiet = {**os.environ, "DASK_LOGGING__DISTRIBUTED": "critical", "DASK_TEMPORARY_DIRECTORY": str(self.workspace)}
        scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        worker = [*dask, "worker", self.address, "--host", "127.0.0.1", "--no-nanny", "--nthreads", "2"]
        worker += ["--resources", "batch=1", "--preload", "nnvis_dash.engine.worker"]
        worker += ["--preload", "tests.engine.sample_kinds"]
        for command in (scheduler, worker):
            self.processes.append(subprocess.Popen(command, env=quiet, stderr=subprocess.DEVNULL))

    def kill(self) -> None:
        # the worker first: one that sees its scheduler go has time to hand its jobs back
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        self.processes.clear()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "workspace")
    server.workspace.mkdir()
    server.start()
    yield server
    server.kill()


def test_everything_that_was_accepted_survives_a_killed_server(server: Server) -> None:
    """The scheduler and its worker are killed in the middle: one who waits gets the answer from the next server, and
    what nobody waits for is taken up again, too."""
    waited, left = (Request("test-slow", {"name": name, "n": 2500}) for name in ("waited", "left"))
    engine = Engine(server.workspace, server.address)
    engine.attend()
    engine.submit(left)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(engine.result, waited, timeout=90)
        for request in (waited, left):
            parts = engine.workspace.artifacts.parts(request.key)
            await_true(lambda parts=parts: len(parts.names()) >= 2, 40)
        server.kill()
        server.start()
        assert answer.result(timeout=60).array("squares")[-1] == 2499**2
    # the row of the other looks alive for STALE seconds; then the keeper takes it up, and nobody asks for it
    await_true(lambda: engine.workspace.artifacts.has(left.key), 60)
    await_true(lambda: engine.table.accepted() == [])
    row = engine.row(left.key)
    assert row is not None
    assert (row.attempt, row.starts) == (1, 2)
    engine.close()


def test_a_server_that_is_stopped_leaves_its_jobs_to_the_next(tmp_path: Path) -> None:
    settings = dataclasses.replace(Settings(), workspace=str(tmp_path / "workspace"))
    request = Request("test-slow", {"name": "stopped", "n": 3000})
    with local_cluster(settings, preload=["tests.engine.sample_kinds"], quiet=True) as address:
        first = Engine(settings.workspace_path, address)
        parts = first.workspace.artifacts.parts(first.submit(request))
        await_true(lambda: len(parts.names()) >= 2)
    kept = parts.names()
    row = first.row(request.key)
    assert row is not None
    assert row.state == "running", row
    # at once when the worker could say so, after STALE seconds when it was killed before it could
    await_true(lambda: (row := first.row(request.key)) is not None and row.stale)
    with local_cluster(settings, preload=["tests.engine.sample_kinds"], quiet=True) as address:
        second = Engine(settings.workspace_path, address)
        second.result(Request("test-quick", {"name": "connects"}))
        await_true(lambda: second.workspace.artifacts.has(request.key), 30)
        assert kept <= parts.names()
        assert second.row(request.key).attempt == 1  # type: ignore[union-attr]
        second.close()
    first.close()


def test_a_job_that_stops_the_engine_again_and_again_is_given_up(engine: Engine) -> None:
    request = Request("test-slow", {"name": "deadly"})
    row = engine.table.claim(request, "Slow")
    for _ in range(6):
        engine.table.begin(request.key, row.attempt)
    with pytest.raises(Exception, match="The engine stopped 6 times while it ran this job"):
        engine.result(request)
    engine.result(request)  # a person may try again


def test_the_cluster_listens_on_this_machine_only_and_says_nothing_over_http(engine: Engine) -> None:
    listening = [
        connection.laddr
        for process in psutil.Process().children(recursive=True)
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {address.ip for address in listening} == {"127.0.0.1"}
    for address in listening:
        with socket.create_connection((address.ip, address.port), timeout=2) as plain:
            plain.sendall(b"GET /info/main/workers.html HTTP/1.0\r\n\r\n")
            plain.settimeout(1)
            try:
                said = plain.recv(200)
            except TimeoutError:
                said = b""
            assert b"200 OK" not in said


def test_a_set_scheduler_is_used_as_it_is() -> None:
    with local_cluster(dataclasses.replace(Settings(), scheduler="tcp://elsewhere:8786")) as address:
        assert address == "tcp://elsewhere:8786"


def test_the_cores_are_shared_by_the_workers() -> None:
    cores = os.cpu_count() or 1
    alone, of_four = environment(Settings()), environment(dataclasses.replace(Settings(), engine_workers=4))
    assert int(alone["TF_NUM_INTRAOP_THREADS"]) == cores
    assert int(of_four["TF_NUM_INTRAOP_THREADS"]) == max(1, cores // 4)
    assert alone["NNVIS_MODEL_MEMORY_MB"] == "4096"


def test_what_workers_are_forked_from_has_one_thread_and_no_runtime() -> None:
    code = """
import os, threading
import nnvis_dash.engine.preloaded as preloaded
from tensorflow.python.eager import context
print(len(os.listdir("/proc/self/task")), context.context_safe() is not None and context.context()._initialized)
if os.fork() == 0:
    preloaded.start_runtime()
    os._exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    variables = {**os.environ, **environment(dataclasses.replace(Settings(), engine_workers=1000))}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables
    ).stdout
    assert said.split() == ["1", "False", "7"]


def test_workers_end_with_their_server(tmp_path: Path) -> None:
    """Also when it is killed and can't say goodbye."""
    code = """
import dataclasses, signal, sys, time
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.settings import Settings
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
with local_cluster(dataclasses.replace(Settings(), workspace=sys.argv[1]), quiet=True) as address:
    print(address, flush=True)
    time.sleep(300)
"""
    script = tmp_path / "server.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    servers = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        for name in ("killed", "interrupted")
    ]
    for server in servers:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"tcp://")
    for server, (end, group) in zip(servers, ((signal.SIGKILL, False), (signal.SIGINT, True)), strict=True):
        starter = psutil.Process(server.pid)
        await_true(lambda starter=starter: any(map(is_engine_worker, _below(starter))))
        time.sleep(1.5)
        family = _below(starter)
        os.killpg(server.pid, end) if group else os.kill(server.pid, end)
        _, said = server.communicate(timeout=90)
        await_true(lambda family=family: not any(_runs(child) for child in family))
        assert b"distributed" not in said.replace(b"distributed/", b"")


def _below(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if _runs(child)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
