"""Layer similarity in the engine: one minibatch is what a direct call says, two sizes of input, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.model_diff.similarity import cka
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import DatasetCard, ModelCard
from tests import networks

N = 90


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    card, _ = engine.workspace.add_dataset(networks.images(N, (12, 10, 3), seed=7), name="alike", labels=np.arange(N))
    return card


@pytest.fixture(scope="module")
def models(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[ModelCard]:
    from nnvis_dash.analysis.classifier import load_classifier

    folder = tmp_path_factory.mktemp("alike")

    def added(make: Callable[[], Any]) -> ModelCard:
        path = folder / f"alike-{make.__name__}.keras"
        make().save(path)
        return engine.workspace.store_model(path, load_classifier(path, "unit").card)[0]

    return [added(networks.sequential), added(networks.residual)]


def request(dataset: DatasetCard, *models: ModelCard, n: int = 512) -> Request:
    return Request(
        "similarity",
        {"dataset": dataset.fingerprint, "models": [one.fingerprint for one in models], "n_samples": n},
    )


def test_one_minibatch_is_what_a_direct_call_says(
    engine: Engine, dataset: DatasetCard, models: list[ModelCard]
) -> None:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.layer_outputs import feature_maps

    found = engine.result(request(dataset, *models))
    assert found.card["n"] == N and found.card["batches"] == 1
    outputs = []
    for model in models:
        clf = open_classifier(engine.workspace, model.fingerprint)
        pixels = engine.workspace.dataset("alike").batch(range(N), clf.card.input_shape, clf.card.resize)
        layers = [layer.name for layer in clf.card.layers if layer.n_units]
        outputs.append(feature_maps(clf, pixels, layers))
    assert found.card["rows"] == list(outputs[0]) and found.card["columns"] == list(outputs[1])
    direct = [[cka(x, y, unbiased=True) for y in outputs[1].values()] for x in outputs[0].values()]
    np.testing.assert_allclose(found.array("values"), direct, rtol=1e-3, atol=1e-4)
    row = next(row for row in engine.rows() if row.key == request(dataset, *models).key)
    assert row.title == "layers of alike-sequential and alike-residual" and row.done == row.total == 1


def test_fewer_than_four_samples_or_one_classifier_are_refused(
    engine: Engine, dataset: DatasetCard, models: list[ModelCard]
) -> None:
    with pytest.raises(ParameterError, match="1 classifiers"):
        engine.result(request(dataset, models[0]))
    with pytest.raises(ParameterError, match="n_samples"):
        engine.result(request(dataset, *models, n=3))
    few, _ = engine.workspace.add_dataset(networks.images(3, (12, 10, 3)), name="three-alike")
    with pytest.raises(ParameterError, match="has 3 images"):
        engine.result(request(few, *models))
