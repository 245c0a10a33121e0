"""What all methods share: targets, batches, heatmaps."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import Attribution, attribute, methods, stretch
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import NotFound, ParameterError
from tests import networks


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


@pytest.fixture(scope="module")
def images():
    return networks.images(5, (12, 10, 3))


def _attribution(values, size):
    values = np.asarray(values, np.float32)
    n = len(values)
    return Attribution(values, "m", np.zeros(n, np.int32), None, "logits", np.ones(n, np.float32), size)


def test_stretching_by_hand():
    # Centres of 4 pixels over 2: -0.25 (held at 0), 0.25, 0.75, 1.25 (held at 1).
    found = stretch(np.array([[[0.0, 4.0]]], np.float32), (1, 4))
    np.testing.assert_allclose(found, [[[0, 1, 3, 4]]])
    np.testing.assert_allclose(stretch(np.full((1, 1, 1), 5.0, np.float32), (3, 2)), np.full((1, 3, 2), 5))
    np.testing.assert_allclose(
        stretch(np.array([[[0.0, 4.0], [8.0, 12.0]]], np.float32), (4, 4))[0, :, 0], [0, 2, 6, 8]
    )


def test_stretching_is_tensorflows_bilinear():
    import tensorflow as tf

    values = np.random.default_rng(0).normal(size=(3, 5, 7)).astype("float32")
    expected = tf.image.resize(values[..., None], (32, 20))[..., 0]
    np.testing.assert_allclose(stretch(values, (32, 20)), expected, atol=1e-5)


def test_heatmap_adds_channels_up_and_keeps_the_sign():
    values = np.array([[[[1.0, -3.0], [2.0, 2.0]]]])
    np.testing.assert_array_equal(_attribution(values, (1, 2)).heatmap(), [[[-2, 4]]])


def test_heatmap_has_the_size_of_the_input(clf, images):
    assert attribute(clf, images, "grad_cam").heatmap().shape == (5, 12, 10)


def test_targets_one_for_all_or_one_each(clf, images):
    assert attribute(clf, images, "grad_cam", target=3).target.tolist() == [3] * 5
    each = attribute(clf, images, "grad_cam", target=[0, 1, 2, 3, 4])
    assert each.target.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(each.probability, np.diag(clf.predict(images)), atol=1e-6)
    np.testing.assert_array_equal(attribute(clf, images, "grad_cam").target, clf.predict(images).argmax(axis=1))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (5, "no class 5 in a classifier with 5 classes. Give class numbers from 0 to 4"),
        (-1, "no class -1"),
        ([0, 1, 2, 9, 0], "no class 9"),
        ([0, 1], r"shape \(2,\) for 5 images"),
        (0.5, "The target is 0.5"),
    ],
)
def test_classes_that_are_not_there_are_refused(clf, images, target, message):
    with pytest.raises(ParameterError, match=message) as caught:
        attribute(clf, images, "grad_cam", target=target)
    assert caught.value.mend


def test_other_refusals(clf, images):
    with pytest.raises(NotFound, match=r"attribution method 'magic'.*grad_cam"):
        attribute(clf, images, "magic")
    with pytest.raises(ParameterError, match="no output 'votes'"):
        attribute(clf, images, "grad_cam", output="votes")
    with pytest.raises(ParameterError, match="no images"):
        attribute(clf, images[:0], "grad_cam")
    with pytest.raises(ParameterError, match="4 channels"):
        attribute(clf, np.zeros((1, 12, 10, 4), np.uint8), "grad_cam")


def test_batches_join(clf, images, monkeypatch):
    from nnvis_dash.analysis import classifier

    whole = attribute(clf, images, "grad_cam", target=[0, 1, 2, 3, 4])
    monkeypatch.setattr(classifier, "batch_size", lambda card: 2)
    pieces = attribute(clf, images, "grad_cam", target=[0, 1, 2, 3, 4])
    np.testing.assert_allclose(pieces.values, whole.values, rtol=1e-4, atol=1e-6)
    assert pieces.target.tolist() == [0, 1, 2, 3, 4]


def test_methods_describe_themselves():
    described = methods()["grad_cam"]
    assert described.title == "Grad-CAM"
    assert "1610.02391" in described.reference
    assert [parameter.name for parameter in described.parameters] == ["relu"]
    assert described.parameters[0].default is True
