"""Frames a second of the network in space, and how long it takes to stand there, measured in a real Chromium.

    python -m benchmarks.space [--write]

VGG-16 and ResNet-50 at 224 × 224 with random weights, over a few images of noise. Chromium draws in software here: a
laptop's graphics processor is many times faster. The goal there is 30 frames a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks import networks
from benchmarks.report import table, write_section
from tests.browser import steps
from tests.browser.conftest import BROWSER, FLAGS, Server

NETWORKS: dict[str, Callable[[], Any]] = {
    "VGG-16": networks.vgg16_at_224,
    "ResNet-50": networks.resnet50_at_224,
}
STAGE = "#space-stage"
SPIN = 6000  # milliseconds that it turns
STILL = f"""() => {{
    const stage = document.querySelector("{STAGE}");
    return stage.dataset.still === "1" && !document.querySelector("#network-space.waiting");
}}"""
# From the choice of an image to its stacks, in milliseconds.
CHOOSE = f"""async (sample) => {{
    const stage = document.querySelector("{STAGE}");
    const begin = performance.now();
    nnvis.send({{ kind: "primary", sample }});
    while (stage.dataset.image !== String(sample)) await new Promise((done) => setTimeout(done, 5));
    return performance.now() - begin;
}}"""
# From the click on a layer to its channels' maps, in milliseconds.
OPEN = """async (name) => {
    const view = nnvis.space.shown;
    const layer = view.scene.named(name);
    const begin = performance.now();
    view.toggle(layer);
    while (layer.order === null) await new Promise((done) => setTimeout(done, 5));
    return performance.now() - begin;
}"""


def build(folder: Path) -> None:
    """Write a workspace with both networks and some images."""
    from nnvis_dash.analysis.intake import add_model
    from nnvis_dash.workspace.store import Workspace

    workspace = Workspace(folder / "workspace")
    images = np.random.default_rng(0).integers(0, 256, (8, 224, 224, 3), dtype=np.uint8)
    names = [f"class {number}" for number in range(1000)]
    workspace.add_dataset(images, name="noise", labels=np.arange(8), class_names=names)
    for name, network in NETWORKS.items():
        network().save(folder / f"{name}.keras")
        add_model(workspace, folder / f"{name}.keras", name=name, preprocessing="unit", class_names=names)


def turned(page: Any) -> tuple[float, str]:
    """Let it turn; return frames a second and the share of the pixels along a side that was drawn."""
    before = int(page.get_attribute(STAGE, "data-frames"))
    begin = page.evaluate("performance.now()")
    page.click("#space-spin")
    page.wait_for_timeout(SPIN)
    frames = int(page.get_attribute(STAGE, "data-frames")) - before
    seconds = (page.evaluate("performance.now()") - begin) / 1000
    share = page.get_attribute(STAGE, "data-share")
    page.click("#space-spin")
    page.wait_for_function(STILL)
    return frames / seconds, f"{float(share):.0%}"


def measure(page: Any, name: str) -> list[list[str]]:
    """Return rows of what one network takes, in half size and in full size."""
    page.locator(".classifier .name", has_text=name).click()
    page.wait_for_function("(name) => nnvis.network.now && nnvis.network.now.modelName === name", arg=name)
    steps.wait_for_map(page, 900_000)
    page.click("#network-tab-space")
    page.wait_for_selector(f"{STAGE}[data-frames]")
    page.evaluate(CHOOSE, 1)  # the classifier warms up
    chosen = [page.evaluate(CHOOSE, sample) for sample in (2, 3, 4)]
    page.wait_for_function(STILL)
    layers = page.evaluate("nnvis.space.shown.scene.layers.length")
    cards = page.evaluate("nnvis.space.shown.scene.batches().reduce((sum, batch) => sum + batch.n, 0)")
    rows = []
    for full in (False, True):
        if full:
            page.click('[data-expand="network-panel"]')
            page.wait_for_timeout(1500)
        box = page.locator(STAGE).bounding_box()
        rate, share = turned(page)
        rows.append([name, layers, cards, f"{box['width']:.0f} × {box['height']:.0f}", f"{rate:.0f}", share])
    page.click('[data-expand="network-panel"]')
    last = page.evaluate("nnvis.space.shown.scene.layers.filter((layer) => !layer.flat && layer.units).at(-1).name")
    opened = page.evaluate(OPEN, last)
    page.wait_for_timeout(2500)
    rate, share = turned(page)
    rows.append([f"{name}, {last} open", layers, "", "", f"{rate:.0f}", share])
    page.keyboard.press("Escape")
    page.click("#space-close")
    for row in rows:
        row += [f"{sorted(chosen)[1]:.0f}", f"{opened:.0f}"]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        server = Server(Path(folder) / "workspace")
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.set_default_timeout(300_000)
                page.goto(server.address)
                page.wait_for_function("() => window.nnvis && nnvis.network && nnvis.network.now")
                rows = [row for name in NETWORKS for row in measure(page, name)]
                browser.close()
        finally:
            server.stop()
    head = (
        "network",
        "layers",
        "cards",
        "stage",
        "frames/s",
        "of the pixels a side",
        "image to stacks, ms",
        "layer opened, ms",
    )
    text = table(head, rows)
    print(text)
    if args.write:
        words = "Chromium draws in software here; the goal is 30 frames/s with a laptop's graphics processor.\n\n"
        write_section("space", "The network in space", words + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
