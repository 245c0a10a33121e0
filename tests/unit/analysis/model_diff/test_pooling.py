"""Large maps as means over blocks: numbers by hand, what stays as it is, what is left in any case."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.model_diff.pooling import pooled
from nnvis_dash.errors import ParameterError


def test_blocks_are_means_and_those_at_the_edge_are_smaller() -> None:
    maps = np.arange(15, dtype=np.float32).reshape(1, 3, 5, 1)
    found = pooled(maps, 6)
    assert found.dtype == np.float32
    assert found[0, :, :, 0].tolist() == [[3.0, 5.0, 6.5], [10.5, 12.5, 14.0]]


def test_what_fits_or_has_no_positions_stays() -> None:
    maps = np.ones((2, 4, 4, 3), np.float32)
    assert pooled(maps, 48) is maps
    flat = np.ones((2, 100), np.float32)
    assert pooled(flat, 10) is flat


@pytest.mark.parametrize("most", [1, 2, 7, 50, 400])
def test_no_more_than_asked_but_all_channels(most: int) -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 13, 9, 3)).astype(np.float32)
    found = pooled(maps, most)
    assert found.shape[3] == 3 and found[0].size <= max(most, 3)
    if found.shape[1:3] == (1, 1):
        np.testing.assert_allclose(found[:, 0, 0], maps.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ParameterError, match="0 numbers"):
        pooled(np.ones((1, 2, 2, 1)), 0)
