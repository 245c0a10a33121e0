"""What a web worker counts, for Prometheus: gunicorn's workers write to files of one folder, and any of them reads all.

`gunicorn_conf.py` names the folder before this module is imported; without it one process counts for itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.values import ValueClass

from nnvis_dash.engine.jobs import Request, Row

if TYPE_CHECKING:
    from nnvis_dash.services import Services

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
REQUESTS = Histogram(
    "nnvis_request_seconds", "Seconds to answer a request", ["method", "route", "status"], buckets=BUCKETS
)
CALLBACKS = Histogram("nnvis_callback_seconds", "Seconds to answer a callback", ["output"], buckets=BUCKETS)
ARTIFACTS = Counter(
    "nnvis_artifacts", "Results asked for: found in the workspace, or to be computed", ["kind", "found"]
)


def asked(request: Request, found: bool) -> None:
    """Count a result that was asked for."""
    ARTIFACTS.labels(request.kind, "yes" if found else "no").inc()


class Standing(Collector):
    """How things stand when one asks: jobs, engine, disk. Nothing of it is counted."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; what can't be reached is left out."""
        yield from self._jobs(self._services.engine.rows())
        yield from self._engine()
        room = GaugeMetricFamily("nnvis_disk_free_bytes", "Bytes that are free on the workspace's disk")
        room.add_metric([], shutil.disk_usage(self._services.workspace.path).free)
        yield room

    def _jobs(self, rows: list[Row]) -> Iterator[Metric]:
        jobs: dict[tuple[str, str], int] = {}
        for row in rows:
            jobs[row.kind, row.state] = jobs.get((row.kind, row.state), 0) + 1
        yield _gauge("nnvis_jobs", "Jobs that the table remembers", ["kind", "state"], jobs)
        queue = GaugeMetricFamily("nnvis_queue_length", "Jobs that wait for a worker")
        queue.add_metric([], queue_length(rows))
        yield queue

    def _engine(self) -> Iterator[Metric]:
        workers = self._services.engine.workers()
        alive = GaugeMetricFamily("nnvis_engine_workers", "Engine workers that showed a sign of life within 15 s")
        alive.add_metric([], sum(worker.alive for worker in workers))
        yield alive
        memory = {(worker.name,): worker.memory for worker in workers}
        yield _gauge("nnvis_engine_worker_memory_bytes", "Resident memory of an engine worker", ["worker"], memory)
        warm = {(worker.name, model[:8]): size for worker in workers for model, size in worker.warm}
        yield _gauge("nnvis_warm_model_bytes", "Weights of a model that is warm", ["worker", "model"], warm)
        ended = {(worker.name, *key): value for worker in workers for key, value in worker.jobs.items()}
        for number, (name, words) in enumerate(
            (("count", "Jobs that ended"), ("sum", "Seconds of the jobs that ended"))
        ):
            family = Metric(f"nnvis_job_seconds_{name}", words, "counter")
            for (worker, kind, state), value in ended.items():
                labels = {"worker": worker, "kind": kind, "state": state}
                family.add_sample(f"nnvis_job_seconds_{name}", labels, value[number])
            yield family


def queue_length(rows: list[Row]) -> int:
    """Return how many jobs wait."""
    return sum(row.state == "queued" for row in rows)


def exposition(services: Services) -> bytes:
    """Return all metrics as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(Standing(services))
    if ValueClass.__name__ == "MmapedValue":  # there is a folder
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)


def _gauge(name: str, words: str, labels: list[str], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
