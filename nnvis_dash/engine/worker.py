"""What an engine worker keeps between tasks: warm classifiers, and TensorFlow imported before the first click.

This module is the workers' preload: `dask worker --preload nnvis_dash.engine.worker --resources batch=1 ...`.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import click

import nnvis_dash.engine.steady  # noqa: F401
from nnvis_dash.engine.memory import free_bytes
from nnvis_dash.engine.report import report
from nnvis_dash.lifetime import end_with_parent
from nnvis_dash.logs import configure
from nnvis_dash.settings import Settings

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.store import Workspace

logger = logging.getLogger(__name__)


SPARE = 512 * 2**20  # bytes that a chunk may need beside the model
LOADING = 3  # bytes of memory for each byte of weights, while a model is loaded


class WarmClassifiers:
    """Classifiers by fingerprint; the least recently used go when their weights together exceed a limit.

    Parameters
    ----------
    limit : int
        Bytes of weights. The classifier asked for last always stays, even when it alone is larger.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[tuple[str, str], tuple[Classifier, int]] = OrderedDict()
        self._loading: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, workspace: Workspace, fingerprint: str) -> Classifier:
        """Return a classifier, loaded once however many threads ask at the same time.

        Raises
        ------
        NotFound
            The workspace has no such model.
        ModelError
            Keras can't load it.
        """
        from nnvis_dash.analysis.classifier import open_classifier

        key = (str(workspace.path), fingerprint)
        with self._lock:
            found = self._find(key)
            loading = self._loading.setdefault(key, threading.Lock())
        if found is not None:
            return found
        with loading:
            with self._lock:
                found = self._find(key)
            if found is not None:
                return found
            began = time.perf_counter()
            self.make_room(_worker_limit(), SPARE + LOADING * 4 * workspace.model(fingerprint).parameters)
            classifier = open_classifier(workspace, fingerprint)
            logger.info("loaded %s in %.2f s", fingerprint[:8], time.perf_counter() - began)
            with self._lock:
                self._entries[key] = (classifier, 4 * classifier.card.parameters)
                self._evict()
        return classifier

    def make_room(self, worker_limit: int = 0, wanted: int = SPARE) -> None:
        """Let the least recently used go, all but the last, while less than `wanted` bytes of memory are free."""
        while free_bytes(worker_limit) < wanted:
            with self._lock:
                if len(self._entries) < 2:
                    return
                key, _ = self._entries.popitem(last=False)
                self._loading.pop(key, None)
            logger.info("let %s go: memory runs out", key[1][:8])
            gc.collect()

    def fingerprints(self) -> tuple[str, ...]:
        """Return what is warm, the least recently used first."""
        with self._lock:
            return tuple(fingerprint for _, fingerprint in self._entries)

    def sizes(self) -> tuple[tuple[str, int], ...]:
        """Return what is warm with the bytes of its weights."""
        with self._lock:
            return tuple((fingerprint, size) for (_, fingerprint), (_, size) in self._entries.items())

    def _find(self, key: tuple[str, str]) -> Classifier | None:
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def _evict(self) -> None:
        went = 0
        while len(self._entries) > 1 and sum(size for _, size in self._entries.values()) > self.limit:
            key, _ = self._entries.popitem(last=False)
            self._loading.pop(key, None)
            logger.info("let %s go: warm models take more than %d MB", key[1][:8], self.limit // 2**20)
            went += 1
        if went:
            gc.collect()  # a model and its functions refer to each other


WARM = WarmClassifiers(Settings.from_environment().model_memory_mb * 2**20)


def _worker_limit() -> int:
    """Return the bytes that this process's nanny allows it; 0 for no limit, or where this is no worker."""
    from distributed import get_worker

    try:
        return int(get_worker().memory_manager.memory_limit or 0)
    except (ValueError, AttributeError):
        return 0


FIRST = 5.0  # seconds in which a new worker does nothing but what it is asked for
NICE = 5  # of an engine worker: on a machine that serves the page too, the page is answered first


def _start_tensorflow(worker: Any) -> None:
    """Have TensorFlow imported and its runtime started once the worker is ready: its first use then costs nothing."""
    while worker.status.name == "init":
        time.sleep(0.02)
    began = time.perf_counter()
    from nnvis_dash.engine.preloaded import start_runtime  # there already where the worker was forked

    start_runtime()
    logger.info("TensorFlow ready in %.1f s", time.perf_counter() - began)
    time.sleep(FIRST)
    import nnvis_dash.analysis.projections.field.kernels  # noqa: F401  # compiled before the first map waits for it


@click.command()
@click.option("--quiet", is_flag=True, help="leave the line that each job writes into the log out")
def dask_setup(worker: Any, quiet: bool) -> None:
    """Begin to import TensorFlow in the background; Dask calls this before the worker is ready."""
    if worker.nanny:
        end_with_parent()
    os.nice(NICE - os.nice(0))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which then stops its workers
    configure(Settings.from_environment(), "engine", quiet)
    worker.metrics["nnvis"] = report
    threading.Thread(target=_start_tensorflow, args=(worker,), name="start-tensorflow", daemon=True).start()
