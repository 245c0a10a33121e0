"""What freezing does to a dataset, on a network whose units are known and against freezing by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.mutation.effect import effect_arrays, load_effect, mutation_effect
from nnvis_dash.analysis.mutation.truth import sample_ids
from nnvis_dash.errors import ModelError, NotFound, ParameterError
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.datasets import load_dataset
from tests import networks
from tests.unit.analysis.mutation.nets import NOTHING, carriers, frozen_by_hand, rows


def test_an_effect_worked_by_hand() -> None:
    images, labels = rows()
    found = mutation_effect(carriers(), images, {"carriers": [2]}, labels)
    assert found.n.tolist() == [8, 16, 8, 0]
    np.testing.assert_allclose(found.accuracy, [1, 0.5, 1, 0])
    np.testing.assert_allclose(found.accuracy_frozen, [1, 0.5, 0, 0])
    sure = np.exp(10) / (np.exp(10) + np.exp(1) + 2)
    lost = 1 / (3 + np.exp(1))
    astray = np.exp(10) / (np.exp(31) + np.exp(10) + 2)
    np.testing.assert_allclose(found.probability, [sure, (sure + astray) / 2, sure, 0], atol=1e-6)
    np.testing.assert_allclose(found.probability_frozen, [sure, (sure + astray) / 2, lost, 0], atol=1e-6)
    assert found.flipped == 8 and set(found.predictions_frozen[16:24]) == {NOTHING}
    assert found.against == "labels" and found.note == "" and found.frozen == {"carriers": (2,)}
    assert found.said() == "With 1 unit frozen accuracy goes from 75.0% to 50.0%; 8 of 32 predictions change."


def test_without_labels_it_is_held_against_the_first_answers_and_says_so() -> None:
    images, _ = rows()
    found = mutation_effect(carriers(), images, {"carriers": [2, 1]})
    assert found.against == "predictions" and "no labels" in found.note
    assert found.n.tolist() == [8, 8, 8, 8]  # those that were led astray count as what they are taken for
    np.testing.assert_allclose(found.accuracy, 1)
    np.testing.assert_allclose(found.accuracy_frozen, [1, 0, 0, 1])
    assert found.said() == "With 2 units frozen 16 of 32 predictions change."


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        ("sequential", {"conv1": (0, 3), "hidden": (5,)}),
        ("residual", {"depthwise": (1,), "stem": (0, 2)}),
        ("nested", {"base/conv": (1,), "base:1/conv": (2, 3)}),
        ("one_sigmoid", {"conv": (0,)}),
        ("fully_convolutional", {"head": (2,)}),
    ],
)
def test_an_effect_is_that_of_freezing_by_hand(name: str, frozen: dict[str, tuple[int, ...]]) -> None:
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(17, clf.card.input_shape, seed=3)
    labels = (np.arange(17) % (clf.card.n_classes + 1) - 1).astype(np.int32)
    found = mutation_effect(clf, images, frozen, labels)
    expected = frozen_by_hand(clf, images, frozen)
    np.testing.assert_array_equal(found.predictions_frozen, expected.argmax(axis=1))
    np.testing.assert_array_equal(found.predictions, clf.predict(images).argmax(axis=1))
    for label in range(clf.card.n_classes):
        mine = labels == label
        assert found.n[label] == mine.sum()
        assert found.accuracy_frozen[label] == pytest.approx((expected[mine].argmax(axis=1) == label).mean())
        assert found.probability_frozen[label] == pytest.approx(expected[mine, label].mean(), abs=1e-5)
    assert (found.probabilities_frozen[labels < 0] == 0).all()


def test_freezing_nothing_or_what_is_dead_changes_nothing() -> None:
    images, labels = rows()
    for frozen in ({}, {"carriers": [3]}):
        found = mutation_effect(carriers(), images, frozen, labels)
        assert found.flipped == 0
        np.testing.assert_array_equal(found.probabilities, found.probabilities_frozen)
        np.testing.assert_array_equal(found.accuracy, found.accuracy_frozen)


def test_a_dataset_gives_its_own_labels_as_the_classifier_calls_them() -> None:
    images, labels = rows()
    clf = carriers()
    named = Classifier.from_keras(clf.model, preprocessing="unit", class_names=["red", "green", "blue", "none"])
    data = load_dataset(images, labels=2 - labels, class_names=["blue", "green", "red"])
    direct = mutation_effect(clf, images, {"carriers": [0]}, labels)
    found = mutation_effect(named, data, {"carriers": [0]})
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.accuracy_frozen, direct.accuracy_frozen)
    assert found.against == "labels"


def test_a_dataset_with_other_classes_or_none_has_an_answer() -> None:
    images, labels = rows()
    for data in (load_dataset(images), load_dataset(images, labels=labels + 7)):
        found = mutation_effect(carriers(), data, {"carriers": [0]})
        assert found.against == "predictions" and found.note


def test_progress_comes_to_its_end_and_stops_what_it_stops() -> None:
    images, labels = rows()
    told: list[tuple[int, int]] = []
    mutation_effect(carriers(), images, {}, labels, lambda *done: told.append(done))
    assert told[-1] == (32, 32)

    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        mutation_effect(carriers(), images, {}, labels, stop)


def test_an_effect_is_kept_and_read_again(tmp_path: Path) -> None:
    images, labels = rows()
    found = mutation_effect(carriers(), images, {"carriers": [0, 4]}, labels)
    arrays, plain = effect_arrays(found)
    read = load_effect(Artifacts(tmp_path).save("kept", arrays, plain))
    assert (read.frozen, read.against, read.note, read.said()) == (found.frozen, "labels", "", found.said())
    for name in arrays:
        np.testing.assert_array_equal(getattr(read, name), getattr(found, name), err_msg=name)


def test_bad_input_is_named() -> None:
    images, labels = rows()
    clf = carriers()
    with pytest.raises(ParameterError, match="no unit 5"):
        mutation_effect(clf, images, {"carriers": [5]}, labels)
    with pytest.raises(NotFound, match="hidden"):
        mutation_effect(clf, images, {"hidden": [0]}, labels)
    with pytest.raises(ParameterError, match="label 4"):
        mutation_effect(clf, images, {}, labels + 2)
    with pytest.raises(ParameterError, match="32 whole numbers"):
        mutation_effect(clf, images, {}, labels[:3])
    with pytest.raises(ParameterError, match="no images"):
        mutation_effect(clf, images[:0], {})
    with pytest.raises(NotFound, match="no sample 32"):
        sample_ids(images, [3, 32])
    with pytest.raises(ParameterError, match="No samples"):
        sample_ids(images, [])


def test_a_network_that_divides_by_what_is_frozen_is_said() -> None:
    import keras

    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Dense(1, activation="relu", kernel_initializer="ones", name="one")(keras.layers.Flatten()(inputs))
    x = keras.layers.Dense(2, activation="softmax", name="classes")(x / x)
    clf = Classifier.from_keras(keras.Model(inputs, x), preprocessing="unit")
    with pytest.raises(ModelError, match="NaN"):
        mutation_effect(clf, rows()[0], {"one": [0]})
