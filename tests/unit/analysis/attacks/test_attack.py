"""The door of all attacks: what goes in, what is believed, what is measured; the search for the smallest epsilon."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attacks import ATTACKS, Goal, attack, attacks, verified
from nnvis_dash.analysis.attacks.minimal import minimal_epsilon
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.registry import Entry, NoParameters
from tests import networks

SHAPE = (2, 2, 1)


@pytest.fixture(scope="module")
def linear():
    """Class 1 where the four pixels' weighted sum is above 200; a pixel by 1 moves it by its weight."""
    import keras
    from keras import layers

    head = layers.Dense(2, activation="softmax")
    model = keras.Sequential([layers.Input(SHAPE), layers.Flatten(), head])
    head.set_weights([np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, -1.0]]), np.array([0.0, -200.5])])
    return Classifier.from_keras(model)


def pixels(*values):
    return np.array(values, np.uint8).reshape(-1, *SHAPE)


def entry(norm, function=None):
    return Entry("made_up", "Made up", function, NoParameters, "", "", frozenset({norm, "scores"}))


def judge(linear, clean, proposed, norm="linf", epsilon=float("inf")):
    labels = linear.predict(clean).argmax(axis=1).astype(np.int32)
    return verified(linear, clean, np.asarray(proposed, np.float32), Goal(labels, None, epsilon), entry(norm))


def test_distances_are_of_the_images_that_come_back(linear):
    found = judge(linear, pixels(100, 90, 5, 0), pixels(100, 90, 5, 0) + pixels(3, 0, 4, 0).astype(np.float32))
    assert (found.linf.item(), found.l2.item(), found.changed.item()) == (4.0, 5.0, 2)


def test_success_is_what_the_classifier_says_before_and_after_rounding(linear):
    clean = np.concatenate([pixels(100, 100, 0, 0)] * 3)  # the sum is 200, half a step below the border
    proposed = clean.astype(np.float32)
    proposed[0, 0, 0] += 0.7  # rounds up
    proposed[1, 0, 0] += 0.3
    proposed[1, 0, 1] += 0.3  # fools, but rounds back to the image
    found = judge(linear, clean, proposed)
    assert found.success_before_rounding.tolist() == [True, True, False]
    assert found.success.tolist() == [True, False, False]
    np.testing.assert_array_equal(found.probabilities, linear.predict(found.images))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_proposal_that_is_no_image_is_a_failure_and_the_image_stays(linear, bad):
    clean = np.concatenate([pixels(100, 100, 0, 0)] * 2)
    proposed = clean.astype(np.float32)
    proposed[0, 0, 0] = bad
    proposed[1, 0, 0] = 120
    found = judge(linear, clean, proposed)
    np.testing.assert_array_equal(found.images[0], clean[0])
    assert found.success.tolist() == [False, True]


def test_a_black_image_is_brought_back_within_epsilon(linear):
    found = judge(linear, pixels(150, 150, 70, 20), np.zeros((1, *SHAPE)), epsilon=8.0)
    assert found.images.ravel().tolist() == [142, 142, 62, 12]


def test_what_is_there_already_stays_and_counts(linear):
    clean = np.concatenate([pixels(100, 90, 5, 0), pixels(200, 90, 5, 0)])  # classes 0 and 1
    found = attack(linear, clean, labels=[1, 1], method="fgsm", epsilon=2 / 255)
    assert found.success.tolist() == [True, False]
    np.testing.assert_array_equal(found.images[0], clean[0])
    assert found.linf.tolist() == [0, 2]
    found = attack(linear, clean, target=1, method="pgd", epsilon=2 / 255)
    assert found.success.tolist() == [False, True]
    assert found.linf[1] == 0


def test_epsilon_zero_gives_the_image_back_and_no_success(linear):
    images = networks.images(4, SHAPE)
    for method, described in attacks().items():
        if "bounded" in described.traits:
            found = attack(linear, images, method=method, epsilon=0.0)
            np.testing.assert_array_equal(found.images, images)
            assert not found.success.any() and not found.success_before_rounding.any()


def test_many_batches_come_back_as_one(linear):
    images = networks.images(600, SHAPE)
    together = attack(linear, images, epsilon=9 / 255)
    assert len(together.images) == len(together.success) == len(together.labels) == 600
    assert together.targets is None and together.method == "fgsm"
    last = attack(linear, images[-3:], epsilon=9 / 255)
    np.testing.assert_array_equal(together.images[-3:], last.images)
    targets = np.arange(600) % 2
    np.testing.assert_array_equal(attack(linear, images, target=targets).targets, targets)


def test_images_of_another_size_or_with_fractions_become_what_the_classifier_takes(linear):
    large = np.kron(pixels(100, 90, 5, 0)[0, :, :, 0], np.ones((4, 4))).astype(np.uint8)[None, :, :, None]
    assert attack(linear, large, epsilon=3 / 255).images.shape == (1, *SHAPE)
    fractions = pixels(100, 90, 5, 0) + np.float32(0.4)
    np.testing.assert_array_equal(attack(linear, fractions, epsilon=0.0).images, pixels(100, 90, 5, 0))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"labels": 2}, "0 to 1"),
        ({"labels": [0, 1]}, "3 images"),
        ({"labels": 0.5}, "class number"),
        ({"target": -1}, "0 to 1"),
        ({"target": "1"}, "class number"),
        ({"epsilon": 1.5}, "0 to 1"),
        ({"epsilon": float("nan")}, "0 to 1"),
        ({"radius": 3}, "epsilon"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(linear, given, words):
    with pytest.raises(ParameterError, match=words):
        attack(linear, networks.images(3, SHAPE), **given)


def test_an_unknown_attack_and_no_images_are_refused(linear):
    with pytest.raises(NotFound, match="fgsm"):
        attack(linear, networks.images(1, SHAPE), method="magic")
    for function in (attack, minimal_epsilon):
        with pytest.raises(ParameterError, match="no images"):
            function(linear, np.empty((0, *SHAPE), np.uint8))


def test_an_attack_without_targets_names_those_that_take_one(linear):
    untargeted = [name for name, known in ATTACKS.items() if "targeted" not in known.traits]
    for method in untargeted:
        with pytest.raises(ParameterError, match="fgsm"):
            attack(linear, networks.images(1, SHAPE), method=method, target=1)
    assert untargeted


# The sum must rise by more than 200.5 − sum, and FGSM raises it by 3 a step where all three pixels have room.
GAPS = {(60, 50, 9, 0): 46, (100, 100, 9, 0): 1, (90, 90, 9, 10): 11, (255, 0, 9, 188): 67, (63, 0, 9, 0): 69}


def smallest(values):
    """Return the smallest whole step after which the sum is above 200.5, worked pixel by pixel."""
    first, second, _, last = values
    return next(
        step for step in range(256) if min(first + step, 255) + min(second + step, 255) - max(last - step, 0) > 200.5
    )


def test_the_smallest_epsilon_is_that_of_the_formula(linear):
    images = np.concatenate([pixels(*values) for values in GAPS])
    assert linear.predict(images).argmax(axis=1).tolist() == [0] * len(GAPS)
    assert [smallest(values) for values in GAPS] == list(GAPS.values())
    for method in ("fgsm", "iterated_fgsm"):
        found = minimal_epsilon(linear, images, method=method, high=80 / 255)
        assert found.found.all()
        np.testing.assert_array_equal(np.rint(255 * found.epsilon), list(GAPS.values()))
        changes = np.abs(found.images.astype(int) - images).max(axis=(1, 2, 3))
        np.testing.assert_array_equal(changes, list(GAPS.values()))
        assert (linear.predict(found.images).argmax(axis=1) == 1).all()


def test_where_none_is_found_the_image_stays_and_epsilon_is_nan(linear):
    images = np.concatenate([pixels(*values) for values in GAPS])
    found = minimal_epsilon(linear, images, high=46 / 255)
    assert found.found.tolist() == [gap <= 46 for gap in GAPS.values()]
    assert np.isnan(found.epsilon).tolist() == (~found.found).tolist()
    np.testing.assert_array_equal(found.images[~found.found], images[~found.found])


def test_the_search_keeps_to_its_range_and_to_the_goal(linear):
    images = np.concatenate([pixels(*values) for values in GAPS])
    found = minimal_epsilon(linear, images, low=20 / 255, high=67 / 255)
    np.testing.assert_array_equal(np.rint(255 * found.epsilon[:4]), [46, 20, 20, 67])
    assert not found.found[4]
    there = minimal_epsilon(linear, images, target=0)
    assert (there.epsilon == 0).all() and there.found.all()
    there = minimal_epsilon(linear, images, labels=[1, 0, 0, 1, 1], high=11 / 255)
    np.testing.assert_array_equal(np.rint(255 * there.epsilon), [0, 1, 11, 0, 0])


def test_in_l2_the_smallest_epsilon_is_a_length(linear):
    found = minimal_epsilon(linear, pixels(90, 90, 9, 40), method="pgd_l2", high=200 / 255, restarts=2)
    # 60.5 must be won along (1, 1, −1): a length of 34.9, and whole pixel values
    assert found.found.all() and 35 <= round(255 * found.epsilon.item()) <= 37


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"low": 0.5, "high": 0.25}, "low <= high"),
        ({"high": float("nan")}, "low <= high"),
        ({"low": -0.1}, "low <= high"),
        ({"low": 1.2 / 255, "high": 1.8 / 255}, "wider"),
        ({"epsilon": 0.1}, "low and high"),
        ({"labels": [0, 1]}, "5 images"),
        ({"high": 1.5}, "0 to 1"),
        ({"steps": 3}, "no parameter"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(linear, given, words):
    with pytest.raises(ParameterError, match=words):
        minimal_epsilon(linear, networks.images(5, SHAPE), **given)


def test_attacks_without_epsilon_cannot_be_searched(linear):
    unbounded = [name for name, known in ATTACKS.items() if "bounded" not in known.traits]
    for method in unbounded:
        with pytest.raises(ParameterError, match="smallest change by itself"):
            minimal_epsilon(linear, networks.images(1, SHAPE), method=method)
    assert unbounded
