"""Conservation: methods that say that they add up do so, and a value too much is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.quality import case_of
from tests import networks
from tests.unit.analysis.quality.cases import ask

SAYING = {
    name: {"ignore_bias": True} if "adds up without biases" in entry.traits else {}
    for name, entry in METHODS.items()
    if any(trait.startswith("adds up") for trait in entry.traits)
}
CHEAP = {"shapley": {"samples": 64, "n_regions": 6}, "integrated_gradients": {"steps": 256}}


@pytest.fixture(scope="module")
def clf():
    """A net of rectifiers with supporting weights in every unit, so that no rule has nothing to hand on."""
    import keras
    from keras import layers

    parts = [
        layers.Input((6, 5, 2 + 1)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(parts)
    rng = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(rng.normal(0.3, 0.5, weight.shape))
    return Classifier.from_keras(model, preprocessing="unit")


@pytest.mark.parametrize("method", SAYING)
def test_what_says_so_adds_up(method, clf):
    images = networks.images(3, clf.card.input_shape)
    case = case_of(clf, images, method, **SAYING[method], **CHEAP.get(method, {}))
    assert (ask("conservation", case) < 0.02).all()
    values = case.attribution.values.copy()
    values[0, 0, 0] += 2 * abs(values).sum()
    wrong = replace(case, attribution=replace(case.attribution, values=values))
    found = ask("conservation", wrong)
    assert found[0] > 0.5 and (found[1:] < 0.02).all()


def test_a_baseline_and_a_probability_count(clf):
    images = networks.images(3, clf.card.input_shape)
    for given in ({"baseline": "white"}, {"baseline": "mean", "output": "probabilities"}):
        case = case_of(clf, images, "deep_lift", **given)
        assert (ask("conservation", case) < 0.02).all()
    wrong = replace(case, parameters=replace(case.parameters, baseline="black"))
    assert (ask("conservation", wrong) > 0.05).any()


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("gradient", {}),
        ("grad_cam", {}),
        ("lrp_z", {}),  # biases take a share
        ("lrp_epsilon", {"ignore_bias": True}),
        ("deep_taylor", {"output": "probabilities"}),
        ("deep_lift", {"layer": "conv2d"}),  # of a layer's mean
    ],
)
def test_what_says_nothing_of_it_is_not_measured(method, given, clf):
    images = networks.images(2, clf.card.input_shape)
    given = {**given, "layer": clf.card.layers[0].name} if "layer" in given else given
    assert np.isnan(ask("conservation", case_of(clf, images, method, **given))).all()
