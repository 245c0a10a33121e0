"""The whole way that a person walks: add, index, embed, colour, lasso mistakes, click one, explain, share the link."""

from __future__ import annotations

from typing import Any

import pytest

from layouts.controls import DEFAULT
from nnvis_dash.state.codec import decode_link
from tests.browser import steps
from tests.browser.conftest import Pages, Server


def walk(pages: Pages, server: Server, dataset: str, classifiers: list[str]) -> None:
    """Walk the whole way on one dataset."""
    page = pages.open(server.address)
    steps.choose_dataset(page, dataset)
    names = page.eval_on_selector_all(".classifier .name", "all => all.map((b) => b.textContent)")
    assert sorted(names) == sorted(classifiers)

    steps.press(page, "colour by", "confidence")
    page.wait_for_selector("#embedding-legend .ramp")

    everything = steps.points(page)
    steps.press(page, "correctness", "wrong")
    page.wait_for_function(
        f"(all) => Number(document.querySelector('{steps.MAP}').dataset.points) < all", arg=everything
    )
    mistakes = steps.points(page)
    assert 0 < mistakes < everything

    steps.lasso_everything(page)
    assert steps.wait_for_selection(page) == mistakes
    assert page.locator(".thumb.mistake").count() == min(mistakes, 60)

    page.locator(".thumb").first.click()
    first = steps.heatmap(page)
    assert page.locator("#testing-bars .answer").count() == len(classifiers)
    assert page.locator("#testing-sample .bad").count() == 1
    total = sum(
        float(value) for value in page.locator("#testing-bars .answer").first.locator(".bar-value").all_text_contents()
    )
    assert 0.3 < total < 1.01

    page.select_option("#testing-layer-select", next(iter(steps.options(page, "#testing-layer-select"))))
    other_layer = steps.heatmap(page, first)
    page.select_option("#testing-layer-select", DEFAULT)
    assert steps.heatmap(page, other_layer) == first
    predicted = page.text_content("#testing-sample .bad b")
    classes = steps.options(page, "#testing-target-select")
    page.select_option("#testing-target-select", next(value for value, name in classes.items() if name != predicted))
    steps.heatmap(page, first)

    before = steps.at_rest(page)
    again = pages.open(server.address + "/" + before["address"])
    steps.wait_for_map(again)
    steps.heatmap(again)
    steps.wait_for_selection(again)
    again.wait_for_selector("#embedding-bars:not([hidden])")
    steps.comes_to_show(again, before)


@pytest.mark.parametrize(
    ("dataset", "classifiers"),
    [
        ("shapes", ["shapes-small", "shapes-medium", "shapes-vgg13"]),
        ("digits", ["digits-small", "digits-medium", "digits-large"]),
    ],
)
def test_the_whole_way_on_the_demo(pages: Pages, demo_server: Server, dataset: str, classifiers: list[str]) -> None:
    walk(pages, demo_server, dataset, classifiers)


@pytest.mark.shared_data
def test_the_whole_way_on_mnist(pages: Pages, mnist_server: Server) -> None:
    walk(pages, mnist_server, "mnist", ["lenet1", "lenet4"])


@pytest.mark.shared_data
def test_two_lenets_are_simulated_over_all_of_mnist(pages: Pages, mnist_server: Server) -> None:
    page = pages.open(mnist_server.address)
    steps.wait_for_map(page)
    page.select_option("#simulation-change", "rotation")
    page.select_option("#simulation-split", "overlaid")
    page.evaluate("nnvis.simulation.set({low: -30, high: 30, steps: 3})")
    page.wait_for_function("() => document.querySelector('#simulation-charts').textContent.includes('3 degrees')")
    page.click("#simulation-run")
    page.wait_for_function("() => document.querySelectorAll('#simulation-charts .sim-line').length === 22")
    page.wait_for_function("() => document.getElementById('simulation-run').textContent === 'Simulated'")
    page.wait_for_function("() => document.getElementById('curves-status').textContent.includes('all 10,000 images')")
    found = page.evaluate(
        "nnvis.post('simulation/curves', JSON.parse(document.querySelector('#simulation-charts').dataset.subject))"
    )
    assert [(one["name"], one["n"], len(one["classes"])) for one in found["models"]] == [
        ("lenet1", 10_000, 10),
        ("lenet4", 10_000, 10),
    ]
    for one in found["models"]:
        turned, upright, _ = one["whole"]["overall"]["accuracy"]
        assert upright > 0.97 > turned, "turned by 30 degrees some digits are no longer read"


def test_the_projection_is_watched_while_it_is_computed_and_can_be_replayed(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    page.click(".popover-box summary")
    page.fill("#embedding-seed-number", "7")
    page.press("#embedding-seed-number", "Enter")
    page.wait_for_function(
        f"() => Number(document.querySelector('{steps.MAP}').dataset.frames || 0) >= 8", timeout=240_000
    )
    steps.wait_for_map(page)
    page.evaluate(f"() => {{ document.querySelector('{steps.MAP}').dataset.frames = '0'; }}")
    page.keyboard.press("Escape")
    page.click('[data-tool="replay"]')
    page.wait_for_function(f"() => Number(document.querySelector('{steps.MAP}').dataset.frames) >= 20", timeout=240_000)
    steps.wait_for_map(page)


def test_a_live_parameter_goes_on_from_the_map_and_the_map_says_how_far_it_is_true(
    pages: Pages, demo_server: Server
) -> None:
    page = steps.open_on(pages, demo_server, "digits")
    before, look = page.evaluate("nnvis.mapKey()"), page.get_attribute(steps.MAP, "data-look")
    page.click(".popover-box summary")
    page.locator("#embedding-perplexity-range").fill("12")
    page.wait_for_function(f"(look) => document.querySelector('{steps.MAP}').dataset.look !== look", arg=look)
    page.wait_for_function("() => nnvis.settled()")
    steps.wait_for_map(page)
    view = decode_link(page.url.split("s=")[1]).view
    assert (view.start, dict(view.parameters)["perplexity"]) == (before, 12)
    page.click("text=start anew")
    page.wait_for_function("() => document.querySelector('.continuing button').disabled")
    steps.wait_for_map(page)
    page.keyboard.press("Escape")
    page.evaluate(
        """() => addEventListener("nnvis-network-job", ({ detail }) => {
            if (detail.name === "honesty" && detail.answer) window.measured = detail.answer;
        })"""
    )
    steps.press(page, "colour by", "trust")
    page.wait_for_function("() => window.measured && window.measured.request.map === nnvis.mapKey()", timeout=60_000)
    found = page.evaluate("async () => Array.from((await nnvis.honesty(nnvis.mapKey())).trustworthiness)")
    assert len(found) == steps.points(page)
    assert 0.8 < sum(found) / len(found) <= 1
    page.wait_for_selector(f'{steps.MAP}[data-look$="|honest"]')
    assert "trustworthiness ¾ or less" in page.text_content("#embedding-legend")
    page.mouse.move(*steps.on_screen(page, steps.place_of(page, 5)))
    page.wait_for_selector(f'{steps.MAP}[data-neighbours="10"]')
    page.mouse.move(0, 0)
    page.wait_for_selector(f'{steps.MAP}[data-neighbours="0"]')
    near = page.evaluate("async () => Array.from(await nnvis.trueNeighbours(nnvis.mapKey(), 3))")
    assert len(set(near) - {3}) == 10


def test_another_dataset_while_a_projection_is_computed(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    page.click(".popover-box summary")
    page.fill("#embedding-seed-number", "8")
    page.press("#embedding-seed-number", "Enter")
    page.wait_for_function(
        f"() => Number(document.querySelector('{steps.MAP}').dataset.frames || 0) >= 2", timeout=240_000
    )
    page.keyboard.press("Escape")
    steps.choose_dataset(page, "shapes")
    before = page.get_attribute(steps.MAP, "data-frames")
    page.wait_for_timeout(500)
    assert page.get_attribute(steps.MAP, "data-frames") == before
    assert steps.points(page) == page.evaluate("() => nnvis.drawnMap().at.n")


def test_hover_shows_the_image_and_a_click_tests_it(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    spot = steps.on_screen(page, steps.place_of(page, 5))
    page.mouse.move(spot[0] - 30, spot[1])
    page.mouse.move(spot[0], spot[1], steps=5)
    page.wait_for_selector("#hover-card:not([hidden])")
    page.wait_for_timeout(500)  # the pointer passed other points on its way
    words = page.text_content("#hover-card")
    for word in ("sample #", "label", "prediction", "confidence"):
        assert word in words
    page.wait_for_function("() => document.querySelector('#hover-card img').naturalWidth > 0")
    sample = words.split("#")[1].split("label")[0].strip()
    page.mouse.click(*spot)
    page.wait_for_function(
        "(id) => document.querySelector('#testing-sample').textContent.startsWith('#' + id)", arg=sample
    )
    steps.heatmap(page)


def test_a_sample_that_is_not_on_the_map_is_placed_into_it(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    missing: Any = page.evaluate(
        """() => {
            const { at } = nnvis.drawnMap();
            let id = 0;
            while (at.rowOf(id) >= 0) id += 1;
            return id;
        }"""
    )
    page.fill("#rail-sample-number", str(missing))
    page.press("#rail-sample-number", "Enter")
    page.wait_for_function(f"() => document.querySelector('{steps.MAP}').dataset.marks === '2'", timeout=240_000)
    assert page.text_content("#testing-sample").startswith(f"#{missing}")


def test_two_people_never_see_each_others_selection(pages: Pages, demo_server: Server) -> None:
    first, second = (pages.open(demo_server.address) for _ in range(2))
    for page in (first, second):
        steps.choose_dataset(page, "digits")
    steps.lasso_everything(first)
    steps.wait_for_selection(first)
    first.locator(".thumb").nth(3).click()
    steps.heatmap(first)
    steps.press(second, "colour by", "entropy")
    second.wait_for_timeout(500)
    assert second.text_content("#embedding-strip .strong").startswith("Nothing selected")
    assert second.text_content("#testing-sample") == ""
    assert first.locator('[aria-label="colour by"] [aria-pressed="true"]').text_content() == "label"


def test_a_link_that_can_not_be_opened_says_so_and_the_page_works(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address + "/?s=1nonsense")
    page.wait_for_selector("#page-notice:not([hidden])")
    assert "link" in page.text_content("#page-notice").lower()
    steps.wait_for_map(page)
