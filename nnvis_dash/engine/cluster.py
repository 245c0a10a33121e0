"""The engine on this machine: a Dask scheduler and nanny-guarded worker processes, for laptops and single servers.

Worker processes are spawned, never forked (TensorFlow hangs in a forked child), listen on 127.0.0.1 only, and are
started again by their nanny when they are killed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Nanny, Scheduler, SpecCluster
from distributed.system import MEMORY_LIMIT

from nnvis_dash.settings import Settings

CONFIG = {
    "distributed.worker.memory.target": False,  # results are files: there is nothing to spill
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.scheduler.allowed-failures": 50,  # which task a worker died of is judged by the jobs themselves
    "distributed.scheduler.work-stealing": False,  # tasks are few; a warm model is worth more than an even load
    "distributed.scheduler.http.routes": [],  # nothing of the cluster is told over HTTP
    "distributed.worker.http.routes": [],
    "distributed.admin.tick.limit": "60s",  # importing TensorFlow holds the interpreter for seconds: no news
    "distributed.comm.timeouts.connect": "10s",
    "distributed.nanny.pre-spawn-environ": {"MALLOC_TRIM_THRESHOLD_": 65536},
}
PRELOAD = "nnvis_dash.engine.worker"


def environment(settings: Settings, index: int = 0) -> dict[str, str]:
    """Return the variables of a worker process: quiet, and its share of the cores.

    Parameters
    ----------
    settings : Settings
    index : int
        The worker's number; on a machine with several GPUs it chooses one.
    """
    threads = str(max(1, (os.cpu_count() or 1) // max(1, settings.engine_workers)))
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": "2",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMBA_NUM_THREADS": threads,
        "PYTHONWARNINGS": "ignore",
        **settings.environment(),
    }
    gpus = Path("/proc/driver/nvidia/gpus")
    n_gpus = len(list(gpus.iterdir())) if gpus.is_dir() else 0
    if n_gpus and settings.engine_workers > 1 and "CUDA_VISIBLE_DEVICES" not in os.environ:
        variables["CUDA_VISIBLE_DEVICES"] = str(index % n_gpus)
    return variables


@contextmanager
def local_cluster(settings: Settings, preload: Sequence[str] = (), quiet: bool = False) -> Iterator[str]:
    """Run an engine for as long as the context lasts; with `settings.scheduler` set, use that one instead.

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
    """
    if settings.scheduler:
        yield settings.scheduler
        return
    scratch = settings.workspace_path / "cache" / "engine"
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    config = {**CONFIG, "temporary-directory": str(scratch), "logging": {"distributed": "error"}}
    options = {
        "host": "127.0.0.1",
        "nthreads": max(2, settings.engine_threads),
        "resources": {"batch": 1},
        "memory_limit": int(0.9 * MEMORY_LIMIT / max(1, settings.engine_workers)),
        "preload": [PRELOAD, *preload],
        "preload_argv": [["--quiet"] if quiet else [], *([] for _ in preload)],
        "local_directory": str(scratch),
        "silence_logs": logging.ERROR,
        "dashboard": False,
    }
    with dask.config.set(config):
        cluster = SpecCluster(
            scheduler={
                "cls": Scheduler,
                "options": {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
            },
            workers={
                index: {"cls": Nanny, "options": {**options, "env": environment(settings, index)}}
                for index in range(max(1, settings.engine_workers))
            },
            silence_logs=logging.ERROR,
            name="nnvis",
        )
        try:
            yield cluster.scheduler_address
        finally:
            cluster.close(timeout=10)
