"""A server as an administrator starts it, and what is left of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
GUNICORN = ("-m", "gunicorn", "-c", "nnvis_dash/gunicorn_conf.py", "nnvis_dash.wsgi:server")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_true(condition: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait until a condition holds; fail after a time that no slow machine needs."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def python(*words: str, environment: dict[str, str] | None = None, **more: Any) -> subprocess.Popen[str]:
    """Start a Python program in the project's folder."""
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **more}
    return subprocess.Popen(
        [sys.executable, *words], text=True, cwd=ROOT, env={**os.environ, **(environment or {})}, **said
    )


class Server:
    """A web server with its engine, started with gunicorn or `serve`."""

    def __init__(self, workspace: Path, words: Sequence[str] = GUNICORN, **settings: object) -> None:
        self.port = free_port()
        environment = {
            "NNVIS_WORKSPACE": str(workspace),
            "NNVIS_PORT": str(self.port),
            **{f"NNVIS_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.process = python(*words, environment=environment, start_new_session=True)
        self.lines: list[str] = []
        assert self.process.stdout is not None
        threading.Thread(target=self.lines.extend, args=(self.process.stdout,), daemon=True).start()
        self.arbiter = psutil.Process(self.process.pid)

    def get(self, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Fetch over a connection of its own; return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def ready(self) -> dict[str, Any]:
        """Return what /readyz says; nothing while nobody answers."""
        try:
            status, _, body = self.get("/readyz")
        except OSError:
            return {}
        return {"status": status, **json.loads(body)}

    def await_listening(self) -> None:
        """Return as soon as connections are accepted."""

        def listens() -> bool:
            assert self.process.poll() is None, "".join(self.lines)
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            return False

        await_true(listens)

    def family(self) -> list[psutil.Process]:
        """Return every process that belongs to the server, itself first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self.arbiter, *self.arbiter.children(recursive=True)]
        return []

    def engine(self) -> psutil.Process | None:
        """Return the engine's program."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "--lifeline" in process.cmdline():
                    return process
        return None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it; return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(300)


def left_of(family: list[psutil.Process]) -> list[psutil.Process]:
    """Return which of these processes still run."""
    left = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left


def end(process: subprocess.Popen[str]) -> None:
    """Kill a program that a test started."""
    process.kill()
    process.wait()
