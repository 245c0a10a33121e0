"""Outlier scores by hand, their order, and logits out of an index."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import index
from nnvis_dash.analysis.review.outliers import SCORES, logits_of, outlier_scores
from nnvis_dash.errors import ParameterError
from tests import networks


def test_energies_by_hand() -> None:
    logits = np.array([[0.0, 0.0], [3.0, 0.0], [1000.0, 0.0]])
    found = outlier_scores(logits)
    np.testing.assert_allclose(found.energy, [-np.log(2), -np.log(np.exp(3) + 1), -1000], rtol=1e-6)
    assert found.logit.tolist() == [0, -3, -1000] and found.confidence is None and found.distance is None
    assert found.known["together"].tolist() == [1, 0.5, 0]
    assert set(found.known) < set(SCORES)


def test_probabilities_alone_give_no_energy() -> None:
    found = outlier_scores(probabilities=[[0.5, 0.5], [0.9, 0.1]])
    assert found.energy is None and found.logit is None
    np.testing.assert_allclose(found.confidence, [-0.5, -0.9])
    with pytest.raises(ParameterError, match="nothing to score by"):
        outlier_scores()


def test_the_lonely_sample_is_the_farthest() -> None:
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(size=(30, 3)) * 0.05 + [1, 0, 0], [[-1.0, 2.0, 3.0]]])
    found = outlier_scores(features=features, k=5)
    assert found.distance.argmax() == 30 and found.distance.min() >= 0 and found.distance.max() <= 2
    shuffled = rng.permutation(31)
    np.testing.assert_allclose(
        outlier_scores(features=features[shuffled], k=5).distance, found.distance[shuffled], atol=1e-5
    )


def test_logits_are_told_from_what_the_last_layer_gets() -> None:
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(9, clf.card.input_shape, seed=2)
    known = index(clf, images)
    np.testing.assert_allclose(logits_of(clf, known.features, known.probabilities), clf.logits(images), atol=1e-4)
    assert logits_of(clf, known.features[:, :-1], known.probabilities) is None
    assert logits_of(clf, known.features, known.probabilities[::-1]) is None
