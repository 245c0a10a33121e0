"""Samples by classifiers and methods in a real browser: heads and marks, one zoom for all, ratings that stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.comparison import agreeing
from nnvis_dash.analysis.index import index_key, load_index
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import Pages, Server

NAMES = ("digits-small", "digits-medium", "digits-large")
TABLE = "#comparison-table"


def drawn(page: Any, number: int) -> None:
    """Wait until a page of samples is there with all its heatmaps."""
    page.wait_for_selector(f'{TABLE}[data-page="{number}"][data-complete^="{{"]')
    page.wait_for_function(
        f"() => [...document.querySelectorAll('{TABLE} td img.over')].every((i) => i.complete && i.naturalWidth > 0)"
    )


def marks(page: Any, name: str) -> list[list[bool]]:
    """Return the marks of a page's rows, one a classifier."""
    rows = page.eval_on_selector_all(
        f"{TABLE} tbody tr",
        f"(rows) => rows.map((r) => [...r.querySelectorAll('[data-{name}]')].map((m) => m.dataset.{name} === 'true'))",
    )
    return [list(row) for row in rows]


def parts(page: Any) -> set[str]:
    """Return which part of its image each picture shows: the same text where it is the same part."""
    found = page.eval_on_selector_all(
        f"{TABLE} .zoomed",
        """(all) => all.map((inner) => {
            const box = inner.getBoundingClientRect();
            const shot = inner.closest(".shot").getBoundingClientRect();
            const part = (shot.left + shot.width / 2 - box.left) / box.width;
            return [box.width / inner.offsetWidth, part].map((value) => value.toFixed(2)).join(" ");
        })""",
    )
    return set(found)


def test_six_samples_by_three_classifiers_and_two_methods(demo_server: Server, pages: Pages) -> None:
    workspace = Workspace(demo_server.workspace)
    data = workspace.dataset("digits")
    models = tuple(workspace.model(name).fingerprint for name in NAMES)
    session = Session(data.card.fingerprint, models)
    view = View(n_samples=100, lens="compare", grid=("grad_cam", "lrp_z"))
    page = pages.open(f"{demo_server.address}/?s={encode_link(State(session, view=view))}")
    page.wait_for_function(
        "() => document.getElementById('comparison-message').textContent.startsWith('Select samples')"
    )
    page.wait_for_function(
        "() => [...document.querySelectorAll('.classifier .share')].filter((s) => +s.textContent).length === 3"
    )
    keys = [index_key(model, data.card.fingerprint) for model in models]
    tables = [np.asarray(load_index(workspace.artifacts.load(key)).probabilities) for key in keys]
    said = np.stack([table.argmax(axis=1) for table in tables]).astype(np.int32)
    alike = (said == said[0]).all(axis=0)
    chosen = np.sort(np.concatenate([np.flatnonzero(~alike)[:3], np.flatnonzero(alike)[:3]]))
    page.evaluate("(ids) => window.nnvis.select(ids, 'embedding')", chosen.tolist())
    drawn(page, 1)

    first = chosen[:5]
    assert page.locator(f"{TABLE} thead [data-model]").all_text_contents() == [f"{NAMES[0]} · first", *NAMES[1:]]
    assert page.locator(f"{TABLE} thead .method").all_text_contents() == ["Grad-CAM", "LRP-z"] * 3
    assert marks(page, "agrees") == agreeing(said[:, first]).T.tolist()
    assert marks(page, "right") == (said[:, first] == data.labels[first]).T.tolist()
    assert page.locator(f"{TABLE} td img.over").count() == 5 * 3 * 2
    assert page.text_content("#comparison-page") == "1 / 2"

    # Ctrl and the wheel over one picture zoom all of them to the same part; a double click shows them whole.
    assert len(parts(page)) == 1
    box = page.locator(f"{TABLE} td .shot").nth(1).bounding_box()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    page.keyboard.down("Control")
    page.mouse.wheel(0, -140)
    page.keyboard.up("Control")
    page.wait_for_selector('#comparison[data-zoom="2.01"]')
    [part] = parts(page)
    scale, middle = (float(value) for value in part.split())
    assert abs(scale - 2.01) < 0.02 and abs(middle - 0.63) < 0.03  # 0.75 stays where it is: 0.75 + (0.5 - 0.75) / 2
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_selector('#comparison[data-zoom="1.00"]')

    group = page.locator(f"{TABLE} tbody tr").nth(2).locator(".rating").nth(3)
    group.locator('[data-value="3"]').click()
    group.locator('[data-value="3"]').press("ArrowRight")
    page.wait_for_selector(f'{TABLE} tbody tr:nth-child(3) .rating[data-saved="4"]')
    assert page.text_content(f'{TABLE} .mean[data-column="{models[1]} lrp_z"]') == "★ 4.0 (1)"
    steps.settle(page)
    page.reload()
    drawn(page, 1)
    assert page.get_attribute(f"{TABLE} .rating >> nth={2 * 6 + 3}", "data-rating") == "4"
    table = page.request.get(f"{demo_server.address}/comparison/{data.card.fingerprint}/ratings.json").json()
    assert [(row["sample"], row["classifier"], row["method"], row["rating"]) for row in table] == [
        (int(first[2]), "digits-medium", "lrp_z", 4)
    ]

    page.click("#comparison-after")
    drawn(page, 2)
    assert page.locator(f"{TABLE} tbody tr").count() == 1
    # A cell is shown large: its classifier, its method, its sample and its class.
    page.locator(f'{TABLE} [data-model="{models[2]}"][data-method="lrp_z"]').click()
    page.wait_for_selector('#testing-panel[data-lens="attribution"]:not(.pending):not(.nothing)')
    page.wait_for_function("() => document.getElementById('testing-raw-caption').textContent === 'LRP-z'")
    steps.settle(page)
    label = str(data.labels[chosen[5]])
    page.wait_for_function(
        """([name, sample, label]) => document.getElementById("testing-sample").textContent.includes(sample)
            && document.getElementById("testing-overlay-caption").textContent.startsWith(label)
            && document.querySelector("#testing-bars .primary").textContent.startsWith(name)""",
        arg=[NAMES[2], f"#{chosen[5]}", label],
    )
    assert page.is_hidden("#comparison")
