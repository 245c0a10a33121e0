"""Attacks by gradients on classifiers whose gradients are known by a formula, and walks worked step by step."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import Goal, attack
from nnvis_dash.analysis.attacks.gradients import Walk, gradients, walk, walks
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import Cancelled, ParameterError
from tests import networks, saved_models

SHAPE = (2, 4, 3)
N_CLASSES = 3


def dense(kernel, bias, shape=SHAPE, activation="softmax", preprocessing="raw", **given):
    """Return the classifier kernel · pixels + bias."""
    import keras
    from keras import layers

    head = layers.Dense(kernel.shape[1], activation=activation)
    model = keras.Sequential([layers.Input(shape), layers.Flatten(), head])
    head.set_weights([kernel.astype("float32"), np.asarray(bias, "float32")])
    return Classifier.from_keras(model, preprocessing=preprocessing, **given)


@pytest.fixture(scope="module")
def kernel():
    return np.random.default_rng(4).normal(0, 0.02, (24, N_CLASSES))


@pytest.fixture(scope="module")
def linear(kernel):
    return dense(kernel, [0.3, -0.2, 0.1])


@pytest.fixture(scope="module")
def images():
    return networks.images(5, SHAPE, seed=2)


def prediction(clf, images):
    return clf.predict(images).argmax(axis=1).astype(np.int32)


def goal(clf, images, epsilon=8.0, target=None):
    targets = None if target is None else np.full(len(images), target, np.int32)
    return Goal(prediction(clf, images), targets, epsilon)


def by_formula(kernel, bias, x, classes, sense):
    """Return sense × the gradient of a class's log-odds by x (n, d): its weights minus the others' weighted mean."""
    z = x.astype(np.float64) @ kernel + bias
    z[np.arange(len(x)), classes] = -np.inf
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return sense * (kernel.T[classes] - shares @ kernel.T)


@pytest.mark.parametrize("target", [None, 2])
def test_the_gradient_is_that_of_the_log_odds(linear, kernel, images, target):
    found = gradients(linear, images.astype(np.float32), goal(linear, images, target=target))
    classes = prediction(linear, images) if target is None else np.full(len(images), target)
    flat = images.reshape(len(images), -1)
    expected = by_formula(kernel, np.array([0.3, -0.2, 0.1]), flat, classes, -1 if target is None else 1)
    np.testing.assert_allclose(found.reshape(len(images), -1), expected, atol=1e-6)


def test_the_gradient_points_as_that_of_cross_entropy(images):
    import tensorflow as tf

    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    raw = networks.images(4, clf.card.input_shape, seed=5).astype(np.float32)
    labels = prediction(clf, raw)
    with tf.GradientTape() as tape:
        x = tf.constant(raw)
        tape.watch(x)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, clf.scores(x, output="logits"))
    theirs = tape.gradient(loss, x).numpy().reshape(4, -1)
    ours = gradients(clf, raw, Goal(labels, None, 1.0)).reshape(4, -1)
    cosine = (theirs * ours).sum(axis=1) / np.linalg.norm(theirs, axis=1) / np.linalg.norm(ours, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-5)


@pytest.mark.parametrize("preprocessing", ["caffe", "imagenet", "symmetric"])
def test_the_gradient_is_by_raw_pixels_whatever_the_preprocessing(preprocessing):
    rng = np.random.default_rng(0)
    clf = dense(rng.normal(0, 0.3, (12, 3)), [0, 0, 0], (2, 2, 3), preprocessing=preprocessing)
    image = rng.uniform(20, 200, (1, 2, 2, 3)).astype(np.float32)
    asked = goal(clf, image, target=1)
    found = gradients(clf, image, asked)[0]

    def log_odds(pixels):
        z = clf.logits(pixels).astype(np.float64)[0]
        return z[1] - np.logaddexp(z[0], z[2])

    for place in ((0, 0, 0), (1, 0, 2), (0, 1, 1)):
        moved = [image.copy(), image.copy()]
        moved[0][0][place] += 1
        moved[1][0][place] -= 1
        slope = (log_odds(moved[0]) - log_odds(moved[1])) / 2
        assert found[place] == pytest.approx(slope, rel=0.02, abs=1e-4)


def test_fgsm_adds_epsilon_by_the_sign(linear, kernel, images):
    flat = images.reshape(len(images), -1)
    signs = np.sign(by_formula(kernel, np.array([0.3, -0.2, 0.1]), flat, prediction(linear, images), -1))
    found = attack(linear, images, method="fgsm", epsilon=6 / 255)
    np.testing.assert_array_equal(
        found.images, np.clip(flat + 6 * signs, 0, 255).reshape(images.shape).astype(np.uint8)
    )


def test_fgsm_is_not_stopped_by_a_classifier_that_is_sure_of_itself():
    kernel = np.zeros((4, 2))
    kernel[:, 1] = [30.0, -30.0, 30.0, -30.0]
    clf = dense(kernel, [0, 0], (2, 2, 1))
    image = np.array([110, 100, 110, 100], np.uint8).reshape(1, 2, 2, 1)  # logits 0 and 600: p is 1 in float32
    assert clf.predict(image)[0].tolist() == [0.0, 1.0]
    assert attack(clf, image, method="fgsm", epsilon=6 / 255).success.all()
    assert not attack(clf, image, method="fgsm", epsilon=4 / 255).success.any()


def test_one_sigmoid_has_two_classes_to_go_between():
    kernel = np.array([[0.5], [-0.5], [0.0], [0.1]])
    clf = dense(kernel, [-1.0], (2, 2, 1), activation="sigmoid")
    image = np.full((1, 2, 2, 1), 100, np.uint8)  # z = 10 − 1
    found = attack(clf, image, method="fgsm", epsilon=10 / 255)
    assert found.labels.tolist() == [1]
    assert found.images.ravel().tolist() == [90, 110, 100, 90]
    assert found.success.all()
    assert attack(clf, found.images, method="fgsm", target=1, epsilon=10 / 255).images.ravel().tolist() == [
        *(100, 100, 100, 100)
    ]


def test_of_several_sigmoids_the_label_falls_and_the_others_rise():
    kernel = np.array([[0.2, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.2], [0.0, 0.0, 0.0]])
    clf = dense(kernel, [-15.0, -16.0, -17.0], (2, 2, 1), activation="sigmoid")
    image = np.full((1, 2, 2, 1), 100, np.uint8)
    found = attack(clf, image, method="fgsm", epsilon=5 / 255)
    assert found.labels.tolist() == [0]
    assert found.images.ravel().tolist() == [95, 105, 105, 100]
    assert found.success.all()


def steps_by_hand(kernel, bias, clean, labels, epsilon, how):
    """Walk with NumPy in float64 and return the place with the greatest margin."""
    clean = clean.reshape(len(clean), -1).astype(np.float64)
    x, velocity = clean.copy(), np.zeros_like(clean)
    best, greatest = x.copy(), np.full(len(x), -np.inf)
    for number in range(how.steps + 1):
        z = x @ kernel + bias
        others = z.copy()
        others[np.arange(len(x)), labels] = -np.inf
        margin = others.max(axis=1) - z[np.arange(len(x)), labels]
        better = margin > greatest
        best[better], greatest[better] = x[better], margin[better]
        if number == how.steps:
            return best, greatest
        gradient = by_formula(kernel, bias, x, labels, -1)
        velocity = how.decay * velocity + gradient / np.abs(gradient).sum(axis=1, keepdims=True)
        step = how.step_size * epsilon
        if how.norm == "linf":
            change = np.clip(x - clean + step * np.sign(velocity), -epsilon, epsilon)
        else:
            change = x - clean + step * velocity / np.linalg.norm(velocity, axis=1, keepdims=True)
            change *= np.minimum(1, epsilon / np.linalg.norm(change, axis=1, keepdims=True))
        x = np.clip(clean + change, 0, 255)
    raise AssertionError


@pytest.mark.parametrize(
    "how",
    [Walk("linf", 7, 0.3), Walk("linf", 6, 0.25, 1.0), Walk("l2", 6, 0.3, 0.5), Walk("l2", 7, 0.3)],
    ids=["iterated", "momentum", "half the momentum in l2", "l2"],
)
def test_a_walk_goes_as_worked_by_hand(how):
    rng = np.random.default_rng(8)
    kernel, bias = rng.normal(0, 0.01, (24, 4)), np.zeros(4)  # so small that several classes compete
    clf = dense(kernel, bias)
    images = rng.integers(0, 256, (6, *SHAPE)).astype(np.float32)
    labels = prediction(clf, images)
    epsilon = 60.0 if how.norm == "linf" else 150.0
    found, margins = walk(clf, images, images, Goal(labels, None, epsilon), how)
    expected, greatest = steps_by_hand(kernel, bias, images, labels, epsilon, how)
    np.testing.assert_allclose(found.reshape(6, -1), expected, atol=2e-3)
    np.testing.assert_allclose(margins, greatest, atol=1e-3)


def test_success_on_the_way_is_not_lost():
    # Class 1 from 100 to 110 of the one pixel, class 0 elsewhere: steps of 8 from 90 end at 98, 106, 98, ...
    import keras
    from keras import layers

    first, last = layers.Dense(2, activation="relu"), layers.Dense(2, activation="softmax")
    model = keras.Sequential([layers.Input((1, 1, 1)), layers.Flatten(), first, last])
    first.set_weights([np.array([[1.0, -1.0]]), np.array([-105.0, 105.0])])
    last.set_weights([np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0.0, 5.0])])
    clf = Classifier.from_keras(model)
    image = np.full((1, 1, 1, 1), 90, np.uint8)
    for steps in (2, 3, 4, 5):
        found = attack(clf, image, method="iterated_fgsm", epsilon=80 / 255, steps=steps, step_size=0.1)
        assert found.success.all()
        assert found.images.item() == 106


def test_momentum_without_decay_is_iterated_fgsm(linear, images):
    given = {"epsilon": 9 / 255, "steps": 4, "step_size": 0.4}
    plain = attack(linear, images, method="iterated_fgsm", **given)
    np.testing.assert_array_equal(attack(linear, images, method="momentum", decay=0.0, **given).images, plain.images)


def test_one_whole_step_is_fgsm():
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(8, clf.card.input_shape, seed=1)
    one = attack(clf, images, method="iterated_fgsm", epsilon=4 / 255, steps=1, step_size=1.0)
    whole = attack(clf, images, method="fgsm", epsilon=4 / 255)
    moved = (one.images != images).any(axis=(1, 2, 3))  # the others had the greatest margin where they began
    assert moved.sum() >= 6
    np.testing.assert_array_equal(one.images[moved], whole.images[moved])


@pytest.mark.parametrize("method", ["pgd", "pgd_l2"])
def test_the_seed_alone_decides_where_a_walk_begins(method, linear, images):
    given = {"method": method, "epsilon": 10 / 255, "steps": 1, "step_size": 0.01}
    one = attack(linear, images, seed=1, **given)
    np.testing.assert_array_equal(one.images, attack(linear, images, seed=1, **given).images)
    assert (one.images != attack(linear, images, seed=2, **given).images).any()
    last = attack(linear, images[-1:], seed=1, **given)
    np.testing.assert_array_equal(one.images[-1:], last.images)


@pytest.mark.parametrize("method", ["pgd", "pgd_l2"])
def test_more_restarts_never_lose_a_success(method):
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(24, clf.card.input_shape, seed=3)
    epsilon = {"pgd": 1 / 255, "pgd_l2": 10 / 255}[method]
    given = {"method": method, "epsilon": epsilon, "steps": 2, "step_size": 0.5}
    few, many = (attack(clf, images, restarts=n, **given).success_before_rounding for n in (1, 5))
    assert (many >= few).all()


def test_the_best_of_all_starts_is_taken(linear, images):
    clean = images.astype(np.float32)
    asked = goal(linear, images, epsilon=2.0)
    rng = np.random.default_rng(0)
    starts = [rng.uniform(-2, 2, SHAPE).astype(np.float32) for _ in range(3)]
    how = Walk("linf", 1, 0.1)
    each = [walk(linear, clean, np.clip(clean + start, 0, 255), asked, how) for start in starts]
    margins = np.stack([margin for _, margin in each])
    assert (margins < 0).all()  # so no walk ends early
    found = walks(linear, clean, starts, asked, how)
    for number, which in enumerate(margins.argmax(axis=0)):
        np.testing.assert_allclose(found[number], each[which][0][number])


def test_a_target_is_reached_and_more_than_a_flip(linear, images):
    target = (prediction(linear, images) + 1) % N_CLASSES
    for method in ("fgsm", "iterated_fgsm", "momentum", "pgd", "pgd_l2"):
        epsilon = 3.0 if method == "pgd_l2" else 200 / 255
        found = attack(linear, images, method=method, target=target, epsilon=epsilon)
        np.testing.assert_array_equal(found.targets, target)
        np.testing.assert_array_equal(found.success, prediction(linear, found.images) == target)
        assert found.success.mean() >= 0.8


def test_walks_tell_how_far_they_are_and_can_be_stopped(images):
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(2, clf.card.input_shape)
    told = []
    with progress.reporting(lambda done, total: told.append(done / total)):
        attack(clf, images, method="pgd", epsilon=0.5 / 255, steps=4, restarts=3)
    assert told == sorted(told) and told[-1] == 1 and len(told) > 3

    def stop(done, total):
        raise Cancelled("enough")

    with progress.reporting(stop), pytest.raises(Cancelled):
        attack(clf, images, method="pgd", epsilon=0.5 / 255)


def opaque(folder, compute):
    from nnvis_dash.analysis.card import describe
    from nnvis_dash.analysis.opaque import OpaqueGraph
    from nnvis_dash.analysis.saved_model import freeze_file

    saved = saved_models.save_function(folder / "saved", compute)
    limits = {"max_bytes": 1 << 20, "max_parameters": 10_000}
    freeze_file({"path": str(saved), "folder": str(folder), **limits}, lambda phase: None)
    graph = OpaqueGraph.open(folder / "model.pb")
    return Classifier(graph, describe(graph, name="frozen", preprocessing="unit", content="c"))


def test_a_graph_without_layers_is_attacked_through_its_gradients(tmp_path):
    import tensorflow as tf

    clf = opaque(tmp_path, lambda module, images: tf.nn.softmax(saved_models.linear(module, images)))
    images = networks.images(3, saved_models.SHAPE)
    before = clf.predict(images).max(axis=1)
    found = attack(clf, images, method="pgd", epsilon=8 / 255, steps=3)
    assert (found.probabilities[np.arange(3), found.labels] < before).all()


@pytest.mark.parametrize("method", ["fgsm", "pgd"])
def test_a_graph_without_gradients_is_refused_with_what_can_be_used(tmp_path, method):
    import tensorflow as tf

    clf = opaque(tmp_path, lambda module, images: tf.nn.softmax(saved_models.linear(module, tf.round(images))))
    with pytest.raises(ParameterError, match="No gradient flows") as refused:
        attack(clf, networks.images(2, saved_models.SHAPE), method=method)
    assert refused.value.mend
