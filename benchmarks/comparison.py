"""A page of samples by three classifiers and four methods: bare calls, through the engine, and in a real browser.

    python -m benchmarks.comparison [--workspace workspace/demo] [--rounds 5] [--write]

All three explain the same samples, new ones in every round, with warm classifiers; times are wall time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.report import table, write_section
from callbacks.comparison import compared, page_wanted
from callbacks.testing import drawn_values
from layouts.comparison import PRESET
from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import open_classifier
from nnvis_dash.analysis.comparison import ROWS
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.cluster import local_cluster
from nnvis_dash.figures import heatmap
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import BROWSER, FLAGS, Server, command

DATASETS = {
    "digits": ("digits-small", "digits-medium", "digits-large"),
    "shapes": ("shapes-small", "shapes-medium", "shapes-vgg13"),
}
SAMPLES = 20
PAGES = SAMPLES // ROWS
GOAL = 2.0  # seconds to the first page
Turn = tuple[float, float]  # seconds to the first page, and to the last one
# Whether the page has the samples, and every heatmap of theirs is painted.
DRAWN = """([page, first]) => {
    const table = document.getElementById("comparison-table");
    const row = table.querySelector("tbody .strong, tbody th b");
    return table.dataset.page === page && table.dataset.complete && row && row.textContent === first
        && [...table.querySelectorAll("td img.over")].every((i) => i.complete && i.naturalWidth > 0);
}"""


def timed(page: Callable[[int], object]) -> Turn:
    """Return when the first page was there and when all were."""
    began = time.perf_counter()
    page(1)
    first = time.perf_counter() - began
    for number in range(2, PAGES + 1):
        page(number)
    return first, time.perf_counter() - began


def bare(workspace: Workspace, dataset: str, turns: list[np.ndarray]) -> list[Turn]:
    """Call the attributions on the batches of the pages, with nothing around them."""
    data = workspace.dataset(dataset)
    classifiers = [open_classifier(workspace, name) for name in DATASETS[dataset]]

    def of(samples: np.ndarray) -> Callable[[int], object]:
        def page(number: int) -> None:
            ids = samples[(number - 1) * ROWS : number * ROWS]
            for clf in classifiers:
                images = data.batch(ids.tolist(), clf.card.input_shape, clf.card.resize)
                for method in PRESET:
                    attribute(clf, images, method, target=np.asarray(data.labels)[ids])

        return page

    return [timed(of(samples)) for samples in turns][1:]


def through_the_engine(path: Path, dataset: str, turns: list[np.ndarray]) -> list[Turn]:
    """Ask the engine as a page does, and draw every heatmap."""
    settings = Settings(workspace=str(path))
    with local_cluster(settings, quiet=True) as address:
        engine = Engine(path, address)
        services = Services(settings, engine.workspace, engine)
        models = [engine.workspace.model(name).fingerprint for name in DATASETS[dataset]]
        wanted = {"dataset": engine.workspace.dataset(dataset).card.fingerprint, "models": models}
        wanted |= {"methods": list(PRESET), "attribution": PRESET[0]}

        def of(samples: np.ndarray) -> Callable[[int], object]:
            def page(number: int) -> None:
                asked = {**wanted, "samples": encode_ids(samples.tolist()), "page": number}
                page_wanted(services, asked)
                for cell in compared(services, asked, lambda request, **more: engine.result(request))["cells"]:
                    artifact = engine.workspace.artifacts.load(cell["key"])
                    for place in cell["places"]:
                        heatmap.pictures(drawn_values(artifact, place, True), 100.0, cell["signed"])

            return page

        found = [timed(of(samples)) for samples in turns][1:]
        engine.close()
    return found


def in_the_browser(path: Path, turns: dict[str, list[np.ndarray]]) -> dict[str, list[Turn]]:
    """Select samples, turn the pages, and wait until the last heatmap is painted."""
    workspace = Workspace(path)
    found = {}
    server = Server(path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        for dataset, sets in turns.items():
            models = tuple(workspace.model(name).fingerprint for name in DATASETS[dataset])
            state = State(
                Session(workspace.dataset(dataset).card.fingerprint, models),
                Selection(),
                View(n_samples=100, lens="compare", grid=PRESET),
            )
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{server.address}/?s={encode_link(state)}")
            page.wait_for_function(
                "() => [...document.querySelectorAll('.classifier .share')].filter((s) => +s.textContent).length === 3",
                timeout=240_000,
            )

            def of(samples: np.ndarray, page: Any = page) -> Callable[[int], object]:
                def turn(number: int) -> None:
                    if number == 1:
                        page.evaluate("(ids) => { window.nnvis.select(ids, 'embedding'); }", samples.tolist())
                    else:
                        page.click("#comparison-after")
                    first = f"#{samples[(number - 1) * ROWS]}"
                    page.wait_for_function(DRAWN, arg=[str(number), first], timeout=240_000)

                return turn

            found[dataset] = [timed(of(samples)) for samples in sets][1:]
            page.close()
        browser.close()
    server.stop()
    return found


def measure(path: Path, rounds: int) -> str:
    """Return the table of both datasets."""
    command("demo", "--build-only", "--workspace", str(path))
    workspace = Workspace(path)
    rng = np.random.default_rng(int(time.time()))  # what an earlier run has computed is not known again
    turns = {}
    for dataset in DATASETS:
        n = workspace.dataset(dataset).card.n_samples
        drawn = rng.permutation(n)[: (2 * rounds + 2) * SAMPLES].reshape(2 * rounds + 2, SAMPLES)
        turns[dataset] = [np.sort(one) for one in drawn]
    rows: list[tuple[str, ...]] = []
    browsed = in_the_browser(path, {dataset: sets[: rounds + 1] for dataset, sets in turns.items()})
    for dataset, sets in turns.items():
        base = bare(workspace, dataset, sets[rounds + 1 :])
        ways = {
            "attributions called bare": base,
            "through the engine, drawn": through_the_engine(path, dataset, sets[rounds + 1 :]),
            "in the browser, painted": browsed[dataset],
        }
        for way, times in ways.items():
            first, whole = (statistics.median(one[place] for one in times) for place in (0, 1))
            ratio = first / statistics.median(one[0] for one in base)
            goal = f"{GOAL:g}" if way.startswith("in the browser") else ""
            rows.append((dataset, way, f"{first:.2f}", goal, f"{ratio:.1f}", f"{whole:.2f}"))
    columns = (
        f"3 classifiers × {len(PRESET)} methods",
        "warm",
        f"first page ({ROWS} samples), s (median)",
        "goal",
        "/ bare",
        f"all {SAMPLES} samples in {PAGES} pages, s",
    )
    return table(columns, rows)


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--note", default="", help="what else is to be said of the run, under the table")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = measure(given.workspace or Path(folder), given.rounds)
    text += f"\n\n{given.note}" if given.note else ""
    print(text)
    if given.write:
        write_section("comparison", "Samples by classifiers and methods", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
