"""Our t-SNE with a frame every 5 iterations against bare openTSNE with the same perplexity, iterations and gradient.

The ratio is what the checks, the animation and exact neighbours cost. Features are like those of a small network: 64,
not negative, in 10 groups. All times are of the processor: a projection has one thread, so on an idle core it takes as
long by the clock.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from openTSNE import TSNE

from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.projections import project
from nnvis_dash.types import Floats

SIZES = (300, 600, 1000, 1797, 4000)
DIMENSIONS = 64
NOTE = "Processor time of one thread, frames kept; the ratio compares with openTSNE called bare, without frames."


def features_like(n_samples: int) -> Floats:
    """Return features (n, 64) float32, not negative, in 10 groups."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, DIMENSIONS)) * 1.5
    rows = centres[rng.integers(0, 10, n_samples)] + rng.normal(size=(n_samples, DIMENSIONS))
    return np.maximum(rows, 0).astype(np.float32)


def measure(n_samples: int, rounds: int) -> tuple[Any, ...]:
    """Return a row of the table."""
    features = features_like(n_samples)
    frames: list[float] = []
    kept: dict[str, Any] = {}

    def ours() -> None:
        frames.clear()
        began = time.process_time()
        kept["ours"] = project(features, on_frame=lambda *frame: frames.append(time.process_time() - began))

    def bare() -> None:
        # openTSNE's defaults (one thread, 250 + 500 iterations) but for the start, which is shuffled as ours is
        kept["bare"] = TSNE(initialization="random", negative_gradient_method="bh", random_state=0).fit(features)

    times = interleaved({"bare openTSNE": bare, "with frames": ours}, rounds)
    own, base = times["with frames"], times["bare openTSNE"]
    began = time.process_time()
    kept["ours"].place(features[:1])
    placing = time.process_time() - began
    return (
        n_samples,
        f"{min(own.cpu):.2f}",
        f"{own.ratio(base):.2f}",
        len(frames),
        f"{frames[1]:.2f}",
        f"{1000 * placing:.0f}",
    )


def main() -> None:
    """Measure all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    columns = (
        "samples × 64",
        "seconds (best)",
        "/ bare openTSNE (median)",
        "frames",
        "to the first movement, s",
        "placing one sample, ms",
    )
    rows = []
    for n_samples in given.sizes:
        rows.append(measure(n_samples, given.rounds))
        print(table(columns, rows[-1:]) if len(rows) == 1 else table(columns, rows).splitlines()[-1], flush=True)
    if given.write:
        write_section("projection", "t-SNE, animated", f"{NOTE}\n\n{table(columns, rows)}")


if __name__ == "__main__":
    main()
