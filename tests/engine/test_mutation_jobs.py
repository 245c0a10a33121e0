"""Freezing over whole datasets in the engine: the effect of a set, and campaigns over all units of some layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.mutation.campaign import load_campaign
from nnvis_dash.analysis.mutation.campaign import mutation_campaign as campaign
from nnvis_dash.analysis.mutation.effect import load_effect
from nnvis_dash.analysis.mutation.effect import mutation_effect as effect
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds.mutation_campaign import exact_cover
from nnvis_dash.errors import NotFound, ParameterError, StateError
from nnvis_dash.types import DatasetCard
from tests import networks
from tests.engine.test_analyses import opened as opened_net

SHAPE = (12, 12, 1)


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """150 images of noise with three classes."""
    images = networks.images(150, SHAPE, seed=9)
    card, _ = engine.workspace.add_dataset(images, name="frozen-noise", labels=np.arange(150) % 3)
    return card


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("mutated"), 31)


@pytest.fixture(scope="module")
def ask(engine: Engine, dataset: DatasetCard, classifier: Any) -> Any:
    """Ask for a kind of job with parameters that differ from these."""

    def make(kind: str, **more: Any) -> Any:
        return engine.result(request(kind, dataset, classifier, **more))

    return make


def request(kind: str, dataset: DatasetCard, classifier: Any, **more: Any) -> Request:
    return Request(kind, {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint, **more})


def test_an_effect_is_that_of_a_direct_call(engine: Engine, classifier: Any, ask: Any) -> None:
    frozen = {"conv1": [0, 3], "dense": [5]}
    found = load_effect(ask("mutation_effect", frozen=frozen))
    direct = effect(classifier, engine.workspace.dataset("frozen-noise"), frozen)
    assert (found.frozen, found.against, found.said()) == (direct.frozen, "labels", direct.said())
    assert found.n.tolist() == [50, 50, 50]
    for name in ("accuracy", "accuracy_frozen", "labels", "predictions", "predictions_frozen"):
        np.testing.assert_array_equal(getattr(found, name), getattr(direct, name), err_msg=name)
    np.testing.assert_allclose(found.probability_frozen, direct.probability_frozen, atol=1e-6)


def test_a_campaign_is_that_of_a_direct_call(engine: Engine, classifier: Any, ask: Any) -> None:
    found = load_campaign(ask("mutation_campaign", layers=["dense", "conv2"], samples="0-39,50,60-99"))
    ids = [*range(40), 50, *range(60, 100)]
    direct = campaign(classifier, engine.workspace.dataset("frozen-noise"), ["conv2", "dense"], samples=ids)
    assert found.units == direct.units and found.n_samples == 81 and list(found.layers) == ["conv2", "dense"]
    for name in ("n", "broken", "repaired", "flipped", "accuracy", "accuracy_change"):
        np.testing.assert_array_equal(getattr(found, name), getattr(direct, name), err_msg=name)
    np.testing.assert_allclose(found.probability_change, direct.probability_change, atol=1e-6)
    np.testing.assert_allclose(found.greatest, direct.greatest, rtol=1e-5)
    assert (found.critical, found.dead, found.harmful) == (direct.critical, direct.dead, direct.harmful)


def test_all_layers_but_the_last_are_the_default_and_the_tray_names_the_job(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    wanted = request("mutation_campaign", dataset, classifier, samples="0-3")
    found = load_campaign(engine.result(wanted))
    assert list(found.layers) == ["conv1", "conv2", "dense"] and found.n_samples == 4
    row = next(row for row in engine.rows() if row.key == wanted.key)
    assert row.title == f"each unit of 3 layers of {classifier.card.name} frozen, over frozen-noise"
    assert row.state == "done" and row.done == row.total > 0


def test_a_campaign_can_be_cancelled_and_taken_up_again(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    wanted = request("mutation_campaign", dataset, classifier, layers=["conv1"])
    engine.submit(wanted)
    engine.cancel(wanted.key)
    row = engine.row(wanted.key)
    assert row is not None and row.state == "cancelled"
    found = load_campaign(engine.result(wanted))
    assert found.n_samples == 150


def test_a_dataset_without_labels_has_an_answer(engine: Engine, classifier: Any) -> None:
    card, _ = engine.workspace.add_dataset(networks.images(20, SHAPE, seed=10), name="frozen-unlabelled")
    found = load_effect(engine.result(request("mutation_effect", card, classifier, frozen={"conv2": [1]})))
    assert found.against == "predictions" and "no labels" in found.note
    whole = load_campaign(engine.result(request("mutation_campaign", card, classifier, layers=["dense"])))
    assert whole.against == "predictions" and whole.harmful == ()


def test_bad_input_is_named(ask: Any) -> None:
    with pytest.raises(ParameterError, match="no unit 8"):
        ask("mutation_effect", frozen={"conv1": [8]})
    with pytest.raises(NotFound, match="conv9"):
        ask("mutation_effect", frozen={"conv9": [0]})
    with pytest.raises(NotFound, match="conv9"):
        ask("mutation_campaign", layers=["conv9"])
    with pytest.raises(NotFound, match="no sample 150"):
        ask("mutation_campaign", samples="3,150")
    with pytest.raises(StateError, match="ids"):
        ask("mutation_campaign", samples="3-1")


def test_chunks_that_overlap_are_counted_once() -> None:
    assert exact_cover([], 0) == []
    assert exact_cover([(4, 6), (0, 4)], 6) == [(0, 4), (4, 6)]
    assert exact_cover([(0, 2), (0, 3), (2, 5), (4, 5)], 5) == [(0, 2), (2, 5)]
    assert exact_cover([(0, 3), (2, 5)], 5) is None
    assert exact_cover([(0, 3)], 5) is None
