"""Feature visualisation: detectors whose feature is known, the spectrum by hand, and units that can't be woken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.feature_visualisation import feature_visualisation
from nnvis_dash.analysis.index import index
from nnvis_dash.analysis.spectral_image import canvas_size, colour_root, drawn, painted, warp
from nnvis_dash.analysis.units import column_of
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit
from tests import networks

SIDE = 24
EDGE, RED, DEAD, CONSTANT = (Unit("conv", channel) for channel in range(4))


@pytest.fixture(scope="module")
def clf() -> Classifier:
    """Return a classifier whose units are known: a dark-to-bright edge, red, one that is never on, one without input.

    The classes are the means of the first two units' maps.
    """
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(2, activation="softmax", name="head"),
        ]
    )
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    kernel[:, 0, :, 0], kernel[:, 2, :, 0] = -1, 1
    kernel[1, 1, :, 1] = 2, -1, -1
    kernel[1, 1, 0, 2] = 1
    model.layers[0].set_weights([kernel, np.array([0, 0, -5, 0.0], np.float32)])
    weights = np.zeros((4, 2), np.float32)
    weights[0, 0] = weights[1, 1] = 1
    model.layers[2].set_weights([weights, np.zeros(2, np.float32)])
    return Classifier.from_keras(model, preprocessing="unit")


def pictures(n: int) -> np.ndarray:
    """Return images of rectangles whose colours are as muted as those of photographs."""
    rng = np.random.default_rng(3)

    def colour() -> np.ndarray:
        return np.clip(rng.uniform(0, 255) + rng.normal(0, 40, 3), 0, 255).astype(np.uint8)

    images = np.empty((n, SIDE, SIDE, 3), np.uint8)
    for image in images:
        image[:] = colour()
        for _ in range(4):
            top, left = rng.integers(0, SIDE - 4, 2)
            image[top : top + rng.integers(3, 16), left : left + rng.integers(3, 16)] = colour()
    return images


@pytest.mark.parametrize("unit", [EDGE, RED])
def test_the_found_image_excites_a_known_detector_more_than_any_other_image(clf: Classifier, unit: Unit):
    found = feature_visualisation(clf, unit, steps=96)
    assert found.image.shape == (SIDE, SIDE, 3) and found.image.dtype == np.uint8 and found.note == ""
    others = np.concatenate([networks.images(1000, (SIDE, SIDE, 3), seed=5), pictures(200)])
    column = column_of(index(clf, others[:1]), unit)
    own = index(clf, found.image[None]).unit_means[0, column]
    assert own > index(clf, others).unit_means[:, column].max()
    assert found.activation == pytest.approx(own, rel=1e-4) and found.activation > 10 * found.before
    assert found.values[-1] > 5 * found.values[0] and found.values.shape == (96,)


def test_a_red_detector_finds_red_and_an_edge_detector_stripes(clf: Classifier):
    red = feature_visualisation(clf, RED, steps=96).image.reshape(-1, 3).mean(axis=0)
    assert red[0] > 150 and red[1:].max() < 100
    found = feature_visualisation(clf, EDGE, steps=96)
    assert found.activation > 1.5  # were dark edges to count as much as bright ones, the mean would be that of a border
    edge = found.image.astype(float).mean(axis=2)
    assert np.abs(np.diff(edge, axis=1)).mean() > 1.5 * np.abs(np.diff(edge, axis=0)).mean()


def test_a_class_is_raised_by_its_logit(clf: Classifier):
    found = feature_visualisation(clf, 1, steps=64)
    assert found.activation == pytest.approx(float(clf.logits(found.image[None])[0, 1]), rel=1e-4)
    assert clf.predict(found.image[None])[0, 1] > 0.5 and found.activation > found.before
    assert (found.image[..., 0].mean() - found.image[..., 1:].mean()) > 60


def test_the_centre_alone_changes_what_it_sees(clf: Classifier):
    found = feature_visualisation(clf, RED, steps=64, where="centre")
    middle = found.image[SIDE // 2 - 2 : SIDE // 2 + 2, SIDE // 2 - 2 : SIDE // 2 + 2].reshape(-1, 3).mean(axis=0)
    assert middle[0] - middle[1:].max() > 60 and found.activation > 0.5


def test_the_seed_decides_the_image(clf: Classifier):
    one, same, other = (feature_visualisation(clf, EDGE, steps=12, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.values, same.values)
    assert (one.image != other.image).any()


def test_a_unit_that_cannot_be_woken_is_said_in_words(clf: Classifier):
    dead = feature_visualisation(clf, DEAD, steps=24)
    assert dead.activation == 0 and "stays silent" in dead.note
    constant = feature_visualisation(clf, CONSTANT, steps=24)
    assert "No small change of the image changes the unit: it stays at 0" in constant.note
    behind = Classifier.from_keras(networks.residual(), preprocessing="unit")  # what comes before it is always off
    assert "it stays at 0.62" in feature_visualisation(behind, Unit("depthwise", 1), steps=2).note
    off = feature_visualisation(behind, Unit("relu", 1), steps=24)  # a layer that is an activation can be opened too
    assert off.values[-1] > off.values[0] and "stays silent" in off.note


def test_a_silent_unit_that_can_be_woken_is(clf: Classifier):
    """On grey, and behind its ReLU, no gradient would show the way to the red."""
    found = feature_visualisation(clf, RED, steps=64)
    assert found.before < 0.1 and found.activation > 0.5


@pytest.mark.parametrize(
    ("build", "unit"),
    [
        (networks.residual, Unit("depthwise", 2)),
        (networks.residual, Unit("relu", 2)),
        (networks.residual, Unit("scores", 2)),
        (networks.nested, Unit("base:1/conv", 3)),
        (networks.shared, Unit("twice:1", 0)),
        (networks.sequential, Unit("head", 4)),
        (networks.sequential, Unit("pool", 2)),
        (networks.one_sigmoid, Unit("conv", 1)),
    ],
)
def test_units_of_all_kinds_of_network_rise(build: Any, unit: Unit):
    net = Classifier.from_keras(build(), preprocessing="unit")
    found = feature_visualisation(net, unit, steps=24)
    assert found.image.shape == net.card.input_shape
    assert found.values[-1] > found.values[0] and np.isfinite(found.values).all() and found.note == ""


@pytest.mark.parametrize("target", [0, 1])
def test_both_classes_of_one_sigmoid_rise(target: int):
    net = Classifier.from_keras(networks.one_sigmoid(), preprocessing="unit")
    found = feature_visualisation(net, target, steps=24)
    assert found.activation > found.before and found.note == ""


def test_every_step_is_told_and_can_be_stopped(clf: Classifier):
    told: list[tuple[int, int]] = []
    feature_visualisation(clf, RED, steps=3, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    heard: list[int] = []
    with progress.reporting(lambda done, total: heard.append(done)):
        feature_visualisation(clf, RED, steps=2)
    assert heard == [1, 2]

    def stop(done: int, total: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError, match="1"):
        feature_visualisation(clf, RED, steps=50, on_progress=stop)


def test_a_classifier_without_gradients_is_said_in_words():
    import keras

    inputs = keras.Input((8, 8, 1))
    steps = keras.ops.floor(keras.layers.Flatten()(inputs))
    net = Classifier.from_keras(keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(steps)))
    with pytest.raises(ParameterError, match="No gradient flows"):
        feature_visualisation(net, 0, steps=1)


def test_the_users_model_stays_as_it_is(clf: Classifier):
    before = clf.predict(networks.images(2, (SIDE, SIDE, 3)))
    feature_visualisation(clf, EDGE, steps=2)
    assert clf.model.layers[0].activation.__name__ == "relu"
    np.testing.assert_array_equal(clf.predict(networks.images(2, (SIDE, SIDE, 3))), before)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"subject": Unit("conv", 4)}, "no unit 4"),
        ({"subject": Unit("nowhere", 0)}, "layer 'nowhere'"),
        ({"subject": 2}, "no class 2"),
        ({"subject": -1}, "no class -1"),
        ({"subject": True}, "subject is True"),
        ({"subject": "conv"}, "subject is 'conv'"),
        ({"subject": 0, "steps": 0}, "0 steps"),
        ({"subject": 0, "where": "left"}, "no place 'left'"),
        ({"subject": 0, "seed": -1}, "seed is -1"),
        ({"subject": 0, "images": np.full((2, SIDE, SIDE, 3), 7, np.uint8)}, "one colour only"),
    ],
)
def test_what_cannot_be_is_said(clf: Classifier, given: dict, reason: str):
    with pytest.raises(ParameterError, match=reason):
        feature_visualisation(clf, **given)


# The image


def test_a_spectrum_of_one_frequency_is_a_wave():
    spectrum = np.zeros((2, 1, 8, 5), np.float32)
    assert np.asarray(painted(spectrum, np.ones((1, 1), np.float32), (8, 8))) == pytest.approx(127.5)
    spectrum[0, 0, 0, 1] = 1  # once across: 8 / (1/8) / 4 · 2 / 64 · cos
    wave = np.asarray(painted(spectrum, np.ones((1, 1), np.float32), (8, 8)))[..., 0]
    expected = 255 / (1 + np.exp(-0.5 * np.cos(2 * np.pi * np.arange(8) / 8)))
    np.testing.assert_allclose(wave, np.tile(expected, (8, 1)), rtol=1e-5)


def test_frequencies_count_by_their_inverse():
    spectrum = np.zeros((2, 1, 8, 5), np.float32)
    spectrum[0, 0, 0, 2] = 1
    fine = np.asarray(painted(spectrum, np.ones((1, 1), np.float32), (8, 8)))[0, 0, 0]
    assert np.log(fine / (255 - fine)) == pytest.approx(0.25, rel=1e-4)


def test_an_unmoved_view_is_the_middle_of_the_canvas():
    canvas = canvas_size((5, 7, 1))
    pixels = np.arange(canvas[0] * canvas[1], dtype=np.float32)
    places, shares = warp((5, 7, 1), canvas)
    top, left = (canvas[0] - 5) // 2, (canvas[1] - 7) // 2
    view = (pixels[places] * shares).sum(axis=0).reshape(5, 7)
    np.testing.assert_allclose(view, pixels.reshape(canvas)[top : top + 5, left : left + 7])


@pytest.mark.parametrize("size", [(8, 8, 1), (12, 10, 3), (5, 31, 1), (224, 224, 3)])
def test_every_view_lies_inside_the_canvas(size: tuple[int, int, int]):
    canvas = canvas_size(size)
    assert all((side - own) % 2 == 0 for side, own in zip(canvas, size, strict=False))
    rng = np.random.default_rng(0)
    for _ in range(20):
        places, shares = warp(size, canvas, *drawn(rng, max(size[:2])))
        assert shares.min() > -1e-4 and shares.max() < 1 + 1e-4
        assert places.min() >= 0 and places.max() < canvas[0] * canvas[1]
        np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)


def test_a_view_turned_by_a_quarter_is_the_turned_one():
    pixels = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    places, shares = warp((9, 9, 1), (9, 9), turn=90)
    view = (pixels.ravel()[places] * shares).sum(axis=0).reshape(9, 9)
    np.testing.assert_allclose(view, np.rot90(pixels), atol=1e-5)


def test_colours_are_decorrelated():
    root = colour_root(3, None)
    assert np.linalg.norm(root, axis=0).max() == pytest.approx(1) and root.shape == (3, 3)
    assert colour_root(1, None).tolist() == [[1]]
    rng = np.random.default_rng(0)
    mixed = rng.normal(128, 20, (4, 50, 50, 1)) + rng.normal(0, 5, (4, 50, 50, 3))
    found = colour_root(3, mixed)
    covariance = np.cov(mixed.reshape(-1, 3).T)
    np.testing.assert_allclose(found @ found.T, covariance / np.linalg.eigvalsh(covariance)[-1], atol=1e-5)


def test_colours_of_data_are_used(clf: Classifier):
    """Where pictures differ only in green, an ascent for red has nothing but green to change."""
    images = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    images[..., 1] = networks.images(1, (SIDE, SIDE, 1))[..., 0]
    found = feature_visualisation(clf, RED, steps=16, images=images)
    assert np.ptp(found.image[..., 0].astype(int)) == 0 and found.image[..., 1].mean() < 100
