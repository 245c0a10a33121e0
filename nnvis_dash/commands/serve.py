"""`serve`: the engine and the web server over a workspace, with one command."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from types import FrameType
from typing import Any

from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.errors import EngineError, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.permissions import keep_private

log = logging.getLogger(__name__)
LOCAL = ("127.0.0.1", "localhost", "::1")


def add_parser(subparsers: Any) -> None:
    """Add `serve` to the command line."""
    parser = subparsers.add_parser("serve", help="start the engine and the web server", description=__doc__)
    add_server_options(parser)
    parser.add_argument("--workspace", help="folder of models, datasets, artifacts and cache (default: %(default)s)")
    parser.set_defaults(run=run)


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command which serves has."""
    parser.add_argument(
        "--host", help="address to listen on (default 127.0.0.1; others let anyone there use the workspace)"
    )
    parser.add_argument("--port", type=int, help="port to listen on (default 8050)")
    parser.add_argument("--workers", type=int, help="web worker processes (default 2)")
    parser.add_argument("--scheduler", help="a running Dask scheduler, tcp://host:8786 (default: a local cluster)")


def with_options(settings: Settings, args: argparse.Namespace) -> Settings:
    """Return the settings with what the command line gave put over them."""
    given = {
        "host": args.host,
        "port": args.port,
        "web_workers": args.workers,
        "scheduler": args.scheduler,
        "workspace": getattr(args, "workspace", None),
    }
    return dataclasses.replace(settings, **{name: value for name, value in given.items() if value is not None})


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serve until a signal comes."""
    return serve(with_options(settings, args))


def serve(settings: Settings) -> int:
    """Start the engine (unless a scheduler is set) and gunicorn, say where, and stop both on SIGINT or SIGTERM.

    Returns
    -------
    int
        The web server's exit status; 0 after a signal.

    Raises
    ------
    ParameterError
        The port is taken.
    EngineError
        The web server did not come up.
    """
    _check_port(settings)
    keep_private(settings.workspace_path)
    if settings.host not in LOCAL:
        print(f"Listening on {settings.host}: whoever reaches this address can use the workspace.", file=sys.stderr)
    with _engine(settings) as address, _stopping() as stopping:
        web = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:nnvis_dash.gunicorn_conf", "nnvis_dash.wsgi:server"],
            env={**os.environ, **_environment(settings, address)},
        )
        try:
            _await_web(settings, web)
            print(f"NNVis is ready: http://{settings.host}:{settings.port}  (Ctrl+C stops it)", flush=True)
            while web.poll() is None and not stopping:
                time.sleep(0.2)
            return 0 if stopping else int(web.returncode or 0)
        finally:
            web.terminate()
            try:
                web.wait(15)
            except subprocess.TimeoutExpired:
                web.kill()


def _environment(settings: Settings, scheduler: str) -> dict[str, str]:
    """Return the settings as the environment of the web workers."""
    return dataclasses.replace(settings, scheduler=scheduler, workspace=str(settings.workspace_path)).environment()


@contextlib.contextmanager
def _engine(settings: Settings) -> Iterator[str]:
    """Give the scheduler's address: the set one, else that of a local cluster which lives as long as the server."""
    if settings.scheduler:
        yield settings.scheduler
    else:
        with local_cluster(settings) as address:
            yield address


@contextlib.contextmanager
def _stopping() -> Iterator[list[int]]:
    """Give a list that a signal to stop is put into."""
    seen: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ParameterError(
                f"Can't listen on {settings.host}:{settings.port} ({error.strerror})",
                "Stop what listens there, or give another --port.",
            ) from None


def _await_web(settings: Settings, web: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    address = f"http://{host}:{settings.port}/healthz"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if web.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise EngineError("The web server did not start", "Its messages are above; see the README's Trouble section.")
