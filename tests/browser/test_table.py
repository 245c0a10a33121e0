"""The table of samples in a real browser: sorted, filtered, grouped, linked to the selection both ways, and saved."""

from __future__ import annotations

import csv
from pathlib import Path
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

GRID = "#table-grid"


def grid(page: Any, what: str, value: Any) -> None:
    """Wait until the grid has so many rows, or so many of them selected."""
    page.wait_for_function(
        "([what, value]) => document.getElementById('table-grid').dataset[what] === String(value)", arg=[what, value]
    )


def test_a_table_is_sorted_filtered_grouped_linked_and_saved(demo_server: Server, pages: Pages, tmp_path: Path) -> None:
    workspace = Workspace(demo_server.workspace)
    data, model = workspace.dataset("digits"), workspace.model("digits-small")
    session = Session(data.fingerprint, (model.fingerprint,))
    state = State(session, Selection("3,5,8"), View(n_samples=100, overview="table"))
    page = pages.open(f"{demo_server.address}/?s={encode_link(state)}")
    page.wait_for_selector(f"{GRID} .ag-header-cell[col-id='confidence']")
    probabilities = np.asarray(
        load_index(workspace.artifacts.load(index_key(model.fingerprint, data.fingerprint))).probabilities
    )
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != data.labels)
    grid(page, "rows", len(data))
    page.wait_for_function(  # what is selected stays selected when the table comes, and is ticked
        f"() => ['3', '5'].every((id) => document.querySelector(`{GRID} .ag-row-selected[row-id='${{id}}']`))"
    )
    grid(page, "selected", 3)
    assert page.evaluate("() => nnvis.settled() && nnvis.network.now.samples") == "3,5,8"

    page.click(f"{GRID} .ag-header-cell[col-id='confidence'] .ag-header-cell-text")
    least = int(probabilities.max(axis=1).argmin())
    page.wait_for_selector(f"{GRID} .ag-center-cols-container .ag-row[row-index='0'][row-id='{least}']")
    page.click(f"{GRID} .ag-row[row-index='0'] [col-id='sample']")  # a click tests the sample
    page.wait_for_function(f"() => document.querySelector('#testing-sample').textContent.startsWith('#{least}')")

    page.click('[data-change*="wrong"]')  # the page's filter is the table's
    grid(page, "rows", len(wrong))
    page.click("#table-select")
    grid(page, "selected", len(wrong))
    with page.expect_download() as saved:
        page.click("#table-csv")
    saved.value.save_as(tmp_path / "samples.csv")
    with (tmp_path / "samples.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    order = wrong[np.argsort(probabilities[wrong].max(axis=1), kind="stable")]
    assert [int(row["sample"]) for row in rows] == order.tolist()
    assert {row["right"] for row in rows} == {"no"}

    page.evaluate("nnvis.select([3, 5, 8], 'embedding')")  # what others select is ticked here
    page.click("[data-change*='\"all\"']")
    grid(page, "selected", 3)
    grid(page, "rows", len(data))
    page.click(f"{GRID} .ag-row[row-index='0'] .ag-checkbox-input")  # and the other way
    both = ",".join(map(str, sorted({3, 5, 8, least})))
    page.wait_for_function(
        "(ids) => nnvis.selected(nnvis.network.now.samples).then((now) => now.join() === ids)", arg=both
    )

    page.select_option("#table-by-select", "label")
    grid(page, "rows", 10)
    first = page.locator(f"{GRID} .ag-row[row-index='0']")
    name = first.locator("[col-id='group']").text_content()
    assert data.labels is not None
    members = np.flatnonzero(data.labels == data.class_names.index(name))
    assert first.locator("[col-id='samples']").text_content() == str(len(members))
    share = float((probabilities[members].argmax(axis=1) == data.labels[members]).mean())
    assert first.locator("[col-id='share 0']").text_content() == f"{100 * share:.1f} %"
    first.click()
    page.wait_for_function(
        f"() => document.querySelector('#embedding-strip .strong').textContent.includes('{len(members)}')"
    )
