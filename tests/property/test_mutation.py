"""Laws of frozen units that hold for any network, any image and any set of units."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.compare_inputs import compare_inputs
from nnvis_dash.analysis.mutation import mutate
from nnvis_dash.analysis.mutation.frozen import frozen_json, frozen_units, mask, read_frozen
from nnvis_dash.analysis.mutation.frozen_graph import frozen_classifier
from nnvis_dash.errors import NNVisError
from tests import networks

UNITS: dict[str, dict[str, int]] = {
    "sequential": {"conv1": 4, "conv2": 6, "hidden": 8, "head": 5},
    "residual": {"stem": 4, "depthwise": 4, "separable": 3, "scores": 4},
    "nested": {"base/conv": 4, "base:1/conv": 4, "head/hidden": 6, "head/classes": 4},
    "one_sigmoid": {"conv": 3, "head": 1},
}
few = settings(max_examples=8, deadline=None)  # each frozen classifier is traced
some = settings(max_examples=30, deadline=None)


@cache
def classifier(name: str) -> Classifier:
    return Classifier.from_keras(networks.ALL[name](), preprocessing="raw" if name == "nested" else "unit")


@st.composite
def plans(draw: st.DrawFn) -> tuple[str, dict[str, list[int]], int]:
    name = draw(st.sampled_from(sorted(UNITS)))
    frozen = {
        layer: draw(st.lists(st.integers(0, n_units - 1), max_size=n_units + 2))
        for layer, n_units in UNITS[name].items()
        if draw(st.booleans())
    }
    return name, frozen, draw(st.integers(0, 1000))


def case(plan: tuple[str, dict[str, list[int]], int]) -> tuple[Classifier, dict[str, list[int]], np.ndarray]:
    name, frozen, seed = plan
    clf = classifier(name)
    return clf, frozen, networks.images(2, clf.card.input_shape, seed)


@some
@given(plans())
def test_freezing_nothing_changes_nothing(plan):
    clf, frozen, images = case(plan)
    nothing = mutate(clf, images, {name: [] for name in frozen})
    np.testing.assert_allclose(nothing.probabilities, clf.predict(images), atol=1e-6)
    assert nothing.frozen == {}


@some
@given(plans())
def test_a_units_number_may_come_in_any_order_and_often(plan):
    clf, frozen, images = case(plan)
    again = {name: [*reversed(units), *units] for name, units in reversed(frozen.items())}
    one, other = mutate(clf, images, frozen), mutate(clf, images, again)
    assert list(one.frozen.items()) == list(other.frozen.items())
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


@some
@given(plans())
def test_layers_up_to_the_first_frozen_one_put_out_what_they_did(plan):
    clf, frozen, images = case(plan)
    before, after = mutate(clf, images, {}), mutate(clf, images, frozen)
    for name in before.outputs:
        np.testing.assert_allclose(after.outputs[name], before.outputs[name], rtol=1e-5, atol=1e-5)
        if name in after.frozen:
            break


@few
@given(plans())
def test_a_classifier_with_frozen_units_agrees_and_twice_is_once(plan):
    clf, frozen, images = case(plan)
    once = frozen_classifier(clf, frozen)
    np.testing.assert_allclose(once.predict(images), mutate(clf, images, frozen).probabilities, atol=1e-5)
    np.testing.assert_allclose(mutate(once, images, frozen).probabilities, once.predict(images), atol=1e-5)


@some
@given(plans())
def test_json_and_masks_keep_what_is_frozen(plan):
    clf, frozen, _ = case(plan)
    units = frozen_units(clf.card, frozen)
    assert read_frozen(frozen_json(clf.card, frozen), clf.card) == units
    assert {name: tuple(np.flatnonzero(values == 0)) for name, values in mask(clf.card, frozen).items()} == units


@some
@given(st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(repr))
def test_any_text_is_read_or_refused_in_words(text):
    try:
        assert read_frozen(text, classifier("sequential").card) == {}
    except NNVisError as error:
        assert str(error)


@some
@given(plans(), st.integers(0, 1000))
def test_distances_of_inputs_lie_between_0_and_2(plan, seed):
    clf, frozen, images = case(plan)
    found = compare_inputs(clf, images, networks.images(2, clf.card.input_shape, seed), frozen=frozen)
    assert (found.distances >= 0).all() and (found.distances <= 2 + 1e-9).all()
    assert (found.parts_at is None) == (not found.distances.any())
    for name, far in found.channel_distances.items():
        assert far.shape == (clf.card.layer(name).n_units,) and (np.diff(far[found.ranked[name]]) <= 0).all()
