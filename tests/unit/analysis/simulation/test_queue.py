"""The order in which fragile images are looked at, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnvis_dash.analysis.simulation.breaking import BreakingPoints, assembled
from nnvis_dash.analysis.simulation.queue import percentile_rank, priority_queue
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.errors import ParameterError
from tests.unit.analysis.simulation.lamps import made

IDS = np.array([30, 10, 40, 20])


def scanned(gini: list[float], margin: list[float]) -> Sweep:
    """Return a sweep of the samples 30, 10, 40 and 20."""
    return made(
        np.zeros((4, 3), int),
        [0, 0, 0, 0],
        [-20, 0, 20],
        ids=IDS,
        deep_gini=np.array(gini, np.float32),
        margin=np.array(margin, np.float32),
    )


def broken(degrees: list[float], ids: list[int]) -> BreakingPoints:
    """Return breaking points of these samples."""
    n = len(ids)
    rows = {
        "degree": np.array(degrees),
        "side": np.ones(n, np.int8),
        "prediction_after": np.ones(n, np.int32),
        "evaluations": np.zeros(n, np.int32),
    }
    return assembled(made(np.zeros((n, 3), int), [0] * n, [-20, 0, 20], ids=np.array(ids)), rows, 1.0, 0)


SWEEP = scanned([0.1, 0.5, 0.3, 0.5], [0.9, 0.1, 0.2, 0.3])


def test_percentile_ranks_share_ties() -> None:
    assert percentile_rank([5, 1, 3]).tolist() == [5 / 6, 1 / 6, 3 / 6]
    assert percentile_rank([-math.inf, 2, 2, -math.inf]).tolist() == [0.25, 0.75, 0.75, 0.25]
    assert percentile_rank([7]).tolist() == [0.5] and percentile_rank([]).tolist() == []


def test_without_breaking_points_gini_and_margin_decide() -> None:
    found = priority_queue(SWEEP)
    # gini's ranks of 30, 10, 40, 20: 1/8, 6/8, 3/8, 6/8; margin's: 1/8, 7/8, 5/8, 3/8
    assert found.ids.tolist() == [10, 20, 40, 30]
    np.testing.assert_allclose(found.score, [13 / 16, 9 / 16, 8 / 16, 2 / 16])
    assert np.isnan(found.breaking).all() and (found.worst == -1).all()
    np.testing.assert_allclose(found.deep_gini, [6 / 8, 6 / 8, 3 / 8, 1 / 8])
    np.testing.assert_allclose(found.margin, [7 / 8, 3 / 8, 5 / 8, 1 / 8])


def test_an_image_takes_the_worst_of_its_changes() -> None:
    turned = broken([3, -8, 15, math.nan], [10, 20, 30, 40])  # ranks 7/8, 5/8, 3/8, 1/8
    blurred = broken([math.nan, 1, 9, math.nan], [10, 20, 30, 40])  # 2/8, 7/8, 5/8, 2/8
    found = priority_queue(SWEEP, [turned, blurred], {"deep_gini": 0, "margin": 0})
    # worst: 10 by the first change, 20 by the second (7/8 both), 30 by the second, 40 by the second
    assert found.ids.tolist() == [10, 20, 30, 40]
    assert found.worst.tolist() == [0, 1, 1, 1]
    np.testing.assert_allclose(found.breaking, [6 / 8, 6 / 8, 3 / 8, 1 / 8])
    np.testing.assert_array_equal(found.score, found.breaking)


def test_images_without_a_breaking_point_go_by_the_rest() -> None:
    found = priority_queue(SWEEP, [broken([5, 2], [40, 30])], {"margin": 0})
    score = dict(zip(found.ids.tolist(), found.score.tolist(), strict=True))
    assert score == pytest.approx({10: 6 / 8, 20: 6 / 8, 30: (3 / 4 + 1 / 8) / 2, 40: (1 / 4 + 3 / 8) / 2})
    assert found.ids[:2].tolist() == [10, 20]


def test_weights_are_relative() -> None:
    turned = broken([3, 8, 15, 20], [10, 20, 30, 40])
    one = priority_queue(SWEEP, [turned], {"breaking": 1, "deep_gini": 2, "margin": 0.5})
    ten = priority_queue(SWEEP, [turned], {"breaking": 10, "deep_gini": 20, "margin": 5})
    np.testing.assert_allclose(one.score, ten.score)
    assert ((one.score >= 0) & (one.score <= 1)).all() and (np.diff(one.score) <= 0).all()


def test_wrong_weights_are_named() -> None:
    with pytest.raises(ParameterError, match="no part 'entropy'"):
        priority_queue(SWEEP, weights={"entropy": 1})
    with pytest.raises(ParameterError, match="weight of margin is -1"):
        priority_queue(SWEEP, weights={"margin": -1})
    with pytest.raises(ParameterError, match="All weights are 0"):
        priority_queue(SWEEP, weights={"margin": 0, "deep_gini": 0, "breaking": 0})
    with pytest.raises(ParameterError, match="Find them first"):
        priority_queue(SWEEP, weights={"margin": 0, "deep_gini": 0})


def test_no_images_give_no_queue() -> None:
    assert len(priority_queue(SWEEP.take(slice(0, 0)), [broken([3], [10])])) == 0
