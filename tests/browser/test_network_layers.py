"""The classifier as a graph of its layers: chosen, dragged, zoomed, searched, walked and folded in a real browser."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from tests.browser.conftest import Pages, Server
from tests.browser.steps import choose_dataset

GRAPH = "#layers-graph"


def opened(pages: Pages, server: Server, record: dict[str, Any] | None = None) -> Any:
    """Open the page at its layers; `record` stands for the classifier's own graph."""
    page = pages.open("about:blank")
    if record is not None:
        page.route("**/architecture.json", lambda route: route.fulfill(json=record))
    page.goto(server.address)
    page.wait_for_selector("#network-tab-layers")
    page.click("#network-tab-layers")
    return page


def node(name: str, kind: str = "Conv2D", path: Sequence[str] = (), units: int = 4) -> dict[str, Any]:
    """Return a layer as the server describes it."""
    return {
        "name": name, "kind": kind, "output_shape": [8, 8, 4], "parameters": 40, "activation": "", "macs": 9,
        "n_units": units, "path": list(path),
    }  # fmt: skip


def record_of(nodes: list[dict[str, Any]], edges: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a whole graph as the server describes it."""
    groups = dict.fromkeys(group for one in nodes for group in one["path"])
    return {
        "nodes": nodes, "edges": [list(edge) for edge in edges], "parameters": 40 * len(nodes),
        "macs": 9 * len(nodes), "uncounted": [], "groups": list(groups),
    }  # fmt: skip


def nested() -> dict[str, Any]:
    """Return a model with a base of three layers, one of them in a model of its own, and a head of two."""
    base = ("base",)
    nodes = [
        node("input", "Input", units=0), node("base/conv", path=base),
        node("base/inner/mix", path=("base", "base/inner")),
        node("base/norm", "BatchNormalization", base, 0), node("head/hidden", "Dense", ("head",)),
        node("head/classes", "Dense", ("head",)),
    ]  # fmt: skip
    names = [one["name"] for one in nodes]
    return record_of(nodes, list(pairwise(names)))


def names(page: Any) -> list[str]:
    """Return the full names of what is drawn."""
    labels = page.eval_on_selector_all(".layers-node", "all => all.map((one) => one.getAttribute('aria-label'))")
    return [label.split(": ")[0] for label in labels]


def wait_for_nodes(page: Any, count: int) -> None:
    page.wait_for_selector(f'{GRAPH}[data-nodes="{count}"]')


def chosen(page: Any) -> str | None:
    """Return the layer that the state has."""
    return page.evaluate("() => window.nnvis.network.now.layer")


@pytest.fixture
def page(demo_server: Server, pages: Pages) -> Any:
    """Open the layers of the first classifier, five convolutions with normalisation and a dense layer."""
    page = opened(pages, demo_server)
    page.wait_for_selector('.layers-node[aria-label^="conv5:"]')
    return page


def test_every_layer_and_connection_is_drawn_and_a_click_chooses_one(demo_server: Server, pages: Pages) -> None:
    shapes = opened(pages, demo_server)
    choose_dataset(shapes, "shapes")
    shapes.locator(".classifier .name", has_text="shapes-vgg13").click()
    shapes.wait_for_selector('.layers-node[aria-label^="block5_conv3:"]', state="attached")
    record = shapes.evaluate("() => window.nnvis.network.layers()")
    assert set(names(shapes)) == {one["name"] for one in record["nodes"]}
    assert shapes.get_attribute(GRAPH, "data-edges") == str(len(record["edges"]))
    assert shapes.get_attribute(GRAPH, "data-crossings") == "0"
    summary = shapes.text_content("#layers-summary")
    assert summary.startswith(f"{len(record['nodes']) - 1} layers") and "303 k params" in summary
    shapes.hover('.layers-node[aria-label^="block2_conv2:"]')
    said = shapes.text_content("#layers-status")
    expected = next(one for one in record["nodes"] if one["name"] == "block2_conv2")
    assert f"{expected['parameters']:,} parameters" in said and "16 × 16 × 32" in said and "2.36 M MACs" in said
    shapes.click('.layers-node[aria-label^="block2_conv2:"]')
    shapes.wait_for_function("() => window.nnvis.network.now.layer === 'block2_conv2'")
    shapes.wait_for_selector('.layers-node.chosen[aria-label^="block2_conv2:"]')
    assert shapes.locator(".layers-node.chosen").count() == 1


def test_a_click_before_dash_is_there_is_not_lost(demo_server: Server, pages: Pages) -> None:
    page, held = pages.open("about:blank"), []
    page.route("**/_dash-dependencies", lambda route: held.append(route))
    with page.expect_request("**/_dash-dependencies"):
        page.goto(demo_server.address, wait_until="commit")
    page.click("#network-tab-layers")
    assert page.evaluate("() => window.nnvis.session === undefined")
    held[0].continue_()
    page.wait_for_selector('.layers-node[aria-label^="conv5:"]')


def test_arrow_keys_walk_along_the_connections_and_enter_chooses(page: Any) -> None:
    page.focus(f"{GRAPH} svg")
    page.keyboard.press("ArrowDown")  # on to the first
    page.wait_for_selector('.layers-node.focused[aria-label^="input:"]')
    page.keyboard.press("ArrowDown")
    page.wait_for_selector('.layers-node.focused[aria-label^="conv1:"]')
    assert page.get_attribute(f"{GRAPH} svg", "aria-activedescendant") == page.get_attribute(
        ".layers-node.focused", "id"
    )
    page.keyboard.press("Enter")
    page.wait_for_selector('.layers-node.chosen[aria-label^="conv1:"]')
    page.keyboard.press("ArrowUp")
    page.wait_for_selector('.layers-node.focused[aria-label^="input:"]')
    page.keyboard.press("Enter")  # the input is no layer
    assert chosen(page) == "conv1"


def test_the_wheel_zooms_a_drag_moves_and_fit_shows_all_again(page: Any) -> None:
    def scale() -> float:
        return float(page.get_attribute(GRAPH, "data-scale"))

    def moved() -> str:
        return str(page.eval_on_selector(".layers-scene", "scene => scene.style.transform"))

    fitting, at = scale(), moved()
    box = page.locator(GRAPH).bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"() => Number(document.querySelector('{GRAPH}').dataset.scale) > {fitting} * 1.5")
    zoomed = moved()
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 30, steps=4)
    page.mouse.up()
    assert moved() != zoomed and chosen(page) is None  # a drag is no click
    page.click('[data-layers="fit"]')
    assert scale() == fitting and moved() == at
    page.click("#network-panel .expand")
    page.wait_for_function(f"() => Number(document.querySelector('{GRAPH}').dataset.scale) > {fitting}")
    overlapping = page.evaluate(
        f"""() => {{
            const room = document.querySelector("{GRAPH}").getBoundingClientRect();
            return [...document.querySelectorAll(".layers-node")].filter((one) => {{
                const box = one.querySelector(".body").getBoundingClientRect();
                return box.left < room.left || box.right > room.right || box.top < room.top || box.bottom > room.bottom;
            }}).length;
        }}"""
    )
    assert overlapping == 0


def test_a_search_marks_what_it_finds_and_enter_goes_there(page: Any) -> None:
    page.fill("#layers-search", "conv")
    page.wait_for_selector(".layers-node.found")
    assert all(name.startswith("conv") for name in page.eval_on_selector_all(
        ".layers-node.found", "all => all.map((one) => one.getAttribute('aria-label'))"
    ))  # fmt: skip
    page.press("#layers-search", "Enter")
    page.wait_for_function(f"() => Number(document.querySelector('{GRAPH}').dataset.scale) >= 0.8")
    assert page.text_content("#layers-status b").startswith("conv")
    page.fill("#layers-search", "no such layer")
    page.wait_for_selector("#layers-search.none")
    assert page.locator(".layers-node.found").count() == 0


def test_the_compact_graph_shows_passing_layers_within_those_before_them(page: Any) -> None:
    whole = len(names(page))
    page.click('[data-layers="compact"]')
    page.wait_for_function(f"() => Number(document.querySelector('{GRAPH}').dataset.nodes) < {whole}")
    compact = names(page)
    assert "conv1" in compact and "norm1" not in compact and "pool1" in compact
    told = page.get_attribute('.layers-node[aria-label^="conv1:"]', "aria-label")
    assert "with norm1 (BatchNormalization), relu1 (ReLU)" in told


def test_frozen_and_selected_units_are_counted_at_their_layer(page: Any) -> None:
    page.evaluate("""() => {
        window.nnvis.network.freeze([["conv2", 0], ["conv2", 5]], true);
        window.nnvis.network.pick("conv3", 2, null);
    }""")
    page.wait_for_selector('.layers-node[aria-label^="conv2:"] .mark', state="attached")
    assert page.text_content('.layers-node[aria-label^="conv2:"] .mark') == "2 frozen"
    assert page.text_content('.layers-node[aria-label^="conv3:"] .mark.units') == "1 unit"


def test_nested_models_are_boxes_that_open_and_close(demo_server: Server, pages: Pages) -> None:
    page = opened(pages, demo_server, nested())
    wait_for_nodes(page, 6)
    groups = page.eval_on_selector_all(".layers-box", "all => [...new Set(all.map((one) => one.dataset.group))]")
    assert sorted(groups) == ["base", "base/inner", "head"]
    page.locator('.layers-box[data-group="head"] rect').first.click(position={"x": 4, "y": 30})
    wait_for_nodes(page, 5)
    assert "a model of 2 layers" in page.get_attribute('.layers-node[aria-label^="head:"]', "aria-label")
    page.click('[data-layers="models"]')  # opens all
    wait_for_nodes(page, 6)
    page.click('[data-layers="models"]')  # closes all
    wait_for_nodes(page, 3)
    assert names(page) == ["input", "base", "head"]
    page.click('.layers-node[aria-label^="base:"]')
    wait_for_nodes(page, 5)
    assert "base/inner" in names(page)  # what lies within stays closed
    page.fill("#layers-search", "mix")
    page.press("#layers-search", "Enter")
    wait_for_nodes(page, 6 - 1)
    page.wait_for_selector('.layers-node.found[aria-label^="base/inner/mix:"]')


def test_a_classifier_without_layers_says_so(demo_server: Server, pages: Pages) -> None:
    page = opened(pages, demo_server, {"problem": "The architecture needs layers. Add the Keras model."})
    page.wait_for_selector("#layers-message:not([hidden])")
    assert "Add the Keras model" in page.text_content("#layers-message")
    assert not page.is_visible(GRAPH)


LAID = """(record) => {
    const [w, h] = window.nnvis.layerLayout.size;
    const found = window.nnvis.layerLayout(record, { width: 600, height: 320 }, new Set(), false);
    let overlaps = 0;
    found.nodes.forEach((a, i) => found.nodes.slice(i + 1).forEach((b) => {
        if (Math.abs(a.x - b.x) < w - 0.01 && Math.abs(a.y - b.y) < h - 0.01) overlaps += 1;
    }));
    const beyond = (from, to, end) => from < -0.01 || to > end + 0.01;
    const outside = found.nodes.filter((a) => beyond(a.x, a.x + w, found.width) || beyond(a.y, a.y + h, found.height));
    const back = found.edges.filter((edge) => !edge.back && found.nodes[edge.from].row >= found.nodes[edge.to].row);
    return { overlaps, outside: outside.length, back: back.length, nodes: found.nodes.length, edges: found.edges.length,
        crossings: found.crossings, broken: found.edges.filter((edge) => /NaN|undefined/.test(edge.path)).length,
        returning: found.edges.filter((edge) => edge.back).length };
}"""


def chain(n: int) -> dict[str, Any]:
    nodes = [node(f"layer{i}") for i in range(n)]
    return record_of(nodes, [(f"layer{i}", f"layer{i + 1}") for i in range(n - 1)])


def blocks(n: int, branches: int) -> dict[str, Any]:
    """Return blocks of parallel branches of different lengths, with a connection past each block."""
    nodes, edges, last = [node("start")], [], "start"
    for block in range(n):
        ends = [last]
        for branch in range(branches):
            end = last
            for step in range(branch + 1):
                name = f"b{block}_{branch}_{step}"
                nodes.append(node(name))
                edges.append((end, name))
                end = name
            ends.append(end)
        join = f"join{block}"
        nodes.append(node(join, "Concatenate", units=0))
        edges += [(end, join) for end in ends]
        last = join
    return record_of(nodes, edges)


def twice() -> dict[str, Any]:
    """Return a nested model that is called before and after another layer: closed, one edge leads back."""
    nodes = [node("input", "Input"), node("base/conv", path=["base"]), node("mid"), node("base/conv:1", path=["base"])]
    return record_of(nodes, [("input", "base/conv"), ("base/conv", "mid"), ("mid", "base/conv:1")])


def test_the_layout_keeps_layers_apart_and_in_order_whatever_the_graph(demo_server: Server, pages: Pages) -> None:
    page = opened(pages, demo_server, nested())
    wait_for_nodes(page, 6)
    graphs = {"one": chain(1), "chain": chain(800), "blocks": blocks(60, 4), "nested": nested(), "twice": twice()}
    for name, record in graphs.items():
        found = page.evaluate(LAID, record)
        assert found["nodes"] == len(record["nodes"]) and found["edges"] == len(record["edges"]), name
        assert (found["overlaps"], found["outside"], found["back"], found["broken"]) == (0, 0, 0, 0), name
        assert found["crossings"] == 0, name
    closed = page.evaluate(
        """(record) => window.nnvis.layerLayout(record, { width: 600, height: 320 }, new Set(["base"]), false).edges
            .map(({ from, to, back }) => [from, to, back])""",
        twice(),
    )
    assert closed == [[0, 1, False], [1, 2, False], [2, 1, True]]
    # Of the complete bipartite graph of three and three, drawn in two rows, nine pairs of edges cross at least.
    nodes = [node("input", "Input"), *(node(f"a{i}") for i in range(3)), *(node(f"b{i}") for i in range(3))]
    first = [("input", f"a{i}") for i in range(3)]
    complete = [*first, *((f"a{i}", f"b{j}") for i in range(3) for j in range(3))]
    assert page.evaluate(LAID, record_of(nodes, complete))["crossings"] == 9
    swapped = [*first, *((f"a{i}", f"b{2 - i}") for i in range(3))]
    assert page.evaluate(LAID, record_of(nodes, swapped))["crossings"] == 0
