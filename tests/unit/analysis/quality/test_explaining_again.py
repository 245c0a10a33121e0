"""Measures that explain again: planted methods come out as they must, and values are those of Quantus."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import Attribution
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.quality import Case, applicable, case_of, quality
from nnvis_dash.analysis.quality.randomisation import cascade
from nnvis_dash.analysis.quality.similarity import mean_known, similarity
from nnvis_dash.analysis.random_weights import random_weights
from nnvis_dash.errors import ModelError, ParameterError
from tests import networks
from tests.unit.analysis.quality import cases
from tests.unit.analysis.quality.cases import ask

AGAIN = ("randomisation", "random_logit", "average_sensitivity", "max_sensitivity")


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


@pytest.fixture(scope="module")
def images(clf):
    return networks.images(6, clf.card.input_shape, seed=3)


def test_an_edge_detector_shows_neither_the_weights_nor_the_class(clf, images):
    case = cases.planted(clf, images, cases.edges)
    np.testing.assert_allclose(ask("randomisation", case), 1, atol=1e-6)
    np.testing.assert_allclose(ask("random_logit", case), 1, atol=1e-6)
    assert (ask("average_sensitivity", case) < 0.2).all()


def test_the_gradient_shows_both(clf, images):
    case = case_of(clf, images, "gradient")
    assert (ask("randomisation", case) < 0.7).all()
    assert (ask("random_logit", case) < 0.7).all()
    again = case_of(clf, images, "gradient")
    for name in AGAIN:
        np.testing.assert_array_equal(ask(name, case), ask(name, again))


def test_a_random_map_is_unstable(clf, images):
    case = cases.planted(clf, images, cases.noise)
    smooth = case_of(clf, images, "grad_cam", layer="conv1")
    found, most = ask("average_sensitivity", case), ask("max_sensitivity", case)
    assert (found > 1).all() and (most >= found).all()
    assert np.nanmean(ask("average_sensitivity", smooth)) < found.mean() / 2


def test_what_does_not_depend_on_its_neighbours(clf, images):
    together, alone = case_of(clf, images, "gradient", seed=4), case_of(clf, images[2:3], "gradient", seed=4)
    for name in AGAIN:
        np.testing.assert_allclose(ask(name, together)[2:3], ask(name, alone), rtol=1e-3, atol=1e-3)


def test_changes_keep_the_prediction_or_are_dropped(clf, images):
    seen = []

    def explain(classifier, images, targets):
        seen.append(images)
        return Attribution(cases.edges(images), "gradient", targets, None, "logits", targets * 1.0, images.shape[1:3])

    predictions = clf.predict(images).argmax(axis=1)
    case = Case(clf, images, cases.edges(images), predictions.astype(np.int32), None, explain)
    found = ask("average_sensitivity", case, radius=0.5, draws=5)
    assert len(seen) == 1  # all draws of all images at once
    ask("max_sensitivity", case, radius=0.5, draws=5)
    assert len(seen) == 1  # and for both measures
    (changed,) = seen
    assert changed.dtype == np.uint8 and set(clf.predict(changed).argmax(axis=1)) <= set(predictions)
    assert np.isfinite(found).any()
    # A classifier whose answer turns on the last bit: no change keeps it.
    import keras

    model = keras.Sequential([keras.layers.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    kernel = np.random.default_rng(0).normal(size=(360, 1))
    offset = images[0].ravel().astype(float) @ kernel
    model.layers[-1].set_weights([np.hstack([kernel, -kernel]) * 1e4, np.concatenate([-offset, offset]) * 1e4])
    on_edge = Classifier.from_keras(model)
    dropped = cases.planted(on_edge, images[:1], cases.edges)
    kept = ask("average_sensitivity", dropped, radius=0.01, draws=4)
    assert np.isfinite(kept).all()  # half of all changes keep it, and those that don't are drawn again
    assert ask("max_sensitivity", cases.planted(on_edge, images[:1], np.zeros_like)).shape == (1,)


def test_as_quantus_says():
    """Quantus 0.6.0 with the same noise: AvgSensitivity, MaxSensitivity, RandomLogit by Spearman's correlation."""
    import keras

    rng = np.random.default_rng(3)
    heatmaps = rng.normal(0.2, 1, (3, 6, 5)).astype(np.float32)
    images = (100 + 20 * rng.random((3, 6, 5, 1))).astype(np.float32)
    targets = np.array([0, 1, 1], np.int32)
    model = keras.Sequential([keras.layers.Input((6, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.ones((30, 2)) * [0.0, 1.0], np.zeros(2)])

    def explain(classifier, images, targets):
        maps = np.where(targets[:, None, None] == 0, np.sin(images[..., 0] / 7), np.cos(images[..., 0] / 5))
        size = images.shape[1:3]
        return Attribution(maps.astype(np.float32), "gradient", targets, None, "logits", targets * 1.0, size)

    clf = Classifier.from_keras(model)
    case = Case(clf, images, explain(clf, images, targets).heatmap(), targets, None, explain)
    for name, expected in (
        ("average_sensitivity", [0.571642, 0.645881, 0.635655]),
        ("max_sensitivity", [0.587225, 0.708296, 0.765803]),
    ):
        np.testing.assert_allclose(ask(name, case, draws=5), expected, atol=1e-4)
    np.testing.assert_allclose(ask("random_logit", case), [-0.115462, 0.300556, -0.024694], atol=1e-5)
    # quantus.similarity_func.correlation_spearman of the first two maps, and of their sizes
    assert similarity(heatmaps[:1], heatmaps[1:2]) == pytest.approx(0.1203560)
    assert similarity(heatmaps[:1], heatmaps[1:2], absolute=True) == pytest.approx(-0.1234705)


def test_similarity_of_maps_that_say_nothing():
    one, flat, broken = np.arange(6.0).reshape(1, 2, 3), np.ones((1, 2, 3)), np.full((1, 2, 3), np.nan)
    assert similarity(one, one) == 1 and similarity(one, -one) == -1
    assert similarity(one, flat) == 0
    for pair in ((flat, one), (one, broken), (broken, one)):
        assert np.isnan(similarity(*pair))
    np.testing.assert_array_equal(mean_known([[1, np.nan, 3], [np.nan, np.nan, np.nan]]), [2, np.nan])


def test_the_cascade_goes_from_the_top_to_all_layers(clf, images):
    weights = clf.model.get_weights()
    case = case_of(clf, images, "gradient")
    found = cascade(case)
    assert found.layers == ("head", "hidden", "conv2", "conv1")
    assert found.similarity.shape == (4, 6)
    np.testing.assert_allclose(ask("randomisation", case), found.similarity.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(ask("randomisation", case, steps=2), found.similarity[[0, 3]].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(ask("randomisation", case, steps=1), found.similarity[3], atol=1e-6)
    activation = case_of(clf, images, "activation", layer="conv2")  # knows nothing of the layers above
    np.testing.assert_allclose(cascade(activation).similarity[:2], 1, atol=1e-6)
    for old, new in zip(weights, clf.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ParameterError, match="without the method"):
        cascade(case_of(clf, images, cases.edges(images), target=0))


def test_a_graph_without_layers_has_no_weights_to_change(clf, images):
    case = cases.planted(clf, images, cases.edges)
    opaque = Classifier(clf.model, type(clf.card)(**{**clf.card.__dict__, "layers": ()}))
    case = Case(opaque, images, case.heatmaps, case.targets, case.attribution, case.explain)
    assert "randomisation" not in applicable(case) and "random_logit" in applicable(case)


def test_a_layer_that_cannot_be_made_twice_is_said(images):
    import keras

    class Own(keras.layers.Layer):
        def __init__(self, needed):
            super().__init__()
            self.kernel = self.add_weight(shape=(3, needed))

        def call(self, x):
            return keras.ops.matmul(x, self.kernel)

    inputs = keras.Input((12, 10, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(Own(4)(inputs))))
    own = Classifier.from_keras(model)
    case = case_of(own, images, "gradient")
    assert np.isnan(ask("randomisation", case)).all()
    with pytest.raises(ModelError, match="second time"):
        cascade(case)


def test_all_at_once(clf, images):
    found = quality(clf, images, "grad_cam", masks=np.ones((6, 12, 10), bool), seed=1)
    assert {*AGAIN, "soundness", "sparseness", "complexity", "relevance_mass", "conservation"} <= set(found.values)
    assert np.isnan(found.values["conservation"]).all() and np.isfinite(found.values["soundness"]).all()


@pytest.mark.parametrize(
    "method",
    ["gradient", "layer_cam", "guided_backprop", "lrp_preset_a", "deep_lift", "occlusion", "score_cam", "fusion"],
)
def test_functions_that_were_compiled_before_read_the_new_weights(method):
    """What is explained with swapped weights is what a new classifier with these weights explains."""
    clf = Classifier.from_keras(networks.residual(), preprocessing="unit")
    images = networks.images(2, clf.card.input_shape)
    case = case_of(clf, images, method, target=1)
    with random_weights(clf) as drawn:
        assert drawn.layers == ("scores", "separable", "depthwise", "stem")
        for n_layers in (4, 2):
            swapped = drawn.classifier(n_layers, seed=1)
            n_functions = len(swapped._compiled)
            found = case.explain(swapped, images, case.targets).values
            if n_layers == 2:
                assert len(swapped._compiled) == n_functions
            fresh = Classifier(clf.model, clf.card, swapped.graph)
            np.testing.assert_allclose(found, case.explain(fresh, images, case.targets).values, rtol=1e-4, atol=1e-6)
            assert not np.allclose(found, case.attribution.values)
    np.testing.assert_array_equal(case.explain(clf, images, case.targets).values, case.attribution.values)
