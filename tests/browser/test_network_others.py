"""The network view on what users bring: MobileNets, a nested model, a graph without layers, images without labels.

Every tab is walked; feature maps in the page are held against direct Keras sub-models.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import Pages, Server

SIDE = 96
TABS = ("units", "patterns", "layers", "maps", "space", "pair", "freeze")
# What each tab shows when it is drawn for the tested image and all images.
DRAWN = {
    "units": "Number(document.getElementById('units-canvas').dataset.units) > 500"
    " && !document.getElementById('units-stage').classList.contains('pending')",
    "patterns": "document.getElementById('patterns-list').children.length > 0"
    " && document.getElementById('patterns-status').textContent.includes('pattern')",
    "layers": "Number(document.getElementById('layers-graph').dataset.nodes) > 2",
    "maps": "document.querySelector('#network-maps canvas.tiles-canvas')",
    "space": "document.getElementById('space-said').textContent.includes('layers')",
    "pair": "document.getElementById('pair-said').textContent.length > 5"
    " && document.querySelector('#network-pair canvas.tiles-canvas')",
    "freeze": "document.querySelector('#freeze-bars .whatif-bar')",
}


def scenes() -> np.ndarray[Any, Any]:
    """Return 14 images of coloured stripes."""
    rng = np.random.default_rng(4)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    waves = [np.sin(0.05 * (k % 5 + 1) * (rows * np.cos(k) + columns * np.sin(k))) for k in range(14)]
    colours = rng.uniform(40, 127, (14, 3))
    found = [128 + wave[..., None] * colour for wave, colour in zip(waves, colours, strict=True)]
    return np.clip(np.array(found) + rng.normal(0, 6, (14, SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def networks() -> dict[str, Any]:
    """Return the Keras models, with random weights."""
    import keras

    keras.utils.set_random_seed(11)
    shape = (SIDE, SIDE, 3)
    base = keras.applications.MobileNet(shape, alpha=0.25, include_top=False, weights=None, name="base")
    return {
        "mobilenet": keras.applications.MobileNet(shape, alpha=0.25, weights=None, classes=5),
        "mobilenet-v2": keras.applications.MobileNetV2(shape, alpha=0.35, weights=None, classes=5),
        "transfer": keras.Sequential(
            [
                keras.layers.Input(shape),
                base,
                keras.layers.GlobalAveragePooling2D(name="pool"),
                keras.layers.Dense(16, activation="relu", name="head"),
                keras.layers.Dense(5, activation="softmax", name="classes"),
            ]
        ),
    }


def store_graph(workspace: Workspace, folder: Path) -> None:
    """Store a TensorFlow graph without layers as a classifier."""
    import tensorflow as tf

    from nnvis_dash.analysis.card import describe
    from nnvis_dash.analysis.opaque import OpaqueGraph
    from nnvis_dash.analysis.saved_model import freeze_file
    from tests.saved_models import linear, save_function

    saved = save_function(folder / "saved", lambda module, images: tf.nn.softmax(linear(module, images)))
    limits = {"max_bytes": 1 << 20, "max_parameters": 10_000}
    freeze_file({"path": str(saved), "folder": str(folder), **limits}, lambda phase: None)
    file = folder / "model.pb"
    card = describe(OpaqueGraph.open(file), name="graph", preprocessing="unit", content="graph")
    workspace.store_model(file, card)


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return networks()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, models: dict[str, Any]) -> Iterator[Server]:
    """Serve images with labels and without, the networks, and a graph without layers."""
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("others")
    workspace = Workspace(folder / "workspace")
    workspace.add_dataset(scenes(), name="scenes", labels=np.arange(14) % 5, class_names=list("abcde"))
    workspace.add_dataset(scenes()[::-1].copy(), name="bare")
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
        add_model(workspace, folder / f"{name}.keras", preprocessing="symmetric", name=name)
    store_graph(workspace, folder)
    server = Server(folder / "workspace")
    yield server
    server.stop()


def opened(pages: Pages, server: Server, dataset: str, model: str) -> Any:
    """Open a page that tests sample 3 of a dataset, compared with sample 7, the classifier in front."""
    page = steps.open_on(pages, server, dataset, model)
    page.wait_for_function(
        "(name) => nnvis.network.now && nnvis.network.now.modelName === name && nnvis.network.now.indexed", arg=model
    )
    page.fill("#rail-sample-number", "3")
    page.keyboard.press("Enter")
    page.evaluate("nnvis.send({kind: 'compared', sample: 7})")
    page.wait_for_function("nnvis.network.now.sample === 3 && nnvis.network.now.compared === 7")
    return page


def problems(page: Any) -> str:
    """Return what the shown tab says is wrong."""
    return str(
        page.evaluate(
            """[...document.querySelectorAll("#network-panel .network-tab:not([hidden]) .failure:not([hidden])")]
                .map((one) => one.textContent).join(" ")"""
        )
    )


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet-v2", "transfer"])
def test_every_tab_looks_into_it_and_maps_are_those_of_keras(
    pages: Pages, server: Server, models: dict[str, Any], name: str
) -> None:
    import keras

    page = opened(pages, server, "scenes", name)
    for tab in TABS:
        page.click(f"#network-tab-{tab}")
        page.wait_for_function(DRAWN[tab])
        assert problems(page) == "", tab
    model = models[name]
    owner = model.get_layer("base") if name == "transfer" else model
    layer = "block_3_project" if name == "mobilenet-v2" else "conv_pw_3"
    own = f"base/{layer}" if name == "transfer" else layer
    found = page.evaluate(
        """async (layer) => {
            const { dataset, model } = nnvis.network.now;
            const asked = { dataset, model, ...nnvis.network.tested(), layer, frozen: {}, side: 96 };
            const got = await nnvis.network.arrays("network/maps", asked);
            const [low, high, tiles] = [got.low, got.high, got.tiles].map((one) => [...one]);
            return { low, high, tiles, shape: got.tiles.shape };
        }""",
        own,
    )
    direct = keras.Model(owner.inputs, owner.get_layer(layer).output)(scenes()[3:4] / 127.5 - 1)[0].numpy()
    low, high = (np.array(found[name])[:, None, None] for name in ("low", "high"))
    maps = low + np.reshape(found["tiles"], found["shape"]) / 255 * (high - low)
    np.testing.assert_allclose(found["high"], direct.max(axis=(0, 1)), atol=1e-4)
    np.testing.assert_allclose(maps, direct.transpose(2, 0, 1), atol=float((high - low).max()) / 255 + 1e-4)

    page.evaluate("(layer) => nnvis.network.freeze([[layer, 0], [layer, 1]], true)", own)
    page.wait_for_function("document.getElementById('freeze-after-caption').textContent.startsWith('2 frozen')")
    page.evaluate("nnvis.send({kind: 'frozen', frozen: {'no such layer': '0'}})")
    page.wait_for_function("document.getElementById('freeze-message').textContent.includes('no such layer')")
    page.evaluate("(layer) => nnvis.send({kind: 'frozen', frozen: {[layer]: '99999'}})", own)
    page.wait_for_function("document.getElementById('freeze-message').textContent.includes('99999')")


def test_images_without_labels_have_patterns_units_and_an_effect(pages: Pages, server: Server) -> None:
    page = opened(pages, server, "bare", "mobilenet")
    for tab in ("units", "patterns"):
        page.click(f"#network-tab-{tab}")
        page.wait_for_function(DRAWN[tab])
        assert problems(page) == ""
    assert "without labels" in page.text_content("#patterns-list")
    page.click("#network-tab-freeze")
    page.evaluate("nnvis.network.freeze([['conv_pw_3', 0]], true)")
    page.click("#freeze-effect-run")
    page.wait_for_selector("#freeze-effect-result .freeze-said")
    assert "predictions change" in page.text_content("#freeze-effect-result")


def test_a_graph_without_layers_says_so_in_every_tab(pages: Pages, server: Server) -> None:
    page = opened(pages, server, "bare", "graph")
    for tab in TABS:
        page.click(f"#network-tab-{tab}")
        page.wait_for_function(
            """(tab) => document.getElementById("network-" + tab).innerText.includes("without")""", arg=tab
        )
