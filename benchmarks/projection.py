"""Our t-SNE against openTSNE's with the same affinities, start, iterations and step rule, in turn, in one run.

openTSNE uses what it would choose: Barnes-Hut up to 2,000 samples with one thread (a second one waits actively), then
interpolation with as many threads as there are cores. Both are measured from affinities to coordinates, and by the
exact Kullback-Leibler divergence of what they end in. Then our whole way, from features to a map, and placing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.report import Times, table, write_section
from nnvis_dash.analysis.projections import project
from nnvis_dash.analysis.projections.field.optimise import Phase, optimise
from nnvis_dash.analysis.projections.field.threads import threads, usable
from nnvis_dash.analysis.projections.tsne import START_DEVIATION, affinities
from nnvis_dash.types import Floats

SIZES = (300, 1000, 10_000)
LARGE = 60_000
DIMENSIONS = 512
BARNES_HUT_UP_TO = 2000  # samples
PLACED = 1000
NOTE = (
    "The first table is from affinities to coordinates (250 + 500 iterations, the same start): median ratios of wall "
    "and of CPU time, openTSNE's / ours, and the divergence that each ends in. The second is our whole way, from "
    "features to a map."
)
HEADS = (
    "samples",
    "ours, s",
    "ours, CPU s",
    "openTSNE, s",
    "openTSNE, CPU s",
    "ratio, wall",
    "ratio, CPU",
    "KL ours",
    "KL openTSNE",
    "difference",
)
WHOLE = (
    f"samples × {DIMENSIONS}",
    "to the first frame, s",
    "to the map, s",
    "CPU s",
    "longest gap between iterations, s",
    f"placing {PLACED:,}, s",
    "twins off, % of width (most)",
)


def features_like(n_samples: int) -> Floats:
    """Return features (n, 512) float32 like those behind a ReLU: ten groups, mixtures between them, noise."""
    rng = np.random.default_rng(0)
    centres = rng.gamma(1.0, 1.0, (10, DIMENSIONS)) * (rng.random((10, DIMENSIONS)) < 0.25)
    first, second = rng.integers(0, 10, (2, n_samples))
    share = np.where(rng.random(n_samples) < 0.1, rng.random(n_samples) / 2, 0)[:, None]
    noise = rng.normal(0, 0.35, (n_samples, 40)) @ rng.normal(0, 1, (40, DIMENSIONS)) / 4
    rows = (1 - share) * centres[first] + share * centres[second] + noise
    return np.maximum(rows + rng.normal(0, 0.2, rows.shape) - 0.1, 0).astype(np.float32)


def divergence(joint: Any, coordinates: npt.ArrayLike) -> float:
    """Return the exact Kullback-Leibler divergence of a map, nats, over all pairs in blocks."""
    places = np.asarray(coordinates, np.float32)
    total = -float(len(places))
    for begin in range(0, len(places), 500):
        apart = np.square(places[begin : begin + 500, None, 0] - places[None, :, 0])
        apart += np.square(places[begin : begin + 500, None, 1] - places[None, :, 1])
        total += float((1 / (1 + apart)).sum(dtype=np.float64))
    pairs = joint.tocoo()
    q = 1 / (1 + np.square(places[pairs.row] - places[pairs.col]).sum(axis=1, dtype=np.float64)) / total
    return float((pairs.data * np.log(np.maximum(pairs.data, 1e-30) / q)).sum(dtype=np.float64))


def compare(n_samples: int, rounds: int) -> tuple[Any, ...]:
    """Return a row of the first table."""
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities

    features = features_like(n_samples)
    kept = project(features, iterations=0, early_exaggeration_iterations=0)
    with threads() as held:
        joint = affinities(kept.reference, 30, held)
    start = (kept.coordinates * np.float32(START_DEVIATION / kept.coordinates[:, 0].std())).astype(np.float32)
    rates = {exaggeration: max(50.0, n_samples / exaggeration) for exaggeration in (12.0, 1.0)}
    phases = [Phase(250, 12.0, rates[12.0], 0.8), Phase(500, 1.0, rates[1.0], 0.8)]
    theirs = PrecomputedAffinities(joint.astype(np.float64), normalize=False)
    found: dict[str, Any] = {}

    def ours() -> None:
        with threads() as held:
            found["ours"] = optimise(joint, start, phases, held, lambda coordinates: None)

    def bare() -> None:
        few = n_samples <= BARNES_HUT_UP_TO
        embedding = TSNEEmbedding(start.astype(np.float64), theirs, n_jobs=1 if few else usable())
        for phase in phases:
            embedding.optimize(
                phase.iterations,
                exaggeration=phase.exaggeration,
                learning_rate=phase.learning_rate,
                momentum=phase.momentum,
                negative_gradient_method="bh" if few else "fft",
                inplace=True,
            )
        found["openTSNE"] = embedding

    own, base = in_turn([ours, bare], rounds)
    known = [divergence(joint, found[name]) for name in ("ours", "openTSNE")]
    return (
        f"{n_samples:,}",
        f"{min(own.wall):.2f}",
        f"{min(own.cpu):.2f}",
        f"{min(base.wall):.2f}",
        f"{min(base.cpu):.2f}",
        f"{statistics.median(b / a for a, b in zip(own.wall, base.wall, strict=True)):.1f}",
        f"{base.ratio(own):.1f}",
        f"{known[0]:.4f}",
        f"{known[1]:.4f}",
        f"{100 * (known[0] / known[1] - 1):+.2f} %",
    )


def in_turn(contestants: list[Any], rounds: int) -> list[Times]:
    """Run the contestants in turn, so that they meet the same neighbours; nothing is warmed up but what is compiled."""
    wall: list[list[float]] = [[] for _ in contestants]
    cpu: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for at, run in enumerate(contestants):
            began, began_cpu = time.perf_counter(), time.process_time()
            run()
            wall[at].append(time.perf_counter() - began)
            cpu[at].append(time.process_time() - began_cpu)
    return [Times(tuple(wall[at]), tuple(cpu[at])) for at in range(len(contestants))]


def whole(n_samples: int) -> tuple[Any, ...]:
    """Return a row of the second table."""
    features = features_like(n_samples)
    frames: list[float] = []
    began, began_cpu = time.perf_counter(), time.process_time()
    found = project(features, on_frame=lambda *frame: frames.append(time.perf_counter() - began))
    took, took_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    chosen = np.random.default_rng(1).choice(n_samples, min(PLACED, n_samples), replace=False)
    began = time.perf_counter()
    placed = found.place(features[chosen])
    placing = time.perf_counter() - began
    off = np.linalg.norm(placed - found.coordinates[chosen], axis=1) / np.ptp(found.coordinates, axis=0).max()
    return (
        f"{n_samples:,}",
        f"{frames[0]:.2f}",
        f"{took:.2f}",
        f"{took_cpu:.2f}",
        f"{max(np.diff(frames[1:])):.2f}",
        f"{placing:.2f}",
        f"{100 * off.max():.2f}",
    )


def main() -> None:
    """Measure all sizes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--large", action="store_true", help=f"also {LARGE:,} samples, one round")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    sizes = [*given.sizes, *([LARGE] if given.large else [])]
    rows = []
    for n_samples in sizes:
        rows.append(compare(n_samples, 1 if n_samples >= LARGE else given.rounds))
        print(table(HEADS, rows[-1:]) if len(rows) == 1 else table(HEADS, rows).splitlines()[-1], flush=True)
    ways = []
    for n_samples in sizes:
        ways.append(whole(n_samples))
        print(table(WHOLE, ways[-1:]) if len(ways) == 1 else table(WHOLE, ways).splitlines()[-1], flush=True)
    if given.write:
        write_section("projection", "t-SNE over a field", f"{NOTE}\n\n{table(HEADS, rows)}\n\n{table(WHOLE, ways)}")


if __name__ == "__main__":
    main()
