"""Laws that hold for any input: uncertainties, stretching, the index's independence of its chunks."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nnvis_dash.analysis.attribution import attribute, stretch
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import ARRAYS, index_chunk, merge_chunks
from nnvis_dash.analysis.measures import Measures
from nnvis_dash.analysis.uncertainty import confidence, entropy, margin, normalised_entropy
from tests import networks

probabilities = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(2, 7)), elements=st.floats(0.0, 1.0)
).map(lambda values: (values + 1e-9) / (values + 1e-9).sum(axis=1, keepdims=True))
images = arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(12), st.just(12), st.just(1)))


@cache
def _classifier() -> Classifier:
    return Classifier.from_keras(networks.residual(), preprocessing="unit")


@given(probabilities)
def test_uncertainties_keep_their_bounds(p):
    n_classes = p.shape[1]
    assert ((confidence(p) >= 1 / n_classes - 1e-6) & (confidence(p) <= 1 + 1e-6)).all()
    assert ((entropy(p) >= 0) & (entropy(p) <= np.log(n_classes) + 1e-5)).all()
    assert ((normalised_entropy(p) >= 0) & (normalised_entropy(p) <= 1 + 1e-5)).all()
    assert ((margin(p) >= 0) & (margin(p) <= confidence(p) + 1e-6)).all()


@given(probabilities, st.integers(1, 40))
def test_measures_are_the_same_in_any_blocks(p, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnvis_dash.analysis.measures.BLOCK", block)
        found = Measures.of(p)
    assert found.prediction.tolist() == p.argmax(axis=1).tolist()
    np.testing.assert_array_equal(found.confidence, confidence(p))
    np.testing.assert_array_equal(found.entropy, normalised_entropy(p))
    order = np.argsort(found.rank)
    assert sorted(found.rank) == list(range(len(p)))
    assert (np.diff(margin(p)[order]) >= 0).all()


@given(probabilities, st.randoms())
def test_uncertainties_do_not_know_the_order_of_classes(p, random):
    order = list(range(p.shape[1]))
    random.shuffle(order)
    for measure in (confidence, entropy, margin):
        np.testing.assert_allclose(measure(p), measure(p[:, order]), atol=1e-6)


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(-100, 100, width=32),
    ),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_stretching_stays_between_the_values(values, size):
    found = stretch(values, size)
    assert found.shape == (len(values), *size)
    assert found.min() >= values.min() - 1e-3
    assert found.max() <= values.max() + 1e-3


@settings(max_examples=15, deadline=None)
@given(images, st.data())
def test_an_index_does_not_depend_on_its_chunks(batch, data):
    cut = data.draw(st.integers(0, len(batch)))
    clf = _classifier()
    whole = index_chunk(clf, batch)
    pieces = merge_chunks(clf.card, [index_chunk(clf, part) for part in (batch[:cut], batch[cut:]) if len(part)])
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(pieces, name), whole[name], rtol=1e-4, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(images, st.integers(0, 3))
def test_grad_cam_is_its_signed_map_above_zero(batch, target):
    clf = _classifier()
    signed = attribute(clf, batch, "grad_cam", target=target, relu=False).values
    np.testing.assert_array_equal(attribute(clf, batch, "grad_cam", target=target).values, np.maximum(signed, 0))
