"""A classifier without layers through the engine: warm, index, map and Grad-CAM's answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.analysis.index import load_index
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError


def test_a_classifier_without_layers(engine: Engine, tmp_path: Path) -> None:
    import tensorflow as tf

    from nnvis_dash.analysis.card import describe
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.opaque import OpaqueGraph
    from nnvis_dash.analysis.saved_model import freeze_file
    from tests.saved_models import SHAPE, linear, save_function

    saved = save_function(tmp_path / "saved", lambda module, images: tf.nn.softmax(linear(module, images)))
    freeze_file(
        {"path": str(saved), "folder": str(tmp_path), "max_bytes": 1 << 20, "max_parameters": 10_000},
        lambda phase: None,
    )
    file = tmp_path / "model.pb"
    graph = OpaqueGraph.open(file)
    model, _ = engine.workspace.store_model(file, describe(graph, name="opaque", preprocessing="unit", content="c"))
    images = np.random.default_rng(0).integers(0, 256, (40, *SHAPE)).astype(np.uint8)
    dataset, _ = engine.workspace.add_dataset(images, name="noise")
    names = {"model": model.fingerprint, "dataset": dataset.fingerprint}

    warm = Request("warm", {"model": model.fingerprint})
    engine.submit(warm)
    found = load_index(engine.result(Request("index", {**names, "precision": "bfloat16"})))
    expected = open_classifier(engine.workspace, "opaque").predict(images)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    assert found.units == () and found.unit_means.shape == (40, 0)
    assert found.precision == "float32" and "without layers" in found.note
    row = engine.row(warm.key)
    assert row is not None and row.state == "done", row

    wanted = {**names, "method": "pca", "n_samples": 0, "seed": 0, "parameters": {}}
    projected = engine.result(Request("projection", {**wanted, "features": "features"}))
    assert projected.array("coordinates").shape == (40, 2)
    with pytest.raises(ParameterError, match="without layers"):
        engine.result(Request("attribution", {**names, "samples": [0], "method": "grad_cam"}))
