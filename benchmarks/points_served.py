"""The map's points as the server gives them, and a lasso in the page until the strip names the selection.

    python -m benchmarks.points_served [--sizes 60000 1000000] [--write]

Small images of noise, projected by PCA. The memory is the resident set of the web workers, all together, before and
after points and attributes were fetched 50 times; every worker has answered before that.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import sync_playwright

from benchmarks.report import table, write_section
from benchmarks.sample_table import workspace_of
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from tests.browser.conftest import BROWSER, FLAGS, Server

SIZES = (60_000, 1_000_000)
FETCHES = 50
ROUNDS = 5
SIDE = {1_000_000: 2}  # pixels of an image, else 8
# A square in the middle of the map, `[[left, top], [right, bottom]]` on the screen, that holds a tenth of its points.
SQUARE = """(shift) => {
    const { plane } = nnvis.drawnMap();
    const box = plane.frame.getBoundingClientRect();
    const xy = plane.data.xy;
    const middle = [0, 1].map((axis) => {
        const values = new Uint16Array(plane.n);
        for (let row = 0; row < plane.n; row += 1) values[row] = xy[2 * row + axis];
        return values.sort()[plane.n >> 1];
    });
    const [x, y] = plane.pixel(middle);
    const corners = (half) => [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]];
    let [low, high] = [1, Math.min(plane.width, plane.height) / 2];
    while (high - low > 0.5) {
        const half = (low + high) / 2;
        if (plane.within(corners(half)).count < plane.n / 10) low = half;
        else high = half;
    }
    return corners(high).map(([px, py]) => [box.left + px + shift, box.top + py]);
}"""
# From the end of the stroke to the bars of its classes and to the strip's words, in milliseconds.
WATCH = """() => {
    window.stroke = {};
    document.addEventListener("pointerup", (event) => { stroke = { begin: event.timeStamp }; }, true);
    const watch = (name, selector, says) =>
        new MutationObserver(() => {
            if (stroke.begin && !stroke[name] && says(document.querySelector(selector)))
                requestAnimationFrame(() => setTimeout(() => (stroke[name] = performance.now() - stroke.begin)));
        }).observe(document.querySelector(selector), { childList: true, subtree: true, characterData: true });
    watch("bars", "#embedding-bars", (box) => !box.hidden && box.dataset.total !== undefined);
    watch("strip", "#embedding-strip", (box) => box.textContent.startsWith("Selection"));
}"""


def web_workers(server: Server) -> list[psutil.Process]:
    """Return the web server's worker processes."""
    below = psutil.Process(server.process.pid).children()
    return [process for process in below if "gunicorn" in " ".join(process.cmdline())]


def memory(server: Server) -> float:
    """Return the resident memory of the web workers, MB."""
    return sum(process.memory_info().rss for process in web_workers(server)) / 2**20


def fetched(address: str, encoding: str = "identity") -> tuple[float, int]:
    """Fetch over a connection of its own; return seconds and bytes."""
    begin = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept-Encoding": encoding})) as answer:
        size = len(answer.read())
    return time.perf_counter() - begin, size


def fetches(server: Server, paths: Sequence[str]) -> tuple[list[list[object]], list[float]]:
    """Fetch the map's arrays again and again; return a row of each and the web workers' memory before and after."""
    times: dict[str, list[tuple[float, int]]] = {path: [] for path in paths}
    for _ in range(20):  # every worker has opened the results, and its allocator has what it needs
        for path in paths:
            fetched(f"{server.address}/{path}")
    found = [memory(server)]
    for _ in range(FETCHES):
        for path in paths:
            times[path].append(fetched(f"{server.address}/{path}"))
    found.append(memory(server))
    rows: list[list[object]] = []
    for path, answers in times.items():
        packed = fetched(f"{server.address}/{path}", "gzip, br")[1]
        spent = statistics.median(seconds for seconds, _ in answers)
        rows.append([path.split("/")[0], f"{answers[0][1]:,}", f"{packed:,}", f"{1000 * spent:.0f}"])
    return rows, found


def strokes(page: Any, n: int) -> dict[str, list[float]]:
    """Draw lassos around a tenth of the points; return the milliseconds to the bars and to the strip."""
    found: dict[str, list[float]] = {"bars": [], "strip": []}
    for turn in range(ROUNDS + 1):
        page.click('[data-tool="clear"]')
        page.wait_for_function("() => document.querySelector('#embedding-strip').textContent.startsWith('Nothing')")
        page.wait_for_timeout(1500)
        corners = page.evaluate(SQUARE, turn)
        page.mouse.move(*corners[0])
        page.mouse.down()
        for corner in (*corners[1:], corners[0]):
            page.mouse.move(*corner, steps=15)
        page.mouse.up()
        page.wait_for_function("() => stroke.strip && stroke.bars", timeout=120_000)
        total = int(page.get_attribute("#embedding-bars", "data-total") or 0)
        assert 0.05 * n < total < 0.2 * n, f"{total} of {n} selected"
        for what, values in found.items():
            values.append(page.evaluate("(what) => stroke[what]", what))
    return {what: values[1:] for what, values in found.items()}


def measure(n: int, folder: Path) -> tuple[list[list[object]], list[list[object]]]:
    """Return rows of what is fetched, and of what the page does and the workers hold."""
    workspace, session = workspace_of(folder, n, SIDE.get(n, 8))
    server = Server(workspace.path)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
            page = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True).new_page()
            page.set_default_timeout(600_000)
            view = View(n_samples=0, method="pca")
            page.goto(f"{server.address}/?s={encode_link(State(session, view=view))}")
            page.wait_for_function(f"() => nnvis.drawnMap && nnvis.drawnMap() && nnvis.drawnMap().plane.n === {n}")
            page.wait_for_timeout(5000)
            page.evaluate(WATCH)
            spent = strokes(page, n)
            key = page.evaluate("() => nnvis.mapKey()")
            browser.close()
        paths = [f"map/{key}/points", f"attributes/{session.dataset}/{session.primary}?ready=1"]
        fetch_rows, held = fetches(server, paths)
    finally:
        server.stop()
    strip = spent["strip"]
    rows: list[list[object]] = [
        ["lasso of a tenth to its bars in the page, ms", f"{statistics.median(spent['bars']):.0f}", LIMITS[n]],
        ["lasso of a tenth to the strip's words, ms", f"{statistics.median(strip):.0f} (best {min(strip):.0f})", ""],
        ["memory of the web workers, MB", f"{held[0]:.0f} → {held[1]:.0f}", "flat"],
    ]
    return [[f"{n:,}", *row] for row in fetch_rows], [[f"{n:,}", *row] for row in rows]


LIMITS = {60_000: "≤ 100", 1_000_000: "≤ 500"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    before = os.getloadavg()[0]
    sent, done = [], []
    for n in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            more_sent, more_done = measure(n, Path(folder))
        sent += more_sent
        done += more_done
    text = table(("samples", "fetched", "bytes", "bytes, compressed", "median, ms"), sent)
    text += "\n\n" + table(("samples", "what", "found", "goal"), done)
    print(text)
    if args.write:
        words = (
            f"Fetched {FETCHES} times each without compression, after 20 fetches to warm up; the memory is of all "
            f"web workers before and after that. A lasso is drawn with the mouse, {ROUNDS} times, until the page is "
            f"painted; load before: {before:.1f} on {os.cpu_count()} cores."
        )
        write_section("points_served", "Points from the server", f"{words}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
