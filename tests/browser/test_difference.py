"""A person takes windows out of an image: sees the evidence come, pauses, compares, points, erases, takes it along."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
from PIL import Image

from tests.browser import steps
from tests.browser.conftest import Pages, Server

BUTTON = "#difference-run-button"
BESIDE = "what stands beside the map"


def opened(pages: Pages, server: Server, place: int, dataset: str = "shapes") -> Any:
    """Open a page that looks at an image through the other lens."""
    page = steps.open_on(pages, server, dataset)
    page.locator(".thumb").nth(place).click()
    steps.press(page, "lens", "Difference")
    settled(page)
    return page


def settled(page: Any, *states: str) -> str:
    """Wait until nothing runs and what would be computed is known; return how it stands."""
    wanted = states or ("idle", "paused", "complete")
    page.wait_for_function(
        """([wanted]) => {
            const button = document.getElementById("difference-run-button");
            if (!button) return false;
            const status = document.getElementById("difference-status").textContent;
            const pending = document.getElementById("difference").classList.contains("pending");
            return wanted.includes(button.dataset.state) && !pending && status && !status.includes("…");
        }""",
        arg=[list(wanted)],
        timeout=240_000,
    )
    return str(page.get_attribute(BUTTON, "data-state"))


def compute(page: Any) -> None:
    """Compute what is shown, to the end."""
    if settled(page) != "complete":
        page.click(BUTTON)
        settled(page, "complete")
    drawn(page)


def drawn(page: Any) -> str:
    """Wait until the map is drawn; return its address."""
    page.wait_for_function(
        """() => ["map", "over", "error", "original"].every((name) => {
            const image = document.getElementById(`difference-${name}-image`);
            const there = image.src && image.complete && image.naturalWidth;
            return there && image.getAttribute("src") === image.dataset.wanted;
        })"""
    )
    return str(page.get_attribute("#difference-map-image", "src"))


def read(page: Any, element: str) -> str:
    return str(page.text_content(f"#difference-{element}") or "")


def another_round(page: Any, old: str | None) -> str:
    """Wait until the map's picture is another one; return its address."""
    page.wait_for_function(
        """(old) => {
            const source = document.getElementById("difference-map-image").getAttribute("src");
            return source && source !== old;
        }""",
        arg=old,
        timeout=240_000,
    )
    return str(page.get_attribute("#difference-map-image", "src"))


def set_parameter(page: Any, name: str, value: str) -> None:
    page.click("#difference-parameters summary")
    page.fill(f"#difference-{name}-number", value)
    page.press(f"#difference-{name}-number", "Enter")
    page.keyboard.press("Escape")


def test_a_map_is_announced_computed_pointed_at_and_taken_along(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 0)
    assert settled(page) == "idle"
    assert re.search(r"841 windows, 16,820 samples · about .+, \d+ MB", read(page, "status"))
    compute(page)
    names = page.locator(".multiples thead th").all_text_contents()[1:]
    assert len(names) == 3
    assert read(page, "map-caption").startswith(names[0])
    assert page.locator(".multiples tbody .cell").count() == 6

    page.locator(".multiples tbody .cell").nth(4).click()  # the second class's logit, which is there already
    page.wait_for_function(
        "(name) => document.getElementById('difference-map-caption').textContent.startsWith(name + ' · logit')",
        arg=names[1],
    )
    assert settled(page) == "complete"
    kept = drawn(page)

    page.locator("#difference-map").scroll_into_view_if_needed()
    box = page.locator("#difference-map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".window-card")
    card = str(page.text_content("#hover-card"))
    assert f"for {names[1]}" in card and "without the window" in card and re.search(r"\d samples", card)
    page.wait_for_function("() => document.querySelector('.strip-image').naturalWidth > 0")
    assert page.locator(".window-mark:visible").count() == 4
    page.mouse.move(20, 880)
    page.wait_for_selector("#hover-card", state="hidden")

    links = page.eval_on_selector_all("#difference-export a", "all => all.map((a) => a.href)")
    picture, archive, card_text = (page.request.get(link) for link in links)
    image = Image.open(io.BytesIO(picture.body()))
    about = json.loads(image.info["nnvis"])
    assert (about["method"], about["sampler"], about["window"]) == ("prediction_difference", "conditional", 4)
    assert about["readout"]["kind"] == "logit" and about["dataset_name"] == "shapes"
    arrays = np.load(io.BytesIO(archive.body()))
    assert arrays["maps"].shape == arrays["errors"].shape == (6, *reversed(image.size))
    assert arrays["window_values"].shape == (6, 29, 29) and np.isfinite(arrays["window_values"]).all()
    assert json.loads(arrays["card.json"]) == card_text.json()

    steps.settle(page)
    again = pages.open(page.url)
    settled(again, "complete")
    assert drawn(again) == kept


def test_a_region_is_erased(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 1)
    page.locator("#difference-original").scroll_into_view_if_needed()
    box = page.locator("#difference-original").bounding_box()
    drag(page, box, [(0.2, 0.2), (0.6, 0.7)])
    page.wait_for_selector(".erased-class", timeout=240_000)
    assert page.locator(".erased-class").count() == 3
    assert re.search(r"[+−][\d.]+ ± [\d.]+", page.locator(".erased-class").first.text_content())
    page.wait_for_function(
        "() => [...document.querySelectorAll('.erased-images img')].every((i) => i.naturalWidth === 32)"
    )
    rectangle = read(page, "erase-status")

    page.click('[data-brush="lasso"]')
    drag(page, box, [(0.5, 0.1), (0.9, 0.5), (0.5, 0.9), (0.1, 0.5), (0.5, 0.1)])
    page.wait_for_function(
        """(old) => {
            const status = document.getElementById("difference-erase-status").textContent;
            return status !== old && status.includes("bits");
        }""",
        arg=rectangle,
    )
    pixels = int(re.search(r"these (\d+) pixels", read(page, "erase-status")).group(1))  # type: ignore[union-attr]
    assert abs(pixels - 0.32 * 32 * 32) < 40
    page.click("#difference-clear")
    page.wait_for_selector(".erased-class", state="detached")
    assert page.locator("#difference-original svg").count() == 0


def drag(page: Any, box: Any, places: list[tuple[float, float]]) -> None:
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def test_what_takes_long_is_paused_and_goes_on(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 2)
    set_parameter(page, "samples", "1000")
    page.wait_for_function("() => document.getElementById('difference-status').textContent.includes('841,000 samples')")
    page.click(BUTTON)
    page.wait_for_function("() => document.querySelector('#tray-difference .job-share').textContent.includes('%')")
    first = another_round(page, None)
    assert another_round(page, first) != first  # it refines in place
    page.click(BUTTON)
    settled(page, "paused")
    assert "is computed and kept" in read(page, "status")
    kept = drawn(page)
    key = re.search(r"difference/(\w+)/", kept).group(1)  # type: ignore[union-attr]

    steps.settle(page)
    again = pages.open(page.url)  # what was computed is in the link's place, for whoever opens it
    settled(again, "paused")
    assert key in drawn(again)
    before = again.request.get(f"{demo_server.address}/difference/{key}.json").json()["done"]
    again.click(BUTTON)
    again.wait_for_function(
        "async ([key, before]) => (await (await fetch(`difference/${key}.json`)).json()).done > before",
        arg=[key, before],
    )
    another_round(again, kept)
    again.click("#tray-difference .job-cancel")
    settled(again, "paused")


def test_samplers_classifiers_and_images_stand_beside_it(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 3)
    set_parameter(page, "stride", "4")  # few windows: ten maps and more are computed here
    page.wait_for_function("() => document.getElementById('difference-status').textContent.includes('64 windows')")
    compute(page)
    for name, columns in (("Samplers", 4), ("Classifiers", 3)):
        steps.press(page, BESIDE, name)  # one click: the map is there, so the others are computed
        page.wait_for_function(f"() => document.querySelectorAll('.multiples thead th').length === {columns + 1}")
        settled(page, "complete")
        compute(page)
        pictures = page.locator(".multiples tbody tr").first.locator("img")
        assert pictures.count() == columns
    page.evaluate("nnvis.select([3, 17], 'embedding')")
    layer = next(value for value in steps.options(page, "#difference-explained-select") if value.startswith("conv"))
    page.select_option("#difference-explained-select", layer)
    steps.press(page, BESIDE, "Images")
    page.wait_for_function("() => document.querySelectorAll('.multiples thead th').length === 4")
    compute(page)
    rows = page.locator(".multiples tbody th").all_text_contents()
    assert rows[0] == "image" and len(rows) == 9 and all(row.startswith(layer) for row in rows[1:])
    page.locator(".multiples thead button").nth(1).click()
    page.wait_for_function("() => document.getElementById('testing-sample').textContent.startsWith('#3')")


def test_what_can_not_be_is_said_with_the_mend(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 4)
    set_parameter(page, "outer", "3")
    page.wait_for_function("() => document.getElementById('difference-message').textContent.includes('from 5 to 32')")
    assert page.is_disabled(BUTTON)
    set_parameter(page, "outer", "")
    page.wait_for_function("() => !document.getElementById('difference-message').textContent")
    assert page.is_enabled(BUTTON)


def test_grey_images_and_the_way_back(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 0, "digits")
    set_parameter(page, "stride", "4")
    page.wait_for_function("() => document.getElementById('difference-status').textContent.includes('64 windows')")
    compute(page)
    steps.press(page, "lens", "Explain")
    steps.heatmap(page)
    assert page.is_hidden("#difference") and page.is_visible("#testing-raw-image")
