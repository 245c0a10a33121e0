"""A person freezes units, by click and by file, and sees what becomes of the answer and of the dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.browser import steps
from tests.browser.conftest import Pages, Server


def opened(pages: Pages, server: Server) -> Any:
    """Open the tab with an image tested and the VGG-like net in front."""
    page = steps.open_on(pages, server, "shapes", "shapes-vgg13")
    page.locator(".thumb").nth(30).click()
    page.click("#network-tab-freeze")
    page.wait_for_selector("#freeze-bars .whatif-bar")
    return page


def frozen(page: Any) -> str:
    return str(page.evaluate("JSON.stringify(nnvis.network.now.frozen)"))


def test_freezing_redraws_answer_and_explanation_and_measures_the_dataset(
    pages: Pages, demo_server: Server, tmp_path: Path
) -> None:
    page = opened(pages, demo_server)
    assert "Nothing is frozen" in page.text_content("#freeze-units")
    layer = page.evaluate("async () => (await nnvis.network.unitLayers())[3].name")
    page.evaluate("(layer) => nnvis.network.pick(layer, 2, null)", layer)
    page.click("#freeze-selected")
    page.wait_for_selector(".frozen-layer")
    page.click('#network-freeze [data-network-mode="freeze"]')
    page.evaluate("(layer) => [0, 1, 3, 4, 5, 6, 7].forEach((unit) => nnvis.network.pick(layer, unit, null))", layer)
    page.wait_for_function("document.querySelector('.frozen-layer .ranges')?.textContent === '0–7 (8)'")
    page.wait_for_function("document.getElementById('network-tab-freeze').dataset.count === '8'")
    page.wait_for_function("document.getElementById('freeze-after-caption').textContent.startsWith('8 frozen · ')")
    page.wait_for_function("!document.getElementById('freeze-after-layer').hidden")
    shown = page.evaluate(
        "[...document.querySelectorAll('#freeze-bars .whatif-bar')].map((bar) => [bar.title, bar.textContent])"
    )
    assert shown and all("with nothing frozen" in title for title, _ in shown)

    page.click("#freeze-effect-run")
    page.wait_for_selector("#freeze-effect-result .freeze-said")
    assert "With 8 units frozen accuracy goes from" in page.text_content("#freeze-effect-result")
    assert page.locator(".effect-row").count() == 10

    with page.expect_download() as download:
        page.click("#freeze-export")
    file = tmp_path / "frozen.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["frozen"] == {layer: list(range(8))}
    page.click("#freeze-clear")
    page.wait_for_function("!document.querySelector('.frozen-layer')")
    with page.expect_file_chooser() as chooser:
        page.click("#freeze-import")
    chooser.value.set_files(file)
    page.wait_for_function("document.querySelector('.frozen-layer .ranges')?.textContent === '0–7 (8)'")

    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"frozen": {layer: [99999]}}))
    with page.expect_file_chooser() as chooser:
        page.click("#freeze-import")
    chooser.value.set_files(wrong)
    page.wait_for_function("document.getElementById('freeze-message').textContent.includes('has no unit 99999')")
    assert frozen(page) == json.dumps({layer: "0-7"}, separators=(",", ":"))

    steps.settle(page)
    again = pages.open(page.url)
    again.wait_for_selector(".frozen-layer")
    assert frozen(again) == frozen(page)


def test_the_smallest_set_breaks_the_prediction_and_a_campaign_lists_units(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server)
    page.click("#freeze-break-run")
    page.wait_for_selector("#freeze-smallest-result .freeze-said")
    assert "becomes" in page.text_content("#freeze-smallest-result")
    page.locator("#freeze-smallest-result button", has_text="freeze them").click()
    page.wait_for_selector("#freeze-bars .flip")
    page.click("#freeze-campaign-run")
    page.wait_for_selector("#freeze-campaign-result canvas")
    assert "critical" in page.text_content("#freeze-campaign-result .freeze-said")
    units = page.locator('[data-list="critical"] .campaign-unit')
    if units.count():
        units.first.click()
        page.wait_for_function("nnvis.network.now.units.length === 1")
