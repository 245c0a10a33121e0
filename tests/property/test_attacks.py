"""Laws of attacks that hold for any network, image, epsilon and goal."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.attacks import attack
from nnvis_dash.analysis.attacks.minimal import minimal_epsilon
from nnvis_dash.analysis.classifier import Classifier
from tests import networks

NETWORKS = ("sequential", "residual", "shared", "one_sigmoid", "logits")
CHEAP = {
    "fgsm": {},
    "iterated_fgsm": {"steps": 3},
    "momentum": {"steps": 3},
    "pgd": {"steps": 3},
    "square": {"queries": 10},
}
some = settings(max_examples=40, deadline=None)  # each network is traced for each attack, once
few = settings(max_examples=15, deadline=None)


@cache
def classifier(name):
    return Classifier.from_keras(networks.ALL[name](), preprocessing="unit")


names = st.sampled_from(NETWORKS)
methods = st.sampled_from(list(CHEAP))
seeds = st.integers(0, 99)


@some
@given(names, methods, st.floats(0, 1), st.integers(1, 4), seeds, st.booleans())
def test_linf_attacks_stay_within_epsilon_after_rounding(name, method, epsilon, n, seed, targeted):
    clf = classifier(name)
    images = networks.images(n, clf.card.input_shape, seed)
    target = seed % clf.card.n_classes if targeted else None
    found = attack(clf, images, method=method, target=target, epsilon=epsilon, **CHEAP[method])
    change = found.images.astype(int) - images
    assert found.images.dtype == np.uint8
    assert np.abs(change).max() <= np.floor(255 * epsilon + 1e-6)
    said = clf.predict(found.images).argmax(axis=1)
    np.testing.assert_array_equal(found.success, said == target if targeted else said != found.labels)


@few
@given(names, st.floats(0, 8), st.integers(1, 3), seeds)
def test_l2_attacks_stay_within_epsilon_after_rounding(name, epsilon, n, seed):
    clf = classifier(name)
    images = networks.images(n, clf.card.input_shape, seed)
    found = attack(clf, images, method="pgd_l2", epsilon=epsilon, steps=3)
    change = found.images.astype(np.float64) - images
    assert (np.sqrt((change**2).sum(axis=(1, 2, 3))) <= 255 * epsilon + 1e-6).all()
    np.testing.assert_array_equal(found.success, clf.predict(found.images).argmax(axis=1) != found.labels)


@few
@given(names, methods, seeds)
def test_epsilon_zero_is_no_attack(name, method, seed):
    clf = classifier(name)
    images = networks.images(2, clf.card.input_shape, seed)
    found = attack(clf, images, method=method, epsilon=0.0, **CHEAP[method])
    np.testing.assert_array_equal(found.images, images)
    assert not found.success.any()


@few
@given(names, st.sampled_from([*CHEAP, "pgd_l2"]), seeds)
def test_a_batch_is_its_images_one_by_one(name, method, seed):
    clf = classifier(name)
    images = networks.images(3, clf.card.input_shape, seed)
    given_ = {"steps": 3} if method == "pgd_l2" else CHEAP[method]
    together = attack(clf, images, method=method, epsilon=9 / 255, **given_)
    alone = [attack(clf, image[None], method=method, epsilon=9 / 255, **given_) for image in images]
    same = together.images == np.concatenate([found.images for found in alone])
    assert same.mean() > 0.99  # a gradient next to 0 may have either sign in another batch


@few
@given(names, st.sampled_from(["fgsm", "pgd"]), st.integers(1, 60), seeds)
def test_the_smallest_epsilon_flips_and_the_one_before_does_not(name, method, high, seed):
    clf = classifier(name)
    images = networks.images(3, clf.card.input_shape, seed)
    found = minimal_epsilon(clf, images, method=method, high=high / 255, **CHEAP[method])
    before = clf.predict(images).argmax(axis=1)
    np.testing.assert_array_equal(clf.predict(found.images).argmax(axis=1) != before, found.found)
    np.testing.assert_array_equal(np.isnan(found.epsilon), ~found.found)
    np.testing.assert_array_equal(found.images[~found.found], images[~found.found])
    for number in np.flatnonzero(found.found):
        whole = round(255 * float(found.epsilon[number]))
        assert 1 <= whole <= high
        assert np.abs(found.images[number].astype(int) - images[number]).max() <= whole
        less = attack(clf, images[number][None], method=method, epsilon=(whole - 1) / 255, **CHEAP[method])
        assert not less.success.any()
