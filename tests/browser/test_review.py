"""The review in a real browser: decisions about doubtful labels are kept and exported; slices, outliers and twins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnvis_dash.analysis.review.reviewing import load_review
from nnvis_dash.engine.jobs import Request
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import Pages, Server
from tests.browser.steps import settle

LIST = "#review-list"
MODEL = "digits-small"


def opened(server: Server, pages: Pages) -> Any:
    """Open the review of the digits, as a link does."""
    workspace = Workspace(server.workspace)
    view = View(n_samples=100, overview="review")
    session = Session(workspace.dataset("digits").card.fingerprint, (workspace.model(MODEL).fingerprint,))
    page = pages.open(f"{server.address}/?s={encode_link(State(session, view=view))}")
    page.wait_for_selector(f'{LIST}[data-part="labels"][data-rows]')
    return page


def test_a_dataset_is_reviewed_by_hand(demo_server: Server, pages: Pages) -> None:
    page = opened(demo_server, pages)
    workspace = Workspace(demo_server.workspace)
    dataset, model = workspace.dataset("digits"), workspace.model(MODEL).fingerprint
    wanted = Request("review", {"dataset": dataset.fingerprint, "models": [model]})
    found = load_review(workspace.artifacts.load(wanted.key))
    assert found.labels is not None
    first, second = (int(sample) for sample in found.labels.order[:2])
    rows = page.locator(f"{LIST} .review-row")
    assert [rows.nth(place).get_attribute("data-sample") for place in (0, 1)] == [str(first), str(second)]
    likely, label = dataset.class_names[found.labels.likely[first]], dataset.class_names[dataset.labels[first]]
    assert f"labelled {label}, looks like {likely}" in rows.nth(0).text_content()

    rows.nth(0).get_by_role("button", name=f"→ {likely}").click()
    page.wait_for_selector('#review-decided[data-decided="1"]')
    rows.nth(1).get_by_role("button", name="drop").click()
    page.wait_for_selector('#review-decided[data-decided="2"]')
    rows.nth(1).get_by_role("button", name="drop").click()  # taken back
    page.wait_for_selector('#review-decided[data-decided="1"]')
    with page.expect_download() as download:
        page.click("#review-export")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and lines[1].startswith(f"{first},,{label},fix,{likely},")
    rows.nth(0).locator(".review-open").click()
    page.wait_for_selector(f'{LIST} .here[data-sample="{first}"]')

    page.click(".review-part-slices")
    page.wait_for_selector(f'{LIST}[data-part="slices"][data-rows="{len(found.slices)}"][data-named="0"]')
    page.click(f"{LIST} .review-group .review-said")
    page.wait_for_function("nnvis.review.now.selection.samples !== ''")
    chosen = page.evaluate("nnvis.selected(nnvis.review.now.selection.samples)")
    assert chosen == sorted(found.slices[0].ids.tolist())
    page.locator(f"{LIST} .review-group").nth(0).get_by_role("button", name="patterns").click()
    page.wait_for_selector('#network-tab-patterns[aria-selected="true"]')
    page.wait_for_selector('[data-patterns-of="selection"][aria-pressed="true"]')
    page.fill("#review-name", "hard ones")
    page.click("#review-save")
    page.wait_for_selector(f'{LIST}[data-named="1"] [data-named="hard ones"]')
    right = 1 - found.slices[0].rate
    assert f"{100 * right:.1f} %" in page.text_content('[data-named="hard ones"]')

    page.click(".review-part-outliers")
    page.wait_for_selector(f'{LIST}[data-part="outliers"]')
    assert rows.nth(0).get_attribute("data-sample") == str(int(found.outliers["together"].argmax()))
    page.click(".review-part-twins")
    page.wait_for_selector(f'{LIST}[data-part="twins"] .review-twin')
    settle(page)

    again = pages.open(page.url)  # the part stands in the link, decisions in the workspace
    again.wait_for_selector(f'{LIST}[data-part="twins"] .review-twin')
    again.wait_for_selector('#review-decided[data-decided="1"]')
