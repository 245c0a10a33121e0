"""`serve`: the engine and the web server over a workspace, with one command.

It reads the options, checks that the address is free and becomes gunicorn: what gunicorn does when it is started by
hand, by systemd or in a container is the same.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import socket
import sys
from typing import Any, NoReturn

from nnvis_dash.errors import ParameterError
from nnvis_dash.settings import Settings

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
    parser.add_argument("--scheduler", help="a running Dask scheduler, tcp://host:8786 (default: one of its own)")


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
    """Serve until a signal comes; doesn't return."""
    serve(with_options(settings, args))


def serve(settings: Settings) -> NoReturn:
    """Become gunicorn with `nnvis_dash/gunicorn_conf.py`: it keeps the engine, says where it is, and takes the signals.

    Raises
    ------
    ParameterError
        The port is taken.
    """
    _check_port(settings)
    if settings.host not in LOCAL:
        print(f"Listening on {settings.host}: whoever reaches this address can use the workspace.", file=sys.stderr)
    settings = dataclasses.replace(settings, workspace=str(settings.workspace_path))
    command = [sys.executable, "-m", "gunicorn", "-c", "python:nnvis_dash.gunicorn_conf", "nnvis_dash.wsgi:server"]
    sys.stdout.flush()
    os.execve(sys.executable, command, {**os.environ, **settings.environment()})


def _check_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:
            raise ParameterError(
                f"Can't listen on {settings.host}:{settings.port} ({getattr(error, 'strerror', error)})",
                "Stop what listens there, or give another --port.",
            ) from None
