"""A person looks through a classifier's feature maps, freezes channels there, and compares two inputs."""

from __future__ import annotations

from typing import Any

from tests.browser import steps
from tests.browser.conftest import Pages, Server

MAPS = "#network-maps canvas.tiles-canvas"
PAIR = "#network-pair canvas.tiles-canvas"


def opened(pages: Pages, server: Server, tab: str, sample: int = 7) -> Any:
    """Open a page that tests a sample of the shapes, at a tab of the network view."""
    page = steps.open_on(pages, server, "shapes")
    page.fill("#rail-sample-number", str(sample))
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(sample) => window.nnvis.network.now && window.nnvis.network.now.sample === sample", arg=sample
    )
    page.click(f"#network-tab-{tab}")
    return page


def wait_for(page: Any, canvas: str, **marks: str) -> dict[str, str]:
    """Wait until a wall says this of itself; return all that it says."""
    page.wait_for_function(
        """([canvas, marks]) => {
            const wall = document.querySelector(canvas);
            return wall && Object.entries(marks).every(([name, value]) => wall.dataset[name] === value);
        }""",
        arg=[canvas, marks],
    )
    return dict(page.evaluate("(canvas) => ({ ...document.querySelector(canvas).dataset })", canvas))


def colours(page: Any, canvas: str, cell: int = 0) -> int:
    """Return how many colours the first pictures of a wall's first row show at a cell."""
    return int(
        page.evaluate(
            """([canvas, cell]) => {
                const wall = document.querySelector(canvas);
                const dots = window.devicePixelRatio;
                const side = Number(wall.dataset.picture);
                const left = (3 + cell * (side + 6)) * dots;
                const bytes = wall.getContext("2d").getImageData(left, 4 * dots, side * dots, side * dots).data;
                const seen = new Set();
                for (let i = 0; i < bytes.length; i += 4) seen.add(bytes.slice(i, i + 3).join());
                return seen.size;
            }""",
            [canvas, cell],
        )
    )


def at(page: Any, canvas: str, x: float = 20, y: float = 20) -> tuple[float, float]:
    """Return a place of a wall on the page."""
    box = page.locator(canvas).bounding_box()
    return box["x"] + x, box["y"] + y


def test_maps_of_any_layer_in_any_order_beside_the_weights(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "maps")
    wall = wait_for(page, MAPS, layer="conv1", pictures="tiles")
    channels = int(wall["cells"])
    assert colours(page, MAPS) > 8
    page.click('[data-maps-sort="index"]')
    wait_for(page, MAPS, order=",".join(str(channel) for channel in range(min(24, channels))))
    page.click('[data-maps-scale="shared"]')
    page.wait_for_selector('[data-maps-scale="shared"][aria-pressed="true"]')
    assert page.locator("#maps-legend span").last.text_content() not in ("", "its most")
    page.click("#maps-weights")
    wait_for(page, MAPS, pictures="weights,tiles")
    assert page.locator("#maps-image").get_attribute("src").endswith(page.evaluate("window.nnvis.network.now.model"))

    layers = page.eval_on_selector_all("#maps-layer option", "all => all.map((one) => one.value)")
    following = layers[layers.index("conv1") + 1]
    page.click("#maps-next")
    wait_for(page, MAPS, layer=following)
    page.select_option("#maps-layer", layers[-1])
    last = wait_for(page, MAPS, layer=layers[-1])
    assert last["cells"] == "10"  # the classes
    flattened = next((name for name in layers if "flatten" in name), None)
    if flattened:
        page.select_option("#maps-layer", flattened)
        page.wait_for_selector("#maps-message:not([hidden])")
        assert "no channels" in page.text_content("#maps-message")
        page.select_option("#maps-layer", "conv1")
        wait_for(page, MAPS, layer="conv1")
        assert page.locator("#maps-message").is_hidden()
    # The link holds the tab, the layer and the settings.
    page.select_option("#maps-layer", following)
    wait_for(page, MAPS, layer=following)
    page.wait_for_function("(layer) => document.getElementById('testing-layer-select').value === layer", arg=following)
    page.reload()
    again = wait_for(page, MAPS, layer=following)
    assert again["order"].startswith("0,1,2")
    assert page.get_attribute('[data-maps-scale="shared"]', "aria-pressed") == "true"


def test_a_channel_is_selected_opened_in_full_and_frozen(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "maps")
    wall = wait_for(page, MAPS, layer="conv1")
    first, third = wall["order"].split(",")[0], wall["order"].split(",")[2]
    units = "JSON.stringify(window.nnvis.network.now.units)"
    page.mouse.move(*at(page, MAPS))
    page.wait_for_selector("#hover-card:not([hidden]) .unit-images img")
    page.mouse.click(*at(page, MAPS))
    page.wait_for_function(f"() => {units} === '[[\"conv1\",{first}]]'")
    page.mouse.dblclick(*at(page, MAPS, 100))
    page.wait_for_selector("#maps-channel:not([hidden]) .maps-figures canvas.maps-full")
    assert page.locator(".maps-figures figure").count() == 3
    named = page.text_content("#maps-channel b")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(named) => document.querySelector('#maps-channel b').textContent !== named", arg=named)
    page.keyboard.press("Escape")
    page.wait_for_selector("#maps-wall:not([hidden])")
    page.focus(MAPS)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {units} === '[[\"conv1\",{third}]]'")
    assert f"conv1 · {third}" in page.text_content("#maps-said")

    page.click('#network-maps [data-network-mode="freeze"]')
    page.mouse.click(*at(page, MAPS))
    wait_for(page, MAPS, layer="conv1", pictures="tiles,other")
    page.wait_for_function(f"() => window.nnvis.network.now.frozen.conv1 === '{first}'")
    page.select_option("#maps-layer", "conv2")
    wait_for(page, MAPS, layer="conv2", pictures="tiles,other")
    page.click('[data-maps-sort="difference"]')
    page.wait_for_selector('[data-maps-sort="difference"][aria-pressed="true"]')
    changed = page.evaluate(
        """async () => {
            const { dataset, model, frozen } = window.nnvis.network.now;
            const wanted = { dataset, model, sample: 7, layer: "conv2", frozen };
            const found = await window.nnvis.network.arrays("network/maps", wanted);
            return Array.from(found.order_difference).slice(0, 24).join(",");
        }"""
    )
    wait_for(page, MAPS, order=changed)
    page.mouse.dblclick(*at(page, MAPS))
    page.wait_for_selector(".maps-figures figure:nth-child(5)")  # with the original's and the difference
    assert page.evaluate("Object.keys(window.nnvis.network.now.frozen).join()") == "conv1"  # no more than before


def test_two_inputs_part_at_a_layer(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "pair")
    page.wait_for_selector("#pair-message.pair-hint:not([hidden])")
    page.fill("#pair-number", "12")
    page.keyboard.press("Enter")
    wait_for(page, PAIR)
    parts = page.get_attribute("#pair-curve svg", "data-parts")
    assert f"they part at {parts}" in page.text_content("#pair-said")
    wait_for(page, PAIR, layer=parts)
    n_layers = int(page.get_attribute("#pair-curve svg", "data-layers"))
    box = page.locator("#pair-curve svg").bounding_box()

    def layer(place: int) -> tuple[float, float]:
        return box["x"] + 26 + (box["width"] - 36) * (place + 0.5) / n_layers, box["y"] + box["height"] / 2

    page.mouse.click(*layer(1))
    wait_for(page, PAIR, layer="conv2")
    page.wait_for_function("() => window.nnvis.network.now.layer === 'conv2'")
    page.keyboard.down("Shift")
    page.mouse.click(*layer(2))
    page.keyboard.up("Shift")
    page.wait_for_selector('.pair-panes[data-count="2"]')
    page.wait_for_function(
        """() => [...document.querySelectorAll("#network-pair canvas.tiles-canvas")]
            .map((wall) => wall.dataset.layer).join() === "conv2,conv3\""""
    )
    page.click('.pair-pane button[title="Close this layer"]')
    page.wait_for_selector('.pair-panes[data-count="1"]')
    page.click("#network-panel .expand")
    page.wait_for_function("() => document.querySelector('#pair-curve svg').clientWidth > 600")
    order = wait_for(page, PAIR, layer="conv2")["order"]
    page.click('[data-pair-sort="index"]')
    page.wait_for_function(
        "(order) => document.querySelector('#network-pair canvas').dataset.order !== order", arg=order
    )
    page.fill("#pair-number", "7")
    page.keyboard.press("Enter")
    page.wait_for_selector("#pair-message.failure:not([hidden])")
    assert "the same image" in page.text_content("#pair-message")


def test_an_edited_image_is_compared_with_what_it_was(pages: Pages, demo_server: Server) -> None:
    page = opened(pages, demo_server, "pair")
    page.evaluate("window.nnvis.send({ kind: 'edits', edits: [['blur', { degree: 2 }]] })")
    wait_for(page, PAIR)
    said = [page.text_content(f"#pair-said-{side} span") for side in "ab"]
    assert said == ["#7, edited", "#7"]
    assert page.get_attribute("#pair-before", "aria-pressed") == "true"
    assert "~" in page.get_attribute("#pair-image-a", "src") and "~" not in page.get_attribute("#pair-image-b", "src")
    page.fill("#pair-number", "12")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#pair-said-b span').textContent === '#12'")
    page.click("#pair-before")
    page.wait_for_function("() => document.querySelector('#pair-said-b span').textContent === '#7'")
    page.mouse.dblclick(*at(page, PAIR, 12, 12))  # opens the channel in full, among the maps
    page.wait_for_selector("#network-maps:not([hidden]) #maps-channel:not([hidden]) canvas.maps-full")
