"""Feature visualisation through the engine: that of a direct call, once, and stopped where nobody wants it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.feature_visualisation import feature_visualisation
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError, ParameterError
from nnvis_dash.types import Unit
from tests import networks
from tests.engine.conftest import await_true


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A network with two branches that the workspace holds, opened in this process too."""
    from nnvis_dash.analysis.classifier import load_classifier, open_classifier

    path = tmp_path_factory.mktemp("excited") / "excited.keras"
    networks.residual().save(path)
    card, _ = engine.workspace.store_model(path, load_classifier(path, "unit").card)
    return open_classifier(engine.workspace, card.fingerprint)


def test_it_is_that_of_a_direct_call(engine: Engine, classifier: Any) -> None:
    given = {"model": classifier.card.fingerprint, "layer": "stem", "channel": 2, "steps": 12, "seed": 5}
    request = Request("feature_visualisation", given)
    found = engine.result(request)
    direct = feature_visualisation(classifier, Unit("stem", 2), steps=12, seed=5)
    assert np.abs(found.array("image").astype(int) - direct.image).mean() < 1  # sums in another order
    np.testing.assert_allclose(found.array("values"), direct.values, rtol=1e-2)
    assert found.card["activation"] == pytest.approx(direct.activation, rel=1e-2) and found.card["note"] == ""
    assert engine.row(request.key).title == "what excites stem 2"
    assert (engine.row(request.key).done, engine.row(request.key).total) == (12, 12)


def test_a_class_is_excited(engine: Engine, classifier: Any) -> None:
    given = {"model": classifier.card.fingerprint, "target": 3, "steps": 8}
    found = engine.result(Request("feature_visualisation", given))
    assert found.card["activation"] > found.card["before"] and found.array("image").shape == (12, 12, 1)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "Give a layer with a channel, or the number of a class"),
        ({"layer": "stem", "target": 1}, "Give a layer with a channel"),
        ({"layer": "stem", "channel": 99}, "no unit 99"),
        ({"layer": "nowhere"}, "layer 'nowhere'"),
        ({"target": 4}, "no class 4"),
        ({"target": 1, "steps": 100_000}, "steps"),
        ({"target": 1, "where": "left"}, "left"),
    ],
)
def test_what_cannot_be_is_said(engine: Engine, classifier: Any, given: dict, reason: str) -> None:
    with pytest.raises((NNVisError, ParameterError), match=reason):
        engine.result(Request("feature_visualisation", {"model": classifier.card.fingerprint, **given}))


def test_a_cancelled_one_stops_between_two_steps(engine: Engine, classifier: Any) -> None:
    given = {"model": classifier.card.fingerprint, "layer": "separable", "channel": 0, "steps": 4096}
    request = Request("feature_visualisation", given)
    engine.submit(request)
    await_true(lambda: engine.row(request.key) is not None and engine.row(request.key).done > 0)
    engine.cancel(request.key)
    await_true(lambda: engine.row(request.key).state == "cancelled")
    assert not engine.workspace.artifacts.has(request.key)
