"""Frozen units through the engine: answers, attributions and smallest sets are those of direct calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.mutation import mutate
from nnvis_dash.analysis.mutation.frozen_graph import frozen_classifier
from nnvis_dash.analysis.mutation.smallest import smallest_breaking_set
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import DatasetCard
from tests import networks
from tests.engine.test_analyses import opened as opened_net

SHAPE = (12, 12, 1)
FROZEN = {"conv1": [0, 3, 4], "dense": [5]}


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    card, _ = engine.workspace.add_dataset(networks.images(12, SHAPE, seed=21), name="freezing", labels=[0, 1, 2] * 4)
    return card


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("freezing"), 57)


def names(dataset: DatasetCard, classifier: Any, **more: Any) -> dict[str, Any]:
    return {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint, **more}


def image(engine: Engine, dataset: DatasetCard, sample: int) -> Any:
    return np.asarray(engine.workspace.dataset(dataset.fingerprint).image(sample))[None]


def test_an_answer_without_and_with_units_is_that_of_direct_calls(
    engine: Engine, dataset: Any, classifier: Any
) -> None:
    before = len(engine.rows())
    answer = engine.ask("frozen_answer", names(dataset, classifier, image=4, frozen=FROZEN))["probabilities"]
    given = image(engine, dataset, 4)
    np.testing.assert_allclose(answer[0], classifier.predict(given)[0], atol=1e-6)
    np.testing.assert_allclose(answer[1], mutate(classifier, given, FROZEN).probabilities[0], atol=1e-6)
    assert len(engine.rows()) == before


@pytest.mark.parametrize(
    ("frozen", "error", "says"),
    [
        ({"conv1": [8]}, ParameterError, "numbers from 0 to 7"),
        ({"max_pooling2d": [0]}, (ParameterError, NotFound), "conv1"),
        ({"conv9": [0]}, NotFound, "conv1"),
    ],
)
def test_units_that_are_not_there_are_refused(
    engine: Engine, dataset: Any, classifier: Any, frozen: Any, error: Any, says: str
) -> None:
    with pytest.raises(error) as caught:
        engine.ask("frozen_answer", names(dataset, classifier, image=0, frozen=frozen))
    assert says in str(caught.value)


@pytest.mark.parametrize("method", ["grad_cam", "integrated_gradients"])
def test_an_attribution_with_frozen_units_is_that_of_the_frozen_classifier(
    engine: Engine, dataset: Any, classifier: Any, method: str
) -> None:
    asked = names(dataset, classifier, samples=[4], method=method, target=1)
    plain = engine.result(Request("attribution", asked))
    found = engine.result(Request("attribution", {**asked, "frozen": FROZEN}))
    assert found.card["frozen"] == FROZEN and plain.card["frozen"] == {}
    direct = attribute(frozen_classifier(classifier, FROZEN), image(engine, dataset, 4), method, target=1)
    np.testing.assert_allclose(found.array("heatmap"), direct.heatmap(), atol=1e-5)
    assert np.abs(np.asarray(found.array("values")) - np.asarray(plain.array("values"))).max() > 1e-6


def test_a_smallest_set_is_that_of_a_direct_call_and_breaks_the_prediction(
    engine: Engine, dataset: Any, classifier: Any
) -> None:
    found = engine.result(Request("smallest_set", names(dataset, classifier, sample=4)))
    direct = smallest_breaking_set(classifier, image(engine, dataset, 4)[0])
    assert found.card["units"] == [[unit.layer, unit.channel] for unit in direct.units]
    assert (found.card["found"], found.card["target"]) == (direct.found, direct.target)
    frozen: dict[str, list[int]] = {}
    for layer, channel in found.card["units"]:
        frozen.setdefault(layer, []).append(channel)
    answer = engine.ask("frozen_answer", names(dataset, classifier, image=4, frozen=frozen))["probabilities"]
    assert found.card["found"] == (answer[1].argmax() != answer[0].argmax())
    np.testing.assert_allclose(found.array("probabilities"), answer[0], atol=1e-5)


def test_a_repair_needs_the_class_that_is_right(engine: Engine, dataset: Any, classifier: Any) -> None:
    with pytest.raises(ParameterError, match="Give the class as target"):
        engine.result(Request("smallest_set", names(dataset, classifier, sample=4, goal="repair")))
    wrong = int(classifier.predict(image(engine, dataset, 4))[0].argmin())
    found = engine.result(Request("smallest_set", names(dataset, classifier, sample=4, goal="repair", target=wrong)))
    assert found.card["goal"] == "repair" and found.card["target"] == wrong
    assert found.card["found"] == (found.card["prediction_frozen"] == wrong) or not found.card["found"]
