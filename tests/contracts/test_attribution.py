"""Every registered attribution method keeps the same promises; a new file is tested by being there."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import METHODS, attribute, methods
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.relevance.patterns import learn_patterns
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Unit
from tests import networks, saved_models

NETWORKS = ("sequential", "residual", "nested", "one_sigmoid")
CHEAP = {
    "smoothgrad": {"samples": 4},
    "vargrad": {"samples": 4},
    "integrated_gradients": {"steps": 4},
    "rise": {"masks": 32},
    "lime": {"samples": 32, "n_regions": 8},
    "shapley": {"samples": 32, "n_regions": 8},
}
WITHOUT_A_TARGET = {"activation"}  # shows the same whatever is asked for


@pytest.fixture(scope="module")
def classifiers():
    return {name: Classifier.from_keras(networks.ALL[name](), preprocessing="unit") for name in NETWORKS}


@pytest.fixture(scope="module")
def without_layers(tmp_path_factory):
    import tensorflow as tf

    from nnvis_dash.analysis.card import describe
    from nnvis_dash.analysis.opaque import OpaqueGraph
    from nnvis_dash.analysis.saved_model import freeze_file

    folder = tmp_path_factory.mktemp("opaque")
    saved = saved_models.save_function(
        folder / "saved", lambda module, images: tf.nn.softmax(saved_models.linear(module, images))
    )
    freeze_file(
        {"path": str(saved), "folder": str(folder), "max_bytes": 1 << 20, "max_parameters": 10_000}, lambda phase: None
    )
    graph = OpaqueGraph.open(folder / "model.pb")
    return Classifier(graph, describe(graph, name="opaque", preprocessing="unit", content="c"))


pytestmark = pytest.mark.parametrize("method", METHODS)


PATTERNS = {}  # of a classifier, learned once


def explain(clf, images, method, **question):
    return attribute(clf, images, method, **given(clf, method), **question)


def given(clf, method):
    if "images" in METHODS[method].traits:
        return {"patches": networks.images(64, clf.card.input_shape, seed=1), "samples": 4}
    if "patterns" not in METHODS[method].traits or not clf.card.layers:
        return CHEAP.get(method, {})
    if clf.card.fingerprint not in PATTERNS:
        PATTERNS[clf.card.fingerprint] = learn_patterns(clf, networks.images(64, clf.card.input_shape, seed=1))
    return {"patterns": PATTERNS[clf.card.fingerprint]}


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_finite_and_the_targets(method, name, classifiers):
    clf = classifiers[name]
    images = networks.images(4, clf.card.input_shape)
    found = explain(clf, images, method)
    height, width, channels = clf.card.input_shape
    assert found.values.dtype == np.float32
    assert found.values.ndim == 3 or found.values.shape == (4, height, width, channels)
    assert np.isfinite(found.values).all()
    heatmap = found.heatmap()
    assert heatmap.shape == (4, height, width)
    assert heatmap.dtype == np.float32
    probabilities = clf.predict(images)
    np.testing.assert_array_equal(found.target, probabilities.argmax(axis=1))
    np.testing.assert_allclose(found.probability, probabilities.max(axis=1), atol=1e-5)
    assert found.method == method
    if "positive" in METHODS[method].traits:
        assert (found.values >= 0).all()


def test_deterministic_and_independent_of_the_batch(method, classifiers):
    clf = classifiers["sequential"]
    images = networks.images(4, clf.card.input_shape)
    together = explain(clf, images, method, target=1).values
    np.testing.assert_array_equal(together, explain(clf, images, method, target=1).values)
    alone = np.concatenate([explain(clf, image[None], method, target=1).values for image in images])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)


def test_the_target_matters(method, classifiers):
    if method in WITHOUT_A_TARGET:
        return
    clf = classifiers["sequential"]
    images = networks.images(2, clf.card.input_shape)
    assert not np.allclose(*(explain(clf, images, method, target=target).values for target in (0, 1)))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_image_gives_numbers(method, level, classifiers):
    clf = classifiers["residual"]
    images = np.full((1, *clf.card.input_shape), level, np.uint8)
    assert np.isfinite(explain(clf, images, method).heatmap()).all()


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_both_outputs_can_be_explained(method, output, classifiers):
    clf = classifiers["residual"]
    found = explain(clf, networks.images(2, clf.card.input_shape), method, output=output)
    assert found.output == output
    assert np.isfinite(found.values).all()


def test_a_unit_and_a_layer_can_be_explained(method, classifiers):
    clf = classifiers["sequential"]
    images = networks.images(2, clf.card.input_shape)
    found = explain(clf, images, method, unit=Unit("hidden", 1))
    assert np.isfinite(found.values).all()
    np.testing.assert_array_equal(found.target, clf.predict(images).argmax(axis=1))
    of_the_class = explain(clf, images, method).values
    assert found.values.shape != of_the_class.shape or not np.allclose(found.values, of_the_class)
    other = explain(clf, images, method, layer="conv1")
    assert np.isfinite(other.values).all()
    assert other.heatmap().shape == (2, *clf.card.input_shape[:2])


def test_what_is_not_there_is_named_with_what_is(method, classifiers):
    clf = classifiers["sequential"]
    images = networks.images(1, clf.card.input_shape)
    for question, words in (
        ({"unit": Unit("conv9", 0)}, "conv2"),
        ({"unit": Unit("conv2", 6)}, "0 to 5"),
        ({"layer": "conv9"}, "conv2"),
        ({"target": 5}, "0 to 4"),
    ):
        with pytest.raises((ParameterError, NotFound), match=words):
            explain(clf, images, method, **question)


def test_a_classifier_without_layers_is_explained_or_refused_in_words(method, without_layers):
    images = networks.images(2, saved_models.SHAPE)
    try:
        found = explain(without_layers, images, method, output="probabilities")
    except ParameterError as refused:
        assert "layers" in str(refused) and refused.mend
    else:
        assert np.isfinite(found.values).all()
        assert found.heatmap().any()


def test_nothing_is_traced_again_and_the_model_stays(method, classifiers):
    clf = classifiers["sequential"]
    weights = clf.model.get_weights()
    images = networks.images(3, clf.card.input_shape, seed=2)
    explain(clf, images, method, target=1)
    explain(clf, images, method, target=1)  # what is kept of the first images may have a graph of its own
    known = len(clf._compiled)
    explain(clf, images, method)
    explain(clf, networks.images(2, clf.card.input_shape, seed=3), method, target=[0, 2])
    assert len(clf._compiled) == known
    for old, new in zip(weights, clf.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_documented_with_its_paper(method):
    described = methods()[method]
    assert described.title
    assert described.summary.endswith(".")
    assert "arXiv" in described.reference or "doi" in described.reference
    assert METHODS[method].function.__module__.endswith(f".{method}")
    for parameter in described.parameters:
        assert parameter.help, f"{method}: {parameter.name} has no help"
