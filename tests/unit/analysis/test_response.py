"""Response curves: degrees, first flips worked by hand, equality with the classifier's own answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.response import (
    ADVERSARIAL,
    adversarial_direction,
    at_epsilon,
    default_degrees,
    identity_degree,
    respond,
    response,
)
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, transform
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.state.edits import Edit
from tests import networks

SIDE = 4


@pytest.fixture(scope="module")
def clf() -> Classifier:
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return networks.images(3, (12, 10, 3))


@pytest.fixture(scope="module")
def lamp() -> Classifier:
    """Return a classifier of 4 × 4 grey images: class 1 where their mean is above 100, by a sigmoid of the excess."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((SIDE, SIDE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid", name="head"),
        ]
    )
    kernel = np.full((SIDE * SIDE, 1), 1 / SIDE**2, np.float32)
    model.set_weights([kernel, np.array([-100.5], np.float32)])
    return Classifier.from_keras(model, preprocessing="raw")


def flat(value: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 1), value, np.uint8)


# Degrees


@pytest.mark.parametrize("name", [*sorted(TRANSFORMATIONS), ADVERSARIAL])
def test_default_degrees_go_over_the_range_and_hold_the_identity(name: str):
    found = default_degrees(name)
    assert (np.diff(found) > 0).all() and len(found) <= 41
    assert (found == identity_degree(name)).sum() == 1
    if name != ADVERSARIAL:
        form = next(entry for entry in TRANSFORMATIONS[name].form() if entry.name == "degree")
        assert (found[0], found[-1]) == (form.low, form.high)
        assert len(found) == 41 or form.type is int
        if form.type is int:
            np.testing.assert_array_equal(found, np.rint(found))


def test_default_degrees_by_hand():
    np.testing.assert_array_equal(default_degrees("gaussian_noise", 6), [0, 1, 2, 3, 4, 5])
    np.testing.assert_allclose(default_degrees("contrast", 5), [0, 1, 1.5, 2.25, 3])  # 0.75 makes room for 1
    np.testing.assert_array_equal(default_degrees("flip_horizontal"), [0, 1])
    np.testing.assert_allclose(default_degrees(ADVERSARIAL)[:3], [0, 0.4, 0.8])


def test_too_few_degrees_and_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="1 degrees"):
        default_degrees("blur", 1)
    with pytest.raises(NotFound, match="transformation 'melting'"):
        default_degrees("melting")


# Curves


@pytest.mark.parametrize("name", ["rotation", "gaussian_noise", "brightness", "pixelate", "scale", ADVERSARIAL])
def test_the_response_at_the_identity_is_the_prediction(clf: Classifier, images: np.ndarray, name: str):
    found = respond(clf, images, name, default_degrees(name, 9))
    here = int(np.flatnonzero(found.degrees == found.identity)[0])
    np.testing.assert_allclose(found.probabilities[:, here], clf.predict(images), atol=1e-5)


def test_every_degree_is_what_the_classifier_says_of_the_changed_image(clf: Classifier, images: np.ndarray):
    degrees = [-40.0, -3.5, 0.0, 90.0]
    found = respond(clf, images, "rotation", degrees, border="black")
    assert found.probabilities.shape == (3, 4, 5) and found.probabilities.dtype == np.float32
    for position, degree in enumerate(degrees):
        expected = clf.predict(transform(images, "rotation", degree, border="black"))
        np.testing.assert_allclose(found.probabilities[:, position], expected, atol=1e-5)
    np.testing.assert_array_equal(found.prediction, found.probabilities.argmax(axis=2))


def test_the_curve_of_one_image_is_a_plain_array(clf: Classifier, images: np.ndarray):
    found = response(clf, images[1], "blur", [0, 1.5, 4])
    assert found.shape == (3, 5) and found.dtype == np.float32
    np.testing.assert_allclose(found, respond(clf, images, "blur", [0, 1.5, 4]).probabilities[1], atol=1e-5)
    assert response(clf, images[:1], "blur").shape == (41, 5)


def test_grey_images_may_lack_their_channel(lamp: Classifier):
    np.testing.assert_array_equal(
        response(lamp, flat(99)[..., 0], "brightness", [0, 5]), response(lamp, flat(99), "brightness", [0, 5])
    )


def test_images_of_any_sizes_are_changed_in_their_own(clf: Classifier):
    given = [networks.images(1, size, seed=3)[0] for size in ((30, 20, 3), (30, 20, 3), (8, 9, 3))]
    found = respond(clf, given, "rotation", [0, 20])
    for row, image in enumerate(given):
        expected = clf.predict(transform(image, "rotation", 20)[None])
        np.testing.assert_allclose(found.probabilities[row, 1], expected[0], atol=1e-5)


def test_many_images_and_degrees_come_in_parts(clf: Classifier, images: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    whole = respond(clf, images, "hue", default_degrees("hue", 7))
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("nnvis_dash.analysis.response.chunk_size", lambda card: 3)
    with progress.reporting(lambda done, total: seen.append((done, total))):
        parts = respond(clf, images, "hue", default_degrees("hue", 7))
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-5)
    np.testing.assert_array_equal(parts.first_flip, whole.first_flip)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen}) and len(seen) > 3
    assert seen[-1] == (21, 21)


def test_equal_images_are_asked_about_once(clf: Classifier, images: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    predict = Classifier.predict

    def counting(self: Classifier, given: np.ndarray) -> np.ndarray:
        asked.append(len(given))
        return predict(self, given)

    monkeypatch.setattr(Classifier, "predict", counting)
    found = respond(clf, images[:2], "brightness", [0, 0, 0.0, 20, 20, 0])
    assert asked == [2 * 3]  # 0, 20, 0 again
    np.testing.assert_array_equal(found.probabilities[:, 0], found.probabilities[:, 2])
    np.testing.assert_array_equal(found.probabilities[:, 3], found.probabilities[:, 4])
    assert np.abs(found.probabilities[:, 3] - found.probabilities[:, 0]).max() > 1e-4


# Flips


def test_the_first_flip_by_hand(lamp: Classifier):
    # 98 becomes bright at +3 (101 > 100.5); 110 dark at -10; 101 at -1; 0 never by 40
    images = np.stack([flat(98), flat(110), flat(101), flat(0)])
    found = respond(lamp, images, "brightness", np.arange(-40, 41))
    assert found.prediction[:, 40].tolist() == [0, 1, 1, 0]
    assert found.first_flip[:3].tolist() == [3, -10, -1] and math.isnan(found.first_flip[3])


def test_flips_count_from_the_identity_though_it_is_not_among_the_degrees(lamp: Classifier):
    found = respond(lamp, flat(98)[None], "brightness", [5, 10, -5])
    assert found.prediction[0].tolist() == [1, 1, 0]
    assert found.first_flip[0] == 5


# Mean and band


def test_mean_and_band_over_the_images(lamp: Classifier):
    values = [90, 95, 100, 101, 106, 111]
    found = respond(lamp, np.stack([flat(value) for value in values]), "brightness", [0, 4])
    expected = 1 / (1 + np.exp(100.5 - np.array(values)))
    assert found.mean().shape == (2, 2)
    np.testing.assert_allclose(found.mean()[0, 1], expected.mean(), rtol=1e-4)
    low, high = found.band()
    np.testing.assert_allclose(low[0, 1], np.quantile(expected, 0.1), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(high[0, 1], np.quantile(expected, 0.9), rtol=1e-4)
    one = respond(lamp, flat(98)[None], "brightness", [0, 4])
    np.testing.assert_allclose(one.band()[0], one.probabilities[0], atol=1e-7)


# Edits before and behind


def test_edits_come_first_and_others_behind(lamp: Classifier):
    # 60 → 100 by the edit, then the curve, then all darker by 3
    edits = (Edit("brightness", (("degree", 40),)),)
    found = respond(lamp, flat(60)[None], "brightness", [0, 2, 5], edits=edits)
    assert found.prediction[0].tolist() == [0, 1, 1]
    behind = respond(lamp, flat(60)[None], "brightness", [0, 2, 5], edits=edits, then=lambda changed: changed - 3)
    assert behind.prediction[0].tolist() == [0, 0, 1]
    assert behind.first_flip[0] == 5


def test_a_stack_of_edits_is_that_of_the_edited_image(clf: Classifier, images: np.ndarray):
    edits = (Edit("rotation", (("degree", 30),)), Edit("blur", (("degree", 1.0),)))
    expected = transform(transform(images, "rotation", 30), "blur", 1.0)
    np.testing.assert_allclose(
        respond(clf, images, "contrast", [0.5, 1], edits=edits).probabilities,
        respond(clf, expected, "contrast", [0.5, 1]).probabilities,
        atol=1e-5,
    )


def test_a_change_may_name_another_image(lamp: Classifier):
    filled = respond(
        lamp,
        flat(50)[None],
        "erase",
        [0, 0.5, 1],
        lookup={7: flat(180)}.__getitem__,
        region="rect:0,0,1,1",
        filling="image",
        other=7,
    )
    assert filled.prediction[0].tolist() == [0, 1, 1]  # 50, 115, 180


# Adversarial


def test_epsilon_moves_every_value_against_the_prediction(lamp: Classifier):
    # 104 is bright by 3.5; the sign of the gradient is the same for all pixels, so epsilon lowers the mean by itself
    fitted, direction = adversarial_direction(lamp, flat(104)[None])
    np.testing.assert_array_equal(fitted[0], flat(104))
    assert (direction == -1).all() and direction.dtype == np.int8
    np.testing.assert_array_equal(at_epsilon(fitted, direction, 3.9)[0], flat(101))
    assert not at_epsilon(fitted, direction, 200).any()
    found = respond(lamp, flat(104)[None], ADVERSARIAL, [0, 1, 2, 3, 3.9, 4, 16])
    np.testing.assert_allclose(
        found.probabilities[0, :, 1], 1 / (1 + np.exp(-(np.array([3.5, 2.5, 1.5, 0.5, 0.5, -0.5, -12.5])))), rtol=1e-3
    )
    assert found.first_flip[0] == 4  # 3.9 allows whole steps of 3 only


def test_an_adversarial_response_is_the_attack_at_every_epsilon(clf: Classifier, images: np.ndarray):
    from nnvis_dash.analysis.attacks import attack

    found = respond(clf, images, ADVERSARIAL, [0, 4, 12])
    for position, epsilon in enumerate((0, 4, 12)):
        expected = attack(clf, images, method="fgsm", epsilon=epsilon / 255).probabilities
        np.testing.assert_allclose(found.probabilities[:, position], expected, atol=1e-4)


# What can't be


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "melting"}, "no transformation 'melting'"),
        ({"name": "rotation", "degrees": [0, 500]}, "degree is 500"),
        ({"name": "rotation", "degrees": []}, r"The degrees are \[\]"),
        ({"name": "rotation", "degrees": "all"}, "The degrees are 'all'"),
        ({"name": "rotation", "degrees": [[0, 1]]}, "The degrees are"),
        ({"name": "rotation", "degrees": [0, float("nan")]}, "The degrees are"),
        ({"name": "rotation", "degrees": [0], "border": "soft"}, "soft"),
        ({"name": "rotation", "degrees": [0], "speed": 3}, "no parameter 'speed'"),
        ({"name": ADVERSARIAL, "degrees": [0, 300]}, "Epsilon goes from 0 to 300"),
        ({"name": ADVERSARIAL, "seed": 3}, "no parameter 'seed'"),
        ({"name": "rotation", "images": np.zeros((12, 10, 3), np.uint8)}, r"image\[None\]"),
        ({"name": "rotation", "images": np.zeros((0, 12, 10, 3), np.uint8)}, "no images"),
        ({"name": "rotation", "images": np.zeros((1, 12, 10, 3))}, "float64"),
        ({"name": "rotation", "images": [np.zeros(5, np.uint8)]}, r"shape \(5,\)"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(clf: Classifier, images: np.ndarray, given: dict, reason: str):
    with pytest.raises((NotFound, ParameterError), match=reason):
        respond(clf, given.pop("images", images), given.pop("name"), given.pop("degrees", None), **given)
