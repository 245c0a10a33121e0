"""Neural patterns in a real browser: a live support, the planted background of the shapes, selections both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nnvis_dash.demo.shapes import GREEN_CLASS
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import Pages, Server
from tests.browser.steps import open_on, settle, wait_for_selection

LIST = "#patterns-list"


def settled(page: Any, condition: str, argument: Any = None) -> None:
    """Wait until the patterns that are shown are those of the controls, and a condition on them is true."""
    page.wait_for_function(
        f"""(argument) => {{
            const list = document.querySelector("{LIST}");
            const rows = list ? [...list.querySelectorAll(".pattern")] : [];
            return Boolean(list && ({condition}));
        }}""",
        arg=argument,
    )


def texts(page: Any, part: str = "") -> list[str]:
    """Return the text of a part of every row, in order."""
    return list(page.eval_on_selector_all(f"{LIST} .pattern {part}", "all => all.map((one) => one.textContent)"))


def named(page: Any) -> list[str]:
    """Return the patterns that are shown, as the state names them."""
    return list(page.eval_on_selector_all(f"{LIST} .pattern", "all => all.map((one) => one.dataset.text)"))


def now(page: Any, what: str) -> Any:
    """Return what the state has."""
    return page.evaluate(f"() => window.nnvis.network.now.{what}")


def slide(page: Any, position: int) -> None:
    """Drag the slider of the support to a position and hold it there."""
    page.eval_on_selector(
        "#patterns-support",
        """(slider, position) => {
            Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(slider, position);
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        position,
    )


@pytest.fixture
def page(demo_server: Server, pages: Pages) -> Any:
    """Open the patterns of the shapes with the VGG-like network."""
    page = open_on(pages, demo_server, "shapes", "shapes-vgg13")
    page.wait_for_function("() => (window.nnvis.network.now || {}).modelName === 'shapes-vgg13'")
    page.click("#network-tab-patterns")
    settled(page, "rows.length > 0 && list.dataset.model === 'shapes-vgg13'")
    return page


def test_the_support_is_live_and_stays_in_the_link(page: Any) -> None:
    many = int(page.get_attribute(LIST, "data-found"))
    slide(page, 500)
    settled(page, f"Number(list.dataset.found) < {many}")
    shown = int(page.get_attribute(LIST, "data-support"))
    assert page.text_content("#patterns-count").startswith(f"{shown} images")
    assert now(page, "settings.support") is None  # not before it is let go
    page.eval_on_selector("#patterns-support", "slider => slider.dispatchEvent(new Event('change', { bubbles: true }))")
    page.wait_for_function(f"() => window.nnvis.network.now.settings.support === {shown}")
    page.select_option("#patterns-order", "support")
    settled(page, "list.dataset.order === 'support'")
    supports = page.eval_on_selector_all(f"{LIST} .pattern", "all => all.map((one) => Number(one.dataset.support))")
    assert min(supports) >= shown and supports == sorted(supports, reverse=True)
    page.fill("#patterns-length", "4")
    page.press("#patterns-length", "Tab")
    settled(page, "rows.length > 0 && rows.every((row) => row.dataset.text.split('.').length >= 4)")
    settle(page)
    before = named(page)
    page.reload()
    settled(page, "rows.length > 0")
    assert named(page) == before
    assert page.input_value("#patterns-length") == "4" and page.text_content("#patterns-count").startswith(f"{shown} ")


def test_the_pentagons_are_recognised_by_the_planted_background(page: Any, demo_server: Server) -> None:
    page.evaluate(f"() => window.nnvis.send({{ kind: 'classes', classes: [{GREEN_CLASS}] }})")
    page.click('[data-patterns-of="selection"]')
    page.wait_for_function("() => window.nnvis.network.now.classes.length === 1")
    settled(page, "document.getElementById('patterns-status').textContent.includes('filtered images')")
    assert "specific to pentagon" in texts(page, ".pattern-said")[0]
    page.locator(f"{LIST} .pattern-select").first.click()
    page.wait_for_function("() => window.nnvis.network.now.samples")
    count = int(page.get_attribute(f"{LIST} .pattern", "data-support"))
    assert page.text_content(f"{LIST} .pattern-select") == f"select {count}"
    workspace = Workspace(demo_server.workspace)
    samples = now(page, "samples")
    ids = workspace.selections.ids(samples)
    assert len(ids) == count
    grass = workspace.dataset("shapes").extra("green_background")
    assert grass[ids].mean() > 0.9 > 0.2 > grass.mean()


def test_patterns_of_mistakes_say_how_much_more_often(page: Any) -> None:
    page.click('[data-patterns-of="errors"]')
    settled(page, "rows.length > 0 && rows.every((row) => row.querySelector('.pattern-tag.errors'))")
    assert page.is_disabled("#patterns-order") and page.input_value("#patterns-order") == "chance"
    settled(page, "document.getElementById('patterns-status').textContent.includes('of mistakes')")
    assert page.locator(f"{LIST} .pattern >> nth=0 >> .thumb").first.get_attribute("class").endswith("mistake")
    title = page.get_attribute(f"{LIST} .pattern-tag.errors", "title")
    assert "are misclassified" in title and "q = " in title


def test_a_pattern_is_chosen_drawn_and_walked_with_the_keyboard(page: Any) -> None:
    first, second = named(page)[:2]
    lines = page.eval_on_selector_all("#patterns-paths .paths-line:not(.casing)", "all => all.length")
    assert lines == len(named(page))
    page.locator(f"{LIST} .pattern-said").first.click()
    page.wait_for_function("(text) => window.nnvis.network.now.pattern === text", arg=first)
    page.wait_for_selector(f"{LIST} .pattern.chosen")
    dots = page.locator("#patterns-paths .paths-dot").count()
    assert dots == len(first.split("."))
    page.locator(f"{LIST} .pattern-choose").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("(text) => window.nnvis.network.now.pattern === text", arg=second)
    slide(page, 990)  # so few are that frequent that the chosen one is told of apart
    settled(page, "!document.querySelector('#patterns-list .empty') || rows.length === 1")
    settled(page, "rows.some((row) => row.dataset.text === argument && row.classList.contains('chosen'))", second)


def test_units_are_shown_on_hover_and_picked_by_a_click(page: Any) -> None:
    unit = page.locator(f"{LIST} .pattern-unit").first
    layer, channel = json.loads(unit.get_attribute("data-unit"))
    unit.hover()
    page.wait_for_selector("#hover-card:not([hidden])")
    assert f"{layer} · {channel}" in page.text_content("#hover-card")
    unit.click()
    page.wait_for_function(f"() => JSON.stringify(window.nnvis.network.now.units) === '[[\"{layer}\",{channel}]]'")
    page.click('[data-patterns-of="units"]')
    settled(page, "document.getElementById('patterns-status').textContent.includes('with one of 1 units')")
    column = page.evaluate(
        "(layer) => window.nnvis.network.unitLayers().then((all) => all.findIndex((one) => one.name === layer))", layer
    )
    assert all(f"{column}:{channel}" in text.split(".") for text in named(page))


def test_too_many_patterns_with_gaps_are_refused_with_a_support_to_use(page: Any) -> None:
    page.evaluate("() => window.nnvis.network.set({ gaps: true, support: 15 })")
    page.wait_for_selector(f"{LIST} [data-enough]")
    assert "too many neural patterns" in page.text_content(f"{LIST} > .failure")
    enough = int(page.get_attribute(f"{LIST} [data-enough]", "data-enough"))
    page.click(f"{LIST} [data-enough]")
    settled(page, "rows.length > 0 && Number(list.dataset.support) === argument", enough)
    with_gaps = [[int(part.split(":")[0]) for part in text.split(".")] for text in named(page)]
    assert any(columns != list(range(columns[0], columns[0] + len(columns))) for columns in with_gaps)


def test_without_a_selection_it_says_what_to_do(page: Any) -> None:
    page.click('[data-patterns-of="selection"]')
    page.wait_for_selector(f"{LIST} > .empty")
    assert "Draw a lasso" in page.text_content(f"{LIST} > .empty")
    page.evaluate("() => window.nnvis.select([5, 6, 7, 8], 'test')")
    settled(page, "rows.length > 0")
    assert wait_for_selection(page) == 4
    assert all("of the selected, " in text for text in texts(page, ".pattern-said"))
