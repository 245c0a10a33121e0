"""How gunicorn runs NNVis: several workers, threads for waiting, no preloading (each connects to the engine itself).

``gunicorn -c nnvis_dash/gunicorn_conf.py nnvis_dash.wsgi:server`` is all that there is to a server, and `serve` does
nothing else. The arbiter keeps an engine beside the workers unless `NNVIS_SCHEDULER` names one.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from nnvis_dash.access import check
from nnvis_dash.access.secret import link
from nnvis_dash.engine.beside import EngineBeside
from nnvis_dash.errors import ParameterError
from nnvis_dash.lifetime import STOPPING
from nnvis_dash.logs import configuration
from nnvis_dash.settings import Settings

try:
    _settings = Settings.from_environment()
    check(_settings)
except ParameterError as refused:
    sys.exit(str(refused))

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_workers
threads = _settings.web_threads
worker_class = "gthread"
timeout = 60
graceful_timeout = 30
keepalive = 30
max_requests = 20000
max_requests_jitter = 2000
preload_app = False
control_socket_disable = True
umask = 0o077
forwarded_allow_ips = ""  # which proxies are believed is for `nnvis_dash.access` to say
logconfig_dict = configuration(_settings, "web")


def on_starting(server: Any) -> None:
    """Begin to count anew, before any worker does."""
    counted = _counted()
    for file in counted.glob("*.db"):
        file.unlink(missing_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counted)


def _counted() -> Path:
    """Return the folder of the workers' counts: in memory, for they are mapped files, and on a full disk those kill."""
    folders = [_settings.workspace_path / "cache" / "metrics"]
    if os.access("/dev/shm", os.W_OK):
        folders.insert(0, Path(f"/dev/shm/nnvis-metrics-{os.geteuid()}-{_settings.port}"))
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid == os.geteuid():  # else somebody else was there before
            break
    return folder


def when_ready(server: Any) -> None:
    """Start the engine, now that the address is ours, and learn to stop in good order."""
    if not _settings.scheduler:
        server.engine = EngineBeside(_settings)
        server.engine.start()
        os.environ.update(dataclasses.replace(_settings, scheduler=server.engine.address).environment())

    def stop(number: int, frame: FrameType | None) -> None:
        """Say no to `/readyz` at once, and stop when a load balancer had time to see it; a second Ctrl+C is quicker."""
        if STOPPING:
            server.signal(number, frame)
            return
        STOPPING.set()
        if _settings.drain_seconds:
            signal.setitimer(signal.ITIMER_REAL, _settings.drain_seconds)
        else:
            server.signal(signal.SIGTERM, frame)

    signal.signal(signal.SIGALRM, lambda number, frame: server.signal(signal.SIGTERM, frame))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def post_fork(server: Any, worker: Any) -> None:
    """Hold nothing of the arbiter's."""
    if hasattr(server, "engine"):
        server.engine.let_go()


def post_worker_init(worker: Any) -> None:
    """Leave Ctrl+C to the arbiter, which lets requests end; the first worker of all says that the page is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if worker.age == 1:
        print(f"NNVis is ready: {link(_settings)}  (Ctrl+C stops it)", flush=True)  # noqa: T201


def child_exit(server: Any, worker: Any) -> None:
    """Take what the worker's metrics said of the present back; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Stop the engine; no web worker needs it any more."""
    if hasattr(server, "engine"):
        server.engine.stop()
