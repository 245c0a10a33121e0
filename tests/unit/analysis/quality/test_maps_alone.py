"""Measures that look at heatmaps and masks alone: values worked by hand, those of Quantus, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.unit.analysis.quality import cases
from tests.unit.analysis.quality.cases import ask

maps = arrays(np.float32, (2, 5, 4), elements=st.floats(-100, 100, width=32))
ONE = np.zeros((1, 4, 5), np.float32)
ONE[0, 1, 2] = 3


def quantus_case():
    """Return the maps and masks of which Quantus 0.6.0 gave the values below (normalise=False, abs=False)."""
    heatmaps = np.random.default_rng(3).normal(0.2, 1, (3, 6, 5)).astype(np.float32)
    masks = np.zeros((3, 6, 5), bool)
    masks[0, 1:4, 1:3] = masks[1, :, :3] = masks[2, ::2] = True
    return cases.given(heatmaps, masks)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sparseness", [0.575329, 0.391276, 0.31466]),  # quantus.Sparseness
        ("complexity", [2.82795, 3.128655, 3.241472]),  # quantus.Complexity
        ("pointing_game", [0.0, 1.0, 1.0]),  # quantus.PointingGame
        ("relevance_mass", [0.044116, 0.611949, 0.634743]),  # quantus.RelevanceMassAccuracy of the positive parts
        ("relevance_rank", [0.0, 0.555556, 0.666667]),  # quantus.RelevanceRankAccuracy
    ],
)
def test_as_quantus_says(name, expected):
    np.testing.assert_allclose(ask(name, quantus_case()), expected, atol=2e-6)


def test_by_hand():
    alike = cases.given(np.full((1, 4, 5), -2.0))
    assert ask("sparseness", alike) == 0
    assert ask("complexity", alike) == pytest.approx(np.log(20))
    assert ask("sparseness", cases.given(ONE)) == pytest.approx(1 - 1 / 20)
    assert ask("complexity", cases.given(ONE)) == 0
    assert ask("sparseness", cases.given([[[1.0, 3.0]]])) == 0.25
    mask = np.zeros((1, 4, 5), bool)
    mask[0, 1, 3:] = True
    beside = cases.given(ONE, mask)
    assert ask("pointing_game", beside) == 0 and ask("pointing_game", beside, tolerance=1) == 1
    assert ask("relevance_mass", beside) == 0
    # The object's two pixels are among 19 equal ones, of which one counts beside the strongest.
    assert ask("relevance_rank", beside) == pytest.approx(2 / 19 / 2)
    twice = ONE.copy()
    twice[0, 1, 3] = 3
    assert ask("pointing_game", cases.given(twice, mask)) == 0.5
    assert ask("relevance_mass", cases.given(twice - 1, mask)) == 0.5  # what speaks against doesn't count


@pytest.mark.parametrize(
    ("heatmap", "sound"),
    [
        (ONE, 1),
        (np.zeros((1, 4, 5)), 0),
        (np.full((1, 4, 5), 7.0), 0),
        (1e6 + np.arange(20).reshape(1, 4, 5) * 1e-3, 0),  # rounding
        (np.where(ONE > 0, np.nan, 1), 0),
        (np.where(ONE > 0, -np.inf, ONE), 0),
        (np.pad(ONE, ((0, 0), (40, 40), (40, 40))), 0),  # one pixel of thousands
        (1e-30 * ONE, 1),
    ],
)
def test_soundness_says_yes_or_no_of_any_map(heatmap, sound):
    assert ask("soundness", cases.given(heatmap)) == sound


@settings(max_examples=25, deadline=None)
@given(maps, st.integers(0, 2**32 - 1))
def test_laws(heatmaps, seed):
    mask = np.random.default_rng(seed).random(heatmaps.shape) < 0.4
    case, scaled = cases.given(heatmaps, mask), cases.given(heatmaps * 4, mask)
    whole = cases.given(heatmaps, np.ones_like(mask))
    for name, top in {
        "sparseness": 1,
        "complexity": np.log(20) + 1e-6,
        "relevance_mass": 1,
        "relevance_rank": 1,
    }.items():
        found = ask(name, case)
        assert found.shape == (2,) and found.dtype == np.float32
        assert ((found >= 0) & (found <= top + 1e-6) | np.isnan(found)).all()
        np.testing.assert_allclose(found, ask(name, scaled), atol=1e-4)
    for name in ("relevance_mass", "relevance_rank", "pointing_game"):
        found = ask(name, whole)
        assert (np.isnan(found) | (np.abs(found - 1) < 1e-6)).all()
        assert np.isnan(ask(name, cases.given(heatmaps, np.zeros_like(mask)))).all()
    within = ask("pointing_game", case)
    assert (np.isnan(within) | (within <= ask("pointing_game", case, tolerance=2))).all()


def test_what_holds_no_numbers_says_nothing():
    broken = np.stack([np.where(ONE[0] > 0, np.nan, 1), np.where(ONE[0] > 0, np.inf, 1), np.zeros((4, 5))])
    case = cases.given(broken, np.ones(broken.shape, bool))
    for name in ("sparseness", "complexity", "pointing_game", "relevance_mass", "relevance_rank"):
        assert np.isnan(ask(name, case)).all(), name
