"""Neural patterns beside a plain count of all spans, and beside the library `prefixspan`, on the same paths.

The sets of patterns and their supports must be identical, or the script stops. `prefixspan` finds patterns with gaps
only; it is needed by nothing else, and left out where it isn't installed. It gets the paths as lists of numbers that
are unique to their layer, so that a sequence of them is a set of (layer, unit).

Paths: 50,000 through 16 layers of 64 to 512 units and 10 classes. *Prototypes*: in deep layers most images follow one
of 200 paths, the rest is Zipf-distributed (exponent 1.4). *Few units*: a few units of each layer are the most active
ones of nearly all images (Zipf, exponent 1.7).

Goals: 25 times as fast as the count, 100 times as fast as prefixspan, 0.2 s with the closed patterns only.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.neural_patterns import NeuralPatterns, Sequences, neural_patterns

UNITS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512, 10)
Array = np.ndarray[Any, Any]
Counts = dict[tuple[tuple[int, int], ...], int]


def prototypes(n: int) -> Sequences:
    """Return paths that follow one of 200 the more the deeper they are."""
    rng = np.random.default_rng(0)
    paths = np.stack([rng.integers(0, units, 200) for units in UNITS], axis=1)
    kind = rng.integers(0, 200, n)
    found = np.empty((n, len(UNITS)), np.int16)
    for column, units in enumerate(UNITS):
        follow = rng.random(n) < 0.35 + 0.5 * column / len(UNITS)
        found[:, column] = np.where(follow, paths[kind, column], np.minimum(rng.zipf(1.4, n) - 1, units - 1))
    return named(found)


def few_units(n: int) -> Sequences:
    """Return paths of which most go through the same few units."""
    rng = np.random.default_rng(1)
    return named(np.minimum(rng.zipf(1.7, (n, len(UNITS))), UNITS).astype(np.int16) - np.int16(1))


def named(found: Array) -> Sequences:
    """Return a table as sequences."""
    return Sequences(found, tuple(f"layer {column}" for column in range(found.shape[1])))


def counted(paths: Sequences, least: int) -> Counts:
    """Count every span of two columns and more, and keep the frequent ones."""
    rows = [tuple(row) for row in paths.channels.tolist()]
    found: Counts = {}
    for start in range(len(UNITS)):
        for stop in range(start + 2, len(UNITS) + 1):
            for values, support in Counter(row[start:stop] for row in rows).items():
                if support >= least:
                    found[tuple(zip(range(start, stop), values, strict=True))] = support
    return found


def by_prefixspan(paths: Sequences, least: int) -> Counts:
    """Find all patterns with gaps by the library."""
    from prefixspan import PrefixSpan

    firsts = np.cumsum((0, *UNITS[:-1]))
    owner = np.repeat(np.arange(len(UNITS)), UNITS).tolist()
    miner = PrefixSpan((paths.channels + firsts).tolist())
    miner.minlen = 2
    return {
        tuple((owner[number], number - int(firsts[owner[number]])) for number in numbers): support
        for support, numbers in miner.frequent(least)
    }


def supports(patterns: NeuralPatterns) -> Counts:
    """Return our patterns as the others give them."""
    return {
        tuple((column, value) for column, value in enumerate(channels) if value >= 0): support
        for channels, support in zip(patterns.channels.tolist(), patterns.support.tolist(), strict=True)
    }


def once(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of one call, and what it gave."""
    began = time.process_time()
    found = run()
    return time.process_time() - began, found


def main() -> None:
    """Compare, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    data = {"prototypes": prototypes(given.images), "few units": few_units(given.images)}
    library = importlib.util.find_spec("prefixspan") is not None
    rows = []

    def report(*row: object) -> None:
        rows.append(row)
        print(*row, sep=" | ", flush=True)

    for name, paths in data.items():
        for share in (100, 500, 2500):
            least = given.images // share
            kept: dict[str, Any] = {}

            def every(paths: Sequences = paths, least: int = least, kept: dict[str, Any] = kept) -> None:
                kept["ours"] = neural_patterns(paths, min_support=least, closed=False)

            def closed(paths: Sequences = paths, least: int = least, kept: dict[str, Any] = kept) -> None:
                kept["closed"] = neural_patterns(paths, min_support=least)

            def count(paths: Sequences = paths, least: int = least, kept: dict[str, Any] = kept) -> None:
                kept["counter"] = counted(paths, least)

            times = interleaved({"counter": count, "ours": every, "closed": closed}, given.rounds)
            if supports(kept["ours"]) != kept["counter"]:
                raise SystemExit(f"{name}, {least}: other patterns than a Counter finds")
            ratio = times["counter"].ratio(times["ours"])
            slow, fast, best = (statistics.median(times[way].cpu) for way in ("counter", "ours", "closed"))
            sizes = f"{len(kept['ours']):,} ({len(kept['closed']):,} closed)"
            report(
                name,
                least,
                "Counter over all spans",
                sizes,
                f"{slow:.2f}",
                f"{fast:.3f}",
                f"{best:.3f}",
                f"{ratio:.0f}",
            )
    for name, paths in data.items():
        least = given.images // 100
        mine = [once(lambda: neural_patterns(paths, min_support=least, gaps=True, closed=False)) for _ in range(3)]  # noqa: B023
        best_of = [once(lambda: neural_patterns(paths, min_support=least, gaps=True)) for _ in range(3)]  # noqa: B023
        fast, best = (statistics.median(seconds for seconds, _ in runs) for runs in (mine, best_of))
        sizes = f"{len(mine[0][1]):,} ({len(best_of[0][1]):,} closed)"
        slow, ratio_said = "–", "–"
        if library:
            seconds, found = once(lambda: by_prefixspan(paths, least))  # noqa: B023
            if supports(mine[0][1]) != found:
                raise SystemExit(f"{name}, {least}: other patterns than prefixspan finds")
            slow, ratio_said = f"{seconds:.2f}", f"{seconds / fast:.0f}"
        report(name, least, "prefixspan (gaps)", sizes, slow, f"{fast:.3f}", f"{best:.3f}", ratio_said)
    columns = ("paths", "min_support", "beside", "patterns", "theirs, s", "ours, s", "ours, closed, s", "times as fast")
    body = (
        f"{given.images:,} paths through {len(UNITS)} layers; CPU seconds, medians of one run; the same patterns with "
        "the same supports on both sides. *Prototypes*: most images follow one of 200 paths in deep layers. *Few "
        "units*: a few of each layer are the most active ones of nearly all images. Goals: 25 times a Counter, 100 "
        "times prefixspan, closed patterns within 0.2 s.\n\n" + table(columns, rows)
    )
    print(body)
    if given.write:
        write_section("neural_patterns", "Neural patterns", body)


if __name__ == "__main__":
    main()
