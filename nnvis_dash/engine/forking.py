"""The process that the engine's workers are forked from, and the variables of a worker.

Importing TensorFlow takes seconds. One process does it when the engine starts, before the engine imports anything else,
and never runs it; each worker is a fork of it (`engine/preloaded.py`). With an NVIDIA driver each worker is a new
interpreter instead: a fork behind CUDA's back is not safe.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from pathlib import Path

from nnvis_dash.settings import Settings

GPUS = Path("/proc/driver/nvidia/gpus")


def forks() -> bool:
    """Return whether this machine's workers are forked."""
    return not GPUS.is_dir()


def set_preload() -> None:
    """Have the fork server import what workers need, when it starts or starts again."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["nnvis_dash.engine.preloaded"])


def start_fork_server(settings: Settings) -> None:
    """Start the fork server, where workers are forked; returns while it imports."""
    if forks():
        os.environ.update(environment(settings))  # libraries read it when they are imported
        set_preload()
        forkserver.ensure_running()


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
        **settings.environment(secrets=False),
    }
    n_gpus = len(list(GPUS.iterdir())) if GPUS.is_dir() else 0
    if n_gpus and settings.engine_workers > 1 and "CUDA_VISIBLE_DEVICES" not in os.environ:
        variables["CUDA_VISIBLE_DEVICES"] = str(index % n_gpus)
    return variables
