"""Where two inputs part: distances by hand, and on networks that are made to tell them apart at a known layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.compare_inputs import compare_inputs
from nnvis_dash.analysis.layer_outputs import feature_maps, ranked
from nnvis_dash.errors import NotFound, ParameterError
from tests import networks
from tests.unit.analysis.mutation.by_hand import vgg_like

LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "fc1", "predictions")


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(vgg_like(), preprocessing="unit")


@pytest.fixture(scope="module")
def images():
    return networks.images(6, (16, 16, 3))


def test_distances_are_those_of_sub_models(clf, images):
    import keras

    a, b = images[:3], images[3:]
    found = compare_inputs(clf, a, b)
    assert found.layers == LAYERS
    assert found.distances.shape == (3, 6) and found.distance.shape == (6,) and found.pixels.shape == (3,)
    for place, name in enumerate(LAYERS):
        model = keras.Model(clf.model.inputs[0], clf.model.get_layer(name).output)
        x, y = (model(part.astype("float32") / 255).numpy().astype(float) for part in (a, b))
        for pair in range(3):
            expected = np.linalg.norm(x[pair] - y[pair]) * 2 / (np.linalg.norm(x[pair]) + np.linalg.norm(y[pair]))
            assert found.distances[pair, place] == pytest.approx(expected, rel=1e-4)
        axes = tuple(range(x.ndim - 1))
        np.testing.assert_allclose(
            found.channel_distances[name], np.sqrt(((x - y) ** 2).sum(axes)), rtol=1e-3, atol=1e-6
        )
    np.testing.assert_allclose(found.distance, found.distances.mean(axis=0))
    x, y = a[1].astype(float), b[1].astype(float)
    assert found.pixels[1] == pytest.approx(np.linalg.norm(x - y) * 2 / (np.linalg.norm(x) + np.linalg.norm(y)))
    np.testing.assert_allclose(found.probabilities_a, clf.predict(a), atol=1e-6)
    np.testing.assert_allclose(found.probabilities_b, clf.predict(b), atol=1e-6)


def test_equal_inputs_part_nowhere(clf, images):
    found = compare_inputs(clf, images[0], images[0])
    assert not found.distance.any() and not found.pixels.any()
    assert found.parts_at is None
    assert found.said() == "no layer tells them apart"
    np.testing.assert_array_equal(found.ranked["conv1_1"], [0, 1, 2, 3])


def test_it_does_not_matter_which_comes_first(clf, images):
    one, other = compare_inputs(clf, images[0], images[1]), compare_inputs(clf, images[1], images[0])
    np.testing.assert_allclose(one.distance, other.distance)
    assert one.parts_at == other.parts_at
    np.testing.assert_array_equal(one.maps_a("pool1"), other.maps_b("pool1"))


def test_channels_are_ranked_and_maps_are_made_on_demand(clf, images):
    found = compare_inputs(clf, images[0], images[1], layers=["fc1", "conv2_1"])
    assert found.layers == ("conv2_1", "fc1")  # in the classifier's order
    for name in found.layers:
        a, b = found.maps_a(name), found.maps_b(name)
        np.testing.assert_array_equal(a, feature_maps(clf, images[:1], name)[name])
        np.testing.assert_array_equal(found.ranked[name], ranked(a, "difference", b))
    assert found.maps_a("pool1").shape == (1, 8, 8, 4)


def amplifier() -> Classifier:
    """Two inputs of nearly equal grey; the third layer subtracts what they have in common: there they part."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((4, 4, 1)),
            layers.Conv2D(2, 1, activation="relu", name="conv1"),
            layers.Conv2D(2, 1, activation="relu", name="conv2"),
            layers.Conv2D(2, 1, activation="relu", name="conv3"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax", name="head"),
        ]
    )
    model.get_layer("conv1").set_weights([np.ones((1, 1, 1, 2)), np.zeros(2)])
    model.get_layer("conv2").set_weights([np.eye(2)[None, None], np.zeros(2)])
    model.get_layer("conv3").set_weights([np.eye(2)[None, None], np.array([-100.0, 0.0])])
    model.get_layer("head").set_weights([np.eye(2), np.zeros(2)])
    return Classifier.from_keras(model)


def test_they_part_at_the_layer_that_takes_away_what_they_share():
    clf = amplifier()
    dark, bright = np.full((4, 4, 1), 101, np.uint8), np.full((4, 4, 1), 120, np.uint8)
    found = compare_inputs(clf, dark, bright, layers=["conv1", "conv2", "conv3"])
    near = 19 / 110.5  # both channels 101 and 120
    far = np.sqrt(19**2 + 19**2) / (0.5 * (np.hypot(1, 101) + np.hypot(20, 120)))
    np.testing.assert_allclose(found.distance, [near, near, far], rtol=1e-6)
    only = compare_inputs(clf, dark, bright, layers=["conv1", "conv2", "conv3"], frozen={"conv2": [1]})
    np.testing.assert_allclose(only.distance, [near, near, 19 / (0.5 * (1 + 20))], rtol=1e-6)
    assert only.frozen == {"conv2": (1,)}
    assert only.parts_at == "conv3" and only.said() == "they part at conv3"
    np.testing.assert_array_equal(only.maps_b("conv3")[0, 0, 0], [20, 0])
    np.testing.assert_array_equal(only.ranked["conv3"], [0, 1])


def test_the_layer_of_the_classes_counts_only_where_no_other_differs():
    clf = amplifier()
    dark, bright = np.full((4, 4, 1), 101, np.uint8), np.full((4, 4, 1), 120, np.uint8)
    found = compare_inputs(clf, dark, bright, ["conv1", "head"], {"conv2": [1]})
    assert found.distance[1] == pytest.approx(
        2
        * np.hypot(*found.probabilities_a[0] - found.probabilities_b[0])
        / (np.linalg.norm(found.probabilities_a) + np.linalg.norm(found.probabilities_b))
    )
    assert found.distance[1] > 2 * found.distance[0] and found.parts_at == "conv1"
    assert compare_inputs(clf, dark, bright, ["head"], {"conv2": [1]}).parts_at == "head"


def test_a_layer_that_is_silent_for_one_is_as_far_as_can_be_and_for_both_not_apart():
    clf = amplifier()
    black, grey, bright = (np.full((4, 4, 1), value, np.uint8) for value in (0, 90, 150))
    assert compare_inputs(clf, grey, bright, "conv3", {"conv2": [1]}).distance[0] == pytest.approx(2.0)
    assert compare_inputs(clf, black, grey, "conv3", {"conv2": [1]}).distance[0] == 0.0


def test_images_of_other_sizes_and_grey_ones_are_fitted():
    clf = amplifier()
    small, large = np.full((4, 4), 30, np.uint8), np.full((9, 12, 3), 30, np.uint8)
    assert not compare_inputs(clf, small, large).distance.any()


def test_what_can_not_be_compared_is_said(clf, images):
    with pytest.raises(ParameterError, match="There are 2 and 1 images"):
        compare_inputs(clf, images[:2], images[0])
    with pytest.raises(ParameterError, match="no images to compare"):
        compare_inputs(clf, images[:0], images[:0])
    with pytest.raises(ParameterError, match="no layers to compare"):
        compare_inputs(clf, images[0], images[1], layers=[])
    with pytest.raises(NotFound, match="no layer 'conv9'"):
        compare_inputs(clf, images[0], images[1], layers="conv9")
    with pytest.raises(ParameterError, match="no unit 4"):
        compare_inputs(clf, images[0], images[1], frozen={"conv1_1": [4]})
    with pytest.raises(ParameterError, match="shape"):
        compare_inputs(clf, np.float32(3), np.float32(3))
    with pytest.raises(ParameterError, match="without layers"):
        compare_inputs(Classifier(clf.model, replace(clf.card, layers=())), images[0], images[1])
