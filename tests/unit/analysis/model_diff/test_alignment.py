"""Procrustes alignment: what is only turned, scaled or moved comes back to its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes

from nnvis_dash.analysis.model_diff.alignment import align
from nnvis_dash.errors import ParameterError

MAP = np.random.default_rng(6).normal(size=(30, 2)) * [3, 1] + [5, -2]
NOISE = np.random.default_rng(7).normal(size=(30, 2))


def turned(places, angle, scale, mirror, shift):
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    if mirror:
        turn = turn @ np.diag([1, -1])
    return scale * places @ turn + shift


changes = st.tuples(
    st.floats(0, 6.28),
    st.floats(0.01, 100),
    st.booleans(),
    st.tuples(st.floats(-50, 50), st.floats(-50, 50)).map(np.array),
)


def test_by_hand():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    found = align(square, 2 * square @ np.array([[0, 1], [-1, 0]]) + 7)  # a quarter turn, twice as large
    np.testing.assert_allclose(found.aligned, square, atol=1e-12)
    np.testing.assert_allclose(found.rotation, [[0, -1], [1, 0]], atol=1e-12)
    assert found.scale == pytest.approx(0.5)
    assert not found.mirrored and found.n == 4
    assert found.disparity == pytest.approx(0, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(changes)
def test_the_same_map_comes_back_to_its_place(change):
    found = align(MAP, turned(MAP, *change))
    np.testing.assert_allclose(found.aligned, MAP, atol=1e-6)
    np.testing.assert_allclose(found.moved, 0, atol=1e-6)
    assert found.disparity == pytest.approx(0, abs=1e-9)
    assert found.scale == pytest.approx(1 / change[1])
    assert found.mirrored == change[2]


@settings(max_examples=50, deadline=None)
@given(changes)
def test_how_the_moving_map_lies_does_not_matter(change):
    other = MAP + NOISE
    found, wanted = align(MAP, turned(other, *change)), align(MAP, other)
    np.testing.assert_allclose(found.aligned, wanted.aligned, atol=1e-6)
    np.testing.assert_allclose(found.moved, wanted.moved, atol=1e-6)
    assert found.disparity == pytest.approx(wanted.disparity, abs=1e-9)


def test_the_disparity_is_scipys_and_the_share_of_the_extent():
    other = MAP + NOISE
    found = align(MAP, other)
    assert found.disparity == pytest.approx(procrustes(MAP, other)[2])
    assert found.disparity == pytest.approx(align(other, MAP).disparity)
    extent = ((MAP - MAP.mean(axis=0)) ** 2).sum()
    assert found.disparity == pytest.approx((found.moved**2).sum() / extent)
    np.testing.assert_allclose(found.aligned, found.scale * other @ found.rotation + found.shift)
    np.testing.assert_allclose(found.moved, np.linalg.norm(found.aligned - MAP, axis=1))


def test_no_near_change_is_better():
    other, generator = MAP + NOISE, np.random.default_rng(0)
    best = (align(MAP, other).moved ** 2).sum()
    aligned = align(MAP, other).aligned
    for _ in range(50):
        angle, scale = generator.normal(scale=0.1), np.exp(generator.normal(scale=0.1))
        near = turned(aligned, angle, scale, False, generator.normal(size=2))
        assert ((near - MAP) ** 2).sum() >= best


def test_one_sample_that_moved_is_told_from_the_rest():
    other = MAP.copy()
    other[4] += [1.0, 1.0]
    assert align(MAP, turned(other, 1.0, 3.0, True, 2)).moved.argmax() == 4


def test_samples_that_a_map_does_not_have():
    reference, moving = MAP.copy(), turned(MAP, 0.5, 2.0, False, np.array([1, 1]))
    reference[0], moving[1, 0], reference[2], moving[2] = np.nan, np.nan, np.nan, np.nan
    found = align(reference, moving)
    assert found.n == 27
    np.testing.assert_allclose(found.aligned[0], MAP[0], atol=1e-9)  # it has a place, and nothing to compare it to
    assert np.isnan(found.aligned[[1, 2]]).all()
    assert np.flatnonzero(np.isnan(found.moved)).tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.moved[3:], 0, atol=1e-9)


def test_maps_without_an_extent():
    at_one = np.full((10, 2), 0.1)
    found = align(MAP[:10], at_one)
    assert (found.scale, found.disparity, found.mirrored) == (1, 1, False)
    np.testing.assert_allclose(found.aligned, np.tile(MAP[:10].mean(axis=0), (10, 1)))
    assert align(at_one, MAP[:10]).disparity == 1
    both = align(at_one, at_one + 3)
    assert both.disparity == 0
    np.testing.assert_allclose(both.moved, 0, atol=1e-12)
    assert align(MAP[:1], MAP[1:2]).moved.tolist() == [0]


def test_three_dimensions_will_do():
    places = np.random.default_rng(1).normal(size=(20, 3))
    found = align(places, -2 * places)
    assert found.mirrored and found.scale == pytest.approx(0.5)
    np.testing.assert_allclose(found.aligned, places, atol=1e-12)


@pytest.mark.parametrize(
    "reference, moving, message",
    [
        (MAP, MAP[:5], r"\(30, 2\) and \(5, 2\)"),
        (MAP[0], MAP[0], r"shapes \(2,\)"),
        (MAP[:0], MAP[:0], r"\(0, 2\)"),
        (MAP, np.full_like(MAP, np.nan), "None of 30 samples"),
        (MAP, np.where(np.arange(60).reshape(30, 2) == 6, np.inf, MAP), "infinite"),
    ],
)
def test_what_cannot_be_aligned(reference, moving, message):
    with pytest.raises(ParameterError, match=message):
        align(reference, moving)
