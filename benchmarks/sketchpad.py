"""From the end of a stroke on the sketchpad to the drawn bars, measured in a real Chromium.

    python -m benchmarks.sketchpad WORKSPACE [--write]

WORKSPACE holds MNIST with LeNet-1 and LeNet-4 (or any grey data with classifiers). Prints medians beside the goal.
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
from tests.browser.test_sketchpad import DIGITS

GOAL_MS = 150.0
WATCH = """() => {
    performance.setResourceTimingBufferSize(5000);
    window.strokes = [];
    let end = 0;
    document.getElementById("sketch-pad").addEventListener("pointerup", () => { end = performance.now(); }, true);
    const answers = document.getElementById("sketch-answers");
    new MutationObserver(() => {
        if (!end || answers.dataset.answered !== "1") return;
        const now = performance.now();
        const asked = performance.getEntriesByType("resource").filter((one) => one.name.includes("sketchpad/predict"));
        const last = asked[asked.length - 1];
        const { startTime, responseEnd } = last;
        window.strokes.push([now - end, startTime - end, responseEnd - startTime, now - responseEnd]);
        end = 0;
    }).observe(answers, { attributes: true });
}"""
PARTS = ("stroke's end to the drawn bars", "until it is asked", "until it is answered", "until it is drawn")


def measure(address: str) -> list[tuple[str, float, float]]:
    """Draw the ten digits twice; return what was measured with its median and its worst, in milliseconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        steps.wait_for_map(page)
        page.wait_for_timeout(3000)
        page.click("#samples-draw")
        page.wait_for_selector('#sketchpad [data-ground][aria-pressed="true"]')
        draw(page, DIGITS[0])  # warm
        page.evaluate(WATCH)
        for strokes in (*DIGITS, *DIGITS):
            page.click("#sketch-clear")
            draw(page, strokes)
        times = page.evaluate("() => window.strokes")
        browser.close()
    columns = list(zip(*times, strict=True))
    return [(part, statistics.median(one), max(one)) for part, one in zip(PARTS, columns, strict=True)]


def draw(page: Any, strokes: Any) -> None:
    """Draw with the mouse at about a hand's pace; a pause follows every stroke."""
    box = page.locator("#sketch-pad").bounding_box()
    for stroke in strokes:
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + 1 + x, box["y"] + 1 + y)
            if not number:
                page.mouse.down()
            page.wait_for_timeout(5)
        page.mouse.up()
        page.wait_for_selector('#sketch-answers[data-answered="1"]', state="attached")
        page.wait_for_timeout(150)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    server = Server(args.workspace)
    try:
        found = measure(server.address)
    finally:
        server.stop()
    rows = [
        (what, f"{median:.0f}", f"{worst:.0f}", f"{GOAL_MS:g}" if not at else "")
        for at, (what, median, worst) in enumerate(found)
    ]
    text = table(("ms", "median", "worst", "goal"), rows)
    print(text)
    if args.write:
        words = "The ten digits of the browser test drawn twice (22 strokes), answered by LeNet-1 and LeNet-4.\n\n"
        write_section("sketchpad", "The sketchpad", words + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
