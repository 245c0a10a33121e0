"""Examples of a target one after another, each made from the seed and its number alone; those that failed are kept."""

from __future__ import annotations

import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from tests.fuzz import datasets, models
from tests.fuzz.checking import Checking
from tests.fuzz.judge import Finding, Given
from tests.unit.workspace.files import write_tree

HANGS = 60  # seconds for one example
LIMITED_EVERY = 50  # of the models' examples, number 0 and every so many after it go through the real child process

MAKERS: dict[str, Callable[[random.Random], Given]] = {**datasets.TARGETS, **models.TARGETS}


class Judge(Protocol):
    """Gives an input to what reads it, and raises a `Finding` where the answer must not be."""

    def __call__(self, given: Given, through_limits: bool = False) -> str: ...

    def close(self) -> None: ...


@dataclass
class Report:
    """What came of one target's examples."""

    target: str
    answers: Counter[str] = field(default_factory=Counter)  # "accepted" or the kind of error
    findings: list[str] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)  # seconds, example
    seconds: float = 0.0

    @property
    def n_examples(self) -> int:
        """How many inputs were tried."""
        return sum(self.answers.values())


def example(target: str, seed: int, number: int) -> Given:
    """Make an input again from its seed and number."""
    return MAKERS[target](random.Random(f"{target}/{seed}/{number}"))


def fuzz(
    target: str,
    root: Path,
    *,
    seed: int = 0,
    n_examples: int | None = None,
    seconds: float | None = None,
    first: int = 0,
    kept: Path | None = None,
) -> Report:
    """Try a target's examples until there are so many, or so long.

    Parameters
    ----------
    target : str
        A name of `MAKERS`.
    root : Path
        An empty folder to work in.
    seed, first : int
        Which examples: those of this seed, from this number on.
    n_examples, seconds : optional
        When to stop; one of them is given.
    kept : Path, optional
        Where the inputs that failed are written, each in a folder of its own with what happened.
    """
    report, began, number = Report(target), time.monotonic(), first
    with closing(_judge(target, root)) as judge:
        while (n_examples is None or number - first < n_examples) and (
            seconds is None or time.monotonic() - began < seconds
        ):
            given, started = example(target, seed, number), time.monotonic()
            try:
                answer = _within(judge, given, through_limits=number % LIMITED_EVERY == 0)
            except Exception as error:  # whatever a reader lets through is what is looked for
                answer = "FOUND"
                said = str(error) if isinstance(error, Finding) else "".join(traceback.format_exception(error))
                report.findings.append(f"{target} --seed {seed} --first {number}: {said}")
                if kept is not None:
                    keep(kept / f"{target}-{seed}-{number}", given, said)
            report.answers[answer] += 1
            report.slowest = max(report.slowest, (time.monotonic() - started, number))
            number += 1
    report.seconds = time.monotonic() - began
    return report


def keep(folder: Path, given: Given, said: str) -> None:
    """Write an input that failed, and what happened."""
    shutil.rmtree(folder, ignore_errors=True)
    write_tree(folder / "input", given.files)
    (folder / "said.txt").write_text(f"given: {given.source!r} {dict(given.options)}\n{said}\n", encoding="utf-8")


def _judge(target: str, root: Path) -> Judge:
    root.mkdir(parents=True, exist_ok=True)
    return datasets.Adding(root) if target in datasets.TARGETS else Checking(root, models.TASKS[target])


def _within(judge: Judge, given: Given, through_limits: bool) -> str:
    """Judge one input; a reader that doesn't come back in `HANGS` seconds is a finding."""

    def late(number: int, frame: FrameType | None) -> None:
        raise Finding(f"no answer within {HANGS} s\n{''.join(traceback.format_stack(frame))}")

    usual, limit = signal.signal(signal.SIGALRM, late), sys.getrecursionlimit()
    running = signal.setitimer(signal.ITIMER_REAL, HANGS)  # pytest's own limit is on the same clock
    try:
        answer = judge(given, through_limits)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
        signal.setitimer(signal.ITIMER_REAL, *running)
    if sys.getrecursionlimit() != limit:
        raise Finding("the recursion limit was changed")
    return answer
