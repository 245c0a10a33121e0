"""A person changes an image: turns it, erases a part, keeps a part, and reads the changed numbers back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser import steps
from tests.browser.conftest import Pages, Server


def opened(pages: Pages, server: Server, dataset: str, place: int = 0) -> Any:
    """Open a page that looks at an image through the what-if lens."""
    page = steps.open_on(pages, server, dataset)
    page.locator(".thumb").nth(place).click()
    steps.press(page, "lens", "What if")
    page.wait_for_selector(".whatif-bar")
    page.wait_for_selector('.edit[data-name="rotation"]')
    return page


def bars(page: Any) -> list[list[str]]:
    """Return of each classifier the lines of its answer: class, probability, change."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("#whatif-answers .answer")].map((answer) =>
                [...answer.querySelectorAll(".whatif-bar")].map((bar) => bar.textContent))"""
        )
    )


def caption(page: Any) -> str:
    return str(page.text_content("#whatif-after-caption"))


def edited(page: Any, count: int) -> None:
    """Wait until the answer to so many edits is drawn, and the state holds them."""
    words = "not edited" if not count else f"after {count} edit{'s' if count > 1 else ''}"
    page.wait_for_function(
        """([words, count]) => document.getElementById("whatif-after-caption").textContent === words
            && window.nnvis.subject && window.nnvis.subject.edits.length === count
            && JSON.stringify(window.nnvis.editsNow()) === JSON.stringify(window.nnvis.subject.edits)
            && document.getElementById("testing-sample").textContent.includes("edit") === count > 0""",
        arg=[words, count],
    )


def drag(page: Any, name: str, share: float) -> None:
    """Drag a slider's thumb to a share of its way and let it go."""
    slider = page.locator(f'.edit[data-name="{name}"] input[type="range"]')
    box = slider.bounding_box()
    now, low, high = (float(slider.evaluate(f"(input) => input.{key}")) for key in ("value", "min", "max"))
    middle = box["y"] + box["height"] / 2
    inside = box["width"] - 16  # the thumb's middle doesn't reach the ends
    page.mouse.move(box["x"] + 8 + inside * (now - low) / (high - low), middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 8 + inside * share, middle, steps=8)
    page.mouse.up()


def draw(page: Any, *corners: tuple[float, float]) -> None:
    """Draw a stroke through places of the image after its edits, as shares of its sides."""
    box = page.locator("#whatif-after-frame").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


@pytest.mark.parametrize("dataset", ["shapes", "digits"])
def test_an_image_is_turned_and_erased_and_its_numbers_follow(pages: Pages, demo_server: Server, dataset: str) -> None:
    page = opened(pages, demo_server, dataset)
    edited(page, 0)
    clean = bars(page)
    assert len(clean) >= 2 and all(clean)

    drag(page, "rotation", 0.75)
    edited(page, 1)
    turned = bars(page)
    assert turned != clean
    [[name, given]] = page.evaluate("window.nnvis.editsNow()")
    assert name == "rotation" and 60 <= given["degree"] <= 120
    value = str(page.text_content('.edit[data-name="rotation"] .edit-value'))
    assert value == f"{given['degree']:g}°"
    assert page.locator(".tick-before").count() == sum(len(answer) for answer in turned)

    page.click('[data-region-mode="erase"]')
    draw(page, (0.2, 0.2), (0.8, 0.8))
    edited(page, 2)
    erased = bars(page)
    assert erased != turned
    page.keyboard.press("Escape")
    assert page.locator("#whatif-after-frame.drawable").count() == 0

    page.wait_for_function(
        """() => !document.getElementById("whatif").classList.contains("pending")
            && document.getElementById("whatif-before-map-layer").src
            && document.getElementById("whatif-after-map-layer").src"""
    )
    maps = page.evaluate(
        "() => ['before', 'after'].map((one) => document.getElementById(`whatif-${one}-map-layer`).src)"
    )
    assert maps[0] != maps[1]
    # The same class is explained in both.
    words = [str(page.text_content(f"#whatif-{one}-map-caption")) for one in ("before", "after")]
    named = [re.sub(r" [01]\.\d{3}$", "", text.split(" · ")[-1]) for text in words]
    assert named[0] == named[1] != ""

    steps.settle(page)
    again = pages.open(page.url)  # the link holds the edits
    again.wait_for_selector(".whatif-bar")
    edited(again, 2)
    assert bars(again) == erased

    page.click("#whatif-reset")
    edited(page, 0)
    assert bars(page) == clean


def test_edits_are_ordered_and_taken_back_one_by_one(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "shapes", 3)
    page.select_option("#whatif-add", "flip_horizontal")
    edited(page, 1)
    page.select_option("#whatif-add", "translation_x")
    edited(page, 2)
    first = bars(page)
    assert [name for name, _ in page.evaluate("window.nnvis.editsNow()")] == ["flip_horizontal", "translation_x"]
    row = page.locator('.edit-stack .edit[data-name="translation_x"]')
    row.locator("summary").click()
    row.locator('[data-move="-1"]').click()
    page.wait_for_function("() => window.nnvis.subject.edits[0][0] === 'translation_x'")
    edited(page, 2)
    assert bars(page) != first  # to the right and mirrored is not mirrored and to the right
    page.locator('.edit-stack .edit[data-name="flip_horizontal"] [data-remove]').click()
    edited(page, 1)
    assert page.locator(".edit-stack .edit").count() == 1


def test_a_slider_answers_the_keyboard_and_keeps_the_focus(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "digits", 1)
    page.locator('.edit[data-name="rotation"] input').focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    edited(page, 1)
    page.wait_for_function("() => window.nnvis.subject.edits[0][1].degree === 12")
    assert page.evaluate("document.activeElement.closest('.edit').dataset.name") == "rotation"


def test_a_lasso_is_asked_under_the_same_edits(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "digits", 2)
    page.evaluate("window.nnvis.select([...Array(30).keys()], 'test')")
    steps.wait_for_selection(page)
    drag(page, "rotation", 0.8)
    edited(page, 1)
    page.wait_for_selector("#whatif-selection [data-flipped]")
    button = page.locator("#whatif-selection [data-flipped]").first
    flips = int(re.search(r"(\d+) flip", str(button.text_content()))[1])
    assert "of the 30 selected" in str(page.text_content("#whatif-selection")) and flips > 0
    button.click()
    page.wait_for_function(
        "(n) => document.querySelector('#embedding-strip .strong').textContent.includes(`${n} sample`)", arg=flips
    )


def test_an_edited_image_is_explained_through_the_other_lenses_too(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "shapes", 1)
    drag(page, "blur", 0.3)
    edited(page, 1)
    steps.press(page, "lens", "Explain")
    steps.heatmap(page)
    assert str(page.get_attribute("#testing-original-image", "src")).startswith("data:image/png")
    assert "1 edit" in str(page.text_content("#testing-sample"))
    steps.press(page, "lens", "Difference")
    page.wait_for_function(
        """() => { const image = document.getElementById("difference-original-image");
            return image.src && image.complete && image.naturalWidth && image.src.includes("~"); }"""
    )


@pytest.mark.shared_data
def test_a_photograph_is_changed_for_a_mobilenet(pages: Pages, real_server: Server) -> None:
    page = opened(pages, real_server, "photographs")
    clean = bars(page)
    assert clean[0]
    drag(page, "blur", 0.5)
    edited(page, 1)
    blurred = bars(page)
    assert blurred != clean
    page.click('[data-region-mode="keep"]')
    page.click('[data-region-tool="lasso"]')
    draw(page, (0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7))
    edited(page, 2)
    assert bars(page) != blurred
