"""The table of 60,000 samples in a real Chromium: opened, sorted, filtered, all of it selected, until it is painted.

    python -m benchmarks.sample_table [--write]

Measured beside the bare limit: sorting one typed array of numbers of that size in the same page.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.report import table, write_section
from nnvis_dash.commands import main as command
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import BROWSER, FLAGS, Server

N = 60_000
ROUNDS = 7
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))"
# What a person does, through the grid's own interface, until the next frame is painted.
GESTURES = {
    "sort by confidence": """(api, turn) =>
        api.applyColumnState({ state: [{ colId: "confidence", sort: turn % 2 ? "asc" : "desc" }] })""",
    "filter by label": """(api, turn) =>
        api.setFilterModel(turn % 2 ? null : { label: { type: "equals", filter: "3" } })""",
    "select all": """() => document.querySelector("#table-grid .ag-header-select-all input").click()""",
}
LIMIT = """() => {
    const values = Float32Array.from({ length: %d }, Math.random);
    const begin = performance.now();
    values.sort();
    return performance.now() - begin;
}"""


def workspace_of(folder: Path, n: int = N, side: int = 8) -> tuple[Workspace, Session]:
    """Fill a workspace with n images of noise in ten classes and a tiny classifier."""
    import keras

    rng = np.random.default_rng(0)
    np.savez(folder / "noise.npz", x=rng.integers(0, 256, (n, side, side, 1), np.uint8), y=np.arange(n) % 10)
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((side, side, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax", name="out"),
    ]
    keras.Sequential(layers).save(folder / "tiny.keras")
    at = ["--workspace", str(folder / "ws")]
    command(["add-dataset", str(folder / "noise.npz"), "--name", "noise", *at])
    command(["add-model", str(folder / "tiny.keras"), "--name", "tiny", "--preprocessing", "unit", *at])
    workspace = Workspace(folder / "ws")
    return workspace, Session(workspace.dataset("noise").card.fingerprint, (workspace.model("tiny").fingerprint,))


def measure(page: Any) -> list[tuple[str, float, float]]:
    """Return of every gesture the median and the worst, milliseconds."""
    rows = []
    for name, gesture in GESTURES.items():
        times = []
        for turn in range(ROUNDS + 1):
            took = page.evaluate(
                f"""async (turn) => {{
                    const api = window.dash_ag_grid.getApi("table-of-samples");
                    const begin = performance.now();
                    ({gesture})(api, turn);
                    await ({PAINTED})();
                    return performance.now() - begin;
                }}""",
                turn,
            )
            page.wait_for_timeout(600)  # what follows a selection in the other views
            times.append(took)
        rows.append((name, statistics.median(times[1:]), max(times[1:])))
    limits = [page.evaluate(LIMIT % N) for _ in range(ROUNDS)]
    rows.append(("bare: one array sorted", statistics.median(limits), max(limits)))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace, session = workspace_of(Path(folder))
        server = Server(workspace.path)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto(f"{server.address}/?s={encode_link(State(session, view=View(n_samples=300)))}")
                page.wait_for_function("() => nnvis.drawnMap && nnvis.drawnMap()", timeout=240_000)
                page.wait_for_timeout(4000)
                opened = page.evaluate(
                    """async () => {
                        const begin = performance.now();
                        document.getElementById("overview-tab-table").click();
                        while (document.querySelectorAll("#table-grid .ag-row").length < 3)
                            await new Promise((done) => requestAnimationFrame(done));
                        return performance.now() - begin;
                    }"""
                )
                page.wait_for_timeout(3000)
                rows = [("open, scripts and columns loaded", opened, opened), *measure(page)]
                browser.close()
        finally:
            server.stop()
    text = table(("60,000 samples", "median, ms", "worst, ms"), [(what, f"{a:.0f}", f"{b:.0f}") for what, a, b in rows])
    print(text)
    if args.write:
        write_section("sample_table", "Table of samples", "Until the next frame is painted, in software.\n\n" + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
