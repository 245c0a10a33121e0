"""Points drawn by Plotly's scattergl, by regl-scatterplot and by this project's plane, on one page with one renderer.

    python -m benchmarks.points [--sizes 10000 60000 1000000] [--rounds 5] [--write]

Ten groups of points; every gesture until the graphics processor has drawn it. In every round each contestant gets a
page of its own, so that its first draw makes its context and its shaders. regl-scatterplot is fetched and bundled by
npm into a temporary folder; without npm it is left out.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.report import table, write_section
from layouts.embedding import SCALES
from nnvis_dash.figures import theme
from nnvis_dash.map_routes import classes, placed, shares
from tests.browser.conftest import BROWSER, FLAGS, ROOT

ADDRESS = "http://points.invalid/"  # answered here, by `answer`
LIBRARY = "regl-scatterplot"
PACKAGES = (f"{LIBRARY}@1.16.0", "esbuild@0.28.2")
SIZES = (10_000, 60_000, 1_000_000)
GROUPS = 10
SCRIPTS = (
    "elements",
    "changes",
    "samples",
    "points_index",
    "webgl",
    "points_webgl",
    "points_plane",
    "points_layers",
    "embedding_parts",
)
PAGE = """<!doctype html><style>body { margin: 0 } #stage { position: relative; width: 900px; height: 600px }
.plane > canvas, .points-gesture { position: absolute; inset: 0; width: 100%; height: 100% }
.plane > canvas.minimap { inset: auto 10px 10px auto } #embedding-bars { position: absolute; right: 10px; width: 176px }
</style><div id="stage"></div><div id="embedding-legend"></div><div id="embedding-bars" hidden></div>
<input id="embedding-find"><div id="hover-card" hidden></div>"""
GESTURES = {
    "first": ("first draw", 8.0),
    "pan": ("pan", None),
    "recolour": ("recolour", 10.0),
    "select": ("select a tenth", 10.0),
    "move": ("move all", None),
}
LIMITS = {("select", 60_000): 100.0, ("select", 1_000_000): 500.0, ("move", 60_000): 50.0}  # milliseconds
Took = dict[str, list[float]]


def library(folder: Path) -> Path | None:
    """Bundle regl-scatterplot in a folder; None without npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    (folder / "package.json").write_text("{}")
    (folder / "entry.js").write_text('import make from "regl-scatterplot"; window.reglScatterplot = make;')
    commands = (
        [npm, "install", "--no-audit", "--no-fund", *PACKAGES],
        [str(folder / "node_modules" / ".bin" / "esbuild"), "entry.js", "--bundle", "--minify", "--outfile=bundle.js"],
    )
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        if done.returncode:
            print(f"Without regl-scatterplot: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return None
    return folder / "bundle.js"


def attributes(n: int) -> bytes:
    """Return what the server says of n samples: one in twenty is mistaken."""
    rng = np.random.default_rng(0)
    label = (np.arange(n) % GROUPS).astype(np.int32)
    prediction = np.where(rng.random(n) < 0.05, (label + 1) % GROUPS, label).astype(np.int32)
    columns = (classes(label, 1), classes(prediction, 1), shares(rng.random(n)), shares(rng.random(n)))
    return b"".join(column.tobytes() for column in columns)


def weights(n: int) -> list[tuple[str, float]]:
    """Return the bytes a point on the wire: its place and its class."""
    rng = np.random.default_rng(0)
    xy = rng.normal(size=(n, 2)).astype(np.float32)
    label = (np.arange(n) % GROUPS).astype(np.int32)
    ours = sum(part.nbytes for part in (*placed(xy), classes(label, 1)))
    encoded = sum(len(base64.b64encode(part)) for part in (*xy.T.copy(), label.astype(np.uint8)))
    listed = len(json.dumps({"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "color": label.tolist()}))
    return [("this project", ours / n), ("Plotly, base64", encoded / n), ("Plotly, lists", listed / n)]


def measure(browser: Any, who: str, n: int, times: int, script: Path | None) -> Took:
    """Open a page for one contestant; return the milliseconds of its gestures."""
    known = attributes(n)
    catalog = {
        "dataset": "noise",
        "model": "tiny",
        "ready": True,
        "n": n,
        "names": [f"class {number}" for number in range(GROUPS)],
        "colours": list(theme.class_colours(GROUPS)),
    }

    def answer(route: Any) -> None:
        if "/attributes/" in route.request.url:
            route.fulfill(body=known, headers={"X-Width": "1"})
        else:
            route.fulfill(body=PAGE, content_type="text/html")

    context = browser.new_context(viewport={"width": 1000, "height": 700})
    page = context.new_page()
    page.set_default_timeout(600_000)
    page.route("**/*", answer)
    page.goto(ADDRESS)
    if script is not None:
        page.add_script_tag(path=str(script))
    else:
        for name in SCRIPTS:
            page.add_script_tag(path=str(ROOT / "assets" / f"{name}.js"))
    page.add_script_tag(path=str(Path(__file__).with_suffix(".js")))
    page.evaluate("(given) => Object.assign(bench, given)", {"catalog": catalog, "scales": SCALES})
    page.wait_for_timeout(500)  # the page before is gone, its contexts with it
    found = page.evaluate("([who, n, times]) => bench.measure(who, n, times)", [who, n, times])
    context.close()
    assert 0.09 < found["chosen"] / n < 0.11, f"{who} selected {found['chosen']} of {n}"
    return dict(found["took"])


def rounds_of(n: int, rounds: int) -> int:
    """Return the rounds for n points: a million takes scattergl a minute each."""
    return rounds if n <= 100_000 else max(2, rounds // 2)


def compare(sizes: Sequence[int], rounds: int, folder: Path) -> dict[int, dict[str, list[Took]]]:
    """Measure all contestants in turn; return by number of points and contestant what every round took."""
    import plotly

    scripts: dict[str, Path | None] = {
        "scattergl": Path(plotly.__file__).parent / "package_data" / "plotly.min.js",
        "plane": None,
        "map": None,
    }
    bundle = library(folder)
    if bundle is not None:
        scripts[LIBRARY] = bundle
    found: dict[int, dict[str, list[Took]]] = {n: {who: [] for who in scripts} for n in sizes}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        for n in sizes:
            for turn in range(rounds_of(n, rounds)):
                for who, script in scripts.items():
                    times = 1 if who == "scattergl" and n > 100_000 else 5
                    begin = time.perf_counter()
                    found[n][who].append(measure(browser, who, n, times, script))
                    took = {name: round(statistics.median(values), 1) for name, values in found[n][who][-1].items()}
                    spent = time.perf_counter() - begin
                    print(f"{n:>9,} round {turn} {who:<17} {spent:5.1f} s {took}", file=sys.stderr, flush=True)
        browser.close()
    return found


def medians(turns: Sequence[Took], gesture: str) -> list[float]:
    """Return of every round the median of a gesture."""
    return [statistics.median(took[gesture]) for took in turns]


def against(turns: dict[str, list[Took]], who: str, other: str, gesture: str) -> str:
    """Return how many times as long `other` takes, the median over the rounds."""
    pairs = zip(medians(turns[other], gesture), medians(turns[who], gesture), strict=True)
    return f"{statistics.median(a / b for a, b in pairs):.1f}"


def report(found: dict[int, dict[str, list[Took]]]) -> str:
    """Return the tables."""
    rows, whole = [], []
    for n, turns in found.items():
        for gesture, (words, goal) in GESTURES.items():
            spent = {who: medians(took, gesture) for who, took in turns.items()}
            middle = {who: f"{statistics.median(values):.0f}" for who, values in spent.items()}
            ratio = {who: against(turns, "plane", who, gesture) for who in turns}
            wanted = f"≥ {goal:g}" if goal and n == 60_000 else ""
            cells = [middle.get(who, "") for who in ("scattergl", LIBRARY, "plane")]
            rows.append([f"{n:,}", words, *cells, ratio["scattergl"], wanted, ratio.get(LIBRARY, "")])
            limit = LIMITS.get((gesture, n))
            least = f"{min(spent['map']):.0f}"
            words = {"select": "lasso to bars", "move": "frame of a projection"}.get(gesture, words)
            wanted = f"≤ {limit:g}" if limit else ""
            whole.append([f"{n:,}", words, middle["map"], least, wanted, against(turns, "map", "scattergl", gesture)])
    each = ("points", "gesture", "scattergl, ms", f"{LIBRARY}, ms", "ours, ms")
    first = table((*each, "scattergl / ours", "goal", f"{LIBRARY} / ours"), rows)
    second = table(("points", "the whole map", "median, ms", "best round, ms", "goal", "scattergl / map"), whole)
    sent = [(who, f"{value:.1f}") for who, value in weights(60_000)]
    return "\n\n".join([first, second, table(("on the wire: place and class", "bytes a point"), sent)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        text = report(compare(args.sizes, args.rounds, Path(folder)))
    words = (
        "Medians of the rounds' medians; ratios within a round. Chromium draws with SwiftShader, without a graphics "
        "processor, and every gesture ends when a pixel can be read. Animation frames are given at once. *Ours* draws "
        "points alone, as the others do; its selection includes the 60-sided lasso and the count by class (scattergl "
        "gets the list of points). The *whole map* adds rings, names, the small map, the legend and the bars. "
        "From 100,000 points in view ours draws their density instead of each point. "
        f"Load before: {before:.1f} on {os.cpu_count()} cores."
    )
    print(text)
    if args.write:
        write_section("points", "Points", f"{words}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
