"""The faults that `benchmarks.chaos` injects, by their numbers in docs/reliability.md.

A fault takes the load and a random generator, does its harm, and returns once it is done; it does not wait until the
server has mended it. What it gave to check is checked here: an answer that is not as promised is a finding.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.chaos_load import Load
from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import NNVisError

Inject = Callable[[Load, random.Random], str]  # returns what was not as promised, "" where all was


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    number: str
    title: str
    inject: Inject
    weight: int
    waits: bool = True  # whether the next fault waits until a question is answered again


FAULTS: list[Fault] = []
HOLDER = """
import sys, time
from pathlib import Path
from nnvis_dash.workspace.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def fault(number: str, title: str, weight: int, waits: bool = True) -> Callable[[Inject], Inject]:
    """Register a fault."""

    def register(inject: Inject) -> Inject:
        FAULTS.append(Fault(number, title, inject, weight, waits))
        return inject

    return register


def _kill(load: Load, victims: list[psutil.Process], number: int = signal.SIGKILL) -> None:
    load.kills.append(time.monotonic())
    for victim in victims:
        with contextlib.suppress(psutil.Error):
            victim.send_signal(number)  # psutil looks whether it is still the same process


@fault("1, 5", "kill -9 of an engine worker", 8)
def kill_engine_worker(load: Load, rng: random.Random) -> str:
    workers = load.server.some("workers")
    _kill(load, rng.sample(workers, min(1, len(workers))))
    return ""


@fault("1, 5", "kill -9 of all engine workers, coordinators among them", 4)
def kill_coordinators(load: Load, rng: random.Random) -> str:
    _kill(load, load.server.some("workers"))
    return ""


@fault("1, 5", "kill -9 of the process that engine workers are forked from", 3)
def kill_forkserver(load: Load, rng: random.Random) -> str:
    _kill(load, load.server.some("forkserver"))
    return ""


@fault("2", "kill -9 of a web worker", 10)
def kill_web_worker(load: Load, rng: random.Random) -> str:
    workers = load.server.some("web")
    _kill(load, rng.sample(workers, min(1, len(workers))))
    return ""


@fault("3", "kill -9 of the engine: scheduler and nannies", 4)
def kill_engine(load: Load, rng: random.Random) -> str:
    _kill(load, load.server.some("engine"))
    return ""


@fault("3", "kill -9 of everything at once, then started again", 3)
def kill_everything(load: Load, rng: random.Random) -> str:
    load.kills.append(time.monotonic())
    with load.server.turning:
        load.server.kill_all()
        load.server.start()
    return ""


@fault("4", "SIGTERM, then started again", 2)
def restart(load: Load, rng: random.Random) -> str:
    load.kills.append(time.monotonic())
    with load.server.turning:
        took = load.server.stop()
        load.server.start()
    return f"stopping took {took:.0f} s" if took > 45 else ""


@fault("4, 22", "SIGTERM to a web worker", 5)
def recycle_web_worker(load: Load, rng: random.Random) -> str:
    workers = load.server.some("web")
    _kill(load, rng.sample(workers, min(1, len(workers))), signal.SIGTERM)
    return ""


@fault("6", "an engine worker hangs for 2 to 6 s", 5)
def hang_engine_worker(load: Load, rng: random.Random) -> str:
    return _hang(load, rng, "workers")


@fault("6", "a web worker hangs for 2 to 6 s", 5)
def hang_web_worker(load: Load, rng: random.Random) -> str:
    return _hang(load, rng, "web")


@fault("6", "the scheduler hangs for 2 to 6 s", 3)
def hang_engine(load: Load, rng: random.Random) -> str:
    return _hang(load, rng, "engine")


def _hang(load: Load, rng: random.Random, what: str) -> str:
    found = load.server.some(what)
    victims = rng.sample(found, min(1, len(found)))
    _kill(load, victims, signal.SIGSTOP)

    def go_on() -> None:
        time.sleep(rng.uniform(2, 6))
        _kill(load, victims, signal.SIGCONT)

    threading.Thread(target=go_on, daemon=True).start()
    return ""


@fault("7", "the disk is full for 1 to 3 s", 6)
def fill_disk(load: Load, rng: random.Random) -> str:
    if not os.path.ismount(load.server.workspace.parent):
        return ""
    filler = load.server.workspace.parent / "filler"
    load.kills.append(time.monotonic())
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(2**20))
            file.flush()
    wrong = ""
    try:
        for request in [load.pick() for _ in range(3)]:  # what is finished can still be read
            if load.workspace.artifacts.has(request.key) and request.key not in load.damaged:
                with contextlib.suppress(NNVisError):
                    load.workspace.artifacts.load(request.key)
        status, _ = load.server.ask("GET", "/healthz")
        wrong = "" if status == 200 else f"/healthz answers {status} on a full disk"
    except OSError:
        pass  # it is being started again
    time.sleep(rng.uniform(1, 3))
    filler.unlink(missing_ok=True)
    return wrong


def _spoil(path: Path, rng: random.Random) -> bool:
    """Flip a few bytes of a file or cut it short; return whether it was there."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        size = path.stat().st_size
        if size < 8:
            return False
        if rng.random() < 0.3 and path.suffix != ".npy":  # readers map arrays: one that is cut under them ends them
            file.truncate(size // 2)
            return True
        for _ in range(8):
            place = rng.randrange(size)
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ (1 << rng.randrange(8))]))
        return True
    return False


@fault("8", "damaged array of a result", 8, waits=False)
def damage_array(load: Load, rng: random.Random) -> str:
    return _damage_result(load, rng, "*.npy")


@fault("8", "damaged card of a result", 6, waits=False)
def damage_card(load: Load, rng: random.Random) -> str:
    return _damage_result(load, rng, "card.json")


def _damage_result(load: Load, rng: random.Random, pattern: str) -> str:
    root = load.workspace.artifacts.root
    files: list[Path] = []
    with contextlib.suppress(FileNotFoundError):  # a folder that goes while it is read
        files = sorted(path for path in root.glob(f"*/{pattern}") if "." not in path.parent.name)
    if files:
        path = rng.choice(files)
        load.damaged[path.parent.name] = time.monotonic()
        load.kills.append(time.monotonic())
        _spoil(path, rng)
    return ""


@fault("8", "damaged part of a running job", 6, waits=False)
def damage_part(load: Load, rng: random.Random) -> str:
    files: list[Path] = []
    with contextlib.suppress(FileNotFoundError):
        files = sorted(load.workspace.artifacts.root.glob("*.parts/*.npz"))
    if files:
        load.kills.append(time.monotonic())
        _spoil(rng.choice(files), rng)
    return ""


@fault("8", "damaged job table", 4)
def damage_table(load: Load, rng: random.Random) -> str:
    return _damage_cache(load, rng, "jobs")


@fault("8", "damaged cache of callbacks", 4)
def damage_callbacks(load: Load, rng: random.Random) -> str:
    return _damage_cache(load, rng, "callbacks")


def _damage_cache(load: Load, rng: random.Random, name: str) -> str:
    folder = load.server.workspace / "cache" / name
    load.kills.append(time.monotonic())
    with contextlib.suppress(OSError):
        if rng.random() < 0.4:
            (folder / "cache.db").write_bytes(b"not a database" * 1000)
        else:
            _spoil(folder / rng.choice(["cache.db", "cache.db", "cache.db-wal"]), rng)
    return ""


@fault("9, 10", "20 clicks at once for one job", 10, waits=False)
def clicks(load: Load, rng: random.Random) -> str:
    request = load.pick()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: load.accept(request), range(20)))
    return ""


@fault("11", "kill -9 of who holds the workspace's lock", 6, waits=False)
def kill_lock_holder(load: Load, rng: random.Random) -> str:
    path = load.server.workspace / "cache" / rng.choice(["lock", "jobs.lock", "callbacks.lock"])
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.kill()
    holder.wait()
    from nnvis_dash.workspace.lock import locked

    began = time.monotonic()
    with locked(path):
        took = time.monotonic() - began
    return f"{path.name} was free only after {took:.1f} s" if took > 5 else ""


@fault("12", "a second tab joins a job, the first is closed", 10, waits=False)
def join(load: Load, rng: random.Random) -> str:
    address = load.server.engine_address()
    running = list(load.open.values())
    if not address or not running:
        return ""
    other = Engine(load.server.workspace, address)
    try:
        with contextlib.suppress(NNVisError):
            other.result(rng.choice(running).request, timeout=1.0)
    finally:
        other.close()
    return ""


@fault("13", "an upload whose connection drops, and a piece that is sent twice", 8, waits=False)
def drop_upload(load: Load, rng: random.Random) -> str:
    data = bytes(rng.randrange(256) for _ in range(4000))
    server = load.server
    try:
        status, begun = server.ask("POST", "/uploads", {"files": [["a.bin", 4000]]})
        if status != 200 or "id" not in begun:
            return "" if isinstance(begun, dict) and "problem" in begun else f"POST /uploads: {status}"
        path = f"/uploads/{begun['id']}"
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.putrequest("PUT", f"{path}?offset=0")
        connection.putheader("Content-Length", "4000")
        connection.endheaders()
        connection.send(data[:1500])
        connection.close()  # in the middle
        _, stands = server.ask("GET", path)
        if not isinstance(stands, dict) or stands.get("received", 0) not in (0, 4000):
            return f"after a dropped piece: {str(stands)[:80]}"
        _, first = server.ask("PUT", f"{path}?offset=0", data)
        _, again = server.ask("PUT", f"{path}?offset=0", data)
        if isinstance(first, dict) and first.get("received") == 4000 and again.get("received") != 4000:
            return f"a piece that came twice: {str(again)[:80]}"
        server.ask("DELETE", path)
    except OSError:  # it is being started again
        pass
    return ""


@fault("14", "the clock jumps by a day and back", 6)
def jump_clock(load: Load, rng: random.Random) -> str:
    load.server.jump(rng.choice([-86400.0, 86400.0, 3600.0, -3600.0]))
    time.sleep(rng.uniform(0.3, 2.0))
    load.server.jump(0.0)
    return ""


@fault("16", "a model replaced under its name", 4, waits=False)
def replace_model(load: Load, rng: random.Random) -> str:
    card = load.workspace.model("spare")
    kinds = ["unit", "raw", "symmetric"]
    from nnvis_dash.analysis.card import with_preprocessing
    from nnvis_dash.types import Preprocessing

    with contextlib.suppress(NNVisError):
        new = with_preprocessing(card, replace(Preprocessing.named(rng.choice(kinds)), scale=rng.uniform(0.5, 1.5)))
        load.workspace.replace_model("spare", new)
        if load.workspace.model("spare").fingerprint == card.fingerprint:
            return "another preprocessing has the same fingerprint"
    return ""


@fault("23", "a job cancelled in the middle", 8, waits=False)
def cancel(load: Load, rng: random.Random) -> str:
    running = list(load.open.values())
    if running:
        job = rng.choice(running)
        load.cancel(job)
    return ""


@fault("24", "an old, a forged and a huge session cookie", 6, waits=False)
def old_cookie(load: Load, rng: random.Random) -> str:
    name = "nnvis_" + "".join(rng.choice("0123456789abcdef") for _ in range(8))
    for value in ("eyJhIjoxfQ.ZZZZZZ.forged", "x" * 4000, ""):
        with contextlib.suppress(OSError):
            status, _ = load.server.ask("GET", "/tray", headers={"Cookie": f"{name}={value}; session={value}"})
            if status >= 500:
                return f"a cookie is answered with {status}"
    return ""


def census(load: Load) -> list[str]:
    """Return what a stopped server left: processes, temporary files, held locks, listening sockets."""
    import fcntl

    left = []
    for process in load.server.seen.values():
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(f"process {' '.join(process.cmdline())[:80]}")
    workspace = load.server.workspace
    for path in sorted(workspace.rglob("*.lock")):
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                left.append(f"lock {path.name}")
    left += [f"accepted job {path.name}" for path in (workspace / "cache" / "accepted").glob("*.json")]
    load.workspace.sweep()  # as the next start does
    places = (
        (workspace / "artifacts", ".*.*"),
        (workspace / "cache" / "incoming", "*"),
        (workspace / "cache", "*.writing.*"),
    )
    left += [f"file {path.name}" for folder, pattern in places for path in folder.glob(pattern)]
    return left
