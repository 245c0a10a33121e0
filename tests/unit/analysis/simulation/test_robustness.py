"""Scores, corruption errors and accuracy over epsilon, against numbers worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from nnvis_dash.analysis.simulation.corruption_errors import IMAGENET_C, corruption_errors
from nnvis_dash.analysis.simulation.epsilon_curve import accuracy_over_epsilon
from nnvis_dash.analysis.simulation.robustness import robustness
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.analysis.transformations import TRANSFORMATIONS
from nnvis_dash.errors import ParameterError
from tests.unit.analysis.simulation.lamps import made

LABELS = [0, 0, 0, 1, 1, -1]
#            -20 0 20  degrees; classes: 3 cats, 2 dogs, one without a label, no bird
TURNED = [[0, 0, 0], [0, 0, 1], [2, 1, 0], [1, 1, 0], [0, 1, 0], [2, 2, 2]]


def corrupted(name: str, wrong: list[int], clean_wrong: int, n: int = 10, **more: Any) -> Sweep:
    """Return a sweep of n cats of which so many are wrong at severities 0 and 1..5."""
    counts = [clean_wrong, *wrong]
    prediction = np.array([[int(row < count) for count in counts] for row in range(n)])
    return made(prediction, [0] * n, [0, 1, 2, 3, 4, 5], name=name, **more)


def test_scores_by_hand() -> None:
    found = robustness([made(TURNED, LABELS, [-20, 0, 20])])
    assert found.counts[:, 0].tolist() == [3, 2, 0] and found.against == "labels"
    # cats: clean 2 of 3; right at -20: 2, at 20: 2 of 3. dogs: clean 2 of 2; 1 and 0 of 2
    np.testing.assert_allclose(found.clean[:, 0], [2 / 3, 1, np.nan])
    np.testing.assert_allclose(found.accuracy[:, 0], [2 / 3, 1 / 4, np.nan])
    np.testing.assert_allclose(found.score[:, 0], [1, 1 / 4, np.nan])
    np.testing.assert_allclose(found.overall_accuracy, [(2 + 2 + 1 + 0) / 10])
    np.testing.assert_allclose(found.overall_score, [0.5 / 0.8])
    assert found.score_low[1, 0] <= 0.25 <= found.score_high[1, 0] and np.isnan(found.score_low[2, 0])


def test_each_change_has_its_column_and_a_class_that_is_always_wrong_has_no_score() -> None:
    blurred = made([[1, 1], [1, 1], [1, 0], [1, 1], [1, 0], [0, 0]], LABELS, [0, 3], name="blur")
    found = robustness([made(TURNED, LABELS, [-20, 0, 20]), blurred])
    assert found.score.shape == (3, 2) and [change.name for change in found.changes] == ["rotation", "blur"]
    assert found.clean[0, 1] == 0 and np.isnan(found.score[0, 1]) and np.isnan(found.score_low[0, 1])
    np.testing.assert_allclose(found.accuracy[:2, 1], [1 / 3, 1 / 2])
    np.testing.assert_allclose(found.score[1, 1], 1 / 2)


def test_the_interval_of_a_score_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for seed in range(100):
        clean = rng.random(60) < 0.9
        kept = clean & (rng.random(60) < 0.7)
        prediction = np.stack([~clean, ~kept], axis=1).astype(int)
        found = robustness([made(prediction, [0] * 60, [0, 30])], seed=seed)
        inside += found.score_low[0, 0] <= 0.7 <= found.score_high[0, 0]
    assert inside >= 86  # 95 are expected; fewer than 86 of 100 by chance once in ten thousand


def test_corruption_errors_are_those_of_the_paper() -> None:
    mine = [corrupted("fog", [1, 2, 3, 4, 5], 1), corrupted("snow", [2, 2, 4, 6, 6], 1)]
    theirs = [corrupted("snow", [4, 4, 8, 8, 8], 2), corrupted("fog", [2, 4, 6, 8, 10], 2)]
    found = corruption_errors(mine, theirs)
    assert found.names == ("fog", "snow") and found.n == 10 and found.clean_error == pytest.approx(0.1)
    np.testing.assert_allclose(found.errors, [[0.1, 0.2, 0.3, 0.4, 0.5], [0.2, 0.2, 0.4, 0.6, 0.6]])
    # fog: 15 / 30; snow: 20 / 32. relative: (15 − 5) / (30 − 10); (20 − 5) / (32 − 10)
    np.testing.assert_allclose(found.corruption_error, [15 / 30, 20 / 32])
    np.testing.assert_allclose(found.relative, [10 / 20, 15 / 22])
    assert found.mce == pytest.approx((0.5 + 0.625) / 2)
    assert found.relative_mce == pytest.approx((0.5 + 15 / 22) / 2)
    assert found.mean_error == pytest.approx(35 / 100)
    assert len(found.missing) == 13 and "fog" not in found.missing


def test_a_classifier_is_as_bad_as_itself() -> None:
    mine = [corrupted(name, [1, 3, 3, 5, number % 6], 1) for number, name in enumerate(IMAGENET_C)]
    found = corruption_errors(mine, mine)
    assert found.mce == pytest.approx(1) and found.relative_mce == pytest.approx(1) and found.missing == ()


def test_extra_corruptions_have_an_error_but_no_part_in_the_mean() -> None:
    mine = [corrupted("fog", [1, 1, 1, 1, 1], 0), corrupted("spatter", [9, 9, 9, 9, 9], 0)]
    theirs = [corrupted("fog", [2, 2, 2, 2, 2], 0), corrupted("spatter", [3, 3, 3, 3, 3], 0)]
    found = corruption_errors(mine, theirs)
    assert found.counted.tolist() == [True, False]
    np.testing.assert_allclose(found.corruption_error, [0.5, 3])
    assert found.mce == pytest.approx(0.5) and found.mean_error == pytest.approx(0.1)


def test_a_reference_without_errors_leaves_the_ratio_open() -> None:
    mine = [corrupted("fog", [1, 1, 1, 1, 1], 0), corrupted("snow", [1, 1, 1, 1, 1], 0)]
    theirs = [corrupted("fog", [0, 0, 0, 0, 0], 0), corrupted("snow", [2, 2, 2, 2, 2], 0)]
    found = corruption_errors(mine, theirs)
    assert np.isnan(found.corruption_error[0]) and found.mce == pytest.approx(0.5)
    alone = corruption_errors(mine[:1], theirs[:1])
    assert np.isnan(alone.mce)
    without = corruption_errors(mine)
    assert without.mce is None and without.corruption_error is None and without.mean_error == pytest.approx(0.1)


def test_the_fifteen_corruptions_are_there() -> None:
    assert len(IMAGENET_C) == 15
    assert all("corruption" in TRANSFORMATIONS[name].traits for name in IMAGENET_C)


def test_accuracy_over_epsilon_by_hand() -> None:
    # 4 images, all right at 0; 3 at 2; 1 at 8
    prediction = [[0, 0, 0], [0, 0, 1], [0, 0, 1], [0, 1, 1], [2, 2, 2]]
    found = accuracy_over_epsilon(made(prediction, [0, 0, 0, 0, -1], [0, 2, 8], name="fgsm"))
    assert found.epsilon.tolist() == [0, 2, 8] and found.n == 4
    np.testing.assert_allclose(found.accuracy, [1, 0.75, 0.25])
    assert found.area == pytest.approx((2 * 0.875 + 6 * 0.5) / 8)
    assert found.area_low <= found.area <= found.area_high
    interval = binomtest(3, 4).proportion_ci(method="wilson")
    np.testing.assert_allclose((found.low[1], found.high[1]), (interval.low, interval.high))
    later = made([row[1:] for row in prediction], [0, 0, 0, 0, -1], [2, 8], clean=[0, 0, 0, 0, 2], name="fgsm")
    np.testing.assert_allclose(accuracy_over_epsilon(later).accuracy, found.accuracy)
    assert accuracy_over_epsilon(later).area == pytest.approx(found.area)


def test_what_does_not_fit_is_named() -> None:
    fog = corrupted("fog", [1, 1, 1, 1, 1], 0)
    turned = made(TURNED, LABELS, [-20, 0, 20])
    with pytest.raises(ParameterError, match="no sweep"):
        robustness([])
    with pytest.raises(ParameterError, match="no degree that changes"):
        robustness([made([[0]], [0], [0])])
    with pytest.raises(ParameterError, match="different classes"):
        robustness([turned, made(TURNED, LABELS, [-20, 0, 20], names=("a", "b", "c"))])
    with pytest.raises(ParameterError, match="None of rotation"):
        corruption_errors([turned])
    with pytest.raises(ParameterError, match="no corruption"):
        corruption_errors([fog, turned])
    with pytest.raises(ParameterError, match="severity 3"):
        corruption_errors([made([[0, 0, 0]], [0], [0, 1, 2], name="fog")])
    with pytest.raises(ParameterError, match="several sweeps of fog"):
        corruption_errors([fog, fog])
    with pytest.raises(ParameterError, match="reference has no sweep"):
        corruption_errors([fog], [])
    with pytest.raises(ParameterError, match="other images"):
        corruption_errors([fog], [corrupted("fog", [1, 1, 1, 1, 1], 0, n=9)])
    with pytest.raises(ParameterError, match="no attack"):
        accuracy_over_epsilon(fog)
