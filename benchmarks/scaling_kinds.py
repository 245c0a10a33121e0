"""A kind of job that only `benchmarks.scaling` registers: chunks that compute nothing, so that overhead is left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nnvis_dash.engine.chunks import in_chunks
from nnvis_dash.engine.job import Job
from nnvis_dash.engine.kinds import KINDS, KindParameters

PER_CHUNK = 4  # samples of a chunk: each is meant to take 0.1 s, and takes no computing


@dataclass(frozen=True)
class IdleParameters(KindParameters):
    batch: ClassVar[bool] = True
    name: str = ""
    n: int = 1000


def nothing(job: Job, start: int, stop: int) -> dict[str, Any]:
    """Take the time of a chunk without the processor."""
    time.sleep(0.1 * (stop - start))
    return {"numbers": np.arange(start, stop, dtype=np.float32)}


@KINDS.register("idle-chunks", title="Idle", reference="", parameters=IdleParameters)
def idle_chunks(job: Job, parameters: IdleParameters) -> None:
    """Run chunks of a GPU's length that cost the processor nothing."""
    in_chunks(job, parameters.n, nothing, first=PER_CHUNK)
    job.save({"numbers": np.arange(parameters.n)}, {"name": parameters.name})
    job.parts.clear()
