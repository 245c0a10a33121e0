"""Tests of patterns against mistakes, held against scipy's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from nnvis_dash.analysis.neural_patterns import Sequences, error_enriched_patterns, neural_patterns
from nnvis_dash.analysis.neural_patterns.enrichment import benjamini_hochberg
from nnvis_dash.errors import ParameterError

RNG = np.random.default_rng(5)
N = 400
PATHS = Sequences(RNG.integers(0, 3, (N, 5)).astype(np.int16), tuple("abcde"), n_classes=4)
LABELS = RNG.integers(-1, 4, N)
WRONG = (PATHS.channels[:, 1] == 2) & (PATHS.channels[:, 2] == 0) & (RNG.random(N) < 0.7) | (RNG.random(N) < 0.1)


@pytest.mark.parametrize("labels", [None, LABELS], ids=["without labels", "some labels unknown"])
@pytest.mark.parametrize("samples", [None, np.arange(0, N, 2)], ids=["all images", "every second image"])
def test_p_values_are_those_of_fishers_exact_test(labels: Any, samples: Any) -> None:
    patterns = neural_patterns(PATHS, labels, min_support=8, samples=samples)
    found = error_enriched_patterns(patterns, WRONG, rate=1)
    counted = np.zeros(N, bool)
    counted[slice(None) if samples is None else samples] = True
    if labels is not None:
        counted &= labels >= 0
    assert (found.n_images, found.n_errors) == (counted.sum(), (counted & WRONG).sum())
    assert found.n_tested == len(patterns) > len(found) // 2 > 10
    expected = {}
    for pattern in patterns:
        inside = np.zeros(N, bool)
        inside[pattern.sample_ids] = True
        table = [
            [(counted & inside & WRONG).sum(), (counted & inside & ~WRONG).sum()],
            [(counted & ~inside & WRONG).sum(), (counted & ~inside & ~WRONG).sum()],
        ]
        expected[pattern.units] = (table[0][0], sum(table[0]), fisher_exact(table, alternative="greater").pvalue)
    corrected = dict(zip(expected, false_discovery_control([p for *_, p in expected.values()]), strict=True))
    for place, pattern in enumerate(found.patterns):
        errors, images, p_value = expected[pattern.units]
        assert (found.errors[place], found.images[place]) == (errors, images)
        np.testing.assert_allclose(found.p_values[place], p_value, rtol=1e-7)
        np.testing.assert_allclose(found.q_values[place], corrected[pattern.units], rtol=1e-7)


def test_the_planted_pattern_comes_first() -> None:
    found = error_enriched_patterns(neural_patterns(PATHS, min_support=8), WRONG)
    assert {(unit.layer, unit.channel) for unit in found.patterns[0].units} >= {("b", 2), ("c", 0)}
    assert (np.diff(found.p_values) >= 0).all()
    assert (found.q_values <= 0.05).all()
    assert found.error_rates[0] > 0.6 > 0.3 > found.n_errors / found.n_images


def test_by_hand() -> None:
    """Five images, two wrong, both in a pattern of two: 1 of the 10 ways to choose two of five."""
    paths = Sequences(np.array([[0, 0], [0, 0], [1, 1], [1, 1], [1, 1]], np.int16), ("a", "b"))
    patterns = neural_patterns(paths, min_support=2)
    found = error_enriched_patterns(patterns, np.array([True, True, False, False, False]), rate=0.5)
    np.testing.assert_allclose(found.p_values, [0.1])
    np.testing.assert_allclose(found.q_values, [0.2])
    assert found.patterns[0].sample_ids.tolist() == [0, 1]
    assert found.error_rates.tolist() == [1.0]


@pytest.mark.parametrize("wrong", [np.zeros(N, bool), np.ones(N, bool)], ids=["no errors", "errors only"])
def test_where_all_images_are_alike_nothing_is_enriched(wrong: np.ndarray) -> None:
    found = error_enriched_patterns(neural_patterns(PATHS, min_support=8), wrong, rate=1)
    assert len(found) == 0 and found.n_errors == wrong.sum()


def test_where_no_label_is_known_nothing_is_tested() -> None:
    found = error_enriched_patterns(neural_patterns(PATHS, np.full(N, -1), min_support=8), WRONG, rate=1)
    assert len(found) == found.n_images == found.n_errors == 0


def test_no_patterns_have_an_answer() -> None:
    found = error_enriched_patterns(neural_patterns(PATHS, min_support=N), WRONG)
    assert len(found) == found.n_tested == 0 and found.q_values.shape == (0,)


@pytest.mark.parametrize(
    "p_values", [[], [0.5], [0.01, 0.04, 0.03, 0.005], [1.0, 1.0, 0.2], [0.0, 0.0, 1e-300], [0.02, 0.02, 0.02, 0.9]]
)
def test_the_correction_is_benjamini_and_hochbergs(p_values: list[float]) -> None:
    expected = false_discovery_control(p_values) if p_values else []
    np.testing.assert_allclose(benjamini_hochberg(np.array(p_values)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "rate", "said"),
    [
        (np.zeros(3, bool), 0.05, r"The errors are \(3,\) bool for 400 images"),
        (np.zeros(N), 0.05, "float64"),
        (np.zeros(N, bool), 1.5, "The rate is 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: np.ndarray, rate: float, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        error_enriched_patterns(neural_patterns(PATHS, min_support=8), wrong, rate)
