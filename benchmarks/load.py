"""Many people at once: simulated users with real work and real browsers, beside an index that runs all the time.

    python -m benchmarks.load [--users 25 50 100 200 400] [--seconds 40] [--think 5] [--browsers 5] [--write]

The server is started as a person would (`python -m nnvis_dash serve`), on the demo's workspace, with a further dataset
of noise whose index is computed again and again. A user thinks (exponentially, `--think` seconds on the average), then
does one thing, and it counts until everything that it set going is answered. The stages end early where more than 1 %
fails or half of all takes more than three seconds. Server, engine, users and browsers share the machine.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import sync_playwright

from benchmarks.load_user import Refused, User
from benchmarks.points_served import web_workers
from benchmarks.report import table, write_section
from nnvis_dash.engine.jobs import Request
from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import BROWSER, FLAGS, Server, command

GOAL_MS = 300.0
INDEXED = 20_000  # images of the dataset whose index runs all the time
PAINTED = """() => {
    window.timing = { start: 0, end: 0 };
    document.addEventListener("click", (event) => { timing.start = event.timeStamp; timing.end = 0; }, true);
    document.getElementById("testing-raw-image").addEventListener("load", () =>
        requestAnimationFrame(() => setTimeout(() => { timing.end = performance.now(); }, 0)));
}"""


class Users:
    """Simulated users of one stage, a thread each."""

    def __init__(self, address: str, n: int, think: float) -> None:
        self.spent: list[tuple[str, float, float]] = []  # what, when it began, seconds
        self.failures: Counter[str] = Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(address, seed, think)) for seed in range(n)]

    def _live(self, address: str, seed: int, think: float) -> None:
        user, random = User(address, seed), Random(seed)
        self._over.wait(random.uniform(0, think))
        opened = False
        while not self._over.is_set():
            try:
                if not opened:
                    user.open()
                    opened = True
                began = time.perf_counter()
                name, spent = user.act()
                self.spent.append((name, began, spent))
            except Exception as error:
                self.failures[f"{type(error).__name__}: {error}"[:160]] += 1
            self._over.wait(random.expovariate(1 / think))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)


class Indexing:
    """A person whose page waits for an index, which is thrown away and asked for again until it is stopped."""

    def __init__(self, server: Server) -> None:
        self._workspace = Workspace(server.workspace)
        self._user = User(server.address, -1)
        self._over = threading.Event()
        self.images = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        data = self._workspace.dataset("noise").card.fingerprint
        model = self._workspace.model("shapes-vgg13").fingerprint
        request = Request("index", {"model": model, "dataset": data, "precision": "float32"})
        self._user.open()
        while not self._over.is_set():
            try:
                self._user.index(data, [model], self._over.is_set)
                self.images += INDEXED
            except Refused as error:
                if not self._over.is_set():
                    print(f"the index: {error}", file=sys.stderr)
                    time.sleep(1)
            self._workspace.artifacts.remove(request.key)

    def stop(self) -> None:
        self._over.set()
        self._thread.join(60)


class Browsers:
    """Real pages, each in a context of its own, that click images of the strip in turn."""

    def __init__(self, browser: Any, address: str, n: int) -> None:
        self._contexts = [
            browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True) for _ in range(n)
        ]
        self._pages = [context.new_page() for context in self._contexts]
        self.painted: list[float] = []
        self.failures: Counter[str] = Counter()
        for page in self._pages:
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: self.failures.update([f"page: {error}"[:160]]))
            page.goto(address)
        for page in self._pages:
            steps.wait_for_map(page)
            page.evaluate(PAINTED)

    def work(self, until: float) -> None:
        """Click one image after another until a moment of the clock."""
        for turn in itertools.count():
            for page in self._pages:
                if time.perf_counter() > until:
                    return
                page.locator(".thumb").nth(turn % 12).click()
                waited = time.perf_counter() + 20
                while not page.evaluate("() => timing.end > timing.start && timing.start > 0"):
                    page.wait_for_timeout(20)
                    if time.perf_counter() > waited:
                        self.failures["a heatmap did not come within 20 s"] += 1
                        break
                else:
                    self.painted.append(float(page.evaluate("() => timing.end - timing.start")))
                page.wait_for_timeout(300)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def percentiles(seconds: list[float]) -> list[str]:
    """Return the 50th, 95th and 99th percentile in milliseconds, as text."""
    if not seconds:
        return ["-"] * 3
    return [f"{1000 * value:.0f}" for value in np.percentile(seconds, [50, 95, 99])]


def processes(server: Server) -> dict[str, list[psutil.Process]]:
    """Return the server's processes by what they are."""
    web = web_workers(server)
    below = psutil.Process(server.process.pid).children(recursive=True)
    return {"web": web, "engine": [one for one in below if one not in web]}


def _busy(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:  # a web worker that was recycled after so many requests
        return 0.0


def busy(found: dict[str, list[psutil.Process]]) -> dict[str, float]:
    """Return the CPU seconds of processes so far; "users" are this one."""
    spent = {name: sum(map(_busy, some)) for name, some in found.items()}
    return {**spent, "users": sum(psutil.Process().cpu_times()[:2])}


def stage(
    server: Server, browser: Any, n: int, args: argparse.Namespace
) -> tuple[list[Any], dict[str, list[float]], Counter[str]]:
    """Let n users work; return the row, the seconds by action, and what failed."""
    users = Users(server.address, n, args.think)
    pages = Browsers(browser, server.address, args.browsers)
    users.start()
    time.sleep(min(args.think + 3, args.seconds))  # all have opened their page
    known = processes(server)
    before, begun = busy(known), time.perf_counter()
    pages.work(begun + args.seconds)
    ended = time.perf_counter()
    time.sleep(max(0.0, begun + args.seconds - ended))
    after, lasted = busy(known), time.perf_counter() - begun
    memory = max((one.memory_info().rss for one in web_workers(server)), default=0) / 2**20
    users.stop()
    pages.close()
    by_action: dict[str, list[float]] = defaultdict(list)
    for name, began, spent in users.spent:
        if begun <= began <= begun + args.seconds:
            by_action[name].append(spent)
    everything = [spent for some in by_action.values() for spent in some]
    failures = users.failures + pages.failures
    shares = ", ".join(f"{name} {(after[name] - before[name]) / lasted:.2f}" for name in ("web", "engine", "users"))
    row = [
        n,
        f"{len(everything) / lasted:.1f}",
        *percentiles(everything),
        sum(failures.values()),
        *percentiles([ms / 1000 for ms in pages.painted])[:2],
        shares,
        f"{memory:.0f}",
    ]
    return row, by_action, failures


def prepare(folder: Path) -> None:
    """Build the demo's workspace with a dataset of noise beside it."""
    command("demo", "--build-only", "--workspace", str(folder))
    workspace = Workspace(folder)
    shape = workspace.dataset("shapes").card.image_shape
    noise = np.random.default_rng(0).integers(0, 256, (INDEXED, *shape), np.uint8)
    workspace.add_dataset(noise, name="noise")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[25, 50, 100, 200, 400])
    parser.add_argument("--seconds", type=float, default=40.0, help="of each stage")
    parser.add_argument("--think", type=float, default=5.0, help="mean seconds between two things that a user does")
    parser.add_argument("--browsers", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2, help="web worker processes")
    parser.add_argument("--workspace", type=Path, help="made by an earlier run, or to be made")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    rows, details, told = [], [], []
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = args.workspace or Path(temporary)
        if not (folder / "datasets").is_dir() or "noise" not in {card.name for card in Workspace(folder).datasets()}:
            prepare(folder)
        server = Server(folder, web_workers=str(args.workers))
        indexing = Indexing(server)
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        try:
            first = User(server.address, 0)
            first.open()
            for _ in range(30):  # models are loaded and compiled
                first.act()
            for n in args.users:
                row, by_action, failures = stage(server, browser, n, args)
                rows.append(row)
                details += [[n, name, len(some), *percentiles(some)] for name, some in sorted(by_action.items())]
                told += [f"{n} users: {count} x {what}" for what, count in failures.most_common(5)]
                print(table(HEAD, rows[-1:]), *told[-5:], sep="\n", flush=True)
                slow = row[2] != "-" and float(row[2]) > 3000
                if slow or sum(failures.values()) > 0.01 * sum(map(len, by_action.values())):
                    break
        finally:
            browser.close()
            indexing.stop()
            server.stop()
    text = table(HEAD, rows) + "\n\n" + table(("users", "action", "n", "p50, ms", "p95, ms", "p99, ms"), details)
    if told:
        text += "\n\nFailed:\n\n" + "\n".join(f"- {one}" for one in told)
    words = (
        f"{args.seconds:g} s a stage, {args.think:g} s of thought on the average, {args.browsers} pages in Chromium "
        f"with software rendering, {args.workers} web workers, an index of {INDEXED:,} images by shapes-vgg13 running "
        f"({indexing.images:,} images meanwhile); all of it on {os.cpu_count()} cores. Goal: p95 of at most "
        f"{GOAL_MS:.0f} ms with 200 users. CPU is in cores. Load before: {load:.1f}."
    )
    print(text, words, sep="\n\n")
    if args.write:
        write_section("load", "Many users at once", f"{words}\n\n{text}")
    return 0


HEAD = (
    "users",
    "actions/s",
    "p50, ms",
    "p95, ms",
    "p99, ms",
    "failed",
    "browser: click to heatmap, p50 ms",
    "p95 ms",
    "CPU",
    "web worker, MB",
)


if __name__ == "__main__":
    sys.exit(main())
