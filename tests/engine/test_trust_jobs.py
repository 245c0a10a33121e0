"""Quality of heatmaps and the choice of a method in the engine: what a direct call says, badges with reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.quality.thresholds import DECIDING
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from tests import networks

N = 10


@pytest.fixture(scope="module")
def names(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.classifier import load_classifier

    labels = np.arange(N) % 5
    dataset, _ = engine.workspace.add_dataset(networks.images(N, (12, 10, 3), seed=7), name="judged", labels=labels)
    path = tmp_path_factory.mktemp("judged") / "judged.keras"
    networks.sequential().save(path)
    model, _ = engine.workspace.store_model(path, load_classifier(path, "unit").card)
    return {"dataset": dataset.fingerprint, "model": model.fingerprint}


def test_badges_of_heatmaps(engine: Engine, names: dict[str, Any]) -> None:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.quality.verdict import verdict

    samples = [3, 0, 7, 1, 2]
    request = Request("quality", {**names, "samples": samples, "method": "gradient"})
    found = engine.result(request)
    assert set(found.card["measures"]) == set(DECIDING)
    badges, reasons = found.array("badge"), found.card["reasons"]
    assert badges.dtype == np.int8 and badges.shape == (5,) and len(reasons) == 5
    for badge, said in zip(badges, reasons, strict=True):
        assert said and badge == min(reason["badge"] for reason in said) == said[0]["badge"]
        assert all(reason["words"] for reason in said)
    clf = open_classifier(engine.workspace, names["model"])
    images = engine.workspace.dataset(names["dataset"]).batch(samples[:4], clf.card.input_shape)
    assert [one.plain() for one in verdict(clf, images, "gradient")] == reasons[:4]


def test_a_unit_is_not_asked_about_classes(engine: Engine, names: dict[str, Any]) -> None:
    given = {**names, "samples": [1], "method": "gradient", "explained": "conv2", "unit": 1}
    found = engine.result(Request("quality", given))
    assert set(found.card["measures"]) == {"soundness", "randomisation", "average_sensitivity"}


def test_a_table_of_methods_and_one_of_layers(engine: Engine, settings: Settings, names: dict[str, Any]) -> None:
    request = Request("trust", {**names, "methods": ["gradient", "grad_cam"], "n_samples": 9})
    services = Services(settings, engine.workspace, engine)
    assert services.trust(request) is None
    found = engine.result(request)
    choice = services.trust(request)
    assert choice is not None and choice.names() == found.card["methods"]
    assert choice.names()[:2] == ["gradient", "grad_cam"] and "randomisation" in choice.measures
    assert choice.values.shape == (len(choice.rows), len(choice.measures), 9) and len(choice.samples) == 9
    assert choice.recommendation and set(found.card["front"]) <= set(found.card["methods"])
    layers = engine.result(
        Request("trust", {**names, "methods": ["grad_cam"], "layers": ["conv1", "conv2"], "samples": [1, 4]})
    )
    assert layers.card["layers"] == ["conv1", "conv2"] and layers.array("samples").tolist() == [1, 4]


def test_what_does_not_fit_is_refused(engine: Engine, names: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="Layers are compared for one method"):
        engine.result(Request("trust", {**names, "methods": ["gradient"], "layers": ["conv1"]}))
    with pytest.raises(NotFound, match="sample 99"):
        engine.result(Request("trust", {**names, "samples": [99]}))
