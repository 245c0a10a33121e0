"""From the move of a what-if slider to the drawn bars of all classifiers, measured in a real Chromium.

    python -m benchmarks.sliders WORKSPACE [--write]

WORKSPACE is the demo's. The goal is a median of 100 ms, with three classifiers answering.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.report import table, write_section
from tests.browser import steps
from tests.browser.conftest import BROWSER, FLAGS, Server

GOAL_MS = 100.0
SLIDERS = ("rotation", "blur", "hue", "contrast")
MOVES = 40
# Moves a slider, as a drag does, and waits until the bars say what its value makes of the image and were painted.
MOVE = """async ([name, share]) => {
    const input = document.querySelector(`.edit[data-name="${name}"] input`);
    const asked = performance.getEntriesByType("resource").length;
    const begin = performance.now();
    await new Promise((done) => {
        const seen = new MutationObserver(() => {
            if (JSON.stringify(window.nnvis.subject.edits) !== JSON.stringify(window.nnvis.editsNow())) return;
            seen.disconnect();
            requestAnimationFrame(() => setTimeout(done, 0));
        });
        const bars = document.getElementById("whatif-answers");
        seen.observe(bars, { childList: true, subtree: true, characterData: true });
        input.value = Number(input.min) + (Number(input.max) - Number(input.min)) * share;
        input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    const all = performance.now() - begin;
    const answers = performance.getEntriesByType("resource").slice(asked).filter((one) => one.name.endsWith("/whatif"));
    return [all, answers.length ? answers[0].responseEnd - answers[0].startTime : 0];
}"""


def measure(page: Any, dataset: str) -> list[tuple[str, str, float, float, float]]:
    """Move every slider `MOVES` times; return dataset, slider, median, worst and the answer's median, milliseconds."""
    steps.choose_dataset(page, dataset)
    page.evaluate("window.nnvis.send({ kind: 'primary', sample: 7 })")
    page.wait_for_function("() => document.getElementById('testing-sample').textContent.startsWith('#7')")
    if page.get_attribute("#testing-panel", "data-lens") != "whatif":
        steps.press(page, "lens", "What if")
    page.wait_for_selector("#whatif-answers .whatif-bar")
    page.wait_for_timeout(8000)  # the response curves, so that only the slider's own answers are waited for
    page.evaluate("() => performance.setResourceTimingBufferSize(20000)")
    rows = []
    for name in SLIDERS:
        times = []
        for move in range(MOVES + 3):
            times.append(page.evaluate(MOVE, [name, ((17 * move) % 41 + 0.5) / 41]))
            page.wait_for_timeout(30)
        whole, answers = zip(*times[3:], strict=True)  # the first are warm-ups
        rows.append((dataset, name, statistics.median(whole), max(whole), statistics.median(answers)))
        page.click("#whatif-reset")
        page.wait_for_function("() => window.nnvis.subject.edits.length === 0")
        page.wait_for_timeout(3000)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    server = Server(args.workspace)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(server.address)
            steps.wait_for_map(page)
            found = [row for dataset in ("digits", "shapes") for row in measure(page, dataset)]
            browser.close()
    finally:
        server.stop()
    text = table(
        ("dataset", "slider", "median, ms", "worst, ms", "of it the server's answer, ms", "goal, ms"),
        [
            (dataset, name, f"{median:.0f}", f"{worst:.0f}", f"{answer:.0f}", f"{GOAL_MS:g}")
            for dataset, name, median, worst, answer in found
        ],
    )
    print(text)
    if args.write:
        words = (
            f"{MOVES} moves each, three classifiers, until the bars are painted; Chromium draws in software here.\n\n"
        )
        write_section("sliders", "Sliders of the what-if lens", words + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
