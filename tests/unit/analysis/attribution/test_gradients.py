"""Gradient methods against numbers worked by hand, the eager tape, and each other in the limit."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nnvis_dash.analysis import classifier, progress
from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.attribution.baselines import baseline
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import Cancelled, ParameterError
from nnvis_dash.types import Unit
from tests import networks

GRADIENTS = ("gradient", "input_times_gradient", "smoothgrad", "vargrad", "integrated_gradients")


def _by_hand() -> Classifier:
    """Two pixels a and b, hidden relu(a − b) and relu(b − 4), scores h1 + 2·h2 and 3·h1."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [layers.Input((1, 2, 1)), layers.Flatten(), layers.Dense(2, "relu", name="hidden"), layers.Dense(2)]
    )
    model.layers[1].set_weights([np.array([[1.0, 0.0], [-1.0, 1.0]]), np.array([0.0, -4.0])])
    model.layers[2].set_weights([np.array([[1.0, 3.0], [2.0, 0.0]]), np.zeros(2)])
    return Classifier.from_keras(model)


IMAGE = np.array([[[[8], [6]]]], np.uint8)  # hidden 2 and 2, scores 6 and 6


@pytest.fixture(scope="module")
def by_hand():
    return _by_hand()


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.sequential(), preprocessing="caffe")


@pytest.fixture(scope="module")
def images():
    return networks.images(3, (12, 10, 3))


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("gradient", 0, [1, 1]),  # h1 gives 1 −1, h2 twice 0 1
        ("gradient", 1, [3, -3]),
        ("input_times_gradient", 0, [8, 6]),
        ("input_times_gradient", 1, [24, -18]),
        # The way from black: h1 is open all along, h2 from b = 4 on, that is on the last third.
        ("integrated_gradients", 0, [8, -6 + 2 * 6 / 3]),
        ("integrated_gradients", 1, [24, -18]),
    ],
)
def test_by_hand(by_hand, method, target, expected):
    parameters = {"steps": 300} if method == "integrated_gradients" else {}
    found = attribute(by_hand, IMAGE, method, target=target, **parameters)
    np.testing.assert_allclose(found.values.ravel(), expected, rtol=1e-5)
    assert found.target.tolist() == [target]
    assert found.layer is None


def test_hidden_units_by_hand(by_hand):
    for channel, expected in ((0, [1, -1]), (1, [0, 1])):
        found = attribute(by_hand, IMAGE, "gradient", unit=Unit("hidden", channel))
        np.testing.assert_allclose(found.values.ravel(), expected)
    whole = attribute(by_hand, IMAGE, "gradient", layer="hidden")
    np.testing.assert_allclose(whole.values.ravel(), [0.5, 0])
    np.testing.assert_array_equal(whole.target, by_hand.predict(IMAGE).argmax(axis=1))


def test_the_saliency_map_has_no_sign(by_hand):
    found = attribute(by_hand, IMAGE, "gradient", target=1, absolute=True)
    np.testing.assert_allclose(found.values.ravel(), [3, 3])


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@pytest.mark.parametrize("name", networks.ALL)
def test_the_gradient_is_that_of_the_eager_tape(name, output):
    import tensorflow as tf

    clf = Classifier.from_keras(networks.ALL[name]())
    images = networks.images(2, clf.card.input_shape)
    target = np.array([1, 0])
    found = attribute(clf, images, "gradient", target=target, output=output)
    with tf.GradientTape() as tape:
        x = tf.constant(images, tf.float32)
        tape.watch(x)
        score = tf.gather(clf.scores(x, output=output), target, axis=1, batch_dims=1)
    np.testing.assert_allclose(found.values, tape.gradient(score, x), rtol=1e-4, atol=1e-6)


def test_values_stand_at_the_channels_of_the_raw_pixels(images):
    """A network that looks at red only, trained on BGR: red is where the values are."""
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((2, 2, 3)), layers.Flatten(), layers.Dense(2)])
    kernel = np.zeros((4, 3, 2), np.float32)
    kernel[:, 2, 0] = 1.0
    model.layers[1].set_weights([kernel.reshape(12, 2), np.zeros(2)])
    clf = Classifier.from_keras(model, preprocessing="caffe")
    image = networks.images(1, (2, 2, 3))
    for method in GRADIENTS:
        values = attribute(clf, image, method, target=0).values
        assert not values[..., 1:].any()
        assert values[..., 0].any() or method == "vargrad"
    red = attribute(clf, image, "integrated_gradients", target=0).values[..., 0]
    np.testing.assert_allclose(red, image[..., 0], rtol=1e-4)  # of a linear score


def test_input_times_gradient_takes_what_the_model_gets(clf, images):
    values = attribute(clf, images, "gradient").values
    x = images.astype(np.float32) - np.array(clf.card.preprocessing.mean[::-1], np.float32)
    np.testing.assert_allclose(attribute(clf, images, "input_times_gradient").values, x * values, rtol=1e-4, atol=1e-5)


def test_one_sample_without_noise_is_the_gradient(clf, images):
    plain = attribute(clf, images, "gradient").values
    same = attribute(clf, images, "smoothgrad", samples=1, noise=0.0).values
    np.testing.assert_allclose(same, plain, rtol=1e-5, atol=1e-7)
    assert not attribute(clf, images, "vargrad", samples=1, noise=0.3).values.any()


def test_smoothgrad_and_vargrad_are_mean_and_variance_over_noise(images):
    clf = Classifier.from_keras(networks.sequential())
    spread = np.float32(images.max(axis=(1, 2, 3), keepdims=True)) - images.min(axis=(1, 2, 3), keepdims=True)
    target = np.array([0, 1, 2])
    each = []
    for step in range(5):
        noise = np.random.default_rng([3, step]).standard_normal((12, 10, 3), dtype=np.float32)
        each.append(attribute(clf, images + np.float32(0.2) * spread * noise, "gradient", target=target).values)
    wanted = {"samples": 5, "noise": 0.2, "seed": 3, "target": target}
    mean = attribute(clf, images, "smoothgrad", **wanted).values
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-3, atol=1e-6)
    variance = attribute(clf, images, "vargrad", **wanted).values
    np.testing.assert_allclose(variance, np.var(each, axis=0), rtol=1e-2, atol=1e-6)
    assert not np.array_equal(mean, attribute(clf, images, "smoothgrad", **{**wanted, "seed": 4}).values)


def test_noise_explains_the_class_of_the_image_itself(by_hand):
    """Noise that changes the prediction doesn't change what is explained."""
    image = np.array([[[[9], [5]]]], np.uint8)  # scores 6 and 12
    found = attribute(by_hand, image, "smoothgrad", samples=64, noise=1.0)
    same = attribute(by_hand, image, "smoothgrad", samples=64, noise=1.0, target=1)
    assert found.target.tolist() == [1]
    np.testing.assert_array_equal(found.values, same.values)


@pytest.mark.parametrize("kind", ["black", "white", "mean", "blurred"])
def test_integrated_gradients_add_up_to_the_difference_from_the_baseline(clf, images, kind):
    found = attribute(clf, images, "integrated_gradients", baseline=kind, steps=400, target=2)
    difference = clf.logits(images)[:, 2] - clf.logits(baseline(images, kind))[:, 2]
    np.testing.assert_allclose(found.values.sum(axis=(1, 2, 3)), difference, rtol=0.02, atol=0.05)


def test_baselines_by_hand():
    images = np.array([[[[0, 10]], [[4, 30]]]], np.uint8)
    np.testing.assert_array_equal(baseline(images, "mean"), [[[[2, 20]], [[2, 20]]]])
    assert not baseline(images, "black").any()
    assert (baseline(images, "white") == 255).all()
    flat = np.full((1, 5, 6, 1), 7, np.uint8)
    np.testing.assert_allclose(baseline(flat, "blurred"), flat)
    with pytest.raises(ParameterError, match="black, mean, blurred, white"):
        baseline(images, "grey")


@pytest.mark.parametrize("method", ["smoothgrad", "integrated_gradients"])
def test_many_steps_are_cut_into_chunks(clf, images, method, monkeypatch):
    steps = {"smoothgrad": "samples", "integrated_gradients": "steps"}[method]
    whole = attribute(clf, images, method, **{steps: 7}).values
    seen = []
    with progress.reporting(lambda done, total: seen.append((done, total))):
        monkeypatch.setattr("nnvis_dash.analysis.attribution.scores.batch_size", lambda card: 6)
        pieces = attribute(clf, images, method, **{steps: 7}).values  # two variants of three images at once
    np.testing.assert_allclose(pieces, whole, rtol=1e-4, atol=1e-5)
    shares = [done / total for done, total in seen]
    assert len(shares) >= 4 and shares == sorted(shares) and shares[-1] == 1


def test_cancelling_stops_between_chunks(clf, images, monkeypatch):
    monkeypatch.setattr("nnvis_dash.analysis.attribution.scores.batch_size", lambda card: 3)
    calls = []

    def cancel(done: int, total: int) -> None:
        calls.append(done)
        raise Cancelled("Cancelled", "")

    with progress.reporting(cancel), pytest.raises(Cancelled):
        attribute(clf, images, "smoothgrad", samples=50)
    assert len(calls) == 1


def test_an_image_does_not_depend_on_its_batch(clf, images, monkeypatch):
    monkeypatch.setattr(classifier, "batch_size", lambda card: 2)
    for method in GRADIENTS:
        few = {"samples": 5} if method in ("smoothgrad", "vargrad") else {}
        together = attribute(clf, images, method, target=0, **few).values
        alone = [attribute(clf, image[None], method, target=0, **few).values[0] for image in images[::-1]]
        np.testing.assert_allclose(together[::-1], alone, rtol=1e-3, atol=1e-6)


def test_two_methods_at_once_do_not_disturb_each_other(images):
    clf = Classifier.from_keras(networks.nested())
    images = networks.images(3, clf.card.input_shape)
    names = ("gradient", "guided_backprop", "deconvnet", "grad_cam", "integrated_gradients")
    found: dict[str, np.ndarray] = {}

    def explain(method: str) -> None:
        found[method] = attribute(clf, images, method, target=1).values

    threads = [threading.Thread(target=explain, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = Classifier.from_keras(networks.nested())
    for name in names:
        expected = attribute(alone, images, name, target=1).values
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-7)


def test_a_flat_gradient_is_zero_and_finite():
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((3, 3, 1)), layers.Flatten(), layers.Dense(2, kernel_initializer="zeros")])
    clf = Classifier.from_keras(model)
    for method in GRADIENTS:
        assert not attribute(clf, networks.images(1, (3, 3, 1)), method).values.any()
