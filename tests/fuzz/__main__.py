"""The command: every target, or one, for some seconds.

    python -m tests.fuzz [--seconds 60] [--target npz] [--seed 1] [--first 0] [--keep FOLDER]

Prints what came of how many examples, and ends with 1 where something was found. `--target npz --seed 1 --first 17
--examples 1` makes one example again.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import warnings
from pathlib import Path

from tests.fuzz.session import MAKERS, fuzz


def main() -> int:
    """Fuzz, print, and keep what failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz everything that reads files.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (default 60)")
    parser.add_argument("--examples", type=int, help="so many of each target instead")
    parser.add_argument("--target", choices=MAKERS, action="append", help="may be repeated; default: all")
    parser.add_argument("--seed", type=int, help="default: a new one each time, which is printed")
    parser.add_argument("--first", type=int, default=0, help="the number of the first example")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that failed")
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    warnings.simplefilter("ignore")  # Pillow's about damaged files
    total = found = 0
    for target in given.target or MAKERS:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            report = fuzz(
                target,
                Path(folder),
                seed=seed,
                n_examples=given.examples,
                seconds=None if given.examples else given.seconds,
                first=given.first,
                kept=given.keep,
            )
        counts = ", ".join(f"{answer} {n:,}" for answer, n in report.answers.most_common())
        print(
            f"{target}: {report.n_examples:,} examples of seed {seed} in {report.seconds:.0f} s ({counts}); the "
            f"slowest, {report.slowest[1]}, took {report.slowest[0]:.2f} s",
            flush=True,
        )
        for finding in report.findings:
            print(f"FOUND {finding}", flush=True)
        total += report.n_examples
        found += len(report.findings)
    print(f"{total:,} examples, {found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
