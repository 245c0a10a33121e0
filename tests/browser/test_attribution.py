"""A person asks why: by one method after the other, of classes and units, side by side, and takes the answer along."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
from PIL import Image

from nnvis_dash.analysis.attribution import METHODS
from tests.browser import steps
from tests.browser.conftest import Pages, Server


def opened(pages: Pages, server: Server) -> Any:
    """Open a page that tests an image of the shapes."""
    page = steps.open_on(pages, server, "shapes")
    page.locator(".thumb").first.click()
    steps.heatmap(page)
    return page


def choose(page: Any, field: str, value: str) -> None:
    """Choose in one of the lists that explain, and wait until the answer stands there."""
    before = page.get_attribute("#testing-raw-image", "src")
    page.select_option(f"#testing-{field}-select", value)
    steps.heatmap(page, before)


def read(page: Any, element: str) -> str:
    return str(page.text_content(f"#testing-{element}") or "")


def test_methods_and_units_and_a_link_that_opens_the_same(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server)
    assert set(steps.options(page, "#testing-attribution-select")) == set(METHODS)
    assert page.is_hidden("#testing-scale")
    for method in ("lrp_preset_a", "guided_grad_cam", "pattern_attribution", "occlusion", "integrated_gradients"):
        choose(page, "attribution", method)
        assert read(page, "raw-caption").startswith(METHODS[method].title)
        assert read(page, "message") == ""
        assert page.is_visible("#testing-scale")  # it can speak against, so it has the scale for that
    probability = read(page, "overlay-caption")

    before = page.get_attribute("#testing-raw-image", "src")
    page.click("#testing-parameters summary")
    page.select_option("#testing-baseline-select", "blurred")
    before = steps.heatmap(page, before)
    page.select_option("#testing-output-select", "probabilities")
    before = steps.heatmap(page, before)
    page.keyboard.press("Escape")
    assert read(page, "overlay-caption") == probability

    unit = next(value for value in steps.options(page, "#testing-explained-select") if value.startswith("conv"))
    choose(page, "explained", unit)
    assert read(page, "overlay-caption") == f"{unit}, unit 0"
    before = page.get_attribute("#testing-raw-image", "src")
    page.fill("#testing-unit-number", "3")
    page.press("#testing-unit-number", "Enter")
    steps.heatmap(page, before)
    assert read(page, "overlay-caption") == f"{unit}, unit 3"

    kept = steps.shown(page)
    again = pages.open(demo_server.address + "/" + kept["address"])
    steps.wait_for_map(again)
    steps.heatmap(again)
    again.wait_for_selector("#testing-unit-number")
    assert steps.shown(again)["heatmap"] == kept["heatmap"]
    assert again.input_value("#testing-attribution-select") == "integrated_gradients"
    assert again.input_value("#testing-unit-number") == "3"


def test_the_answer_can_be_taken_along(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server)
    choose(page, "attribution", "lrp_epsilon")
    links = page.eval_on_selector_all("#testing-export a", "all => all.map((a) => a.href)")
    picture, archive = (page.request.get(link) for link in links)
    drawn = Image.open(io.BytesIO(picture.body()))
    about = json.loads(drawn.info["nnvis"])
    assert (about["method"], about["clip"]) == ("lrp_epsilon", 100.0)
    with zipfile.ZipFile(io.BytesIO(archive.body())) as kept:
        assert sorted(kept.namelist()) == ["attribution.json", "heatmap.npy", "values.npy"]
        heatmap = np.load(io.BytesIO(kept.read("heatmap.npy")))
        values = np.load(io.BytesIO(kept.read("values.npy")))
        assert json.loads(kept.read("attribution.json"))["method"] == "lrp_epsilon"
    assert heatmap.shape == (1, *reversed(drawn.size)) and values.shape == (*heatmap.shape, 3)
    np.testing.assert_allclose(values.sum(axis=-1), heatmap, rtol=1e-4, atol=1e-6)


def test_what_takes_long_shows_how_far_it_is_and_can_be_stopped(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server)
    page.select_option("#testing-attribution-select", "rise")
    page.wait_for_function("() => document.getElementById('testing-raw-caption').textContent.startsWith('RISE')")
    page.click("#testing-parameters summary")
    page.fill("#testing-masks-number", "100000")
    page.press("#testing-masks-number", "Enter")
    page.keyboard.press("Escape")
    page.wait_for_function(
        "() => parseInt(document.querySelector('#tray-testing .job-share').textContent) >= 1", timeout=240_000
    )
    page.click("#tray-testing .job-cancel")
    page.wait_for_function("() => document.getElementById('testing-message').textContent.includes('cancelled')")
    page.select_option("#testing-attribution-select", "gradient")
    page.wait_for_function("() => document.getElementById('testing-raw-caption').textContent.startsWith('Gradient')")
    assert read(page, "message") == ""
