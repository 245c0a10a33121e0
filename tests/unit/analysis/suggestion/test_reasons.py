"""Disagreement of heatmaps: hand-worked ranks, and what it doesn't depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from nnvis_dash.analysis.attribution import Attribution
from nnvis_dash.analysis.suggestion.reasons import heatmap_disagreement, on_grid
from nnvis_dash.errors import ParameterError

UP = np.array([[[0.0, 1.0], [2.0, 3.0]]])
maps = arrays(np.float32, (3, 4, 4), elements=st.floats(-100, 100, width=32))


def test_by_hand() -> None:
    assert heatmap_disagreement([UP, UP]) == 0
    assert heatmap_disagreement([UP, -UP]) == 2
    assert heatmap_disagreement([UP, np.array([[[1.0, 0.0], [2.0, 3.0]]])]) == pytest.approx(0.2)  # 1 - 0.8
    assert heatmap_disagreement([UP, UP, -UP]) == pytest.approx(4 / 3)  # pairs 0, 2, 2
    assert heatmap_disagreement([UP, UP, np.zeros_like(UP)]) == 0  # a flat one is left out
    assert np.isnan(heatmap_disagreement([UP, np.zeros_like(UP)])).all()


@given(maps, maps)
def test_it_is_scipys_rank_correlation_whatever_the_scale(one: np.ndarray, other: np.ndarray) -> None:
    found = heatmap_disagreement([one, other])
    for number, (a, b) in enumerate(zip(one, other, strict=True)):
        if np.ptp(a) and np.ptp(b):
            assert found[number] == pytest.approx(1 - spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-5)
        else:
            assert np.isnan(found[number])
    np.testing.assert_array_equal(found, heatmap_disagreement([other, one]))
    np.testing.assert_allclose(found, heatmap_disagreement([4 * one, other]), atol=1e-6)


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(ParameterError, match="of 1 classifiers"):
        heatmap_disagreement([UP])
    with pytest.raises(ParameterError, match="one grid"):
        heatmap_disagreement([UP, np.zeros((1, 3, 3))])


def test_heatmaps_of_any_size_come_to_one_grid() -> None:
    values = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    made = Attribution(values, "m", np.zeros(1, np.int32), None, "logits", np.ones(1, np.float32), (8, 8))
    found = on_grid(made, 2)
    assert found.shape == (1, 2, 2)
    np.testing.assert_allclose(found[0], values[0].reshape(2, 4, 2, 4).mean(axis=(1, 3)))
