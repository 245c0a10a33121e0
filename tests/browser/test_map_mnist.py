"""The map of MNIST's 10,000 digits, whose points are images when one is near."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.index import load_index
from nnvis_dash.engine.jobs import Request
from nnvis_dash.workspace.store import Workspace
from tests.browser import steps
from tests.browser.conftest import Pages, Server
from tests.browser.test_map import bars, lasso, opened, zoom


@pytest.mark.shared_data
def test_digits_of_mnist_are_points_and_nearer_images(pages: Pages, mnist_server: Server) -> None:
    page = opened(pages, mnist_server, "mnist", "lenet1")
    assert steps.points(page) == 10_000
    lasso(page, [(0.3, 0.2), (0.5, 0.2), (0.5, 0.6), (0.3, 0.6)])
    page.wait_for_selector("#embedding-bars:not([hidden])")
    assert sum(bars(page).values()) == steps.wait_for_selection(page)
    workspace = Workspace(mnist_server.workspace)
    data, model = workspace.dataset("mnist"), workspace.model("lenet1")
    index = load_index(
        workspace.artifacts.load(Request("index", {"dataset": data.fingerprint, "model": model.fingerprint}).key)
    )
    right = np.asarray(index.probabilities).argmax(axis=1) == data.labels
    wrong = "nnvis.samples.passing(null, { classes: [], correctness: 'wrong' }, 10000)"
    ringed = page.evaluate(f"() => {wrong}.reduce((sum, one) => sum + one)")
    assert ringed == int((~right).sum())
    zoom(page, 4)
    # An image on the map is that of its sample: its pixels are those of the dataset.
    row, seen = page.evaluate(
        """() => {
            const { plane, at } = nnvis.drawnMap();
            for (let y = 60; y < plane.height; y += 7) for (let x = 20; x < plane.width; x += 7) {
                const row = plane.pictured(x, y);
                if (row < 0) continue;
                const canvas = document.querySelector("#embedding-graph > .points-front");
                const [left, top, side] = plane.imageOf(row);
                const { data } = canvas.getContext("2d").getImageData(left + 2, top + 2, side - 4, side - 4);
                return [at.ids[row], data.filter((_, i) => i % 4 === 0).reduce((a, b) => a + b) / side ** 2];
            }
        }"""
    )
    assert seen == pytest.approx(data.image(row).mean(), abs=4)  # digits are black at the rim
