"""Unit dots in a real browser: every unit is drawn and can be hit, tells of its images, selects and freezes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import Pages, Server
from tests.browser.steps import MAP, settle, wait_for_selection

CANVAS = "#units-canvas"


def wait_for_dots(page: Any, model: str = "") -> None:
    """Wait until the dots of the classifier are drawn with an answer."""
    page.wait_for_function(
        f"""(model) => {{
            const canvas = document.querySelector("{CANVAS}");
            return canvas && Number(canvas.dataset.units) > 0 && canvas.dataset.model === nnvis.network.now.model
                && !document.getElementById("units-stage").classList.contains("pending")
                && (!model || nnvis.network.now.modelName === model);
        }}""",
        arg=model,
    )


def asked(page: Any) -> dict[str, Any]:
    """Return what the colours that are drawn answer."""
    return dict(json.loads(page.get_attribute(CANVAS, "data-asked"))[0])


def colour(page: Any, value: str) -> None:
    """Choose what colours say and wait until they do."""
    page.select_option('[data-units="colour"]', value)
    page.wait_for_function(f"""(value) => document.querySelector("{CANVAS}").dataset.colour === value""", arg=value)


def wait_for_text(page: Any, where: str, text: str) -> None:
    """Wait until an element says something."""
    page.wait_for_function("([id, text]) => document.getElementById(id).textContent.includes(text)", arg=[where, text])


def at(page: Any, layer: str, channel: int) -> dict[str, float]:
    """Return where a unit's dot is in the page."""
    return dict(page.evaluate("([layer, channel]) => nnvis.dots.whereabouts(layer, channel)", [layer, channel]))


def hit(page: Any, layer: str, channel: int, *, shift: bool = False) -> None:
    """Click a unit's dot."""
    place = at(page, layer, channel)
    if shift:
        page.keyboard.down("Shift")
    page.mouse.click(place["x"], place["y"])
    if shift:
        page.keyboard.up("Shift")


def wait_for_units(page: Any, *units: tuple[str, int]) -> None:
    """Wait until exactly these units are selected, in the state and on the canvas."""
    page.wait_for_function(
        f"""(units) => JSON.stringify(nnvis.network.now.units) === JSON.stringify(units)
            && document.querySelector("{CANVAS}").dataset.chosen === String(units.length)""",
        arg=[list(unit) for unit in units],
    )


def colours_at(page: Any, layer: str, channel: int) -> list[int]:
    """Return red, green and blue in the middle of a unit's dot, as drawn."""
    place = at(page, layer, channel)
    found = page.evaluate(
        f"""async (place) => {{
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const canvas = document.querySelector("{CANVAS}");
            const box = canvas.getBoundingClientRect();
            const sharp = canvas.width / box.width;
            const x = Math.round((place.x - box.left) * sharp), y = Math.round((place.y - box.top) * sharp);
            return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
        }}""",
        place,
    )
    return list(found[:3])


@pytest.fixture
def page(demo_server: Server, pages: Pages) -> Any:
    """Open the shapes with their deep network, as a link does."""
    workspace = Workspace(demo_server.workspace)
    model = workspace.model("shapes-vgg13").fingerprint
    session = Session(workspace.dataset("shapes").card.fingerprint, (model,))
    page = pages.open(f"{demo_server.address}/?s={encode_link(State(session, view=View(n_samples=100)))}")
    page.wait_for_function(
        "(model) => window.nnvis && nnvis.network.now && nnvis.network.now.model === model\n"
        "    && nnvis.network.now.indexed",
        arg=model,
    )
    wait_for_dots(page, "shapes-vgg13")
    return page


def test_every_unit_is_a_dot_that_can_be_hit(page: Any) -> None:
    layers = page.evaluate("nnvis.network.unitLayers().then((all) => all.map((one) => [one.name, one.n_units]))")
    assert sum(n for _, n in layers) == int(page.get_attribute(CANVAS, "data-units")) == 698
    assert page.text_content("#units-count") == "698 units"
    listed = page.eval_on_selector_all(".units-row-name", "all => all.map((one) => one.textContent)")
    assert listed == [name for name, _ in layers]
    name, n = layers[4]
    place = at(page, name, n - 1)
    page.mouse.move(place["x"], place["y"])
    page.wait_for_function(
        "(text) => !document.getElementById('hover-card').hidden"
        " && document.getElementById('hover-card').textContent.includes(text)"
        " && document.querySelectorAll('#hover-card img').length === 6",
        arg=f"{name} · {n - 1}",
    )
    page.mouse.move(place["x"], 120)
    page.wait_for_function("() => document.getElementById('hover-card').hidden")


def test_a_click_tells_what_a_unit_answers_to_and_selects_those_images(page: Any) -> None:
    hit(page, "block4_conv1", 10)
    wait_for_units(page, ("block4_conv1", 10))
    page.wait_for_function("() => document.querySelectorAll('.unit-image .outside').length === 12")
    top = page.evaluate(
        """async () => {
            const { dataset, model } = nnvis.network.now;
            const record = { dataset, model, layer: "block4_conv1", channel: 10, n: 12, by: "max" };
            return nnvis.post("network/top", record);
        }"""
    )
    shown = page.eval_on_selector_all(".unit-image", "all => all.map((one) => Number(one.dataset.sample))")
    assert shown == [image["id"] for image in top["images"]]
    shares = page.eval_on_selector_all(".unit-class-share", "all => all.map((one) => parseInt(one.textContent))")
    assert 97 <= sum(shares) <= 103 and shares[0] == max(top["classes"])
    page.click("#units-select-images")
    assert wait_for_selection(page) == 100
    page.click(".unit-image >> nth=2")
    page.wait_for_function("(sample) => nnvis.network.now.sample === sample", arg=shown[2])
    assert page.get_attribute(".unit-image >> nth=2", "aria-pressed") == "true"
    hit(page, "dense1", 0, shift=True)
    wait_for_units(page, ("block4_conv1", 10), ("dense1", 0))
    page.wait_for_selector(".unit-chips .chip >> nth=1")
    page.click(".unit-chips .chip >> nth=0")
    page.wait_for_function("() => document.querySelector('.unit-head b').title === 'block4_conv1, unit 10'")
    page.click('[aria-label="select no unit"]')
    wait_for_units(page)


def test_a_dead_unit_says_so(page: Any) -> None:
    dead = page.evaluate(
        """async () => {
            const { dataset, model } = nnvis.network.now;
            const found = await nnvis.network.arrays("network/units", { dataset, model, colour: "layer" });
            const layers = await nnvis.network.unitLayers();
            const place = found.dead.indexOf(1);
            const layer = layers.findLast((one) => one.first <= place);
            return { layer: layer.name, channel: place - layer.first, n: found.dead.reduce((a, b) => a + b) };
        }"""
    )
    assert f"{dead['n']}" in page.text_content(".units-key:has(.dead)")
    hit(page, dead["layer"], dead["channel"])
    page.wait_for_selector(".unit-dead")
    assert "0 on every image" in page.text_content(".unit-dead")
    assert not page.locator(".unit-image").count()


def test_colours_say_how_units_answer_to_what_is_chosen(page: Any) -> None:
    by_layer = colours_at(page, "block3_conv1", 3)
    colour(page, "mean")
    wait_for_dots(page)
    assert asked(page)["samples"] == "" and "all 5,000 images" in page.text_content("#units-legend")
    assert colours_at(page, "block3_conv1", 3) != by_layer
    colour(page, "rest")
    page.wait_for_function(
        "() => document.getElementById('units-problem').textContent.includes('No images are selected')"
    )
    assert colours_at(page, "block3_conv1", 3) == by_layer
    page.evaluate("nnvis.select([1, 4, 9, 16, 25], 'test')")
    wait_for_text(page, "units-legend", "4,995")
    assert page.text_content("#units-problem") == ""
    colour(page, "samples")
    wait_for_text(page, "units-problem", "Two images")
    page.evaluate("nnvis.send({kind: 'primary', sample: 3, origin: 'test'}); nnvis.send({kind: 'compared', sample: 8})")
    wait_for_text(page, "units-legend", "compared")
    assert asked(page)["images"] == [{"sample": 3, "derived": "", "edits": []}, 8]
    colour(page, "classes")
    page.select_option('[data-units="class_a"]', "9")
    wait_for_text(page, "units-legend", "pentagon − circle")
    page.click('[data-units="standardised"]')
    wait_for_text(page, "units-legend", "σ")
    ranked = page.eval_on_selector_all(".units-row-value", "all => all.map((one) => one.textContent)")
    sizes = [abs(float(text.replace("−", "-").removesuffix(" σ"))) for text in ranked]
    assert len(sizes) == 24 and sizes == sorted(sizes, reverse=True)


def test_frozen_units_are_grey_and_a_pattern_is_a_path(page: Any) -> None:
    page.click('#network-units [data-network-mode="freeze"]')
    hit(page, "block2_conv1", 5)
    page.wait_for_function("() => nnvis.network.isFrozen('block2_conv1', 5)")
    page.mouse.move(700, 200)
    page.wait_for_selector(".units-key .frozen")
    red, green, blue = colours_at(page, "block2_conv1", 5)
    assert max(red, green, blue) - min(red, green, blue) < 30
    hit(page, "block2_conv1", 5)
    page.wait_for_function("() => !nnvis.network.isFrozen('block2_conv1', 5)")
    page.click('#network-units [data-network-mode="select"]')
    page.evaluate("nnvis.send({kind: 'pattern', pattern: '4:12.5:40.6:7.7:33.8:60'})")
    page.wait_for_function(f"""() => document.querySelector("{CANVAS}").dataset.path === "5" """)
    page.wait_for_selector(".units-key .path")


def test_keys_go_from_unit_to_unit_and_select(page: Any) -> None:
    page.focus(CANVAS)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.getElementById('units-said').textContent.startsWith('block1_conv1, unit 0')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.getElementById('units-said').textContent.startsWith('block1_conv2, unit 1')")
    page.keyboard.press("Enter")
    wait_for_units(page, ("block1_conv2", 1))
    page.keyboard.press("End")
    page.keyboard.press("Shift+Enter")
    wait_for_units(page, ("block1_conv2", 1), ("block1_conv2", 15))
    assert "selected" not in page.text_content("#units-said")
    page.keyboard.press("Escape")
    wait_for_units(page)


def test_the_wheel_zooms_to_the_mouse_and_fit_shows_all_again(page: Any) -> None:
    before = at(page, "block4_conv2", 20)
    page.mouse.move(before["x"], before["y"])
    page.mouse.wheel(0, -500)
    page.wait_for_function(f"""() => Number(document.querySelector("{CANVAS}").dataset.zoom) > 1.5""")
    after = at(page, "block4_conv2", 20)
    assert abs(after["x"] - before["x"]) < 1 and abs(after["y"] - before["y"]) < 1
    hit(page, "block4_conv2", 20)
    wait_for_units(page, ("block4_conv2", 20))
    page.click("#units-fit")
    page.wait_for_function(f"""() => document.querySelector("{CANVAS}").dataset.zoom === "1.00" """)


def test_selected_units_and_colours_stand_in_the_link(page: Any, demo_server: Server, pages: Pages) -> None:
    hit(page, "block3_conv2", 7)
    wait_for_units(page, ("block3_conv2", 7))
    colour(page, "max")
    page.wait_for_function("() => document.querySelectorAll('.unit-image .outside').length > 0")
    settle(page)
    other = pages.open(page.url)
    other.wait_for_selector(MAP)
    wait_for_dots(other, "shapes-vgg13")
    wait_for_units(other, ("block3_conv2", 7))
    other.wait_for_function(f"""() => document.querySelector("{CANVAS}").dataset.colour === "max" """)


LAYOUT = """([sizes, width, height]) => {
    let first = 0;
    const layers = sizes.map((n, i) => ({name: "layer_" + i, n_units: n, first: (first += n) - n}));
    const began = performance.now();
    const layout = nnvis.dots.layout(layers, width, height);
    const took = performance.now() - began;
    const seen = new Set();
    let wrong = 0, outside = 0;
    for (const block of layout.blocks) {
        for (let i = 0; i < block.n; i += 1) {
            const [x, y] = nnvis.dots.middle(layout, block, i);
            if (x < 0 || y < 0 || x > width || y > height) outside += 1;
            const found = nnvis.dots.at(layout, x, y);
            if (!found || found.block !== block || found.channel !== i) wrong += 1;
            seen.add(x.toFixed(2) + " " + y.toFixed(2));
        }
    }
    return {pitch: layout.pitch, places: seen.size, wrong, outside, took, order: layout.blocks.map((b) => b.name)};
}"""


DRAWN = """() => {
    const layers = [];
    for (let i = 0; i < 60; i += 1) layers.push({name: "conv_" + i, n_units: 500, first: 500 * i});
    const [width, height] = [380, 290];
    const layout = nnvis.dots.layout(layers, width, height);
    const canvas = Object.assign(document.createElement("canvas"), {width: width, height: height});
    const context = canvas.getContext("2d");
    nnvis.dots.paint(context, {layout, view: {k: 1, x: 0, y: 0}, width, height, palette: nnvis.dots.depth(60),
        ofLayer: true, tint: null, size: null, dead: null, frozen: () => new Set(), layer: null, over: null});
    const pixels = context.getImageData(0, 0, width, height).data;
    let drawn = 0;
    for (const block of layout.blocks) for (let i = 0; i < block.n; i += 1) {
        const [x, y] = nnvis.dots.middle(layout, block, i).map(Math.floor);
        if (pixels[4 * (y * width + x) + 3] > 60) drawn += 1;
    }
    return drawn;
}"""
MOBILE = [32, *[96, 96, 24] * 10, *[576, 576, 112] * 15, *[960, 160] * 5, 1280, 1000]
VGG = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
SMALL, LARGE = (380, 290), (860, 740)  # rooms in the small panel and at full size, in pixels


def test_up_to_30000_units_each_have_a_place_of_their_own_and_are_drawn(demo_server: Server, pages: Pages) -> None:
    page = pages.open(demo_server.address)
    page.wait_for_function("() => window.nnvis && nnvis.dots && nnvis.dots.layout && nnvis.dots.paint")
    for sizes, room, least in (
        (VGG, SMALL, 3.5),
        (VGG, LARGE, 9),
        (MOBILE, SMALL, 1.4),
        (MOBILE, LARGE, 3.5),
        ([1], SMALL, 16),
        ([30_000], SMALL, 1.7),
        ([4096, 4096, 1000], (200, 120), 1),
        ([2] * 300, SMALL, 2),
    ):
        found = page.evaluate(LAYOUT, [sizes, *room])
        assert found["places"] == sum(sizes)
        assert (found["wrong"], found["outside"]) == (0, 0), sizes
        assert found["pitch"] >= least, sizes
        assert found["order"] == [f"layer_{number}" for number in range(len(sizes))]
    assert page.evaluate(DRAWN) == 30_000
    page.wait_for_selector(MAP)
