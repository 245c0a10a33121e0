"""Every registered attribution method keeps the same promises; a new file is tested by being there."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import METHODS, attribute, methods
from nnvis_dash.analysis.classifier import Classifier
from tests import networks

NETWORKS = ("sequential", "residual", "nested", "one_sigmoid")


@pytest.fixture(scope="module")
def classifiers():
    return {name: Classifier.from_keras(networks.ALL[name](), preprocessing="unit") for name in NETWORKS}


pytestmark = pytest.mark.parametrize("method", METHODS)


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_finite_and_the_targets(method, name, classifiers):
    clf = classifiers[name]
    images = networks.images(4, clf.card.input_shape)
    found = attribute(clf, images, method)
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


def test_deterministic_and_independent_of_the_batch(method, classifiers):
    clf = classifiers["sequential"]
    images = networks.images(4, clf.card.input_shape)
    together = attribute(clf, images, method, target=1).values
    np.testing.assert_array_equal(together, attribute(clf, images, method, target=1).values)
    alone = np.concatenate([attribute(clf, image[None], method, target=1).values for image in images])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)


def test_the_target_matters(method, classifiers):
    clf = classifiers["sequential"]
    images = networks.images(2, clf.card.input_shape)
    assert not np.allclose(*(attribute(clf, images, method, target=target).values for target in (0, 1)))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_image_gives_numbers(method, level, classifiers):
    clf = classifiers["residual"]
    images = np.full((1, *clf.card.input_shape), level, np.uint8)
    assert np.isfinite(attribute(clf, images, method).heatmap()).all()


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_both_outputs_can_be_explained(method, output, classifiers):
    clf = classifiers["residual"]
    found = attribute(clf, networks.images(2, clf.card.input_shape), method, output=output)
    assert found.output == output
    assert np.isfinite(found.values).all()


def test_documented_with_its_paper(method):
    described = methods()[method]
    assert described.title
    assert described.summary.endswith(".")
    assert "arXiv" in described.reference or "doi" in described.reference
    assert METHODS[method].function.__module__.endswith(f".{method}")
    for parameter in described.parameters:
        assert parameter.help, f"{method}: {parameter.name} has no help"
