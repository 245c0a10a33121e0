"""Faults at random on a server under load: kills, full disks, damage, hangs, clocks; then a count of what was lost.

    python -m benchmarks.chaos --minutes 25 --seed 1 [--report docs/chaos.md]

A server is started as a person starts it, on a small workspace of its own. Every job's result is first computed
undisturbed. Then jobs, questions and waiting pages keep it busy while faults of docs/reliability.md come at random, the
same for the same seed as far as the machine allows. At the end every job that was accepted must have ended in one
state, each result must equal the undisturbed one, and nothing may be left behind. Exit status 1 says that it isn't so.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from benchmarks.chaos_faults import FAULTS, Fault, census
from benchmarks.chaos_load import Load, Tally
from benchmarks.chaos_world import ANSWER, TOLD, Server, build, reference_results, small_disk
from benchmarks.report import machine, table

DISK_MB = 700
AT_ONCE = 0.4  # of the faults: the next one doesn't wait until the server answers
PATIENT = 4.0  # seconds for which the others wait
LONGEST = 60.0  # seconds for which an answer is waited for
PATIENCE = 240.0  # seconds that the last jobs have to end, undisturbed


def await_server(server: Server, seconds: float = 120.0) -> None:
    """Return when it answers and its engine is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if server.ask("GET", "/healthz")[0] == 200 and server.some("workers"):
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the server did not start; see {server.log}")


def torment(load: Load, rng: random.Random, seconds: float, n_hands: int) -> tuple[dict[str, list[float]], list[str]]:
    """Inject faults from several hands; return the seconds until a question was answered again, by fault, and what was
    not as promised."""
    took: dict[str, list[float]] = defaultdict(list)
    findings: list[str] = []
    pending: list[tuple[Fault, float]] = []
    lock = threading.Lock()
    end = time.monotonic() + seconds

    def settle() -> bool:
        load.server.watch()
        with lock:
            for each, at in list(pending):
                waited = time.monotonic() - at
                if load.answered > at or waited > LONGEST:
                    took[each.title].append(waited)
                    pending.remove((each, at))
            return not pending

    def hand(rng: random.Random) -> None:
        while time.monotonic() < end:
            chosen = rng.choices(FAULTS, [each.weight for each in FAULTS])[0]
            alone, pause = rng.random() > AT_ONCE, rng.uniform(0.05, 0.5)
            try:
                found = chosen.inject(load, random.Random(rng.random()))
            except Exception as error:  # the hand goes on, and the report says so
                found = f"{type(error).__name__}: {error}"
            with lock:
                if found:
                    findings.append(f"{chosen.title}: {found}")
                pending.append((chosen, time.monotonic()))
                load.faults.append((time.monotonic(), chosen.title))
            until = time.monotonic() + PATIENT
            while chosen.waits and alone and time.monotonic() < until and not settle():
                time.sleep(0.05)
            time.sleep(pause)
            settle()

    hands = [threading.Thread(target=hand, args=(random.Random(rng.random()),)) for _ in range(n_hands)]
    for each in hands:
        each.start()
    for each in hands:
        each.join()
    while not settle():
        time.sleep(0.05)
    if load.server.ends:
        findings.append(f"the server ended by itself {load.server.ends} times")
    return took, findings


def report(
    args: argparse.Namespace, took: Mapping[str, list[float]], tally: Tally, findings: list[str], left: list[str]
) -> tuple[str, bool]:
    """Return what happened in Markdown, and whether all was as promised."""
    times = [one for each in took.values() for one in each]
    late = sum(one > ANSWER for one in times)
    rows = []
    for each in FAULTS:
        found = took.get(each.title, [])
        worst, middle = (max(found), statistics.median(found)) if found else (0.0, 0.0)
        over = sum(one > ANSWER for one in found)
        rows.append([each.number, each.title, len(found), f"{middle:.1f}", f"{worst:.1f}", over])
    invariants = [
        ("accepted jobs that are lost", len(tally.lost)),
        ("wrong or torn results, or ends", len(tally.wrong)),
        ("builds begun more often than faults explain", len(tally.starts)),
        ("answers not as promised", len(findings)),
        ("left behind after the end", len(left)),
        (f"faults after which no question was answered within {ANSWER:.0f} s", late),
        (f"longest silence of a page that waits, s (goal {TOLD:.0f})", f"{tally.silent:.1f}"),
    ]
    good = not (tally.lost or tally.wrong or tally.starts or findings or left)
    said = [
        "# Chaos",
        "",
        f"`python -m benchmarks.chaos --minutes {args.minutes:g} --seed {args.seed} --hands {args.hands}`",
        f"on {machine()}.",
        f"{len(times)} faults in {args.minutes:g} minutes, several at a time; two web workers, two engine workers.",
        "",
        table(["what must be 0", "found"], invariants),
        "",
        f"Jobs: {tally.accepted} accepted, {tally.done} done and equal to the undisturbed result, "
        f"{sum(tally.failed.values())} failed with a reason, {tally.cancelled} cancelled by the script; "
        f"the slowest took {tally.slowest_job:.0f} s. Refused in words: {sum(tally.refused.values())}.",
        f"Questions: {tally.questions} asked, {tally.unanswered} without an answer; the longest time without one "
        f"{max(tally.gaps, default=0):.1f} s. Pages that waited: {tally.pages}, answered {tally.pages_answered}, "
        f"told that it stopped {tally.pages_told}.",
        "",
        table(["number", "fault", "times", "s to an answer, median", "worst", f"over {ANSWER:.0f} s"], rows),
        "",
    ]
    for title, lines in (
        ("Lost", tally.lost),
        ("Wrong", tally.wrong),
        ("Built too often", tally.starts),
        ("Not as promised", findings),
        ("Left behind", left),
        ("During the longest silence of a page", tally.silent_during),
        ("Reasons of failed jobs", [f"{n} × {what}" for what, n in tally.failed.items()]),
        ("Refusals", [f"{n} × {what}" for what, n in tally.refused.items()]),
        ("Errors of the server", [f"{n} × {what}" for what, n in tally.server_errors.items()]),
    ):
        if lines:
            said += [f"{title}:", "", *(f"- {line}" for line in lines[:40]), ""]
    return "\n".join(said), good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hands", type=int, default=1, help="that inject at the same time (default: %(default)s)")
    parser.add_argument("--report", type=Path, help="write what happened into this file, too")
    parser.add_argument("--keep", action="store_true", help="leave the scratch folder with the server's log")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    scratch = Path(tempfile.mkdtemp(prefix="nnvis-chaos-"))
    disk = scratch / "disk"
    disk.mkdir()
    with small_disk(disk, DISK_MB):
        path = disk / "workspace"
        build(path, scratch)
        server = Server(path, scratch)
        try:
            server.start()
            await_server(server)
            references = reference_results(server, path)
            print(f"{len(references)} undisturbed results; the log is {server.log}", flush=True)
            load = Load(server, references, random.Random(rng.random()))
            load.start()
            took, findings = torment(load, rng, 60 * args.minutes, args.hands)
            print("no more faults; waiting for the last jobs", flush=True)
            load.stop(PATIENCE)
            server.stop()
            time.sleep(2)
            left = census(load)
        finally:
            server.kill_all()
        text, good = report(args, took, load.tally, findings, left)
    print(text)
    if args.report:
        args.report.write_text(text, encoding="utf-8")
    if not args.keep:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
