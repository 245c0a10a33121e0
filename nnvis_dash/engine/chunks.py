"""Long work over N samples, cut into chunks of about half a second that each keep their own result.

A chunk is an interval of samples; its arrays are saved as a part of the job's artifact by the worker that computed
them, and only how long it took comes back. What is missing is found from the names of the parts, so an interrupted run
is taken up where it stopped, even when chunks had another size then. A chunk that needs more memory than there is, or
that its worker was killed over, is cut in half.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from distributed import Future

from nnvis_dash.engine.courtesy import give_way
from nnvis_dash.engine.job import EngineLost, Job, describe, outcome_error
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.launch import BATCH, CHUNK
from nnvis_dash.engine.memory import GB, free_bytes, is_shortage, shortage
from nnvis_dash.engine.report import job_ended
from nnvis_dash.errors import EngineError

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
Compute: TypeAlias = Callable[[Job, int, int], Arrays]  # (job, start, stop) -> arrays of stop - start rows

TARGET = 0.4  # seconds that a chunk is meant to take
FIRST = 32  # samples of the first chunk, where nothing better is known
GRAIN = 32  # larger chunks are multiples of it
LARGEST = 4096
MANY = 25  # workers, beyond which chunks are longer: the scheduler has about the same number of them each second
GROWTH = 4  # a chunk is at most so many times as large or small as the one before
LOOK = 0.2  # seconds between two looks whether the job is still wanted, within a chunk
KILLED = 2  # times that a worker may be killed over a chunk before the chunk is cut, or one image is given up
AHEAD = 2  # chunks in flight for each worker: one running, one waiting beside it


def part_name(start: int, stop: int) -> str:
    """Return the name of the part that holds samples start..stop-1."""
    return f"chunk-{start:09d}-{stop:09d}"


def part_interval(name: str) -> tuple[int, int] | None:
    """Return what `part_name` was given, None for a part that is no chunk."""
    prefix, _, rest = name.partition("-")
    start, _, stop = rest.partition("-")
    return (int(start), int(stop)) if prefix == "chunk" and start.isdigit() and stop.isdigit() else None


def missing(intervals: Iterable[tuple[int, int]], total: int) -> list[tuple[int, int]]:
    """Return the intervals of 0..total that the given ones leave open, in order; overlaps are allowed.

    >>> missing([(0, 2), (5, 6)], 8)
    [(2, 5), (6, 8)]
    """
    gaps, reached = [], 0
    for start, stop in sorted(intervals):
        if start > reached:
            gaps.append((reached, min(start, total)))
        reached = max(reached, stop)
    if reached < total:
        gaps.append((reached, total))
    return [(start, stop) for start, stop in gaps if start < stop]


class Pace:
    """Choose the next chunk's size from how long the last ones took.

    Parameters
    ----------
    first : int
        Samples of the first chunk, whose time is not taken for true: it loads and compiles the model.
    workers : int
        How many share the work.
    """

    def __init__(self, first: int = FIRST, workers: int = 1) -> None:
        stretch = max(1.0, workers / MANY)
        self.target = TARGET * stretch
        self.largest = int(LARGEST * stretch)
        self.size = max(1, min(first, LARGEST))
        self._seen = 0

    def saw(self, n: int, seconds: float) -> None:
        """Take note of a chunk; one that was cut short at a gap's end doesn't count."""
        self._seen += 1
        if self._seen == 1 or 2 * n < self.size:
            return
        wish = n * self.target / max(seconds, 1e-3)
        wish = min(max(wish, n / GROWTH), n * GROWTH, self.largest)
        self.size = max(1, int(wish) if wish < GRAIN else int(wish) // GRAIN * GRAIN)

    def too_large(self, n: int) -> None:
        """Take note that so many samples need more memory than there is."""
        self.largest = self.size = max(1, n // 2)


def run_chunk(compute: Compute, path: str, kind: str, text: str, attempt: int, start: int, stop: int) -> dict[str, Any]:
    """Compute one chunk in a worker and keep it; return the seconds it took, or the error in words."""
    try:
        job = Job(path, Request.from_text(kind, text), attempt)
        job.wanted()
        name = part_name(start, stop)
        with job.parts.being_made(name) as killed:
            if killed >= KILLED:
                return {**describe(_deadly(job, killed, stop - start)), "cut": True}
            job.make_room()
            began = time.perf_counter()
            job.parts.save(name, compute(job, start, stop))
            seconds = time.perf_counter() - began
        job_ended(f"{kind}-chunk", "done", seconds)
        return {"n": stop - start, "seconds": seconds}
    except Exception as error:
        if is_shortage(error):
            return {**describe(shortage(error, free_bytes(), stop - start)), "cut": True}
        return describe(error)


def _deadly(job: Job, killed: int, n: int) -> EngineError:
    images = "a single image" if n == 1 else f"{n} images"
    return EngineError(
        f"The engine's worker was killed {killed} times over {images}, with {free_bytes() / GB:.1f} GB free before",
        "They may need more memory than there is: use smaller images or a smaller model.",
    )


def looking(job: Job) -> Callable[[], None]:
    """Return a function for every batch of a chunk: it gives way, and raises Cancelled when nobody wants the job."""
    looked = time.monotonic()

    def look() -> None:
        nonlocal looked
        give_way()
        if time.monotonic() - looked > LOOK:
            job.wanted()
            looked = time.monotonic()

    return look


def in_chunks(job: Job, total: int, compute: Compute, message: str = "", first: int = FIRST) -> None:
    """Compute what is missing of samples 0..total, with progress.

    Parameters
    ----------
    job : Job
        A coordinator; it launches the chunks at low priority, each taking the resource `batch`.
    total : int
        Number of samples.
    compute : callable
        A function of a module (it crosses the wire by its name).
    message : str
        For the row.
    first : int
        Samples of the first chunk.

    Raises
    ------
    Cancelled
        Nobody wants the job any more; what was computed is kept.
    NNVisError
        What a chunk raised.
    """
    kept = [interval for name in job.parts.names() if (interval := part_interval(name)) is not None]
    gaps = missing(kept, total)
    done = total - sum(stop - start for start, stop in gaps)
    job.progress(done, total, message)
    n_workers = max(1, len(job.client.nthreads()))
    pace = Pace(first, n_workers)
    arrived: queue.SimpleQueue[Future] = queue.SimpleQueue()
    flying: dict[str, Future] = {}
    intervals: dict[str, tuple[int, int]] = {}
    n_ahead = AHEAD * n_workers
    arrived_any = False  # the first chunk flies alone: it loads the model, and its size is a guess
    try:
        while gaps or flying:
            while gaps and len(flying) < (n_ahead if arrived_any else 1):
                start, end = gaps.pop(0)
                stop = min(start + pace.size, end)
                if stop < end:
                    gaps.insert(0, (stop, end))
                future = _submit(job, compute, start, stop)
                flying[future.key] = future
                intervals[future.key] = (start, stop)
                future.add_done_callback(arrived.put)
            try:
                future = arrived.get(timeout=0.1)
            except queue.Empty:
                job.progress(done, total, message)
                continue
            outcome = outcome_of(future)
            flying.pop(future.key).release()
            start, stop = intervals.pop(future.key)
            if "cut" in outcome:
                if stop - start == 1:
                    raise outcome_error(outcome)
                middle = (start + stop) // 2
                gaps[:0] = [(start, middle), (middle, stop)]
                pace.too_large(stop - start)
                continue
            pace.saw(outcome["n"], outcome["seconds"])
            arrived_any = True
            done += outcome["n"]
            job.progress(done, total, message)
    finally:
        if flying and not job.stopping:
            job.client.cancel(list(flying.values()))


def _submit(job: Job, compute: Compute, start: int, stop: int) -> Future:
    return job.client.submit(
        run_chunk,
        compute,
        job.path,
        job.request.kind,
        job.request.text,
        job.attempt,
        start,
        stop,
        key=f"{job.request.kind}-chunk-{job.key}-{job.attempt}-{start}-{stop}",
        priority=CHUNK,
        resources=BATCH,
    )


def outcome_of(future: Future) -> dict[str, Any]:
    """Return what a chunk said, or raise what it says; one that is to be cut smaller says "cut"."""
    if future.status != "finished":
        error = future.exception() if future.status == "error" else None
        name = type(error).__name__ if error is not None else future.status
        if name == "KilledWorker":
            raise EngineError(
                "The engine's workers were killed several times on the same images",
                "They may have run out of memory: use smaller images or a smaller model.",
            )
        lost = EngineError if error is not None else EngineLost
        raise lost(f"A part of the job was lost: {name}", "Start it again: what was computed is kept.")
    outcome: dict[str, Any] = future.result()
    if "error" in outcome and "cut" not in outcome:
        raise outcome_error(outcome)
    return outcome


def gather(job: Job, total: int, room: Callable[[str, tuple[int, ...], np.dtype[Any]], npt.NDArray[Any]]) -> Arrays:
    """Put the chunks' arrays together, each row at its sample's place.

    Parameters
    ----------
    room : callable
        (name, shape, dtype) -> an array to be filled; a memory-mapped one keeps the memory flat.
    """
    together: dict[str, npt.NDArray[Any]] = {}
    for name in sorted(job.parts.names()):
        interval = part_interval(name)
        if interval is None:
            continue
        start, stop = interval
        for entry, rows in job.parts.load(name).items():
            if entry not in together:
                together[entry] = room(entry, (total, *rows.shape[1:]), rows.dtype)
            together[entry][start:stop] = rows
    return together
