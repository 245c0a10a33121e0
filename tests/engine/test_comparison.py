"""A page of the comparison in the engine: the heatmaps of direct calls, each image for the class of its row; kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from callbacks.comparison import compared
from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.artifacts import Artifact
from tests import networks
from tests.engine.test_analyses import opened

METHODS = ("grad_cam", "integrated_gradients")


def test_cells_are_what_direct_calls_give(
    engine: Engine, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    classifiers = [opened(engine, tmp_path_factory.mktemp(f"compared{seed}"), seed) for seed in (91, 92)]
    images = networks.images(7, classifiers[0].card.input_shape, seed=41)
    labels = np.array([0, 1, -1, 2, 0, 1, 0])
    data, _ = engine.workspace.add_dataset(images, name="compared", labels=labels)
    services = Services(settings, engine.workspace, engine)
    wanted: dict[str, Any] = {
        **{"dataset": data.fingerprint, "models": [clf.card.fingerprint for clf in classifiers], "samples": "1-6"},
        **{"methods": list(METHODS), "attribution": "integrated_gradients", "parameters": {"steps": 8}, "page": 1},
    }
    asked: list[Request] = []

    def wait(request: Request, **more: Any) -> Artifact:
        asked.append(request)
        return engine.result(request)

    cells = compared(services, wanted, wait)["cells"]
    shown = images[1:6]
    said = classifiers[0].predict(shown).argmax(axis=1)
    targets = np.where(labels[1:6] >= 0, labels[1:6], said)
    assert len(cells) == 4
    for cell in cells:
        clf = next(one for one in classifiers if one.card.fingerprint == cell["model"])
        own = {"steps": 8} if cell["method"] == "integrated_gradients" else {}
        direct = attribute(clf, shown, cell["method"], target=targets, **own)
        artifact = engine.workspace.artifacts.load(cell["key"])
        np.testing.assert_array_equal(artifact.array("target"), targets)
        np.testing.assert_allclose(artifact.array("heatmap"), direct.heatmap(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(artifact.array("probability"), direct.probability, rtol=1e-5)
        np.testing.assert_allclose(cell["most"], np.abs(direct.heatmap()).max(axis=(1, 2)), rtol=1e-3, atol=1e-6)
    # What is kept is not computed again, and another page is another request.
    rows = {row.key: row.starts for row in engine.rows()}
    assert compared(services, wanted, wait)["cells"] == cells
    assert [request.key for request in asked[:4]] == [request.key for request in asked[4:]]
    assert {row.key: row.starts for row in engine.rows()} == rows
    second = compared(services, {**wanted, "page": 2, "methods": ["grad_cam"]}, wait)["cells"]
    assert [cell["places"] for cell in second] == [[0], [0]]


def test_as_many_classes_as_images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    clf = opened(engine, tmp_path_factory.mktemp("targets"), 93)
    data, _ = engine.workspace.add_dataset(networks.images(3, clf.card.input_shape, seed=42), name="three")
    wanted = {"dataset": data.fingerprint, "model": clf.card.fingerprint, "samples": [0, 1, 2], "method": "gradient"}
    with pytest.raises(ParameterError, match="Give one class, or one an image"):
        engine.result(Request("attribution", {**wanted, "targets": [0, 1]}))
