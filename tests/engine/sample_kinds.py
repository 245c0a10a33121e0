"""Kinds of job that only the engine's tests register: they sleep, count their runs and fail on demand.

The workers of the tests preload this module.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnvis_dash.engine.chunks import gather, in_chunks
from nnvis_dash.engine.job import Job
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError


def count(job: Job, what: str) -> None:
    """Leave a mark on disk for every run."""
    with Path(job.path, f"runs-{what}").open("a") as file:
        file.write(".")


@dataclass(frozen=True)
class QuickParameters(KindParameters):
    name: str = ""
    seconds: float = 0.0
    fails: str = ""


@KINDS.register("test-quick", title="Quick", reference="", parameters=QuickParameters)
def quick(job: Job, parameters: QuickParameters) -> None:
    """Answer after some seconds, in steps that can be cancelled."""
    count(job, f"quick-{parameters.name}")
    if parameters.fails == "user":
        raise ParameterError("The layer is 'nowhere'", "Choose one of: here.")
    if parameters.fails == "defect":
        raise ZeroDivisionError("a defect of ours")
    n = max(1, round(parameters.seconds / 0.05))
    for step in range(n):
        job.progress(step, n, "sleeping")
        time.sleep(parameters.seconds / n)
    job.save({"answer": np.arange(3, dtype=np.float32)}, {"name": parameters.name})


@dataclass(frozen=True)
class SlowParameters(KindParameters):
    batch: ClassVar[bool] = True
    name: str = ""
    n: int = 1000
    seconds: float = 0.001  # of each sample
    fails_at: int = -1
    room_for: int = 0  # samples that fit into memory; 0: any number
    kills: bool = False  # whether what doesn't fit costs the worker
    full_at: int = -1  # sample at which the disk is full


def squares(job: Job, start: int, stop: int) -> dict[str, Any]:
    """Compute one chunk."""
    parameters = job.request.read
    if start <= parameters.fails_at < stop:
        raise ParameterError(f"Sample {parameters.fails_at} can't be read", "Remove it.")
    if 0 <= start <= parameters.full_at < stop:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if parameters.room_for and stop - start > parameters.room_for:
        if parameters.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        raise MemoryError("Unable to allocate 48.0 GiB for an array with shape (9, 9)")
    time.sleep(parameters.seconds * (stop - start))
    count(job, f"slow-{parameters.name}-chunks")
    return {"squares": np.arange(start, stop, dtype=np.float64) ** 2}


@KINDS.register("test-slow", title="Slow", reference="", parameters=SlowParameters)
def slow(job: Job, parameters: SlowParameters) -> None:
    """Square the numbers below n, in chunks."""
    count(job, f"slow-{parameters.name}")
    in_chunks(job, parameters.n, squares, "squaring")
    arrays = gather(job, parameters.n, lambda name, shape, dtype: np.empty(shape, dtype))
    job.save(arrays, {"n": parameters.n})


@dataclass(frozen=True)
class StuckParameters(KindParameters):
    batch: ClassVar[bool] = True
    name: str = ""


def never(job: Job, start: int, stop: int) -> dict[str, Any]:
    """Compute a chunk that doesn't end."""
    count(job, f"stuck-{job.request.read.name}")
    while True:
        time.sleep(0.01)


@KINDS.register("test-stuck", title="Stuck", reference="", parameters=StuckParameters)
def stuck(job: Job, parameters: StuckParameters) -> None:
    """Wait for a chunk that doesn't end."""
    in_chunks(job, 10, never, "waiting")


@dataclass(frozen=True)
class HungryParameters(KindParameters):
    batch: ClassVar[bool] = True
    name: str = ""


def too_much(job: Job, start: int, stop: int) -> dict[str, Any]:
    """Ask for more memory than there is, however few the samples are."""
    raise MemoryError("Unable to allocate 48.0 GiB for an array with shape (9, 9)")


@KINDS.register("test-hungry", title="Hungry", reference="", parameters=HungryParameters)
def hungry(job: Job, parameters: HungryParameters) -> None:
    """Need more memory than there is."""
    in_chunks(job, 10, too_much, "hungry")
