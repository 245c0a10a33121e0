"""Every registered measure of heatmaps keeps the same promises; a new file is tested by being there."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.quality import MEASURES, case_of, measure
from tests import networks

ORDER = {"higher is better", "lower is better"}
FAMILIES = {"faithfulness", "stability", "randomisation", "complexity", "localisation", "soundness"}
NEEDS = {"explains again", "needs masks", "needs weights", "needs the values"}

pytestmark = pytest.mark.parametrize("name", MEASURES)


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.one_sigmoid(), preprocessing="unit")


@pytest.fixture(scope="module")
def masks():
    return np.random.default_rng(0).random((3, 8, 8)) < 0.3


def test_a_number_an_image_whatever_its_neighbours_the_same_each_time(name, clf, masks):
    images = networks.images(3, clf.card.input_shape)
    found = measure(case_of(clf, images, "gradient", masks=masks, seed=1), [name]).values[name]
    assert found.shape == (3,) and found.dtype == np.float32
    assert np.isfinite(found).all() or np.isnan(found).all()
    again = measure(case_of(clf, images, "gradient", masks=masks, seed=1), [name]).values[name]
    np.testing.assert_array_equal(found, again)
    alone = measure(case_of(clf, images[1:2], "gradient", masks=masks[1:2], seed=1), [name]).values[name]
    np.testing.assert_allclose(alone, found[1:2], rtol=1e-2, atol=1e-3)


def test_documented(name, masks):
    entry = MEASURES[name]
    assert entry.title and entry.reference and entry.summary.endswith(".")
    assert len(entry.traits & ORDER) == 1 and len(entry.traits & FAMILIES) == 1
    assert entry.traits <= ORDER | FAMILIES | NEEDS
    assert entry.function.__module__.endswith(f".{name}")
    for parameter in entry.form():
        assert parameter.help, f"{name}: {parameter.name} has no help"
