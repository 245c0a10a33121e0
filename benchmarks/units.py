"""Responses of units over an index on disk: 10,000 images × 30,000 units, 1.2 GB, beside plain numpy on the same file.

What is kept in memory is measured too: plain numpy copies every row that it averages.
"""

from __future__ import annotations

import argparse
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.index import Index
from nnvis_dash.analysis.units import most_activating, unit_responses, unit_statistics
from nnvis_dash.types import Unit


def stored(folder: Path, n_images: int, n_units: int) -> Index:
    """Write rectified random activations to disk and open them."""
    rng = np.random.default_rng(0)
    table = np.lib.format.open_memmap(folder / "activations.npy", "w+", np.float32, (n_images, n_units))
    for start in range(0, n_images, 500):
        rows = table[start : start + 500]
        rows[:] = np.maximum(rng.standard_normal(rows.shape, np.float32), 0)
    table.flush()
    opened = np.load(folder / "activations.npy", mmap_mode="r")
    none = np.zeros((n_images, 0), np.float32)
    return Index(none, none, opened, opened, tuple(Unit("layer", channel) for channel in range(n_units)))


def peak(run: Callable[[], Any]) -> float:
    """Return the memory that a call takes at most, in MB; the mapped file isn't counted."""
    tracemalloc.start()
    run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def main() -> None:
    """Compare, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        idx = stored(Path(folder), given.images, given.units)
        few = np.sort(rng.choice(given.images, 100, replace=False))
        many = np.sort(rng.choice(given.images, given.images // 2, replace=False))
        known = unit_statistics(idx)
        activations = idx.unit_activations
        unit = Unit("layer", given.units // 2)

        def plain(chosen: Any) -> Any:
            rest = np.ones(given.images, bool)
            rest[chosen] = False
            return activations[chosen].mean(axis=0) - activations[rest].mean(axis=0)

        def ours(chosen: Any, statistics: Any = None) -> Any:
            return unit_responses(idx, chosen, measure="difference", statistics=statistics)

        for chosen in (few, many):
            for statistics in (None, known):
                np.testing.assert_allclose(ours(chosen, statistics), plain(chosen), atol=1e-4)
        contestants = {
            "statistics of all units, once a dataset": lambda: unit_statistics(idx),
            "100 images less the rest, with statistics": lambda: ours(few, known),
            "100 images less the rest, without": lambda: ours(few),
            "100 images less the rest, plain numpy": lambda: plain(few),
            "half the images less the rest, with statistics": lambda: ours(many, known),
            "half the images less the rest, without": lambda: ours(many),
            "half the images less the rest, plain numpy": lambda: plain(many),
            "two images": lambda: unit_responses(idx, [3], against=[7], measure="difference"),
            "most activating images of one unit": lambda: most_activating(idx, unit),
        }
        times = interleaved(contestants, given.rounds)
        rows = [
            (name, f"{1e3 * min(times[name].wall):.1f}", f"{1e3 * min(times[name].cpu):.1f}", f"{peak(run):.1f}")
            for name, run in contestants.items()
        ]
    body = (
        f"{given.images:,} images × {given.units:,} units, float32, mapped from disk (in the file cache).\n\n"
        + table(("", "ms (best)", "CPU ms (best)", "memory, MB"), rows)
    )
    print(body)
    if given.write:
        write_section("units", "Responses of units", body)


if __name__ == "__main__":
    main()
