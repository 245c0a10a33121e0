"""Rounding keeps within the distance, whole and in range, and keeps as much of a change as it may."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.attacks.rounding import rounded_within


def row(*values):
    return np.array(values, np.float32).reshape(1, 1, -1, 1)


def clean(*values):
    return row(*values).astype(np.uint8)


def test_linf_rounds_to_the_nearest_and_stays_within_whole_steps():
    kept = rounded_within(clean(10, 10, 10, 10), row(10.4, 12.6, 7.4, 20.0), 2.9, "linf")
    assert kept.ravel().tolist() == [10, 12, 8, 12]


@pytest.mark.parametrize("whole", [1, 2, 7, 8, 16, 64])
def test_a_whole_epsilon_given_as_a_fraction_is_used_up(whole):
    written = round(whole / 255, 10)  # as in a link; 255 times this may lie below the whole number
    kept = rounded_within(clean(100, 100), row(100 + whole, 100 - whole), 255 * written, "linf")
    assert kept.ravel().tolist() == [100 + whole, 100 - whole]


@pytest.mark.parametrize("norm", ["linf", "l2", "l0", "spatial"])
def test_values_stay_in_range_whatever_is_proposed(norm):
    kept = rounded_within(clean(0, 255, 3), row(-40.0, 300.0, 3.0), float("inf"), norm)
    assert kept.ravel().tolist() == [0, 255, 3]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_epsilon_zero_gives_the_image_back(norm):
    assert rounded_within(clean(7, 9), row(90.0, 0.0), 0.0, norm).ravel().tolist() == [7, 9]


def test_in_l2_a_whole_change_within_epsilon_is_kept_as_it_is():
    assert rounded_within(clean(10, 10), row(13.0, 6.0), 5.0, "l2").ravel().tolist() == [13, 6]


def test_in_l2_the_largest_fractions_are_rounded_up_as_long_as_the_length_allows():
    # Squares: 1.9² + 2.6² + 0.8² = 11.01; cut 1 + 4 + 0 = 5. Up: .9 costs 3, .8 costs 1, .6 costs 5, which is too much.
    kept = rounded_within(clean(10, 10, 10), row(11.9, 7.4, 10.8), 100.0, "l2")
    assert kept.ravel().tolist() == [12, 8, 11]


def test_in_l2_a_change_of_small_fractions_survives_rounding():
    images = np.full((1, 50, 50, 1), 100, np.uint8)
    rng = np.random.default_rng(0)
    change = rng.uniform(-0.45, 0.45, images.shape)  # each would vanish by itself
    kept = rounded_within(images, (images + change).astype(np.float32), 1000.0, "l2").astype(float) - images
    assert np.linalg.norm(kept) == pytest.approx(np.linalg.norm(change), rel=0.02)
    assert (kept * change).sum() > 0.4 * np.linalg.norm(kept) * np.linalg.norm(change)


def test_without_a_limit_the_nearest_whole_values_are_taken():
    assert rounded_within(clean(10, 10), row(10.4, 17.6), float("inf"), "l2").ravel().tolist() == [10, 18]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 999),
    epsilon=st.floats(0, 300),
    spread=st.sampled_from([0.3, 5.0, 200.0]),
    norm=st.sampled_from(["linf", "l2"]),
)
def test_rounding_never_leaves_the_distance(seed, epsilon, spread, norm):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (3, 5, 4, 2), dtype=np.uint8)
    proposed = (images + rng.normal(0, spread, images.shape)).astype(np.float32)
    kept = rounded_within(images, proposed, epsilon, norm)
    assert kept.dtype == np.uint8
    change = kept.astype(float) - images
    if norm == "linf":
        assert np.abs(change).max() <= epsilon + 1e-6
    else:
        assert np.sqrt((change**2).sum(axis=(1, 2, 3))).max() <= epsilon + 1e-6
    assert (change * (proposed - images) >= 0).all()  # never the other way
