"""The simulation view in a real browser: curves, the selection against the rest, breaking points, pairs, a contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import Pages, Server, command
from tests.browser.steps import settle

CHARTS = "#simulation-charts"


def opened(server: Server, pages: Pages, **settings: Any) -> Any:
    """Open the digits with their small and their medium network, as a link does."""
    workspace = Workspace(server.workspace)
    models = tuple(workspace.model(name).fingerprint for name in ("digits-small", "digits-medium"))
    view = View(n_samples=100, simulation=tuple(sorted(settings.items())))
    session = Session(workspace.dataset("digits").card.fingerprint, models)
    page = pages.open(f"{server.address}/?s={encode_link(State(session, view=view))}")
    page.set_default_timeout(90_000)
    page.wait_for_function(
        "(models) => window.nnvis && nnvis.simulation && nnvis.simulation.now"
        " && JSON.stringify(nnvis.simulation.now.models) === JSON.stringify(models)",
        arg=list(models),
    )
    return page


def simulate(page: Any) -> None:
    """Run the job of the tab that is shown, to its end."""
    page.wait_for_function("() => document.getElementById('simulation-run').textContent !== ''")
    page.click("#simulation-run")
    page.wait_for_function(
        "() => document.getElementById('simulation-run').textContent === 'Simulated' && !nnvis.simulation.running()"
    )


def wait_for_lines(page: Any, n: int) -> None:
    """Wait until so many lines are drawn."""
    page.wait_for_function(
        f"(n) => (document.querySelector('{CHARTS}') || {{dataset: {{}}}}).dataset.lines === String(n)"
        f" && document.querySelectorAll('{CHARTS} .sim-line').length === n",
        arg=n,
    )


def post(page: Any, path: str, record: dict[str, Any]) -> dict[str, Any]:
    """Ask a route as the page does."""
    return dict(page.evaluate("([path, record]) => nnvis.post(path, record)", [path, record]))


def test_curves_of_all_classes_are_computed_and_looked_at(demo_server: Server, pages: Pages) -> None:
    page = opened(demo_server, pages, change="rotation", low=-60.0, high=60.0, steps=5)
    page.wait_for_selector(f"{CHARTS} .empty:has-text('5 degrees from −60° to 60°')")
    simulate(page)
    wait_for_lines(page, 11)
    assert "all 1,797 images" in page.text_content("#curves-status")
    drawn = json.loads(page.get_attribute(CHARTS, "data-subject"))
    answer = post(page, "simulation/curves", drawn)
    small = answer["models"][0]
    assert answer["degrees"] == [-60, -30, 0, 30, 60] and small["n"] == small["total"] == sum(small["whole"]["counts"])
    card = Workspace(demo_server.workspace).model("digits-small")
    unturned = np.array(small["whole"]["accuracy"])[:, 2] @ np.array(small["whole"]["counts"]) / 1797
    assert card.name == small["name"] and unturned > 0.85 > small["whole"]["overall"]["accuracy"][0]

    page.focus(f"{CHARTS} svg")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.getElementById('simulation-now').textContent.includes('30°')")
    assert "probability" in page.text_content("#hover-card")
    page.keyboard.press("Enter")
    page.wait_for_function("() => nnvis.simulation.now.settings.class !== undefined")
    settle(page)
    page.wait_for_function(
        "() => (document.querySelector('#simulation-examples .label') || {textContent: ''}).textContent.endsWith('30°')"
    )
    assert page.text_content("#simulation-examples .sim-others").startswith("taken for")
    thumb = page.locator("#simulation-examples .sim-strip >> nth=1").locator(".sim-thumb").first
    sample = int(thumb.get_attribute("data-sample"))
    thumb.click()
    page.wait_for_function("(sample) => nnvis.simulation.now.primary === sample", arg=sample)
    page.wait_for_function("() => nnvis.network.now.edits.length === 1 && nnvis.network.now.edits[0][0] === 'rotation'")

    page.click('[data-legend="all images"]')
    wait_for_lines(page, 10)
    page.select_option("#simulation-split", "overlaid")
    wait_for_lines(page, 20)
    page.select_option("#simulation-split", "classes")
    page.wait_for_function(f"() => document.querySelectorAll('{CHARTS} figure').length === 10")
    page.evaluate("nnvis.select([...Array(600).keys()], 'test')")
    wait_for_lines(page, 40)
    assert "600 of them selected" in page.text_content("#curves-status")
    settle(page)
    other = pages.open(page.url)
    wait_for_lines(other, 44)  # which lines are hidden belongs to the page alone
    assert other.input_value("#simulation-split") == "classes"


def test_a_simulation_that_is_cancelled_keeps_what_it_has(demo_server: Server, pages: Pages) -> None:
    page = opened(demo_server, pages, change="pgd", low=0.0, high=8.0, steps=25)  # minutes, whatever the machine
    page.wait_for_selector(f"{CHARTS} .empty")
    page.click("#simulation-run")
    page.wait_for_function(f"() => Number(document.querySelector('{CHARTS}').dataset.n) > 0")
    first = int(page.get_attribute(CHARTS, "data-n"))
    page.wait_for_function(f"() => Number(document.querySelector('{CHARTS}').dataset.n) > {first}")  # refined
    assert "a fair sample of" in page.text_content("#curves-status")
    assert "refined as you look" in page.text_content("#curves-status")
    page.locator("#simulation-run", has_text="Cancel").click()
    page.locator("#simulation-run", has_text="Go on").wait_for()
    assert "a fair sample of" in page.text_content("#curves-status")
    assert page.locator(f"{CHARTS} .sim-line").count() > 1


def test_breaking_points_pairs_the_summary_and_a_contract(demo_server: Server, pages: Pages, tmp_path: Path) -> None:
    page = opened(demo_server, pages, change="rotation", low=-60.0, high=60.0, steps=5, tab="breaking")
    simulate(page)
    page.wait_for_selector("#breaking-first .sim-thumb")
    assert page.locator("#breaking-rows button").count() == 11
    assert "Half of all images flip by" in page.text_content("#breaking-said")
    page.click("#breaking-select")
    page.wait_for_function("() => nnvis.simulation.now.samples !== ''")
    page.click("#simulation-tab-pairs")
    simulate(page)
    page.wait_for_selector('[data-grid="interaction"]')
    assert page.locator('[data-grid="accuracy"] td').count() == 49
    page.click("#simulation-tab-summary")
    page.wait_for_function("() => document.getElementById('summary-status').textContent.includes('simulated yet')")
    page.click("#simulation-tab-contract")
    page.wait_for_function("() => document.getElementById('contract-text').textContent.includes('nnvis_contract: 1')")
    contract = tmp_path / "contract.yaml"
    contract.write_text(page.text_content("#contract-text"), encoding="utf-8")
    command("check", str(contract), "--workspace", str(demo_server.workspace))
