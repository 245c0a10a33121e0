"""A person draws digits, and puts images of their own into the sample tray: dropped, pasted, chosen, edited."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from PIL import Image

from nnvis_dash.workspace.pixels import decode, encode_png
from tests.browser import steps
from tests.browser.conftest import Pages, Server, command

Stroke: TypeAlias = list[tuple[float, float]]


def arc(x: float, y: float, across: float, down: float, start: float, stop: float, n: int = 12) -> Stroke:
    """Part of an ellipse about (x, y), clockwise in degrees from the right."""
    angles = [math.radians(start + (stop - start) * step / n) for step in range(n + 1)]
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]


# As people write them, on a pad of 280 pixels.
DIGITS: tuple[list[Stroke], ...] = (
    [arc(140, 140, 58, 88, -90, 270, 20)],
    [[(145, 50), (140, 230)]],
    [[*arc(140, 100, 55, 50, -160, 30), (180, 140), (90, 225), (200, 225)]],
    [[*arc(130, 95, 55, 45, -140, 90), *arc(130, 185, 60, 45, -90, 140)]],
    [[(110, 50), (85, 150), (195, 150)], [(175, 55), (170, 235)]],
    [[(195, 55), (105, 55), (98, 125), *arc(135, 175, 58, 52, -120, 140)]],
    [[(170, 48), (115, 110), (92, 160), *arc(140, 180, 50, 48, 180, 540, 18)]],
    [[(80, 60), (200, 60), (130, 230)]],
    [[*arc(140, 95, 42, 45, -45, -270, 15), *arc(140, 185, 50, 46, -90, 270, 18), *arc(140, 95, 42, 45, 90, -45, 10)]],
    [[*arc(140, 100, 48, 48, -30, -390, 18), (180, 150), (165, 235)]],
)


def smaller(strokes: Sequence[Stroke], share: float, right: float, down: float) -> list[Stroke]:
    """Draw the same smaller and elsewhere."""
    return [[(right + share * x, down + share * y) for x, y in stroke] for stroke in strokes]


def draw(page: Any, strokes: Sequence[Stroke]) -> None:
    """Draw with the mouse and wait for what the classifiers say of the whole drawing."""
    box = page.locator("#sketch-pad").bounding_box()
    for stroke in strokes:
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + 1 + x, box["y"] + 1 + y)
            if not number:
                page.mouse.down()
        page.mouse.up()
    page.wait_for_selector('#sketch-answers[data-answered="1"]', state="attached")


def clear(page: Any) -> None:
    page.click("#sketch-clear")
    page.wait_for_function("() => !document.querySelector('#sketch-answers .answer')")


def read(page: Any, classifier: str) -> str:
    """Return the class that a classifier takes the drawing for."""
    card = page.locator("#sketch-answers .answer", has=page.get_by_text(classifier, exact=True))
    return str(card.locator(".bar-name").first.inner_text())


def seen(page: Any) -> Any:
    """Return the image that the classifiers see, in grey levels."""
    data = base64.b64decode(page.get_attribute("#sketch-seen", "src").split(",")[1])
    return decode(data).astype(float)[..., 0]


def open_pad(page: Any) -> None:
    steps.wait_for_map(page)
    page.click("#samples-draw")
    page.wait_for_selector('#sketchpad [data-ground][aria-pressed="true"]')


@pytest.mark.shared_data
def test_ten_drawn_digits_are_read_right(pages: Pages, mnist_server: Server) -> None:
    page = pages.open(mnist_server.address)
    open_pad(page)
    assert page.get_attribute('[data-ground="black"]', "aria-pressed") == "true"
    assert page.is_checked("input#sketch-centre, #sketch-centre input")
    assert not page.is_visible("#sketch-colours")
    found = {}
    for digit, strokes in enumerate(DIGITS):
        clear(page)
        draw(page, strokes)
        found[digit] = (read(page, "lenet1"), read(page, "lenet4"))
    assert found == {digit: (str(digit), str(digit)) for digit in range(10)}


@pytest.mark.shared_data
def test_a_drawn_digit_is_the_same_elsewhere_smaller_and_black_on_white(pages: Pages, mnist_server: Server) -> None:
    page = pages.open(mnist_server.address)
    open_pad(page)
    page.fill("#sketch-size", "12")
    draw(page, smaller(DIGITS[5], 0.5, 130, 10))
    assert read(page, "lenet1") == "5"
    here = seen(page)
    clear(page)
    draw(page, smaller(DIGITS[5], 0.5, 20, 120))
    assert here.shape == (28, 28) and np.abs(seen(page) - here).mean() < 6  # parts of a pixel of the pad

    # Undone, erased, on the other ground: the classifiers see what stands on the pad.
    before = page.get_attribute("#sketch-seen", "src")
    draw(page, [[(10, 10), (270, 20)]])
    assert page.get_attribute("#sketch-seen", "src") != before
    page.keyboard.press("Control+z")
    page.wait_for_function("(before) => document.getElementById('sketch-seen').src === before", arg=before)
    draw(page, [[(40, 270), (240, 270)]])
    assert page.get_attribute("#sketch-seen", "src") != before
    page.click('[data-tool-of-pad="eraser"]')
    page.fill("#sketch-size", "40")
    draw(page, [[(30, 270), (250, 270)]])
    assert page.get_attribute("#sketch-seen", "src") == before
    page.click('[data-ground="white"]')
    page.wait_for_selector('#sketch-answers[data-answered="1"]', state="attached")
    assert seen(page)[0, 0] == 255


@pytest.mark.shared_data
def test_a_drawing_is_kept_and_tested_as_it_was_read(pages: Pages, mnist_server: Server) -> None:
    page = pages.open(mnist_server.address)
    open_pad(page)
    page.click("#sketch-keep")
    assert "Draw something first" in page.inner_text("#sketch-problem")
    draw(page, DIGITS[3])
    said = page.locator("#sketch-answers .bar-value").first.inner_text()
    page.click("#sketch-keep")
    page.wait_for_selector('#samples-list .sample[aria-pressed="true"]')
    assert not page.is_visible("#sketchpad")
    row = page.locator("#samples-list .sample")
    page.wait_for_function("() => document.querySelector('#samples-list .sample-said').textContent.startsWith('3 (')")
    assert "drawing 1" in row.inner_text() and "drawn" in row.inner_text()
    steps.heatmap(page)
    assert page.locator("#testing-bars .answer.primary .bar-value").first.inner_text() == said


def picture(brightness: int, side: int = 8) -> list[int]:
    """Return the bytes of a PNG with a bright bar."""
    image = np.zeros((side, side, 1), np.uint8)
    image[1:-1, side // 2 - 1 : side // 2 + 1] = brightness
    return list(encode_png(image))


def give(page: Any, way: str, name: str, data: list[int]) -> None:
    """Drop or paste a file."""
    page.evaluate(
        """([way, name, data]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(data)], name, {type: "image/png"}));
            const options = {bubbles: true, cancelable: true};
            if (way === "paste") {
                document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer, ...options}));
                return;
            }
            const bench = document.querySelector(".bench");
            for (const type of ["dragover", "drop"])
                bench.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, ...options}));
        }""",
        [way, name, data],
    )


def rows(page: Any) -> list[str]:
    return list(page.locator("#samples-list .sample-name").all_inner_texts())


def wait_for_rows(page: Any, number: int) -> None:
    page.wait_for_function(
        "(number) => document.querySelectorAll('#samples-list .sample').length === number", arg=number
    )


def is_tested(page: Any, name: str) -> None:
    """Wait until the testing view shows a sample of the tray, and its row is marked."""
    page.wait_for_function(
        """(name) => {
            const row = document.querySelector('#samples-list .sample[aria-pressed="true"] .sample-name');
            const title = document.getElementById("testing-sample").textContent;
            return row && row.textContent === name && title.startsWith(name)
                && document.querySelector("#testing-bars .bar-value");
        }""",
        arg=name,
    )


def test_own_images_are_tested_marked_and_removed(pages: Pages, demo_server: Server, tmp_path: Path) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    assert page.is_visible("#samples-empty")
    give(page, "drop", "<b>dropped.png", picture(255))
    wait_for_rows(page, 1)
    is_tested(page, "<b>dropped")
    give(page, "paste", "image.png", picture(200))
    wait_for_rows(page, 2)
    is_tested(page, "image")
    Image.new("L", (8, 8), 77).save(tmp_path / "chosen.png")
    with page.expect_file_chooser() as chooser:
        page.click("#samples-upload")
    chooser.value.set_files(str(tmp_path / "chosen.png"))
    wait_for_rows(page, 3)
    is_tested(page, "chosen")
    assert rows(page) == ["chosen", "image", "<b>dropped"]
    assert page.locator("#samples-list b").count() == 0
    page.wait_for_function(
        """() => [...document.querySelectorAll(".sample-said")].every(
            (line) => /\\(\\d\\.\\d\\d\\) · uploaded/.test(line.textContent))"""
    )

    page.locator("#samples-list .sample").nth(1).click()
    is_tested(page, "image")
    page.locator("#samples-list .samples-row").nth(1).hover()
    page.locator("#samples-list .samples-row").nth(1).locator("[data-remove]").click()
    wait_for_rows(page, 2)
    assert page.locator('#samples-list [aria-pressed="true"]').count() == 0
    page.reload()
    wait_for_rows(page, 2)  # the tray is kept on the server
    other = pages.open(demo_server.address)
    other.wait_for_selector(".classifier.primary")
    assert rows(other) == []


def test_what_is_no_single_image_goes_where_it_did_before(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    page.wait_for_selector(".classifier.primary")
    give(page, "drop", "broken.png", list(b"nothing"))
    page.wait_for_selector("#samples-problem:visible")
    assert "not an image" in page.inner_text("#samples-problem")
    assert rows(page) == [] and not page.is_visible("#intake")
    give(page, "paste", "weights.h5", list(b"nothing"))
    page.wait_for_selector("#intake-form:visible")
    page.click("#intake-close")


def test_an_edited_image_is_kept_and_the_tray_saved_as_a_dataset(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    assert page.is_disabled("#samples-keep")
    page.evaluate("() => window.nnvis.send({kind: 'primary', sample: 7, origin: 'test'})")
    page.evaluate("() => window.nnvis.send({kind: 'edits', edits: [['rotation', {degree: 30}]]})")
    page.wait_for_selector("#samples-keep:enabled")
    page.click("#samples-keep")
    wait_for_rows(page, 1)
    assert rows(page) == ["#7, rotation 30°"]
    give(page, "paste", "mine.png", picture(250))
    wait_for_rows(page, 2)
    page.click("#samples-save")
    page.wait_for_selector("#samples-dialog[open]")
    page.click("#samples-store")
    page.wait_for_selector("#samples-refused:visible")
    assert "no name" in page.inner_text("#samples-refused")
    page.fill("#samples-name", "from my tray")
    page.press("#samples-name", "Enter")
    page.wait_for_selector("#samples-open:visible")
    assert "from my tray is in the workspace: 2 images" in page.inner_text("#samples-saving")
    page.click("#samples-open")
    page.wait_for_function("() => document.getElementById('page-title').textContent.startsWith('from my tray')")
    page.wait_for_function(f"() => Number(document.querySelector('{steps.MAP}').dataset.points) === 2")
    command("remove", "from my tray", "--workspace", str(demo_server.workspace))


def test_a_colour_classifier_gets_colours_and_no_centring(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "shapes")
    open_pad(page)
    assert not page.is_checked("input#sketch-centre, #sketch-centre input")
    page.click('[data-colour="#d1242f"]')
    draw(page, [arc(140, 140, 60, 60, 0, 360)])
    page.wait_for_function(
        """() => {
            const image = document.getElementById("sketch-seen");
            const canvas = document.createElement("canvas");
            canvas.width = image.naturalWidth;
            canvas.height = image.naturalHeight;
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const [red, green, blue] = context.getImageData(200, 140, 1, 1).data;
            return canvas.width === 280 && red === 0xd1 && green === 0x24 && blue === 0x2f;
        }"""
    )
    assert page.locator("#sketch-answers .answer").count() >= 1


def painted(page: Any) -> int:
    """Return how many pixels of the pad have ink on a black ground."""
    return int(
        page.evaluate(
            """() => {
                const pad = document.getElementById("sketch-pad");
                const { data } = pad.getContext("2d").getImageData(0, 0, pad.width, pad.height);
                return data.filter((value, at) => at % 4 === 0 && value > 127).length;
            }"""
        )
    )


# A stroke of 140 pixels by a pointer that no browser under test has, event by event as one sends them.
POINTER = """(like) => {
    const pad = document.getElementById("sketch-pad");
    const box = pad.getBoundingClientRect();
    pad.setPointerCapture = () => {}; // knows real pointers only
    const send = (name, x) => pad.dispatchEvent(new PointerEvent(name, {
        ...like, pointerId: 7, isPrimary: true, bubbles: true, cancelable: true,
        button: name === "pointermove" ? -1 : 0, buttons: name === "pointerup" ? 0 : 1,
        clientX: box.left + x, clientY: box.top + 140,
    }));
    send("pointerdown", 60);
    for (let x = 80; x <= 200; x += 20) send("pointermove", x);
    send("pointerup", 200);
}"""


def test_finger_and_pen_draw_and_a_pens_pressure_widens_the_stroke(pages: Pages, demo_server: Server) -> None:
    page = pages.open(demo_server.address)
    steps.choose_dataset(page, "digits")
    open_pad(page)
    page.click('[data-ground="black"]')
    assert page.eval_on_selector("#sketch-pad", "(pad) => getComputedStyle(pad).touchAction") == "none"

    def stroke(kind: str, force: float) -> int:
        clear(page)
        page.evaluate(POINTER, {"pointerType": kind, "pressure": force})
        page.wait_for_selector('#sketch-answers[data-answered="1"]', state="attached")
        return painted(page)

    assert stroke("touch", 0.5) > 140 * 20  # as long as it went, about as wide as the brush
    assert stroke("pen", 0.1) < 0.8 * stroke("pen", 0.9)
