"""Mutation campaigns: worked by hand, and equal to one whole forward pass for each unit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.mutation import tally
from nnvis_dash.analysis.mutation.campaign import (
    MutationCampaign,
    campaign_arrays,
    chosen_layers,
    load_campaign,
    mutation_campaign,
)
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Unit
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.datasets import load_dataset
from tests import networks
from tests.unit.analysis.mutation.nets import DEAD, HARMFUL, carriers, frozen_by_hand, rows


def test_a_campaign_worked_by_hand() -> None:
    images, labels = rows()
    found = mutation_campaign(carriers(), images, "carriers", labels)
    assert found.units == tuple(Unit("carriers", channel) for channel in range(5))
    assert (found.n_samples, found.against, found.note, found.n.tolist()) == (32, "labels", "", [8, 16, 8, 0])
    np.testing.assert_allclose(found.accuracy, [1, 0.5, 1, 0])
    change = np.zeros((5, 4))
    change[[0, 1, 2], [0, 1, 2]] = [-1, -0.5, -1]
    change[HARMFUL, 1] = 0.5
    np.testing.assert_allclose(found.accuracy_change, change)
    assert found.broken.tolist() == [8, 8, 8, 0, 0]
    assert found.repaired.tolist() == [0, 0, 0, 0, 8]
    assert found.flipped.tolist() == [8, 8, 8, 0, 8]
    np.testing.assert_allclose(found.greatest, [1, 1, 1, 0, 1])
    assert found.critical == tuple(Unit("carriers", channel) for channel in range(3))
    assert found.harmful == (Unit("carriers", HARMFUL),)
    assert found.dead == (Unit("carriers", DEAD),)
    assert found.largest[DEAD] == 0 and not found.probability_change[DEAD].any()
    assert found.q_critical[0] == pytest.approx(0.5**8 * 5 / 3)  # the third of five after Benjamini and Hochberg


@pytest.mark.parametrize("name", networks.ALL)
def test_a_campaign_equals_a_whole_pass_for_each_unit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "LARGEST_BATCH", 16)  # several batches, the last not full
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    n, n_classes = 11, clf.card.n_classes
    images = networks.images(n, clf.card.input_shape, seed=5)
    labels = (np.arange(n) % (n_classes + 1) - 1).astype(np.int32)
    layers = [layer.name for layer in clf.card.layers if layer.n_units]
    found = mutation_campaign(clf, images, layers, labels)
    before = clf.predict(images)
    right = before.argmax(axis=1) == labels
    known = labels >= 0
    assert len(found.units) == sum(layer.n_units for layer in clf.card.layers)
    for row, unit in enumerate(found.units):
        after = frozen_by_hand(clf, images, {unit.layer: (unit.channel,)})
        now = after.argmax(axis=1) == labels
        for label in range(n_classes):
            mine = labels == label
            change = now[mine].mean() - right[mine].mean()
            shift = (after - before)[mine, label].mean()
            assert found.accuracy_change[row, label] == pytest.approx(change, abs=1e-6), unit
            assert found.probability_change[row, label] == pytest.approx(shift, abs=1e-5), unit
        assert found.broken[row] == (known & right & ~now).sum()
        assert found.repaired[row] == (known & now & ~right).sum()
        assert found.flipped[row] == (after.argmax(axis=1) != before.argmax(axis=1)).sum()
        assert found.largest[row] == pytest.approx(np.abs(after - before).max(), abs=1e-5), unit
    assert (found.largest > 0.01).any()


def test_a_residual_and_a_nested_network_by_their_own_predictions() -> None:
    for name in ("residual", "nested"):
        clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
        images = networks.images(40, clf.card.input_shape, seed=6)
        found = mutation_campaign(clf, images)
        assert found.against == "predictions" and "no labels" in found.note
        assert (found.accuracy_change <= 0).all() and not found.repaired.any() and found.harmful == ()
        np.testing.assert_array_equal(found.broken, found.flipped)
        np.testing.assert_allclose(found.accuracy[found.n > 0], 1)
        assert list(found.layers) == [layer.name for layer in clf.card.layers if layer.n_units][:-1]


def test_what_is_counted_does_not_depend_on_what_is_kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(20, clf.card.input_shape)
    whole = mutation_campaign(clf, images, samples=range(3, 17))
    monkeypatch.setattr(tally, "MEMORY", 1)  # one image at a time
    apart = mutation_campaign(Classifier.from_keras(clf.model, preprocessing="unit"), images[3:17])
    assert whole.n_samples == apart.n_samples == 14
    for name in ("n", "broken", "repaired", "flipped", "accuracy_change"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(apart, name), err_msg=name)
    np.testing.assert_allclose(whole.probability_change, apart.probability_change, atol=1e-6)
    np.testing.assert_allclose(whole.largest, apart.largest, atol=1e-6)


def test_the_graphs_of_a_few_layers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "TRACED", 2)
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(3, clf.card.input_shape)
    first = tally.layer_mutation(clf, "conv1", images.dtype)
    assert tally.layer_mutation(clf, "conv1", images.dtype) is first
    tally.layer_mutation(clf, "conv2", images.dtype)
    tally.layer_mutation(clf, "conv1", images.dtype)
    tally.layer_mutation(clf, "hidden", images.dtype)
    assert tally.layer_mutation(clf, "conv1", images.dtype) is first  # conv2 went
    whole = mutation_campaign(clf, images)
    assert tally.layer_mutation(clf, "conv1", images.dtype) is not first
    np.testing.assert_array_equal(mutation_campaign(clf, images).largest, whole.largest)


def test_units_are_called_critical_only_beyond_chance() -> None:
    """Of 200 units of which 5 break 9 of 10, 1 repairs 12 of 12 and the rest 3 of 6: those, and no others."""
    broken, repaired = np.full(200, 3, np.int32), np.full(200, 3, np.int32)
    broken[:5], repaired[:5] = 30, 3
    broken[5], repaired[5] = 0, 20
    units = tuple(Unit("conv", channel) for channel in range(200))
    none = np.zeros((200, 2), np.float32)
    some = np.ones(200, np.float32)
    found = MutationCampaign(
        units, 500, "labels", "", np.array([250, 250]), none[0], none[0], none, none, broken, repaired,
        broken + repaired, some, some,
    )  # fmt: skip
    assert found.critical == units[:5] and found.harmful == units[5:6] and found.dead == ()
    chance = binomtest(30, 33, 0.5, alternative="greater").pvalue
    assert found.q_critical[0] == pytest.approx(chance * 200 / 5)
    assert found.q_critical[10] > 0.5


def test_a_unit_that_speaks_without_being_heard_is_dead() -> None:
    """Unit 3 is made to answer, and nobody listens."""
    clf = carriers()
    weights = clf.model.get_weights()
    weights[1][DEAD] = 5
    clf.model.set_weights(weights)
    found = mutation_campaign(clf, rows()[0], "carriers")
    assert found.greatest[DEAD] == 5 and found.dead == (Unit("carriers", DEAD),)


def test_the_last_layer_can_be_chosen_and_is_left_out_otherwise() -> None:
    images, labels = rows()
    clf = carriers()
    assert chosen_layers(clf.card, None) == ("carriers",)
    assert chosen_layers(clf.card, ["classes", "carriers"]) == ("carriers", "classes")
    found = mutation_campaign(clf, images, "classes", labels)
    np.testing.assert_allclose(np.diag(found.accuracy_change), [-1, -0.5, -1, 0])


def test_progress_counts_pairs_of_units_and_images() -> None:
    images, labels = rows()
    told: list[tuple[int, int]] = []
    mutation_campaign(carriers(), images, None, labels, on_progress=lambda *done: told.append(done))
    assert told[-1] == (5 * 32, 5 * 32) and told == sorted(told)


def test_what_listens_to_the_progress_can_stop_it() -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        mutation_campaign(carriers(), rows()[0], on_progress=stop)


def test_a_campaign_is_kept_and_read_again(tmp_path: Path) -> None:
    images, labels = rows()
    data = load_dataset(images, labels=labels)
    found = mutation_campaign(carriers(), data, ["carriers", "classes"])
    arrays, plain = campaign_arrays(found)
    read = load_campaign(Artifacts(tmp_path).save("kept", arrays, plain))
    assert (read.units, read.critical, read.dead, read.harmful) == (
        found.units, found.critical, found.dead, found.harmful,
    )  # fmt: skip
    for name in arrays:
        np.testing.assert_array_equal(getattr(read, name), getattr(found, name), err_msg=name)


def test_bad_input_is_named() -> None:
    images, labels = rows()
    clf = carriers()
    with pytest.raises(NotFound, match="hidden"):
        mutation_campaign(clf, images, "hidden", labels)
    with pytest.raises(ParameterError, match="no units"):
        mutation_campaign(clf, images, clf.card.layers[0].name, labels)
    with pytest.raises(ParameterError, match="No layers"):
        mutation_campaign(clf, images, [], labels)
    with pytest.raises(ParameterError, match="Give names"):
        mutation_campaign(clf, images, [["carriers"]], labels)  # type: ignore[list-item]
    with pytest.raises(NotFound, match="no sample"):
        mutation_campaign(clf, images, samples=[40])
    with pytest.raises(ParameterError, match="Keras model itself"):
        chosen_layers(replace(clf.card, layers=()), None)
