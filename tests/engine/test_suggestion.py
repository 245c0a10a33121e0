"""The suggestion in the engine: the numbers of direct calls, kept and loaded; scores of one classifier; bad input."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import open_classifier
from nnvis_dash.analysis.index import load_index
from nnvis_dash.analysis.suggestion.one import sample_scores
from nnvis_dash.analysis.suggestion.reasons import heatmap_disagreement, on_grid
from nnvis_dash.analysis.suggestion.several import load_suggestion, suggest
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import DatasetCard
from tests import networks
from tests.engine.test_analyses import stored


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    labels = np.arange(90) % 3
    labels[::10] = -1
    card, _ = engine.workspace.add_dataset(networks.images(90, (12, 12, 1), seed=31), name="doubtful", labels=labels)
    return card


@pytest.fixture(scope="module")
def models(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [stored(engine, tmp_path_factory.mktemp(f"net{seed}"), seed).fingerprint for seed in (71, 72, 73)]


def test_it_needs_the_indexes_and_is_what_a_direct_call_says(
    engine: Engine, dataset: DatasetCard, models: list[str]
) -> None:
    wanted = Request("suggestion", {"dataset": dataset.fingerprint, "models": models})
    with pytest.raises(NotFound, match="not been run over this dataset"):
        engine.result(wanted)
    indexes = [
        load_index(engine.result(Request("index", {"dataset": dataset.fingerprint, "model": model})))
        for model in models
    ]
    data = engine.workspace.dataset("doubtful")
    found = load_suggestion(engine.result(wanted))
    direct = suggest(
        indexes, [engine.workspace.model(one).class_names for one in models], data.labels, data.class_names
    )
    for name in ("mean_confidence", "distinct_classes", "predictions", "confidence", "labels", "quadrant", "right_set"):
        np.testing.assert_array_equal(getattr(found, name), getattr(direct, name))
    assert found.classes.names == direct.classes.names and found.classes.n_labels == direct.classes.n_labels
    assert (found.right_set[::10] == -1).all()
    row = next(row for row in engine.rows() if row.key == wanted.key)
    assert row.title == "3 classifiers compared over doubtful" and row.state == "done"

    asked = {"dataset": dataset.fingerprint, "model": models[0]}
    scores = sample_scores(indexes[0], data.labels)
    for name, values in scores.items():
        answer = engine.ask("sample_scores", {**asked, "score": name})
        np.testing.assert_array_equal(answer["values"], values)
        assert answer["what"]
    layer = indexes[0].units[0].layer
    answer = engine.ask("sample_scores", {**asked, "score": "activation", "layer": layer, "channel": 1})
    np.testing.assert_array_equal(answer["values"], indexes[0].layer(layer)[:, 1])
    assert answer["what"] == f"mean activation of unit 1 of {layer}"
    whole = engine.ask("sample_scores", {**asked, "score": "activation", "layer": layer})
    np.testing.assert_allclose(whole["values"], indexes[0].layer(layer).mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ({"score": "beauty"}, ParameterError, "There is no score 'beauty'"),
        ({"score": "activation", "layer": "nowhere"}, NotFound, "nowhere"),
        ({"score": "activation", "layer": "conv", "channel": 999}, NotFound, "999"),
    ],
)
def test_scores_that_are_not_there_are_refused(
    engine: Engine, dataset: DatasetCard, models: list[str], more: dict, error: type, says: str
) -> None:
    wanted = Request("index", {"dataset": dataset.fingerprint, "model": models[0]})
    layer = load_index(engine.result(wanted)).units[0].layer
    asked = {**more, "layer": layer} if more.get("layer") == "conv" else more
    with pytest.raises(error, match=says):
        engine.ask("sample_scores", {"dataset": dataset.fingerprint, "model": models[0], **asked})


def test_one_classifier_is_not_compared(engine: Engine, dataset: DatasetCard, models: list[str]) -> None:
    with pytest.raises(ParameterError, match="1 classifiers"):
        engine.result(Request("suggestion", {"dataset": dataset.fingerprint, "models": models[:1]}))


def test_reasons_are_those_of_direct_calls(engine: Engine, dataset: DatasetCard, models: list[str]) -> None:
    found = engine.result(Request("reasons", {"dataset": dataset.fingerprint, "models": models}))
    images = engine.workspace.dataset("doubtful").images
    classifiers = [open_classifier(engine.workspace, model) for model in models]
    direct = heatmap_disagreement([on_grid(attribute(clf, images, "grad_cam")) for clf in classifiers])
    np.testing.assert_allclose(found.array("disagreement"), direct, atol=1e-3)
    with pytest.raises(ParameterError, match="of 1 classifiers"):
        engine.result(Request("reasons", {"dataset": dataset.fingerprint, "models": models[:1]}))
