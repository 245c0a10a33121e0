"""Measure side by side, and keep what was measured in docs/benchmarks.md, each benchmark in a section of its own."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD = "# Benchmarks\n\nWritten by the scripts in `benchmarks/` (each with `--write`); every ratio is from one run.\n"


@dataclass(frozen=True)
class Times:
    """What one contestant took, in seconds, over all rounds."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]  # of the whole process, all threads: steadier than wall time beside neighbours

    def ratio(self, to: Times) -> float:
        """Return the median over the rounds of this one's CPU time by `to`'s."""
        return statistics.median(own / other for own, other in zip(self.cpu, to.cpu, strict=True))


def interleaved(contestants: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, Times]:
    """Run all contestants in turn, `rounds` times after one round to warm up, so that all meet the same conditions."""
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            run()
            if turn:
                wall[name].append(time.perf_counter() - began)
                cpu[name].append(time.process_time() - began_cpu)
    return {name: Times(tuple(wall[name]), tuple(cpu[name])) for name in contestants}


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine() -> str:
    """Name the processor, its cores and the day."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {datetime.date.today().isoformat()}"


def write_section(name: str, title: str, body: str, page: Path = PAGE) -> None:
    """Replace the section between this benchmark's markers, or append it; other sections stay as they are."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n## {title}\n\n{machine()}. `python -m benchmarks.{name}`\n\n{body}\n{end}"
    text = page.read_text(encoding="utf-8") if page.is_file() else HEAD
    if begin in text and end in text:
        text = text[: text.index(begin)] + section + text[text.index(end) + len(end) :]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, encoding="utf-8")
