"""What an engine worker says of itself with every heartbeat, and how the web tier reads it from the scheduler."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ALIVE = 15.0  # seconds without a heartbeat after which a worker counts as gone
_ended: dict[tuple[str, str], tuple[int, float]] = {}
_lock = threading.Lock()


def job_ended(kind: str, state: str, seconds: float) -> None:
    """Count a job that ended in this process."""
    with _lock:
        count, total = _ended.get((kind, state), (0, 0.0))
        _ended[kind, state] = (count + 1, total + seconds)


def report(worker: Any) -> dict[str, Any]:
    """Return this worker's report; Dask sends it to the scheduler with each heartbeat."""
    from nnvis_dash.engine.worker import WARM

    with _lock:
        jobs = [[kind, state, count, total] for (kind, state), (count, total) in _ended.items()]
    return {"warm": [list(entry) for entry in WARM.sizes()], "jobs": jobs}


@dataclass(frozen=True)
class EngineWorker:
    """A worker as the scheduler knows it.

    Attributes
    ----------
    name : str
    silent : float
        Seconds since its last heartbeat.
    memory : int
        Resident bytes.
    warm : tuple of (str, int)
        Fingerprints of its warm models and the bytes of their weights.
    jobs : mapping
        (kind, state) to (number, seconds) of the jobs that ended there.
    """

    name: str
    silent: float
    memory: int = 0
    warm: tuple[tuple[str, int], ...] = ()
    jobs: Mapping[tuple[str, str], tuple[int, float]] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it showed a sign of life lately."""
        return abs(self.silent) < ALIVE

    @classmethod
    def read(cls, identity: Mapping[str, Any]) -> EngineWorker:
        """Read what the scheduler tells of a worker; one that just came may have told nothing yet."""
        metrics = identity.get("metrics") or {}
        told = metrics.get("nnvis") or {}
        return cls(
            str(identity["name"]),
            time.time() - float(identity["last_seen"]),
            int(metrics.get("memory") or 0),
            tuple((str(model), int(size)) for model, size in told.get("warm", ())),
            {(kind, state): (count, total) for kind, state, count, total in told.get("jobs", ())},
        )
