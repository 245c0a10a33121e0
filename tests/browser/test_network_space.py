"""A person looks at a classifier's layers in space: turns, opens, picks and freezes, with WebGL2 and without."""

from __future__ import annotations

from typing import Any

import pytest

from nnvis_dash.analysis.architecture import architecture
from tests import networks
from tests.browser import steps
from tests.browser.conftest import Pages, Server

STAGE = "#space-stage"
# Where a layer's front card, or a channel of an open layer, is on the page.
WHERE = """([name, channel]) => {
    const view = nnvis.space.shown;
    const layer = view.scene.named(name);
    const { right, back } = view.scene.directions(layer);
    const rank = channel === null ? -1 : layer.order ? Array.from(layer.order).indexOf(channel) : channel;
    const front = layer.at.map((v, i) => v - back[i] * layer.thick / 2);
    const point = rank < 0 ? front : view.scene.cell(layer, rank, right);
    const [x, y] = view.camera().project(point);
    const box = document.getElementById("space-stage").getBoundingClientRect();
    return [box.left + x, box.top + y];
}"""
# How many colours the drawing has.
COLOURS = """() => {
    const picture = nnvis.space.shown.picture();
    const bytes = picture.getContext("2d").getImageData(0, 0, picture.width, picture.height).data;
    const seen = new Set();
    for (let i = 0; i < bytes.length; i += 4) seen.add((bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2]);
    return seen.size;
}"""
WITHOUT_WEBGL = """() => {
    const given = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
        return kind.startsWith("webgl") ? null : given.call(this, kind, ...more);
    };
}"""


def opened(pages: Pages, server: Server, sample: int | None = 7, before: str = "") -> Any:
    """Open the tab with the VGG-like net, and a sample of the shapes tested."""
    page = steps.open_on(pages, server, "shapes", "shapes-vgg13")
    page.wait_for_function("nnvis.network.now && nnvis.network.now.modelName === 'shapes-vgg13'")
    if before:
        page.evaluate(before)
    page.click("#network-tab-space")
    page.wait_for_selector(f"{STAGE}[data-frames]")
    if sample is not None:
        choose(page, sample)
    rest(page)
    return page


def choose(page: Any, sample: int) -> None:
    """Choose the sample to be tested and wait for its stacks."""
    page.fill("#rail-sample-number", str(sample))
    page.keyboard.press("Enter")
    page.wait_for_selector(f'{STAGE}[data-image="{sample}"]')
    rest(page)


def rest(page: Any) -> None:
    """Wait until nothing moves and nothing is waited for."""
    page.wait_for_function(
        """async () => {
            const stage = document.getElementById("space-stage");
            const frames = stage.dataset.frames;
            for (let i = 0; i < 6; i += 1) await new Promise(requestAnimationFrame);
            return stage.dataset.still === "1" && frames === stage.dataset.frames
                && !document.querySelector("#network-space.waiting");
        }"""
    )


def frames(page: Any) -> int:
    return int(page.get_attribute(STAGE, "data-frames"))


def click(page: Any, layer: str, channel: int | None = None) -> None:
    page.mouse.click(*page.evaluate(WHERE, [layer, channel]))


def test_the_layers_stand_in_space_and_a_click_opens_one_into_its_channels(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, sample=None)
    page.wait_for_function("document.getElementById('space-message').textContent.startsWith('Click a point')")
    assert page.evaluate("nnvis.space.shown.scene.layers.length") == 20
    choose(page, 7)
    assert page.get_attribute(STAGE, "data-drawing") == "webgl2"
    assert page.is_hidden("#space-message")
    names = page.evaluate("nnvis.space.shown.scene.layers.map((layer) => layer.name)")
    assert names[0] == "input" and names[-1] == "probabilities" and "block3_conv2" in names
    assert page.evaluate(COLOURS) > 500
    assert "20 layers, 19 connections" in page.text_content("#space-said")

    click(page, "block2_conv1")
    page.wait_for_selector(f'{STAGE}[data-open="block2_conv1"]')
    page.wait_for_function("nnvis.network.now.layer === 'block2_conv1'")
    page.wait_for_function("nnvis.space.shown.scene.named('block2_conv1').order !== null")
    rest(page)
    order = page.evaluate("Array.from(nnvis.space.shown.scene.named('block2_conv1').order)")
    assert sorted(order) == list(range(32))

    page.mouse.move(*page.evaluate(WHERE, ["block2_conv1", order[9]]))
    page.wait_for_function(
        "(text) => document.getElementById('hover-card').textContent.startsWith(text)",
        arg=f"block2_conv1 · {order[9]}",
    )
    assert f"channel {order[9]}" in page.text_content("#space-said")
    click(page, "block2_conv1", order[9])
    page.wait_for_function(
        "(units) => JSON.stringify(nnvis.network.now.units) === units", arg=f'[["block2_conv1",{order[9]}]]'
    )

    page.click('#network-space [data-network-mode="freeze"]')
    click(page, "block2_conv1", order[0])
    page.wait_for_function("(unit) => nnvis.network.now.frozen.block2_conv1 === unit", arg=str(order[0]))
    page.wait_for_function("(unit) => nnvis.space.shown.scene.named('block2_conv1').frozen.has(unit)", arg=order[0])
    page.focus(STAGE)
    page.keyboard.press("Escape")
    page.wait_for_selector(f'{STAGE}[data-open=""]')
    rest(page)


def test_it_turns_rests_without_drawing_and_outlives_a_lost_graphics_device(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server)
    look = "JSON.stringify(nnvis.space.shown.camera().now)"
    first, drawn = page.evaluate(look), frames(page)
    box = page.locator(STAGE).bounding_box()
    left, top = box["x"] + 12, box["y"] + box["height"] - 40
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 120, top - 20, steps=6)
    page.mouse.up()
    rest(page)
    turned = page.evaluate(look)
    assert turned != first and frames(page) > drawn
    page.mouse.wheel(0, -240)
    page.wait_for_function(f"(before) => {look} !== before", arg=turned)
    page.click("#space-fit")
    page.wait_for_function("Math.abs(nnvis.space.shown.camera().now.yaw - nnvis.space.YAW) < 1e-9")
    rest(page)

    page.click("#space-spin")
    page.wait_for_function(
        f"(before) => Number(document.querySelector('{STAGE}').dataset.frames) > before + 20", arg=frames(page)
    )
    assert float(page.get_attribute(STAGE, "data-fps")) > 0
    page.click("#space-spin")
    rest(page)
    held = frames(page)
    page.evaluate("async () => { for (let i = 0; i < 20; i += 1) await new Promise(requestAnimationFrame); }")
    assert frames(page) == held

    page.focus(STAGE)
    page.keyboard.press("PageDown")
    page.wait_for_function("nnvis.network.now.layer === 'block1_conv1'")
    page.wait_for_function("nnvis.space.shown.scene.named('block1_conv1').marked")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'{STAGE}[data-open="block1_conv1"]')

    # A lost graphics device is waited for, and then done without.
    page.keyboard.press("Escape")
    rest(page)
    page.evaluate("() => { window.lost = nnvis.space.shown.lose(); lost.loseContext(); }")
    page.wait_for_function("document.getElementById('space-message').textContent.includes('lost')")
    page.evaluate("() => lost.restoreContext()")
    page.wait_for_function("document.getElementById('space-message').hidden")
    rest(page)
    assert page.get_attribute(STAGE, "data-drawing") == "webgl2" and page.evaluate(COLOURS) > 500
    page.evaluate("() => lost.loseContext()")
    page.wait_for_selector(f'{STAGE}[data-drawing="2d"]')
    rest(page)
    assert page.evaluate(COLOURS) > 500

    page.click("#space-spin")
    page.click("#network-tab-maps")
    page.wait_for_selector("#network-maps:not([hidden])")
    page.wait_for_function("document.getElementById('space-spin').getAttribute('aria-pressed') === 'false'")


def test_without_webgl_the_same_stacks_are_drawn_in_two_dimensions_and_it_says_so(
    pages: Pages, demo_server: Server
) -> None:
    page = opened(pages, demo_server, before=WITHOUT_WEBGL)
    assert page.get_attribute(STAGE, "data-drawing") == "2d"
    assert "2-D drawing" in page.text_content("#space-message")
    assert page.evaluate(COLOURS) > 500
    click(page, "block1_conv1")
    page.wait_for_function("nnvis.space.shown.scene.named('block1_conv1').order !== null")
    rest(page)
    click(page, "block1_conv1", 5)
    page.wait_for_function("JSON.stringify(nnvis.network.now.units) === '[[\"block1_conv1\",5]]'")


@pytest.fixture(scope="module")
def blank(chromium: Any) -> Any:
    """A page with the scripts of the view in space and nothing else."""
    page = chromium.ready().new_page()
    for name in ("graph", "camera", "scene", "pictures"):
        page.add_script_tag(path=f"assets/space_{name}.js")
    yield page
    page.close()


def graph(blank: Any, model: Any, detail: str = "main") -> Any:
    """Return layers as {name: [depth, lane, owner]} and connections by name."""
    return blank.evaluate(
        """([record, detail]) => {
            const { layers, edges } = nnvis.space.graph(record, detail);
            const told = Object.fromEntries(layers.map((l) => [l.name, [l.depth, l.lane, l.owner]]));
            return [told, edges.map((ends) => ends.map((i) => layers[i].name))];
        }""",
        [architecture(graph_of(model)).to_json(), detail],
    )


def graph_of(model: Any) -> Any:
    from nnvis_dash.analysis.graph import Graph

    return Graph(model)


def test_layers_that_are_left_out_are_bridged_and_branches_have_lanes_of_their_own(blank: Any) -> None:
    layers, edges = graph(blank, networks.residual())
    assert layers == {
        "input": [0, 0, None],
        "stem": [1, 0, "stem"],
        "depthwise": [2, 0, "depthwise"],
        "sum": [3, 0, None],
        "separable": [4, 0, "separable"],
        "both": [5, 0, None],
        "scores": [6, 0, "scores"],
        "softmax": [7, 0, "scores"],
    }
    assert sorted(edges) == sorted(
        [
            ["input", "stem"],
            ["stem", "depthwise"],
            ["stem", "sum"],
            ["depthwise", "sum"],
            ["sum", "separable"],
            ["sum", "both"],
            ["separable", "both"],
            ["both", "scores"],
            ["scores", "softmax"],
        ]
    )
    layers, _ = graph(blank, networks.residual(), "all")
    assert layers["relu"] == [3, 0, "stem"] and layers["norm"] == [2, 0, "stem"]


def test_the_two_calls_of_a_nested_model_stand_in_two_lanes(blank: Any) -> None:
    layers, edges = graph(blank, networks.nested())
    convolutions = [name for name in layers if name.endswith("/conv")]
    assert len(convolutions) == 2
    assert {layers[name][1] for name in convolutions} == {0, 1}
    assert ["mean", "head/hidden"] in edges


@pytest.mark.parametrize("flat", [False, True])
def test_what_a_ray_meets_is_what_is_projected_there(blank: Any, flat: bool) -> None:
    found = blank.evaluate(
        """([record, flat]) => {
            const scene = nnvis.space.scene(nnvis.space.graph(record, "all"), 10);
            const camera = nnvis.space.camera(flat);
            camera.resize(900, 500);
            scene.arrange(camera, undefined, 1.8);
            scene.settle();
            camera.jump(camera.fitted(scene.corners(), nnvis.space.YAW, nnvis.space.PITCH));
            scene.setOpen(scene.named("depthwise"), true);
            scene.settle();
            camera.jump(camera.fitted(scene.corners([scene.named("depthwise")]), nnvis.space.YAW, nnvis.space.PITCH));
            const layer = scene.named("depthwise");
            const seen = scene.corners([layer]).map(camera.project);
            const outside = seen.some(([x, y]) => x < 0 || y < 0 || x > 900 || y > 500);
            const met = [0, 1, 2, 3].map((rank) => {
                const [x, y] = camera.project(scene.cell(layer, rank, scene.directions(layer).right));
                const hit = scene.pick(camera.ray(x, y));
                return hit && [hit.layer.name, hit.channel];
            });
            return [outside, met];
        }""",
        [architecture(graph_of(networks.residual())).to_json(), flat],
    )
    assert found == [False, [["depthwise", channel] for channel in range(4)]]
