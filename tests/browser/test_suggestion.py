"""The suggestion view in a real browser: several classifiers in a scatter, one in a histogram, both select."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.index import index_key, load_index
from nnvis_dash.analysis.suggestion.several import suggest
from nnvis_dash.engine.jobs import Request
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import Pages, Server
from tests.browser.steps import settle

PLOT = "#suggestion-plot"
NAMES = ("digits-small", "digits-medium", "digits-large")


def opened(server: Server, pages: Pages, *names: str, **settings: Any) -> Any:
    """Open the digits with these classifiers, the map's neighbour in front, as a link does."""
    workspace = Workspace(server.workspace)
    models = tuple(workspace.model(name).fingerprint for name in names)
    view = View(n_samples=100, overview="suggestion", suggestion=tuple(sorted(settings.items())))
    session = Session(workspace.dataset("digits").card.fingerprint, models)
    return pages.open(f"{server.address}/?s={encode_link(State(session, view=view))}")


def selected(page: Any) -> list[int]:
    """Return the ids that the state has."""
    return list(page.evaluate("nnvis.selected(nnvis.network.now.samples)"))


def drag(page: Any, *places: tuple[float, float]) -> None:
    """Drag along places of the plot, as shares of its sides."""
    box = page.locator(f"{PLOT} .plane, {PLOT} > canvas").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=3)
    page.mouse.up()


def test_three_classifiers_are_compared_and_quadrants_and_lasso_select(demo_server: Server, pages: Pages) -> None:
    page = opened(demo_server, pages, *NAMES)
    page.wait_for_selector(f'{PLOT}[data-points="1797"]')
    workspace = Workspace(demo_server.workspace)
    data = workspace.dataset("digits")
    cards = [workspace.model(name) for name in NAMES]
    indexes = [load_index(workspace.artifacts.load(index_key(one.fingerprint, data.card.fingerprint))) for one in cards]
    direct = suggest(indexes, [one.class_names for one in cards], data.labels, data.class_names)
    counts = np.bincount(direct.quadrant, minlength=4)
    assert [page.text_content(f'[data-quadrant="{i}"] b').replace(",", "") for i in range(4)] == [
        str(n) for n in counts
    ]
    page.click('[data-quadrant="3"]')
    page.wait_for_function("nnvis.network.now.samples !== ''")
    assert selected(page) == np.flatnonzero(direct.quadrant == 3).tolist()
    page.wait_for_function(
        f"() => document.getElementById('embedding-strip').textContent.includes('Selection · {counts[3]} samples')"
    )
    page.select_option("#suggestion-colour-select", "right")
    page.wait_for_function(
        "() => document.getElementById('suggestion-legend').textContent.includes('only digits-medium and digits-large')"
    )
    page.select_option("#suggestion-colour-select", "reason")
    page.wait_for_function(f"() => document.querySelector('{PLOT}').dataset.reasons === '1797'")
    page.click("#suggestion-legend button")  # the same answer, for the most different reasons
    wanted = {"dataset": data.card.fingerprint, "models": [card.fingerprint for card in cards]}
    apart = np.asarray(workspace.artifacts.load(Request("reasons", wanted).key).array("disagreement"))
    alike = np.flatnonzero((direct.distinct_classes == 1) & ~np.isnan(apart))
    most = sorted(alike[np.argsort(-apart[alike], kind="stable")][:20].tolist())
    page.wait_for_function(
        "(ids) => nnvis.selected(nnvis.network.now.samples).then((now) => now.join() === ids)",
        arg=",".join(map(str, most)),
    )
    drag(page, (0.02, 0.34), (0.99, 0.34), (0.99, 0.01), (0.02, 0.01), (0.02, 0.33))  # the row of three answers
    page.wait_for_function(f"nnvis.network.now.samples !== '' && {counts[3]} !== 0")
    row = np.flatnonzero(direct.distinct_classes == 3).tolist()
    page.wait_for_function(
        "(ids) => nnvis.selected(nnvis.network.now.samples).then((now) => now.join() === ids)",
        arg=",".join(map(str, row)),
    )
    page.locator(".classifier", has_text="digits-small").get_by_role("button").first.click()  # two are left
    page.wait_for_function(f"() => document.querySelectorAll('{PLOT} .plane').length === 1")
    page.wait_for_function("() => document.getElementById('suggestion-status').textContent.includes('2 classifiers')")
    page.click("#overview-tab-map")
    page.wait_for_selector("#suggestion", state="hidden")
    page.wait_for_function("() => document.querySelector('#embedding-graph').dataset.points === '100'")


def test_a_histogram_of_one_classifier_is_brushed(demo_server: Server, pages: Pages) -> None:
    page = opened(demo_server, pages, "digits-small", score="shortfall")
    page.wait_for_selector(f'{PLOT}[data-points="1797"] > canvas')
    assert "mistakes in red" in page.text_content("#suggestion-status")
    workspace = Workspace(demo_server.workspace)
    data, card = workspace.dataset("digits"), workspace.model("digits-small")
    table = load_index(workspace.artifacts.load(index_key(card.fingerprint, data.card.fingerprint))).probabilities
    drag(page, (0.5, 0.5), (0.999, 0.5))
    page.wait_for_function("nnvis.network.now.samples !== ''")
    chosen = selected(page)
    short = table.max(axis=1) - table[np.arange(len(table)), data.labels]
    assert chosen and set(chosen) < set(np.flatnonzero(table.argmax(axis=1) != data.labels).tolist())
    assert short[chosen].min() >= np.delete(short, chosen).max()  # those to the right of the place
    page.wait_for_function("() => document.getElementById('suggestion-status').textContent.includes('in blue')")
    page.select_option("#suggestion-score-select", "activation")
    page.wait_for_function(f"() => JSON.parse(document.querySelector('{PLOT}').dataset.drawn).layer === 'dense1'")
    page.fill("#suggestion-channel-number", "3")
    page.press("#suggestion-channel-number", "Enter")
    page.wait_for_function(f"() => JSON.parse(document.querySelector('{PLOT}').dataset.drawn).channel === 3")
    assert "unit 3 of dense1" in page.get_attribute(PLOT, "aria-label")
    settle(page)
    other = pages.open(page.url)
    other.wait_for_function(f"() => (document.querySelector('{PLOT}').dataset.drawn || '').includes('dense1')")
