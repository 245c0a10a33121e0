"""Agreement of methods: by hand, as SciPy says, and what it doesn't depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from nnvis_dash.analysis.quality.agreement import agreement
from nnvis_dash.errors import ParameterError

UP = np.arange(6.0).reshape(2, 3)


def test_by_hand():
    found = agreement([[UP, UP], [2 * UP + 1, -UP], [UP * 0, UP * 0]])
    np.testing.assert_allclose(found.mean[:2, :2], [[1, 0], [0, 1]], atol=1e-6)
    assert np.isnan(found.mean[2]).all() and np.isnan(found.mean[:, 2]).all()
    np.testing.assert_array_equal(found.n, [[2, 2, 0], [2, 2, 0], [0, 0, 0]])
    assert found.low[0, 1] == -1 and found.high[0, 1] == 1  # two images that say the opposite say nothing
    assert found.low[0, 0] == found.high[0, 0] == 1


@settings(max_examples=25, deadline=None)
@given(arrays(np.float32, (3, 2, 4, 4), elements=st.floats(-100, 100, width=32)))
def test_it_is_scipys(maps):
    found = agreement(maps)
    np.testing.assert_array_equal(found.mean, found.mean.T)
    for one in range(3):
        for other in range(3):
            pairs = [(a.ravel(), b.ravel()) for a, b in zip(maps[one], maps[other], strict=True)]
            pairs = [(a, b) for a, b in pairs if np.ptp(a) and np.ptp(b)]
            assert found.n[one, other] == len(pairs)
            if pairs:
                expected = np.mean([spearmanr(a, b).statistic for a, b in pairs])
                assert found.mean[one, other] == pytest.approx(expected, abs=1e-5)
                assert found.low[one, other] <= found.mean[one, other] + 1e-6
    np.testing.assert_allclose(agreement(maps * 4).mean, found.mean, atol=1e-6)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(ParameterError, match="methods, images"):
        agreement([UP])
    with pytest.raises(ParameterError, match=r"0\.95"):
        agreement(np.zeros((1, 1, 2, 2)), confidence=95)
