"""The smallest sets of units that break or repair a prediction: by hand, and what they promise on any network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.mutation.smallest import BreakingSet, smallest_breaking_set, smallest_repairing_set
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Unit
from tests import networks
from tests.unit.analysis.mutation.nets import carriers, frozen_by_hand, rows

WHITE = np.full((4, 4, 1), 255, np.uint8)


def voting(votes: list[float], bias: float, ending: str = "softmax") -> Classifier:
    """Return a classifier of two classes: unit k of "voters" adds votes[k] to the first's logit, the other's is 0."""
    import keras

    n = len(votes)
    model = keras.Sequential(
        [
            keras.layers.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(n, activation="relu", name="voters"),
            keras.layers.Dense(2, activation=ending, name="classes"),
        ]
    )
    model.set_weights(
        [
            np.full((16, n), 1 / 16, np.float32),
            np.zeros(n, np.float32),
            np.stack([np.array(votes), np.zeros(n)], axis=1).astype(np.float32),
            np.array([bias, 0], np.float32),
        ]
    )
    return Classifier.from_keras(model, preprocessing="unit")


def channels(found: BreakingSet) -> list[int]:
    return [unit.channel for unit in found.units]


@pytest.mark.parametrize("ending", ["softmax", "sigmoid"])
def test_the_one_unit_that_carries_a_prediction(ending: str) -> None:
    # 5 + 3 + 2 + 1 - 2 - 6.5 = 2.5 > 0 (for the sigmoid against 0). Without 5: -2.5, and without 3: -0.5.
    found = smallest_breaking_set(voting([5, 3, 2, 1, -2], -6.5, ending), WHITE)
    assert (found.goal, found.target, found.prediction, found.prediction_frozen) == ("break", 0, 0, 1)
    assert found.found and found.units == (Unit("voters", 0),) and found.frozen == {"voters": (0,)}
    assert found.reason == ""


def test_two_units_where_one_is_not_enough() -> None:
    # 3 + 3 + 3 + 1 - 5.5 = 4.5; two threes have to go.
    found = smallest_breaking_set(voting([3, 1, 3, 3], -5.5), WHITE)
    assert found.found and len(found.units) == 2 and set(channels(found)) < {0, 2, 3}
    probability = 1 / (1 + np.exp(-(3 + 1 - 5.5)))
    assert found.probabilities_frozen[0] == pytest.approx(probability, abs=1e-6)


def test_an_error_is_repaired_without_the_unit_that_makes_it() -> None:
    # 3 - 1 - 2 - 0.5 = -0.5: the second class. Without the -2 it is 1.5.
    found = smallest_repairing_set(voting([3, -1, -2], -0.5), WHITE, 0)
    assert (found.goal, found.target, found.prediction, found.prediction_frozen) == ("repair", 0, 1, 0)
    assert found.units == (Unit("voters", 2),)
    astray = rows()[0][-1]
    repaired = smallest_repairing_set(carriers(), astray, 1)
    assert repaired.frozen == {"carriers": (4,)} and repaired.prediction == 3


def test_where_it_is_so_already_no_unit_is_needed() -> None:
    clf = voting([3], 0)
    for found in (smallest_breaking_set(clf, WHITE, target=1), smallest_repairing_set(clf, WHITE, 0)):
        assert found.found and found.units == () and found.frozen == {} and found.tried == ()
        np.testing.assert_array_equal(found.probabilities, found.probabilities_frozen)


def test_none_within_the_limit_is_said_with_what_was_tried() -> None:
    found = smallest_breaking_set(voting([3, 1, 3, 3], -5.5), WHITE, limit=1)
    assert not found.found and found.units == () and found.frozen == {}
    assert len(found.tried) == 1 and found.tried[0].channel in (0, 2, 3)
    assert "1 is the limit" in found.reason and str(found.evaluated) in found.reason
    assert found.probabilities_frozen[0] == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-6)


def test_none_is_said_where_the_units_do_not_matter() -> None:
    found = smallest_breaking_set(voting([1, 1], 5), WHITE)  # the bias alone is enough
    assert not found.found and found.tried == (Unit("voters", 0), Unit("voters", 1))
    assert (
        found.reason
        == "not with 2 units of voters frozen, and no other is heard, by gradient × activation; 4 sets were tried"
    )
    deaf = smallest_breaking_set(voting([0, 0], 5), WHITE)
    assert not deaf.found and deaf.tried == () and deaf.units == ()
    assert deaf.reason == "no unit of voters is heard, by gradient × activation; 1 set was tried"


def test_units_that_matter_only_together_are_found() -> None:
    """Either of two units keeps the prediction up: their greater one counts, so freezing one of them is no help."""
    import keras

    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(inputs)
    both = [keras.layers.Dense(1, kernel_initializer="ones", name=name)(x) for name in ("one", "other")]
    top = keras.layers.Maximum()(both)
    x = keras.layers.Dense(2, activation="softmax", name="classes")(top)
    model = keras.Model(inputs, x)
    model.get_layer("classes").set_weights([np.array([[1.0, 0]], np.float32), np.array([-1, 0], np.float32)])
    found = smallest_breaking_set(Classifier.from_keras(model, preprocessing="unit"), WHITE)
    assert found.found and found.frozen == {"one": (0,), "other": (0,)}


def test_units_that_promise_the_contrary_are_tried_too() -> None:
    """By its slope freezing either unit helps the logit 1 - 0.1 (a + b) - relu(1.5 - a - b), without both -0.5."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="relu", name="voters"),
            keras.layers.Dense(2, activation="relu", name="sums"),
            keras.layers.Dense(2, activation="softmax", name="classes"),
        ]
    )
    seen, sums = np.full((16, 2), 1 / 16), np.array([[1.0, -1], [1, -1]])
    said = np.array([[-0.1, 0], [-1, 0]])
    weights = [seen, np.zeros(2), sums, np.array([0, 1.5]), said, np.array([1.0, 0])]
    model.set_weights([weight.astype(np.float32) for weight in weights])
    found = smallest_breaking_set(Classifier.from_keras(model, preprocessing="unit"), WHITE, "voters")
    assert found.found and found.frozen == {"voters": (0, 1)}
    assert found.probabilities_frozen[0] == pytest.approx(1 / (1 + np.exp(0.5)), abs=1e-6)


def test_many_units_are_thinned_out_to_few() -> None:
    """Sets grow by several units once they are large; what was too much goes again, down to the fewest there are."""
    rng = np.random.default_rng(0)
    votes = list(rng.uniform(0.5, 1.5, 60))
    too_many = 0
    for share in (0.5, 0.55, 0.6):
        needed = share * sum(votes)
        found = smallest_breaking_set(voting(votes, needed - sum(votes)), WHITE)
        taken = np.array(votes)[channels(found)]
        assert found.found and taken.sum() >= needed - 1e-4
        assert (taken.sum() - taken < needed).all()  # each of them is needed
        too_many += len(found.tried) > len(found.units)
    assert too_many
    equal = voting([1.0] * 60, 34.5 - 60)  # any 35 of 60
    found = smallest_breaking_set(equal, WHITE)
    assert found.found and len(found.units) == 35 < len(found.tried)


@pytest.mark.parametrize("name", ["sequential", "residual", "nested", "one_sigmoid", "logits"])
def test_sets_do_what_they_say_and_no_unit_can_be_left_out(name: str) -> None:
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(3, clf.card.input_shape, seed=8)
    found_some = False
    for image in images:
        said = int(clf.predict(image[None])[0].argmax())
        others = [label for label in range(clf.card.n_classes) if label != said][:2]
        searched = [smallest_breaking_set(clf, image)]
        searched += [smallest_repairing_set(clf, image, label) for label in others]
        for found in searched:
            after = frozen_by_hand(clf, image[None], found.frozen)[0]
            if not found.found:
                assert found.reason and found.units == () and found.frozen == {}
                continue
            found_some = True
            np.testing.assert_allclose(found.probabilities_frozen, after, atol=1e-5)
            assert (int(after.argmax()) == found.target) == (found.goal == "repair")
            for unit in found.units:
                fewer = {
                    layer: tuple(channel for channel in rest if Unit(layer, channel) != unit)
                    for layer, rest in found.frozen.items()
                }
                without = int(frozen_by_hand(clf, image[None], fewer)[0].argmax())
                assert (without == found.target) == (found.goal == "break"), unit
    assert found_some or name in ("one_sigmoid", "logits")


def test_the_layers_can_be_chosen_the_classes_own_among_them() -> None:
    clf = voting([5, 3], -1)
    found = smallest_breaking_set(clf, WHITE, layers="classes")
    assert found.frozen == {"classes": (0,)} and found.prediction_frozen == 1
    both = smallest_breaking_set(clf, WHITE, layers=["voters", "classes"])
    assert both.found and len(both.units) == 1


def test_the_classifier_is_as_it_was() -> None:
    clf = voting([5, 3, 2, 1, -2], -6.5)
    before = clf.predict(WHITE[None])
    smallest_breaking_set(clf, WHITE)
    np.testing.assert_array_equal(clf.predict(WHITE[None]), before)


def test_bad_input_is_named() -> None:
    clf = voting([5, 3], -1)
    with pytest.raises(ParameterError, match="no class 2"):
        smallest_breaking_set(clf, WHITE, target=2)
    with pytest.raises(ParameterError, match="no class None"):
        smallest_repairing_set(clf, WHITE, None)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="limit"):
        smallest_breaking_set(clf, WHITE, limit=0)
    with pytest.raises(NotFound, match="hidden"):
        smallest_breaking_set(clf, WHITE, layers="hidden")
    with pytest.raises(ParameterError, match="one image"):
        smallest_breaking_set(clf, np.zeros((2, 4, 4, 1), np.uint8))
    without = Classifier(clf.model, replace(clf.card, layers=()))
    with pytest.raises(ParameterError, match="Keras model itself"):
        smallest_breaking_set(without, WHITE)
