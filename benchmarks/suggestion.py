"""What several classifiers say together, over tables as large as a big data set's, beside the bare limit.

    python -m benchmarks.suggestion [--write]

The limit is what no way can go below: the greatest probability and its place, of every row of every table. The goal is
1 s for three classifiers over 60,000 samples.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import numpy as np

from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.suggestion.several import suggest

SIZES = ((60_000, 10), (60_000, 100), (60_000, 1000), (1_000_000, 10))
GOAL_S = 1.0


def measure(n: int, k: int) -> tuple[float, float, float]:
    """Return the seconds of `suggest`, those of the limit, and the ratio of their CPU times."""
    draw = np.random.default_rng(0)
    tables = []
    for _ in range(3):
        logits = draw.standard_normal((n, k), dtype=np.float32)
        np.exp(3 * logits, out=logits)
        tables.append(logits / logits.sum(axis=1, keepdims=True))
    labels = draw.integers(0, k, n).astype(np.int32)

    def limit() -> None:
        for one in tables:
            one.argmax(axis=1)
            one.max(axis=1)

    found = interleaved({"suggest": lambda: suggest(tables, labels=labels), "limit": limit})
    took, least = (statistics.median(found[name].wall) for name in ("suggest", "limit"))
    return took, least, found["suggest"].ratio(found["limit"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    rows = []
    for n, k in SIZES:
        took, least, ratio = measure(n, k)
        rows.append((f"3 × {n:,} × {k:,}", f"{took:.3f}", f"{least:.3f}", f"{ratio:.2f}"))
    text = table(("classifiers × samples × classes", "suggest, s", "bare limit, s", "/ limit, CPU (median)"), rows)
    print(text)
    if args.write:
        words = f"Goal: {GOAL_S:g} s for 3 × 60,000. The limit is argmax and max of every table.\n\n"
        write_section("suggestion", "Suggestion of several classifiers", words + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
