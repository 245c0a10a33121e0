"""Methods that look through a layer, against numpy's version of the papers' equations and in their limits."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute, cams, stretch
from nnvis_dash.analysis.attribution.grad_cam import class_maps
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit
from tests import networks

CAMS = ("grad_cam", "grad_cam_pp", "layer_cam", "score_cam", "guided_grad_cam")


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


@pytest.fixture(scope="module")
def images():
    return networks.images(3, (12, 10, 3))


def _maps_and_gradients(clf, images, layer, score):
    """Return a layer's maps and d score(values by layer, logits) / d maps, the eager way."""
    import tensorflow as tf

    seen = {}

    def visit(name, tensor):
        seen[name] = tensor
        return tensor

    with tf.GradientTape() as tape:
        x = tf.constant(images, tf.float32)
        tape.watch(x)
        logits = clf.scores(x, visit, "logits")
        value = score(seen, logits)
    return seen[layer].numpy(), tape.gradient(value, seen[layer]).numpy()


def test_grad_cam_pp_is_the_papers_for_the_exponential_of_the_score(clf, images):
    maps, g = _maps_and_gradients(clf, images, "conv2", lambda seen, logits: logits[:, 2])
    # Eq. 19: with Y = exp(S) all derivatives have the factor Y, which is left out of the weights (eq. 10).
    below = 2 * g**2 + (maps.sum(axis=(1, 2), keepdims=True)) * g**3
    alpha = np.divide(g**2, below, out=np.zeros_like(g), where=below != 0)
    weights = (alpha * np.maximum(g, 0)).sum(axis=(1, 2))
    expected = np.maximum((maps * weights[:, None, None]).sum(axis=-1), 0)
    found = attribute(clf, images, "grad_cam_pp", target=2)
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5)
    assert found.layer == "conv2"


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_layer_cam_is_the_papers(clf, images, layer):
    maps, g = _maps_and_gradients(clf, images, layer, lambda seen, logits: logits[:, 1])
    expected = np.maximum((np.maximum(g, 0) * maps).sum(axis=-1), 0)
    found = attribute(clf, images, "layer_cam", target=1, layer=layer)
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)


def test_score_cam_is_the_papers():
    import tensorflow as tf

    clf = Classifier.from_keras(networks.sequential())  # raw pixels: the masked input can be given as an image
    images = networks.images(2, (12, 10, 3))
    maps, _ = _maps_and_gradients(clf, images, "conv2", lambda seen, logits: logits[:, 1])
    found = attribute(clf, images, "score_cam", target=1)
    for number, image in enumerate(images):
        masks = np.stack([tf.image.resize(maps[number][..., [k]], (12, 10))[..., 0] for k in range(6)])
        low, high = masks.min(axis=(1, 2), keepdims=True), masks.max(axis=(1, 2), keepdims=True)
        masks = np.divide(masks - low, high - low, out=np.zeros_like(masks), where=high > low)
        scores = clf.logits(masks[..., None] * image.astype(np.float32))[:, 1].astype(np.float64)
        weights = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        expected = np.maximum((maps[number] * weights).sum(axis=-1), 0)
        np.testing.assert_allclose(found.values[number], expected, rtol=1e-3, atol=1e-4)


def test_score_cam_of_the_channels_that_vary_most(clf, images, monkeypatch):
    whole = attribute(clf, images, "score_cam").values
    np.testing.assert_array_equal(attribute(clf, images, "score_cam", channels=100).values, whole)
    maps, _ = _maps_and_gradients(clf, images, "conv2", lambda seen, logits: logits[:, 1])
    most = maps.std(axis=(1, 2)).argmax(axis=1)
    few = attribute(clf, images, "score_cam", channels=1).values
    np.testing.assert_allclose(few, [own[..., k] for own, k in zip(maps, most, strict=True)], rtol=1e-4)
    monkeypatch.setattr("nnvis_dash.analysis.attribution.scores.batch_size", lambda card: 6)
    np.testing.assert_allclose(attribute(clf, images, "score_cam").values, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["sequential", "residual", "nested"])
def test_guided_grad_cam_is_the_product(name):
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(2, clf.card.input_shape)
    for layer in (None, next(entry.name for entry in clf.card.layers if entry.is_map and entry.n_units)):
        found = attribute(clf, images, "guided_grad_cam", layer=layer, target=1)
        heat = attribute(clf, images, "grad_cam", layer=layer, target=1).heatmap()
        fine = attribute(clf, images, "guided_backprop", target=1).values
        np.testing.assert_allclose(found.values, fine * heat[..., None], rtol=1e-4, atol=1e-6)
        assert found.layer == (layer or clf.card.grad_cam_layer)


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@pytest.mark.parametrize("name", ["sequential", "residual", "one_sigmoid"])
def test_all_classes_at_once_are_those_one_by_one(name, output):
    clf = Classifier.from_keras(networks.ALL[name]())
    images = networks.images(3, clf.card.input_shape)
    found = class_maps(clf, images, output=output)
    assert found.shape[:2] == (3, clf.card.n_classes)
    for target in range(clf.card.n_classes):
        one = attribute(clf, images, "grad_cam", target=target, output=output).values
        np.testing.assert_allclose(found[:, target], one, rtol=1e-4, atol=1e-6)
    assert (class_maps(clf, images, relu=False) < 0).any()
    assert class_maps(clf, images[:0]).shape[:2] == (0, clf.card.n_classes)


@pytest.mark.parametrize(
    ("method", "name"), [("grad_cam", "residual"), ("grad_cam_pp", "nested"), ("layer_cam", "sequential")]
)
def test_another_class_from_kept_maps_is_the_same(name, method):
    fresh, kept = (Classifier.from_keras(networks.ALL[name](), preprocessing="unit") for _ in range(2))
    images = networks.images(2, fresh.card.input_shape)
    layers = [entry.name for entry in fresh.card.layers if entry.is_map][-3::2]  # some have a way around them
    for layer in layers:
        attribute(kept, images, method, target=0, layer=layer)
        again = attribute(kept, images, method, target=1, layer=layer)
        expected = attribute(fresh, images, method, target=1, layer=layer)
        np.testing.assert_allclose(again.values, expected.values, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(again.probability, expected.probability, rtol=1e-5)


def test_what_is_kept_belongs_to_the_images_and_is_bounded(clf, images, monkeypatch):
    monkeypatch.setattr(cams, "KEPT_BYTES", 2_000)
    memory = cams._Kept()
    import tensorflow as tf

    for number in range(5):
        memory.put(number, tf.zeros((1, 10, 10, 2)))  # 800 bytes
    assert [memory.get(number) is not None for number in range(5)] == [False, False, False, True, True]
    memory.put("large", tf.zeros((10, 10, 10, 2)))
    assert memory.get("large") is None and memory.get(4) is not None
    first = attribute(clf, images, "grad_cam", target=0).values
    assert not np.array_equal(attribute(clf, 255 - images, "grad_cam", target=0).values, first)


@pytest.mark.parametrize("method", CAMS)
def test_a_unit_is_explained_through_the_layer_before_it(clf, images, method):
    found = attribute(clf, images, method, unit=Unit("hidden", 3))
    assert found.layer == "dropout"  # the last map before it, of which conv2 is the equal
    same = attribute(clf, images, method, unit=Unit("hidden", 3), layer="conv2")
    np.testing.assert_allclose(found.values, same.values, rtol=1e-5)
    early = attribute(clf, images, method, unit=Unit("conv2", 1))
    assert early.layer == "pool"


def test_a_unit_of_a_map_by_the_eager_tape(clf, images):
    maps, g = _maps_and_gradients(
        clf, images, "conv1", lambda seen, logits: seen["conv2"].numpy().shape and _mean(seen["conv2"][..., 4])
    )
    expected = np.maximum((maps * g.mean(axis=(1, 2), keepdims=True)).sum(axis=-1), 0)
    found = attribute(clf, images, "grad_cam", unit=Unit("conv2", 4), layer="conv1")
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-7)


def _mean(maps):
    import tensorflow as tf

    return tf.reduce_mean(maps, axis=(1, 2))


def test_layers_that_do_not_lead_to_the_unit_are_refused(clf, images):
    for method in CAMS:
        with pytest.raises(ParameterError, match=r"'conv2' doesn't lead to the unit 0 of 'conv1'|leads to the unit"):
            attribute(clf, images, method, unit=Unit("conv1", 0), layer="conv2")
        with pytest.raises(ParameterError, match=r"doesn't lead to the unit 1 of 'conv2'\. Choose one of: conv1, pool"):
            attribute(clf, images, method, unit=Unit("conv2", 1), layer="dropout")
    branched = Classifier.from_keras(networks.residual())
    image = networks.images(1, (12, 12, 1))
    found = attribute(branched, image, "grad_cam", unit=Unit("depthwise", 0))
    assert found.layer == "relu"
    with pytest.raises(ParameterError, match="Choose one of: stem, norm, relu"):
        attribute(branched, image, "grad_cam", unit=Unit("depthwise", 0), layer="separable")


def test_a_map_that_is_flat_gives_zeros(images):
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((12, 10, 3)),
            layers.Conv2D(2, 3, activation="relu", kernel_initializer="zeros", name="dead"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    clf = Classifier.from_keras(model)
    for method in CAMS:
        found = attribute(clf, images, method)
        np.testing.assert_array_equal(found.values, 0)


def test_small_maps_are_stretched(clf, images):
    found = attribute(clf, images, "grad_cam_pp")
    np.testing.assert_array_equal(found.heatmap(), stretch(found.values, (12, 10)))
