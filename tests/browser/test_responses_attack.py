"""A person reads response curves, loads a degree, attacks an image and finds what is left of it in the tray."""

from __future__ import annotations

import re
from typing import Any

from tests.browser import steps
from tests.browser.conftest import Pages, Server

CURVES = ["blur", "brightness", "hue", "rotation", "adversarial"]


def opened(pages: Pages, server: Server, place: int = 0) -> Any:
    """Open a page that looks at an image of the shapes through the what-if lens."""
    page = steps.open_on(pages, server, "shapes")
    page.locator(".thumb").nth(place).click()
    steps.press(page, "lens", "What if")
    page.wait_for_selector(".whatif-bar")
    return page


def curves(page: Any, names: list[str]) -> None:
    """Wait until these curves are drawn, in this order, and belong to what is tested."""
    page.wait_for_function(
        """(names) => {
            const place = document.getElementById("responses-curves");
            const drawn = [...place.querySelectorAll("figure")].filter((figure) => figure.querySelector("svg"));
            return !place.classList.contains("pending") && !document.getElementById("tray-responses").dataset.running
                && JSON.stringify(drawn.map((figure) => figure.dataset.curve)) === JSON.stringify(names);
        }""",
        arg=names,
    )


def hover(page: Any, name: str, share: float) -> tuple[float, float]:
    """Point at a share of a curve's range and wait for the image there; return where the pointer is."""
    plot = page.locator(f'[data-curve="{name}"] svg')
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    scale = box["width"] / 184
    x, y = box["x"] + scale * (20 + 158 * share), box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.wait_for_function(
        """() => {
            const card = document.querySelector(".response-card");
            return card && !card.hidden && card.querySelector("img").complete && card.querySelector("img").naturalWidth;
        }"""
    )
    return x, y


def card(page: Any) -> dict[str, str]:
    """Return what the card under the pointer says: its degree, the lines' values, the prediction."""
    return dict(
        page.evaluate(
            """() => {
                const card = document.querySelector(".response-card");
                const lines = [...card.querySelectorAll(".response-line")].map((line) => [
                    line.children[1].textContent, line.children[2].textContent]);
                const [title, taken] = card.querySelectorAll("b");
                const [what, said] = [title.textContent, taken ? taken.textContent : ""];
                return { ...Object.fromEntries(lines), title: what, taken: said };
            }"""
        )
    )


def primary(page: Any) -> dict[str, float]:
    """Return the primary classifier's probabilities as the bars show them, by class."""
    pairs = page.evaluate(
        """() => [...document.querySelector("#whatif-answers .answer").querySelectorAll(".whatif-bar")].map((bar) => [
            bar.querySelector(".bar-name").textContent, bar.querySelector(".bar-value").textContent])"""
    )
    return {re.sub(r"\W+$", "", name): float(value) for name, value in pairs}


def edited(page: Any, count: int) -> None:
    """Wait until the image is shown under so many edits."""
    page.wait_for_function("(count) => window.nnvis.subject && window.nnvis.subject.edits.length === count", arg=count)


def test_a_degree_is_loaded_from_a_curve_and_read_back(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 3)
    curves(page, CURVES)
    assert page.text_content("#responses-summary")
    for name, share in (("rotation", 0.15), ("blur", 0.8)):
        x, y = hover(page, name, share)
        told = card(page)
        page.mouse.click(x, y)
        edited(page, 1 if name == "rotation" else 2)
        shown = primary(page)
        assert max(shown, key=lambda known: shown[known]) == told["taken"]
        for known in shown.keys() & told.keys():
            assert abs(shown[known] - float(told[known])) <= 0.0011, known
        page.mouse.move(5, 5)
        page.wait_for_selector(f'[data-curve="{name}"] .now-line', state="attached")
        curves(page, CURVES)
        assert page.locator(f'[data-curve="{name}"] .now-line').count() == 1
    assert page.evaluate("window.nnvis.subject.edits.map((edit) => edit[0])") == ["rotation", "blur"]


def test_other_curves_are_chosen_and_stand_in_the_link(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 4)
    curves(page, CURVES)
    page.click("#responses-more summary")
    page.click('#responses-more [data-response="noise"]')
    for name in ("brightness", "hue"):
        page.click(f'#responses-more [data-response="{name}"]')
    curves(page, ["blur", "rotation", "adversarial", "noise"])
    page.keyboard.press("Escape")
    steps.settle(page)
    again = pages.open(demo_server.address + "/" + str(page.evaluate("location.search")))
    steps.wait_for_map(again)
    curves(again, ["blur", "rotation", "adversarial", "noise"])
    texts = "[data-curve] .response-flips"
    read = "all => all.map((one) => one.textContent)"
    assert again.eval_on_selector_all(texts, read) == page.eval_on_selector_all(texts, read)


def test_curves_of_a_selection_have_a_band(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server)
    curves(page, CURVES)
    page.evaluate("window.nnvis.select(Array.from({length: 40}, (_, n) => 7 * n), 'embedding')")
    page.wait_for_selector("#responses-scope:not([hidden])")
    page.wait_for_function(
        "document.querySelectorAll('#responses-curves .band').length === 5"
        " && !document.getElementById('tray-responses').dataset.running",
        timeout=240_000,
    )
    assert page.text_content("#responses-status") == "mean and 10–90 % of the first 32 of 40 images"
    page.click('[data-response-scope="image"]')
    curves(page, CURVES)
    assert page.locator("#responses-curves .band").count() == 0


def attacked(page: Any) -> None:
    """Wait for the answer to an attack and its pictures."""
    page.wait_for_function(
        """() => {
            const images = [...document.querySelectorAll("#attack-result .attack-pane img")];
            return !document.getElementById("attack-result").hidden && images.every((i) => i.complete && i.naturalWidth)
                && document.getElementById("attack-run-button").textContent === "Attack";
        }"""
    )


def open_attack(page: Any) -> None:
    page.click("#whatif-attack > summary")
    page.wait_for_selector("#attack-epsilon-number")


def test_fgsm_flips_a_shape_and_lands_in_the_tray(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 2)
    open_attack(page)
    page.fill("#attack-epsilon-number", "12")
    page.press("#attack-epsilon-number", "Enter")
    steps.settle(page)
    page.click("#attack-run-button")
    attacked(page)
    before, after = (str(page.text_content(f"#attack-{what}-caption")) for what in ("clean", "adversarial"))
    assert before.split()[0] != after.split()[0]
    assert page.text_content("#attack-summary") == f"{before.split()[0]} → {after.split()[0]}"
    assert page.text_content("#attack-perturbation-caption") == "change × 10"
    assert "L∞ 12/255" in str(page.text_content("#attack-numbers"))
    assert page.locator("#attack-answers .answer").count() == 3  # whether the others fall too
    page.wait_for_selector("#attack-layers .parts")
    words = str(page.text_content("#attack-layers .label"))
    assert words.startswith("activations part at ")
    title = str(page.get_attribute("#attack-layers .parts", "title"))
    assert title.startswith(words.removeprefix("activations part at ") + ": ")
    page.wait_for_selector("#samples-list [role=listitem]")
    page.click("[data-attack-test]")
    page.wait_for_function("window.nnvis.subject && window.nnvis.subject.derived")
    shown = primary(page)
    name, probability = after.split()
    assert abs(shown[name] - float(probability)) <= 0.0011
    assert max(shown, key=lambda known: shown[known]) == name


def test_what_was_tried_is_said_and_the_smallest_epsilon_found(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 6)
    open_attack(page)
    page.fill("#attack-epsilon-number", "0")
    page.press("#attack-epsilon-number", "Enter")
    steps.settle(page)
    page.click("#attack-run-button")
    attacked(page)
    message = str(page.text_content("#attack-message"))
    assert "It is still" in message and "Tried: FGSM, ε = 0/255, towards any other class." in message
    assert page.locator("[data-attack-test]").count() == 0
    page.click("#attack-smallest")
    page.wait_for_function("document.getElementById('attack-numbers').textContent.startsWith('smallest')")
    found = re.match(r"smallest ε (\d+)/255 · L∞ (\d+)/255", str(page.text_content("#attack-numbers")))
    assert found and 0 < int(found[2]) <= int(found[1]) <= 64
    page.select_option("#attack-method-select", "deepfool")
    page.wait_for_selector("#attack-epsilon-number", state="detached")
    assert page.is_disabled("#attack-smallest")


def test_a_click_on_the_adversarial_curve_attacks_at_that_strength(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 1)
    curves(page, CURVES)
    x, y = hover(page, "adversarial", 1.0)
    told = card(page)
    assert told["title"] == "Adversarial strength 16/255"
    page.mouse.click(x, y)
    attacked(page)
    assert str(page.text_content("#attack-adversarial-caption")).split()[0] == told["taken"]
    assert "L∞ 16/255" in str(page.text_content("#attack-numbers"))
    page.locator(".thumb").nth(8).click()  # of another image nothing of it is shown
    page.wait_for_selector("#attack-result", state="hidden")


def test_minimal_evidence_is_found_and_said(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, 5)
    page.click("#whatif-evidence > summary")
    page.click("#evidence-run-button")
    page.wait_for_selector("#evidence-result:not([hidden])")
    label = max(primary(page).items(), key=lambda pair: pair[1])[0]
    sufficient = str(page.text_content("#evidence-sufficient-caption"))
    necessary = str(page.text_content("#evidence-necessary-caption"))
    assert re.fullmatch(
        rf"(These <?\d+ % of the image keep|Nothing of the image.* is) {label}( at \d\.\d\d)?", sufficient
    )
    assert re.fullmatch(
        r"(Without these <?\d+ % it becomes|Even without all of it, it stays) \w+ at \d\.\d\d", necessary
    )
    page.wait_for_function(
        "[...document.querySelectorAll('#evidence-result img')].every((i) => i.complete && i.naturalWidth === 32)"
    )
