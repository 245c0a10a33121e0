"""The engine on this machine: a Dask scheduler and nanny-guarded worker processes, for laptops and single servers.

It is always a program of its own (`python -m nnvis_dash engine`), beside the server or command that needs it, and ends
with it. Worker processes are forked from one that has imported TensorFlow and never used it (`preloaded.py`), listen on
127.0.0.1 only, are started again by their nanny when they are killed, and end with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dask
import yaml
from distributed import Nanny, Scheduler, Status
from distributed.system import MEMORY_LIMIT
from distributed.utils import get_mp_context

import nnvis_dash.engine.steady  # noqa: F401
from nnvis_dash.engine.beside import EngineBeside
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.forking import environment, forks, set_preload
from nnvis_dash.engine.launch import BATCH
from nnvis_dash.engine.tls import protocol, security
from nnvis_dash.errors import EngineError
from nnvis_dash.lifetime import on_end_of_lifeline
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.permissions import FOLDER

CONFIG = yaml.safe_load(Path(__file__).with_name("dask.yaml").read_text(encoding="utf-8"))
PRELOAD = "nnvis_dash.engine.worker"
CLOSING = 10.0  # seconds that workers have to hand their jobs back
LOOK = 1.0  # seconds between two looks whether all of the engine runs
_GONE = (Status.closing, Status.closed, Status.failed)


@contextmanager
def local_cluster(settings: Settings, preload: Sequence[str] = (), quiet: bool = False) -> Iterator[str]:
    """Keep an engine for as long as the context lasts; with `settings.scheduler` set, use that one instead.

    Parameters
    ----------
    settings : Settings
    preload : sequence of str
        Further modules that the workers import at their start: they may register kinds of job.
    quiet : bool
        Leave the line that each job writes into the log out.

    Yields
    ------
    str
        The scheduler's address. Workers may still be starting; a job that is submitted waits for them.

    Raises
    ------
    EngineError
        The engine did not start.
    """
    if settings.scheduler:
        yield settings.scheduler
        return
    engine = EngineBeside(settings, preload, quiet)
    engine.start()
    try:
        engine.await_scheduler()
        yield engine.address
    finally:
        engine.stop()


def run_engine(
    settings: Settings, port: int, preload: Sequence[str] = (), quiet: bool = False, lifeline: int | None = None
) -> None:
    """Be the engine of this machine until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
    port : int
        Of the scheduler; 0 for any.
    preload, quiet
        As in `local_cluster`.
    lifeline : int, optional
        The descriptor of a pipe's end that is read: the engine also stops when the other end is closed.

    Raises
    ------
    EngineError
        The port is taken, or a part of the engine ended by itself.
    """
    scratch = settings.workspace_path / "cache" / "engine"
    scratch.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    own = {"temporary-directory": str(scratch), **_forked()}
    with dask.config.set(dask.config.merge(dask.config.config, CONFIG)), dask.config.set(own):
        asyncio.run(_engine(settings, port, preload, quiet, lifeline))


def _forked() -> dict[str, str]:
    """Return for Dask how workers are started; it would have the fork server import other things than we said."""
    if not forks():
        return {}
    method = {"distributed.worker.multiprocessing-method": "forkserver"}
    with dask.config.set(method):
        get_mp_context()
    set_preload()
    return method


async def _engine(settings: Settings, port: int, preload: Sequence[str], quiet: bool, lifeline: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        on_end_of_lifeline(lifeline, lambda: loop.call_soon_threadsafe(stop.set), grace=2 * CLOSING)
    both = {"host": "127.0.0.1", "protocol": protocol(settings), "security": security(settings), "dashboard": False}
    try:
        scheduler = await Scheduler(**both, port=port, dashboard_address="127.0.0.1:0")
    except OSError as error:
        mend = "Stop what listens there, or give another --port."
        raise EngineError(f"The engine can't listen on port {port}: {error.strerror or error}", mend) from None
    n_workers = max(1, settings.engine_workers)
    nannies = [
        Nanny(
            scheduler.address,
            **both,
            name=index,
            nthreads=max(2, settings.engine_threads),
            resources=BATCH,
            memory_limit=int(0.9 * MEMORY_LIMIT / n_workers),
            preload=[PRELOAD, *preload],
            preload_argv=[["--quiet"] if quiet else [], *([] for _ in preload)],
            env=environment(settings, index),
            silence_logs=logging.ERROR,
        )
        for index in range(n_workers)
    ]
    for module in preload:
        importlib.import_module(module)
    keeping = Engine(settings.workspace_path, scheduler.address)  # jobs go on though no page is opened after a restart
    threading.Thread(target=keeping.attend, name="attends", daemon=True).start()
    try:
        await asyncio.gather(*nannies)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK)
            if any(part.status in _GONE for part in (scheduler, *nannies)):
                raise EngineError("A part of the engine ended", "Its messages are above; start it again.")
    finally:
        await asyncio.to_thread(keeping.close)
        await asyncio.gather(
            *(nanny.close(timeout=CLOSING, reason="stop") for nanny in nannies), return_exceptions=True
        )
        await scheduler.close()
