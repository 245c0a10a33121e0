"""Kinds of job that only the engine's tests register: they sleep, count their runs and fail on demand.

The workers of the tests preload this module.
"""

from __future__ import annotations

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


def squares(job: Job, start: int, stop: int) -> dict[str, Any]:
    """Compute one chunk."""
    parameters = job.request.read
    if start <= parameters.fails_at < stop:
        raise ParameterError(f"Sample {parameters.fails_at} can't be read", "Remove it.")
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
