"""Numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.measures import Measures
from nnvis_dash.analysis.uncertainty import confidence, entropy, margin, normalised_entropy
from nnvis_dash.errors import ParameterError

ROWS = np.array(
    [[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0], [0.7, 0.1, 0.2, 0.0]], np.float32
)


def test_by_hand():
    np.testing.assert_allclose(confidence(ROWS), [0.5, 0.25, 1.0, 0.7])
    last = -(0.7 * np.log(0.7) + 0.1 * np.log(0.1) + 0.2 * np.log(0.2))
    np.testing.assert_allclose(entropy(ROWS), [np.log(2), np.log(4), 0, last], rtol=1e-6)
    np.testing.assert_allclose(normalised_entropy(ROWS), [0.5, 1, 0, last / np.log(4)], rtol=1e-6)
    np.testing.assert_allclose(margin(ROWS), [0, 0, 1, 0.5], rtol=1e-6)
    assert Measures.of(ROWS).rank.tolist() == [0, 1, 3, 2]


def test_one_class_and_no_samples():
    one = np.ones((3, 1))
    np.testing.assert_array_equal(confidence(one), 1)
    np.testing.assert_array_equal(entropy(one), 0)
    np.testing.assert_array_equal(normalised_entropy(one), 0)
    np.testing.assert_array_equal(margin(one), 1)
    none = np.empty((0, 3), np.float32)
    for function in (confidence, entropy, normalised_entropy, margin):
        assert function(none).shape == (0,)


@pytest.mark.parametrize("function", [confidence, entropy, normalised_entropy, margin])
def test_float32_and_the_shape_is_checked(function):
    assert function(ROWS).dtype == np.float32
    with pytest.raises(ParameterError, match=r"shape \(4,\)"):
        function(ROWS[0])
