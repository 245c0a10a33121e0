"""Copies of classifiers with random weights: the user's own stays, what is frozen stays frozen, threads don't meet."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np

from nnvis_dash.analysis import random_weights as module
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.mutation.frozen_graph import frozen_classifier
from nnvis_dash.analysis.random_weights import random_weights
from tests import networks


def weights_of(clf, layer):
    return [weight.numpy() for weight in clf.graph.step(layer).operation.weights]


def test_layer_by_layer_at_the_scale_of_the_layer():
    clf = Classifier.from_keras(networks.nested(), preprocessing="raw")
    images = networks.images(3, clf.card.input_shape)
    given = clf.predict(images)
    with random_weights(clf) as drawn:
        assert drawn.layers == ("head/classes", "head/hidden", "base:1/conv")  # the shared base once
        np.testing.assert_allclose(drawn.classifier(0, 0).predict(images), given, atol=1e-6)
        one = drawn.classifier(2, seed=5)
        np.testing.assert_array_equal(weights_of(one, "base/conv")[0], weights_of(clf, "base/conv")[0])
        top = weights_of(one, "head/classes")[0]
        for old, new in zip(weights_of(clf, "head/hidden"), weights_of(one, "head/hidden"), strict=True):
            assert not np.allclose(old, new)
        everything = drawn.classifier(3, seed=5)
        np.testing.assert_array_equal(weights_of(everything, "head/classes")[0], top)
        old, new = weights_of(clf, "base/conv")[0], weights_of(everything, "base/conv")[0]
        assert 0.8 < np.sqrt(np.mean(new**2)) / np.sqrt(np.mean(old**2)) < 1.25
        for old, new in zip(weights_of(clf, "base/norm"), weights_of(everything, "base/norm"), strict=True):
            np.testing.assert_array_equal(old, new)
        first = everything.predict(images)
        assert not np.allclose(first, given, atol=0.01)
    np.testing.assert_array_equal(clf.predict(images), given)
    with random_weights(clf) as again:
        assert again is drawn
        np.testing.assert_array_equal(again.classifier(3, seed=5).predict(images), first)
        assert not np.allclose(again.classifier(0, 0).predict(images), first)
        assert not np.allclose(again.classifier(3, seed=6).predict(images), first)


def test_frozen_units_stay_frozen():
    clf = frozen_classifier(Classifier.from_keras(networks.sequential()), {"conv1": [0, 2], "hidden": [1]})
    with random_weights(clf) as drawn:
        kernel, bias = weights_of(drawn.classifier(4, seed=0), "conv1")
        assert not kernel[..., [0, 2]].any() and not bias[[0, 2]].any()
        assert kernel[..., [1, 3]].all() and bias[[1, 3]].all()


def test_another_thread_gets_a_copy_of_its_own():
    clf = Classifier.from_keras(networks.one_sigmoid())
    images = networks.images(2, clf.card.input_shape)
    given, found = clf.predict(images), []

    def other():
        with random_weights(clf) as mine:
            found.extend([mine, mine.classifier(0, 0).predict(images)])

    with random_weights(clf) as drawn:
        changed = drawn.classifier(2, seed=3)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert found[0] is not drawn
        np.testing.assert_allclose(found[1], given, atol=1e-6)
        assert not np.allclose(changed.predict(images), given, atol=1e-3)
    n_functions = len(clf._compiled)
    with random_weights(clf) as again:
        assert again is drawn
    assert len(clf._compiled) == n_functions


def test_a_large_copy_is_let_go(monkeypatch):
    monkeypatch.setattr(module, "KEPT_BYTES", 100)
    clf = Classifier.from_keras(networks.one_sigmoid())
    with random_weights(clf) as drawn:
        drawn.classifier(2, seed=3).predict(networks.images(2, clf.card.input_shape))
        gone = weakref.ref(drawn)
    del drawn
    gc.collect()
    assert gone() is None
