"""Fusion: the mean of ranks, worked by hand, and what can't be fused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.rank_correlation import signed_ranks
from nnvis_dash.errors import ParameterError
from tests import networks


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


def test_ranks_by_hand():
    np.testing.assert_allclose(signed_ranks([[3.0, -1.0, 7.0]]), [[0, -1, 1]])
    np.testing.assert_allclose(signed_ranks([[0.0, 0.0, 5.0]]), [[-0.5, -0.5, 1]])
    assert not signed_ranks(np.full((2, 3, 4), 7.0)).any()
    assert not signed_ranks([[1.0]]).any()


def test_the_mean_of_ranks(clf):
    images = networks.images(3, clf.card.input_shape)
    found = attribute(clf, images, "fusion", methods="gradient, grad_cam ,gradient", layer="conv1", target=2)
    n = 120
    expected = np.zeros((3, 12, 10))
    for one in (
        attribute(clf, images, "gradient", target=2),
        attribute(clf, images, "grad_cam", layer="conv1", target=2),
    ):
        ranks = rankdata(one.heatmap().reshape(3, -1), axis=1).reshape(3, 12, 10)
        expected += (2 * ranks - n - 1) / (n - 1) / 2
    np.testing.assert_allclose(found.values, np.maximum(expected, 0), atol=1e-6)
    assert found.layer == "conv1" and (found.target == 2).all()


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ("gradient, fusion", "fuse itself"),
        ("gradient", "two or more"),
        (" , ", "two or more"),
        ("gradient, nothing", "nothing"),
        ("gradient, pattern_net", "PatternNet needs more"),
        ("gradient, prediction_difference", "needs more than images"),
    ],
)
def test_what_cannot_be_fused_is_said(methods, words, clf):
    with pytest.raises(ParameterError, match=words):
        attribute(clf, networks.images(1, clf.card.input_shape), "fusion", methods=methods)


def test_a_layer_is_for_methods_that_look_through_one(clf):
    with pytest.raises(ParameterError, match="looks through a layer"):
        images = networks.images(1, clf.card.input_shape)
        attribute(clf, images, "fusion", methods="gradient, lrp_z", layer="conv1")
