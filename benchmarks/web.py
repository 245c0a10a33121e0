"""What a person waits for, measured in a real Chromium: the start, the page, and from a click to the painted heatmap.

    python -m benchmarks.web [--workspace workspace/demo] [--write]

Prints medians beside the goals.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.report import write_section
from tests.browser import steps
from tests.browser.conftest import BROWSER, FLAGS, Server, command

WATCH = """() => {
    window.timing = { start: 0, end: 0 };
    document.addEventListener("click", (event) => { timing.start = event.timeStamp; timing.end = 0; }, true);
    document.addEventListener("change", (event) => { timing.start = event.timeStamp; timing.end = 0; }, true);
    document.getElementById("testing-raw-image").addEventListener("load", () =>
        requestAnimationFrame(() => setTimeout(() => { timing.end = performance.now(); }, 0)));
}"""
INTERACTIVE_S = 2.0
START_S = 15.0
CLICK_MS = 150.0


def clicks(page: Any, positions: list[int]) -> list[float]:
    """Click images of the strip; return the milliseconds from each click to the painted heatmap."""
    found = []
    for position in positions:
        page.locator(".thumb").nth(position).click()
        page.wait_for_function("() => timing.end > timing.start && timing.start > 0")
        found.append(float(page.evaluate("() => timing.end - timing.start")))
        page.wait_for_timeout(120)
    return found


def measure(workspace: Path, n: int) -> list[tuple[str, float, str]]:
    """Measure everything on one workspace; return (what, median, goal)."""
    command("demo", "--build-only", "--workspace", str(workspace))
    rows: list[tuple[str, float, str]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)

        def page_of(server: Server) -> Any:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(server.address)
            return page

        server = Server(workspace)  # a first time, so that everything is indexed and projected
        steps.wait_for_map(page_of(server), timeout=280_000)
        server.stop()

        start = time.perf_counter()
        server = Server(workspace)
        page = page_of(server)
        steps.wait_for_map(page)
        rows.append(("second start to the first interactive map, s", time.perf_counter() - start, f"{START_S:g}"))
        page.close()

        loads = []
        for _ in range(7):
            page = page_of(server)
            steps.wait_for_map(page)
            loads.append(float(page.evaluate("() => performance.getEntriesByName('nnvis-map')[0].startTime / 1000")))
            page.close()
        rows.append(
            (
                "page of a running server: from its request to the drawn map, s",
                statistics.median(loads),
                f"{INTERACTIVE_S:g}",
            )
        )

        page = page_of(server)
        steps.wait_for_map(page)
        steps.lasso_everything(page)
        steps.wait_for_selection(page)
        page.evaluate(WATCH)
        clicks(page, [0, 1, 2])  # warm
        first = clicks(page, list(range(3, 3 + n)))
        again = clicks(page, list(range(3, 3 + n)))
        rows.append(
            (f"click to painted Grad-CAM, warm model, {n} samples, ms", statistics.median(first), f"{CLICK_MS:g}")
        )
        rows.append((f"the same clicks again, ms (worst {max(again):.0f})", statistics.median(again), "less"))
        layers = page.eval_on_selector_all("#testing-layer-select option", "all => all.map((o) => o.value)")
        rows.append((f"worst of the first clicks, ms ({len(layers) - 1} layers to choose from)", max(first), ""))
        browser.close()
        server.stop()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--clicks", type=int, default=25)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(args.workspace or Path(folder), args.clicks)
    text = "| what | median | goal |\n|---|---|---|\n"
    text += "\n".join(f"| {what} | {value:.3g} | {goal} |" for what, value, goal in rows)
    print(text)
    if args.write:
        write_section("web", "What a person waits for", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
