"""The view of two classifiers in a real browser: its numbers are those of the indexes, and every group selects."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.index import index_key, load_index
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import Pages, Server
from tests.browser.steps import settle

PLOT = "#models-plot"
SMALL, LARGE = "digits-small", "digits-large"


def opened(server: Server, pages: Pages, *names: str, selection: Selection | None = None, **settings: Any) -> Any:
    """Open the digits with these classifiers and this view over the map, as a link does."""
    workspace = Workspace(server.workspace)
    models = tuple(workspace.model(name).fingerprint for name in names)
    view = View(n_samples=100, overview="models", models=tuple(sorted(settings.items())))
    session = Session(workspace.dataset("digits").card.fingerprint, models)
    return pages.open(f"{server.address}/?s={encode_link(State(session, selection or Selection(), view))}")


def shown(page: Any, part: str) -> None:
    """Wait until a part is drawn."""
    page.wait_for_function(
        f"""(part) => document.querySelector('{PLOT}').dataset.part === part
            && document.querySelector('{PLOT}').dataset.drawn""",
        arg=part,
    )


def predicted(server: Server, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels and what a classifier's index says."""
    workspace = Workspace(server.workspace)
    data, card = workspace.dataset("digits"), workspace.model(name)
    index = load_index(workspace.artifacts.load(index_key(card.fingerprint, data.card.fingerprint)))
    return np.asarray(data.labels), np.asarray(index.probabilities)


def selects(page: Any, expected: np.ndarray) -> None:
    """Wait until these samples are selected."""
    page.wait_for_function(
        """async (ids) => JSON.stringify(await nnvis.selected(nnvis.models.now.selection.samples))
            === JSON.stringify(ids)""",
        arg=np.flatnonzero(expected).tolist(),
    )


def test_groups_cells_and_bins_are_those_of_the_indexes_and_select(demo_server: Server, pages: Pages) -> None:
    page = opened(demo_server, pages, SMALL, LARGE)
    shown(page, "changes")
    labels, before = predicted(demo_server, SMALL)
    after = predicted(demo_server, LARGE)[1].argmax(axis=1)
    first = before.argmax(axis=1)
    groups = {
        "fixed": (first != labels) & (after == labels),
        "broken": (first == labels) & (after != labels),
        "both_wrong": (first != labels) & (after != labels),
        "both_right": (first == labels) & (after == labels),
    }
    for name, samples in groups.items():
        assert page.text_content(f'.models-group[data-group="{name}"] b').replace(",", "") == str(samples.sum())
    page.click('.models-band[data-group="fixed"]')
    selects(page, groups["fixed"])
    strip = f"Selection · {groups['fixed'].sum()} samples"
    page.wait_for_function("(s) => document.getElementById('embedding-strip').textContent.includes(s)", arg=strip)
    page.click('.models-group[data-group="both_wrong"]', modifiers=["Shift"])
    selects(page, first != labels)
    page.click('.models-count.fixed[data-class="8"]')
    selects(page, groups["fixed"] & (labels == 8))

    page.click("#models-parts .part-confusion")
    shown(page, "confusion")
    page.select_option("#models-matrix-select", "a")
    page.wait_for_selector(f'{PLOT}[data-matrix="a"]')
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, first), 1)
    cells = page.eval_on_selector_all(f"{PLOT} td", "all => all.map((cell) => Number(cell.textContent))")
    assert cells == counts.ravel().tolist()
    page.focus('[data-cell="8-0"]')
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    selects(page, (labels == 8) & (first == 1))

    page.click("#models-parts .part-calibration")
    shown(page, "calibration")
    sure = before.max(axis=1).astype(np.float64)
    page.focus(f"{PLOT} .models-diagram:first-child [data-bin='12']")
    page.keyboard.press("Enter")
    selects(page, (sure > np.linspace(0, 1, 16)[12]) & (sure <= np.linspace(0, 1, 16)[13]))
    page.click("#models-swap")
    page.wait_for_function("(name) => document.querySelector('.models-diagram b').textContent === name", arg=LARGE)
    settle(page)
    other = pages.open(page.url)
    shown(other, "calibration")
    assert other.text_content(".models-diagram:first-child b") == LARGE


def test_a_cell_chooses_the_layer_and_a_lasso_in_one_map_is_in_both(demo_server: Server, pages: Pages) -> None:
    page = opened(demo_server, pages, SMALL, LARGE, part="similarity", samples=256)
    shown(page, "similarity")
    assert page.get_attribute(f"{PLOT} td", "data-cell") == "0-0"
    page.click('[data-cell="1-2"]')
    page.wait_for_function("nnvis.network.now.layer === 'conv2'")
    page.click("#models-parts .part-maps")
    shown(page, "maps")
    page.wait_for_selector(f'{PLOT}[data-lit="0"]')
    box = page.locator(".models-map:last-child canvas").bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
    for number, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        if not number:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_selector(f'{PLOT}[data-lit="100"]')
    page.click(".models-moved")
    page.wait_for_selector(f'{PLOT}[data-lit="5"]')


def test_filters_apply_and_one_classifier_has_its_own_confusion(demo_server: Server, pages: Pages) -> None:
    labels, table = predicted(demo_server, SMALL)
    first = table.argmax(axis=1)
    page = opened(demo_server, pages, SMALL, selection=Selection(classes=(3, 8), correctness="wrong"))
    shown(page, "changes")
    assert "Tick another classifier" in page.text_content(PLOT)
    page.click("#models-parts .part-confusion")
    shown(page, "confusion")
    wrong = np.isin(labels, (3, 8)) & (first != labels)
    counts = page.eval_on_selector_all(f"{PLOT} td", "all => all.map((cell) => Number(cell.textContent))")
    assert sum(counts) == wrong.sum()
    page.click(".models-largest .act")
    page.wait_for_function("nnvis.network.now.samples !== ''")
    chosen = page.evaluate("nnvis.selected(nnvis.network.now.samples)")
    assert len(chosen) == max(counts) and set(chosen) <= set(np.flatnonzero(wrong).tolist())
    assert len({(labels[one], first[one]) for one in chosen}) == 1
