"""Trust in a real browser: a badge with its reasons, the table of methods, and a click that chooses one."""

from __future__ import annotations

from typing import Any

from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import Pages, Server

WORDS = {"✓passes", "?doubtful", "✕fails"}
METHODS = {"grad_cam": "Grad-CAM", "gradient": "Gradient (saliency)", "lrp_z": "LRP-z"}
FUSION = "Fusion (mean rank)"
FINISHED = '#trust-body[data-state="finished"]'


def badge(page: Any, place: str) -> str:
    """Wait until a heatmap is checked; return its badge's text."""
    mark = page.locator(f"{place} .badge-mark:not(.checking)").first
    mark.wait_for()
    return str(mark.text_content())


def table(page: Any) -> list[str]:
    """Return the table's rows as text."""
    page.wait_for_selector(FINISHED)
    return list(page.locator(".trust-table tbody tr").all_text_contents())


def test_badges_and_which_explanation_can_be_believed(demo_server: Server, pages: Pages) -> None:
    workspace = Workspace(demo_server.workspace)
    data, model = workspace.dataset("digits").card, workspace.model("digits-small").fingerprint
    view = View(n_samples=100, overview="trust", judged=tuple(METHODS), trust=(("samples", 16),))
    state = State(Session(data.fingerprint, (model,)), Selection(primary=5), view)
    page = pages.open(f"{demo_server.address}/?s={encode_link(state)}")

    # A heatmap is there before its badge, whose word and reasons are text, for the focus as for the pointer.
    steps.heatmap(page)
    assert badge(page, "#testing-raw-badge") in WORDS
    assert badge(page, "#testing-overlay-badge") == badge(page, "#testing-raw-badge")
    assert page.is_hidden("#badge-card")
    page.focus("#testing-raw-badge .badge-mark")
    told = page.locator("#badge-card li").all_text_contents()
    assert told and all("It " in one for one in told)
    assert (page.get_attribute("#testing-raw-badge .badge-mark", "aria-label") or "").startswith("This heatmap ")
    page.keyboard.press("Escape")
    assert page.is_hidden("#badge-card")

    page.wait_for_selector('#trust-body[data-state="empty"]')
    page.click("#trust-run:enabled")
    rows = table(page)
    names = {name.removesuffix(" ◆") for name in page.locator(".trust-name").all_text_contents()}
    assert names - {FUSION} == set(METHODS.values())  # those that pass are fused
    assert all(any(word in row for word in WORDS) for row in rows)
    assert page.locator(".trust-point").count() == len(names) and page.locator(".trust-point.front").count() >= 1
    assert "For digits-small on digits (16 images)" in (page.text_content(".trust-said") or "")
    # The dearest first at the second click.
    for order in ("descending", "ascending"):
        page.click('.trust-head:has-text("cost")')
        page.wait_for_selector(f'th[aria-sort="{order}"]:has-text("cost")')
    link = page.get_attribute("#trust-exports a", "href")
    text = page.request.get(f"{demo_server.address}/{link}").text()
    assert {line.split(",")[0] for line in text.splitlines()[1:]} - {"fusion"} == set(METHODS)

    # A point chooses its method where the list does.
    page.click('[data-point="lrp_z"] .hit')
    page.wait_for_function("() => document.getElementById('testing-raw-caption').textContent === 'LRP-z'")
    page.wait_for_function("() => document.getElementById('testing-attribution-select').value === 'lrp_z'")
    page.wait_for_selector('[data-row="lrp_z"].chosen')
    # A row shows its method's heatmaps of the sample, each with a badge.
    page.click('[data-row="gradient"] .trust-name')
    page.wait_for_selector('#testing-panel[data-lens="compare"]')
    assert badge(page, "#comparison-table") in WORDS
    page.wait_for_function(
        "() => document.querySelectorAll('#comparison-table .badge-mark:not(.checking)').length === 5"
    )
    assert steps.wait_for_selection(page) == 16
    page.click("#testing-parameters summary")
    page.click('button:has-text("Grey out maps that fail")')
    page.wait_for_selector(':root[data-grey="1"]')
    steps.settle(page)

    again = pages.open(page.url)
    assert table(again) == table(page)
    assert again.is_disabled("#trust-run")
    again.wait_for_selector(':root[data-grey="1"]')
    badge(again, "#comparison-table")
