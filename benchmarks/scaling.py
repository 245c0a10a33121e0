"""N engine workers against one, as separate programs; from what was measured, on paper, 100 GPUs and 100 million images
in an index.

Goals: an efficiency apart from the cores of at least 0.9 for index, simulation and prediction difference; the scheduler
below half its capacity with 100 GPUs.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import psutil

import benchmarks.scaling_kinds  # noqa: F401  # registers the kind here, too
from benchmarks.report import table, write_section
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.workspace.store import Workspace
from tests.serving.machines import Machines

COUNTS = (1, 2, 3)
GPUS, IMAGES = 100, 100_000_000


@dataclass
class Run:
    """What one job took."""

    wall: float
    cpu: float  # of all workers
    chunks: int


def processor_seconds(programs: list[subprocess.Popen[bytes]]) -> float:
    """Return the CPU time of programs and of all that they started, so far."""
    total = 0.0
    for program in programs:
        one = psutil.Process(program.pid)
        for process in (one, *one.children(recursive=True)):
            spent = process.cpu_times()
            total += spent.user + spent.system
    return total


def sent_and_received(port: int) -> int:
    """Return the bytes that all open connections to a port have moved."""
    said = subprocess.run(["ss", "-tinH", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    return sum(map(int, re.findall(r"bytes_(?:acked|received):(\d+)", said)))


def chunks_done(engine: Engine) -> int:
    """Return how many chunks the workers have computed."""
    return sum(
        count for worker in engine.workers() for (kind, _), (count, _) in worker.jobs.items() if kind.endswith("-chunk")
    )


def timed(machines: Machines, engine: Engine, request: Request) -> Run:
    """Run a job to its end."""
    before, chunks = processor_seconds(machines.workers), chunks_done(engine)
    began = time.perf_counter()
    engine.result(request, timeout=600)
    wall = time.perf_counter() - began
    time.sleep(1.5)  # a heartbeat brings the counts
    return Run(wall, processor_seconds(machines.workers) - before, chunks_done(engine) - chunks)


def await_workers(machines: Machines, engine: Engine, n: int) -> None:
    """Return when so many workers are there and have imported TensorFlow, so that they are at rest."""
    while sum(worker.alive for worker in engine.workers()) < n:
        time.sleep(0.2)
    while True:
        before = processor_seconds(machines.workers)
        time.sleep(3)
        if processor_seconds(machines.workers) - before < 0.2 * n:
            return


def jobs_of(workspace: Workspace, model: str, kind: str, number: int, n_images: int) -> Request:
    """Return one of several jobs of equal cost, none of which has the key of another."""
    rng = np.random.default_rng(number)
    if kind == "index":
        images = rng.integers(0, 256, (n_images, 32, 32, 3), dtype=np.uint8)
        data, _ = workspace.add_dataset(images, name=f"index-{number}")
        return Request("index", {"model": model, "dataset": data.fingerprint, "precision": "float32"})
    data = next((card for card in workspace.datasets() if card.name == "fixed"), None)
    if data is None:
        images = np.random.default_rng(99).integers(0, 256, (max(64, n_images // 5), 32, 32, 3), dtype=np.uint8)
        data, _ = workspace.add_dataset(images, name="fixed", labels=np.arange(len(images)) % 10)
    if kind == "simulation":
        from nnvis_dash.analysis.simulation.change import change

        plain = change("rotation", [0.0, *(round(5.0 * step + number / 100, 2) for step in range(1, 5))]).plain()
        return Request("simulation", {"dataset": data.fingerprint, "models": [model], "changes": [plain]})
    parameters = {"dataset": data.fingerprint, "model": model, "sample": number, "window": 6, "samples": 4}
    more = {"sampler": "marginal", "stride": 2, "adaptive": False, "live": False}
    return Request("prediction_difference", {**parameters, **more})


def scaling(folder: Path, n_images: int, rounds: int) -> str:
    """Return the table of N workers against one."""
    from benchmarks.networks import vgg16_at_32
    from nnvis_dash.analysis.intake import add_model

    workspace = Workspace(folder / "workspace")
    vgg16_at_32().save(folder / "vgg16.keras")
    model = add_model(workspace, folder / "vgg16.keras", preprocessing="unit")[0].fingerprint
    kinds = ("index", "simulation", "prediction_difference")
    runs: dict[tuple[str, int], list[Run]] = {}
    number = 0
    for n in COUNTS:
        machines = Machines(workspace.path, n, threads=1)
        engine = Engine(workspace.path, machines.address)
        try:
            await_workers(machines, engine, n)
            for turn in range(rounds + 1):
                for kind in kinds:
                    number += 1
                    run = timed(machines, engine, jobs_of(workspace, model, kind, number, n_images))
                    if turn:  # the first loads and traces the model in every worker
                        runs.setdefault((kind, n), []).append(run)
                        print(f"{kind}, {n}: {run.wall:.1f} s, {run.cpu:.1f} cpu, {run.chunks} chunks", flush=True)
        finally:
            engine.close()
            machines.stop()
    rows = []
    for kind in kinds:
        wall = {n: statistics.median(run.wall for run in runs[kind, n]) for n in COUNTS}
        cpu = {n: statistics.median(run.cpu for run in runs[kind, n]) for n in COUNTS}
        for n in COUNTS:
            speed, apart = wall[1] / wall[n], cpu[1] / cpu[n]
            said = (f"{wall[n]:.1f} s", f"{speed:.2f}", f"{speed / n:.2f}", f"{cpu[n]:.1f} s", f"{apart:.2f}")
            rows.append((kind.replace("_", " "), n, *said))
    columns = ("job", "workers", "wall", "speed-up", "efficiency", "CPU of all workers", "efficiency apart from cores")
    return table(columns, rows)


def overhead(folder: Path, n_chunks: int) -> dict[str, float]:
    """Measure what a chunk costs beside its computing: of the scheduler, of the workers, on the wire."""
    workspace = Workspace(folder / "idle")
    machines = Machines(workspace.path, 3, preload=("benchmarks.scaling_kinds",))
    engine = Engine(workspace.path, machines.address)
    try:
        await_workers(machines, engine, 3)
        from benchmarks.scaling_kinds import PER_CHUNK

        engine.result(Request("idle-chunks", {"name": "first", "n": 10 * PER_CHUNK}), timeout=100)
        rest, rest_workers = _idle_rate(machines)
        scheduler, workers = processor_seconds([machines.scheduler]), processor_seconds(machines.workers)
        moved, began = sent_and_received(machines.port), time.perf_counter()
        before = chunks_done(engine)
        engine.result(Request("idle-chunks", {"name": "second", "n": n_chunks * PER_CHUNK}), timeout=600)
        wall = time.perf_counter() - began
        scheduler = processor_seconds([machines.scheduler]) - scheduler - rest * wall
        workers = processor_seconds(machines.workers) - workers - rest_workers * wall
        moved = sent_and_received(machines.port) - moved
        time.sleep(2)
        chunks = chunks_done(engine) - before

        # many empty tasks at once: what the scheduler can do at most
        client = engine._connect()
        spent, began = processor_seconds([machines.scheduler]), time.perf_counter()
        client.gather(client.map(_one, range(5000), priority=1))
        spent = processor_seconds([machines.scheduler]) - spent
    finally:
        engine.close()
        machines.stop()
    return {
        "chunks": chunks,
        "scheduler": scheduler / chunks,
        "workers": workers / chunks,
        "bytes": moved / chunks,
        "task": spent / 5000,
        "late": wall / (n_chunks * 0.4 / 3) - 1,
    }


def _one(number: int) -> int:
    return number


def _idle_rate(machines: Machines, seconds: float = 5.0) -> tuple[float, float]:
    """Return the CPU time that scheduler and workers take each second without work."""
    before = processor_seconds([machines.scheduler]), processor_seconds(machines.workers)
    time.sleep(seconds)
    after = processor_seconds([machines.scheduler]), processor_seconds(machines.workers)
    return (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds


def endings(folder: Path, megabytes: int = 512) -> tuple[float, float, float]:
    """Return the CPU seconds a GB of an index's rows.

    Of the workers that put them where they belong, of the one process that makes them an artifact, and of that process
    where it has to put parts together first, as other kinds of job do.
    """
    from nnvis_dash.engine.chunks import gather, part_name
    from nnvis_dash.engine.kinds.index import put_together

    artifacts = Workspace(folder / "rows").artifacts
    n_units, step = 4096, 1024
    total = megabytes * 2**20 // (4 * n_units)
    starts = range(0, total, step)
    rows = {start: {"maxima": np.full((min(step, total - start), n_units), start, np.float32)} for start in starts}
    placed, gathered = artifacts.parts("a" * 32), artifacts.parts("b" * 32)
    clock = [time.process_time()]
    for start in starts:
        sums = placed.rows.place(start, total, rows[start])
        placed.save(part_name(start, start + step), {name: np.array(sum_, np.uint32) for name, sum_ in sums.items()})
    clock.append(time.process_time())
    put_together(placed, lambda arrays: artifacts.save("a" * 32, arrays) and None)
    clock.append(time.process_time())
    for start in starts:
        gathered.save(part_name(start, min(start + step, total)), rows[start])
    job: Any = SimpleNamespace(parts=gathered)
    began = time.process_time()

    def room(name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        return np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape)

    artifacts.save("b" * 32, gather(job, total, room))
    clock.append(clock[-1] + time.process_time() - began)
    one, other = (artifacts.load(letter * 32).array("maxima") for letter in "ab")
    assert (np.asarray(one[::97]) == np.asarray(other[::97])).all()
    writing, ending, before = np.diff(clock) / (megabytes / 1024)
    return float(writing), float(ending), float(before)


def on_paper(costs: dict[str, float], ending: float, before: float) -> str:
    """Return what 100 GPUs would need for the index of 100 million images, from what was measured here."""
    from nnvis_dash.engine.chunks import LARGEST, TARGET, Pace

    pace = Pace(workers=GPUS)
    rows = []
    for name, rate, n_bytes in (("VGG-16 at 32 × 32", 20_000, 4 * (2 * 5000 + 512 + 10)), RESNET):
        images = min(pace.largest, int(rate * pace.target))
        chunks = IMAGES / images
        unstretched = rate * GPUS / min(LARGEST, int(rate * TARGET))
        computing = IMAGES / (rate * GPUS)
        per_second = chunks / computing
        gigabytes = IMAGES * n_bytes / 1e9
        rows.append(
            (
                name,
                f"{rate:,}",
                f"{computing:,.0f} s",
                f"{chunks:,.0f} of {images:,}",
                f"{per_second:,.0f}/s",
                f"{100 * unstretched * costs['scheduler']:.0f} %",
                f"{100 * per_second * costs['scheduler']:.0f} %",
                f"{per_second * costs['bytes'] / 1e6:.1f} MB/s",
                f"{gigabytes / 1000:,.1f} TB",
                f"{gigabytes / computing:,.1f} GB/s",
                f"{gigabytes * before / 60:,.0f} min",
                f"{gigabytes * ending / 60:,.0f} min",
            )
        )
    columns = ("classifier", "images/s of a GPU (assumed)", "computing", "chunks", "chunks", "scheduler busy before")
    columns += ("scheduler busy now", "through the scheduler", "result", "to the shared disk", "end before", "end now")
    return table(columns, rows)


RESNET = ("ResNet-50 at 224 × 224", 2_500, 4 * (2 * 26_560 + 2048 + 1000))


def main() -> None:
    """Measure, print, and keep the result with --write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1500, help="of each index")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--chunks", type=int, default=300, help="that compute nothing")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        writing, ending, before = endings(Path(folder))
        print(f"rows: {writing:.2f}, {ending:.2f}, {before:.2f} CPU seconds a GB", flush=True)
        costs = overhead(Path(folder), given.chunks)
        print(costs, flush=True)
        speed = scaling(Path(folder), given.images, given.rounds)
    beside = (
        f"{1e6 * costs['scheduler']:,.0f} µs of the scheduler, {1e3 * costs['workers']:.1f} ms of the workers "
        f"(coordinator, files, progress), {costs['bytes']:,.0f} bytes through the scheduler"
    )
    parts = [
        "N workers of one thread each, a scheduler and the one who asks, all separate programs. No worker adds speed "
        "beyond the machine's cores; the last column is the CPU time with one worker by that with N: what is lost "
        "apart from cores.\n\n" + speed,
        f"A chunk costs, beside its computing, {beside}. Chunks of 0.4 s that leave the processor alone take "
        f"{100 * costs['late']:.0f} % longer than that on three workers. An empty task costs the scheduler "
        f"{1e6 * costs['task']:,.0f} µs, so it can do {1 / costs['task']:,.0f} tasks/s. The rows of an index cost its "
        f"workers {writing:.1f} CPU seconds a GB, and {ending:.1f} the one process that makes them an artifact; that "
        f"would be {before:.1f} if it had to put parts together.",
        f"On paper, {GPUS} GPUs and {IMAGES // 10**6} million images (the GPUs' speed is assumed, all else follows "
        "from what was measured):\n\n" + on_paper(costs, ending, before),
    ]
    print("\n\n".join(parts))
    if given.write:
        write_section("scaling", "Several machines", "\n\n".join(parts))


if __name__ == "__main__":
    main()
