"""The map at 60,000 and 1,000,000 points: what a person does on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.intake import add_model
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import Pages, Server, command
from tests.browser.test_network_space import WITHOUT_WEBGL

SIZES = {"many": 60_000, "million": 1_000_000}
CLASSES = 10


def synthetic(n: int) -> tuple[Any, Any]:
    """Return images (n, 2, 2, 1) in ten groups, and their labels."""
    rng = np.random.default_rng(n)
    labels = rng.integers(0, CLASSES, n)
    angle = 2 * np.pi * labels / CLASSES
    middles = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)], axis=1)
    images = np.clip(60 * middles + 128 + rng.normal(0, 14, (n, 4)), 0, 255)
    return images.astype(np.uint8).reshape(n, 2, 2, 1), labels


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve 60,000 and 1,000,000 synthetic points under a small classifier."""
    import keras

    folder = tmp_path_factory.mktemp("points")
    workspace = Workspace(folder / "ws")
    for name, n in SIZES.items():
        images, labels = synthetic(n)
        np.savez(folder / f"{name}.npz", images=images, labels=labels)
        workspace.add_dataset(folder / f"{name}.npz", name=name)
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(CLASSES, "softmax")]
    keras.Sequential([keras.Input((2, 2, 1)), *layers]).save(folder / "small.keras")
    add_model(workspace, folder / "small.keras", name="small", preprocessing="unit")
    for name in SIZES:
        command("index", "small", name, "--workspace", str(workspace.path))
    server = Server(workspace.path)
    yield server
    server.stop()


def opened(pages: Pages, server: Server, dataset: str, model: str = "small", before: str = "") -> Any:
    """Open a page on all samples of a dataset, mapped by PCA."""
    workspace = Workspace(server.workspace)
    session = Session(workspace.dataset(dataset).card.fingerprint, (workspace.model(model).fingerprint,))
    link = encode_link(State(session, view=View(method="pca", n_samples=0)))
    page = pages.open(f"{server.address}/?s={link}", before)
    steps.wait_for_map(page)
    return page


def lasso(page: Any, polygon: list[tuple[float, float]]) -> None:
    """Draw a lasso through places given as shares of the map's frame."""
    box = page.locator(steps.MAP).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in polygon]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in [*places[1:], places[0]]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def zoom(page: Any, times: int) -> None:
    """Zoom in at a selected point until images stand for points."""
    row = page.evaluate("() => nnvis.drawnMap().plane.data.states.indexOf(2)")
    page.mouse.move(*steps.on_screen(page, steps.place_of(page, row)))
    for _ in range(times):
        page.mouse.wheel(0, -400)
    page.wait_for_function("() => Number(document.querySelector('#embedding-graph').dataset.images) > 0")


def bars(page: Any) -> dict[int, int]:
    """Return the counts that the bars show, by class."""
    rows = page.eval_on_selector_all(
        "#embedding-bars .map-bar", "all => all.map((row) => [Number(row.dataset.class), Number(row.dataset.count)])"
    )
    return dict(rows)


@pytest.mark.parametrize("dataset", list(SIZES))
def test_a_lasso_counts_its_classes_at_once_and_the_server_hears_the_same_samples(
    pages: Pages, server: Server, dataset: str
) -> None:
    page = opened(pages, server, dataset)
    n = SIZES[dataset]
    assert steps.points(page) == n
    assert page.get_attribute(steps.MAP, "data-view") == ("density" if n > 100_000 else "points")
    assert page.get_attribute(steps.MAP, "data-webgl") == "yes"
    lasso(page, [(0.25, 0.3), (0.45, 0.3), (0.5, 0.85), (0.3, 0.8)])
    page.wait_for_selector("#embedding-bars:not([hidden])")
    counted = bars(page)
    chosen = steps.wait_for_selection(page)
    assert 0 < chosen < n and sum(counted.values()) == chosen
    ids = page.evaluate("() => nnvis.selected(nnvis.network.now.samples).then((ids) => Array.from(ids))")
    _, labels = synthetic(n)
    assert counted == {number: int(count) for number, count in enumerate(np.bincount(labels[ids])) if count}
    lit = page.evaluate("() => nnvis.drawnMap().plane.data.states.reduce((sum, state) => sum + (state === 2), 0)")
    assert lit == chosen

    steps.press(page, "colour by", "prediction")  # the bars go by it, of the same samples
    page.wait_for_selector(f'{steps.MAP}[data-look*="|prediction|"]')
    page.wait_for_selector(f'#embedding-bars[data-total="{chosen}"]:not([hidden])')
    steps.press(page, "colour by", "label")
    page.wait_for_selector(f'{steps.MAP}[data-look*="|label|"]')
    assert bars(page) == counted

    zoom(page, 16 if n > 100_000 else 6)
    assert page.get_attribute(steps.MAP, "data-view") == "points"
    assert page.locator(".minimap").is_visible()
    before = page.evaluate("() => nnvis.drawnMap().plane.camera.ox")
    corner = page.locator(".minimap").bounding_box()
    page.mouse.click(corner["x"] + 20, corner["y"] + 20)
    page.wait_for_function("(before) => nnvis.drawnMap().plane.camera.ox !== before", arg=before)
    page.click('[data-tool="fit"]')
    page.locator("#embedding-bars .map-bar").first.click()  # this class of the selection alone
    page.wait_for_function("() => document.querySelectorAll('#embedding-bars .map-bar').length === 1")
    assert list(bars(page).values()) == [max(counted.values())]


def test_keys_search_and_pictures(pages: Pages, server: Server) -> None:
    page = opened(pages, server, "many")
    page.fill("#embedding-find", "#1234")
    page.press("#embedding-find", "Enter")
    page.wait_for_function("() => document.querySelector('#testing-sample').textContent.startsWith('#1234')")
    x, y = steps.on_screen(page, steps.place_of(page, 1234))
    box = page.locator(steps.MAP).bounding_box()
    assert abs(x - box["x"] - box["width"] / 2) < 1 and abs(y - box["y"] - box["height"] / 2) < 1
    page.focus(steps.MAP)
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => nnvis.drawnMap().plane.zoomed()") == pytest.approx(1.4)
    page.keyboard.press("Shift+ArrowUp")
    page.wait_for_function("() => !document.querySelector('#testing-sample').textContent.startsWith('#1234 ')")
    page.keyboard.press("0")
    assert page.evaluate("() => nnvis.drawnMap().plane.zoomed()") == pytest.approx(1)
    assert "Map of 60,000 samples" in page.get_attribute(steps.MAP, "aria-label")

    page.fill("#embedding-find", "3")  # the name of a class
    page.press("#embedding-find", "Enter")
    page.wait_for_selector("#embedding-bars:not([hidden])")
    _, labels = synthetic(SIZES["many"])
    assert bars(page) == {3: int((labels == 3).sum())}
    page.fill("#embedding-find", "nothing of that name")
    page.press("#embedding-find", "Enter")
    assert "nothing of that name" in page.evaluate("() => document.querySelector('#embedding-find').validationMessage")

    page.evaluate("() => nnvis.send({kind: 'select', samples: '', origin: 'test'})")
    for button, shown in (("mistake", "wrong"), ("mistake", "all")):  # the legend filters
        page.click(f"#embedding-legend >> text={button}")
        page.wait_for_selector(f'{steps.MAP}[data-look$="|{shown}|"]')
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<svg")):
        page.click(".tools summary")
        with page.expect_download() as download:
            page.click(f'[data-save-map="{kind}"]')
        assert Path(download.value.path()).read_bytes().startswith(start)
        page.keyboard.press("Escape")


def test_without_webgl_the_browser_draws_the_same_and_says_so(pages: Pages, server: Server) -> None:
    page = opened(pages, server, "many", before=WITHOUT_WEBGL)
    assert page.get_attribute(steps.MAP, "data-webgl") == "no"
    assert "without WebGL" in page.text_content("#embedding-legend")
    drawn = """() => {
        const canvas = document.querySelector("#embedding-graph .points-canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, at) => at % 4 === 3 && value > 0).length;
    }"""
    assert page.evaluate(drawn) > 5000
    lasso(page, [(0.25, 0.3), (0.45, 0.3), (0.5, 0.85), (0.3, 0.8)])
    assert sum(bars(page).values()) == steps.wait_for_selection(page) > 0
