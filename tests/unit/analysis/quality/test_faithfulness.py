"""Faithfulness: cases worked by hand, numbers of Quantus, laws that hold for any heatmap, and maps that say nothing."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.quality import MEASURES, Case, case_of, measure, parts
from nnvis_dash.analysis.quality.curves import curves, ranks
from nnvis_dash.errors import ParameterError

FAITHFULNESS = ("deletion", "insertion", "faithfulness_correlation", "infidelity", "sensitivity_n")
BY_PARTS = FAITHFULNESS[2:]
some = settings(max_examples=12, deadline=None)


def linear(weights: np.ndarray, biases: tuple[float, float] = (0, 0), output: Any = "logits") -> Classifier:
    """Return a classifier that gives the pixels times `weights` (H, W), added up, to class 1 and takes it from 0."""
    import keras
    from keras import layers

    inputs = keras.Input((*weights.shape, 1))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(inputs)))
    model.set_weights([np.stack([-weights.ravel(), weights.ravel()], axis=1), np.array(biases)])
    return Classifier.from_keras(model, preprocessing="raw", output=output)


@cache
def a_line() -> tuple[Classifier, np.ndarray]:
    """Return a linear classifier, with logits, and its weights."""
    weights = np.random.default_rng(2).normal(0, 0.01, (6, 6)).astype(np.float32)
    return linear(weights), weights


@cache
def convolutional() -> Classifier:
    """Return a network whose weights are formulas, so that others can build it: 6 × 6 × 1, 3 classes."""
    import keras
    from keras import layers

    inputs = keras.Input((6, 6, 1))
    x = layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    kernel, head = np.sin(np.arange(18)).reshape(3, 3, 1, 2) / 2, np.cos(np.arange(96) * 1.7).reshape(32, 3) / 2
    model.set_weights([kernel, np.array([0.1, -0.1]), head, np.array([0.0, 0.2, -0.2])])
    return Classifier.from_keras(model, preprocessing="unit")


IMAGES = (np.arange(108) * 37 % 256).reshape(3, 6, 6, 1).astype(np.uint8)
HEATMAPS = np.sin(np.arange(108) * 2.3).reshape(3, 6, 6).astype(np.float32)
TARGETS = np.array([0, 1, 2], np.int32)


def formula_case(seed: int = 5) -> Case:
    return case_of(convolutional(), IMAGES, HEATMAPS, TARGETS, seed=seed)


# Worked by hand. The probability of class 1 is the mean of four pixels of sixteen, each 255: 1 with all, 0 with none.


@cache
def four_pixels() -> Classifier:
    weights = np.zeros((4, 4), np.float32)
    weights[0] = 1 / (4 * 255)
    return linear(weights, (1, 0), "softmax")  # what it puts out counts as probabilities, as it is


@pytest.mark.parametrize(
    ("heatmap", "deleted", "inserted"),
    [
        (np.repeat([[3.0], [2.0], [1.0], [0.0]], 4, axis=1), 0.125, 0.875),  # falls to 0 within the first quarter
        (np.repeat([[0.0], [1.0], [2.0], [3.0]], 4, axis=1), 0.875, 0.125),  # only in the last quarter
        (np.repeat([[3.0, 2.0, 1.0, 0.0]], 4, axis=0) + np.array([[0.5], [0.0], [0.0], [0.0]]), 0.40625, 0.59375),
    ],
)
def test_areas_worked_by_hand(heatmap: np.ndarray, deleted: float, inserted: float) -> None:
    # The third: one of the four leads each quarter, so p falls by 1/4 over the first pixel of each and then rests:
    # (3.5 + 3·3 + 2.5 + 3·2 + 1.5 + 3·1 + 0.5) / 4 / 16 = 26 / 64.
    image = np.full((1, 4, 4, 1), 255, np.uint8)
    case = case_of(four_pixels(), image, heatmap[None].astype(np.float32), 1)
    given = {"steps": 16, "filling": "black"}
    found = measure(case, {"deletion": given, "insertion": given}).values
    np.testing.assert_allclose([found["deletion"][0], found["insertion"][0]], [deleted, inserted], atol=1e-6)


def test_a_curve_goes_from_the_image_to_the_filling_and_an_insertion_back() -> None:
    case = formula_case()
    whole = convolutional().predict(IMAGES)[np.arange(3), TARGETS]
    mean = np.broadcast_to(IMAGES.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32), IMAGES.shape)
    empty = convolutional().predict(mean)[np.arange(3), TARGETS]
    out, back = curves(case, 100, "mean"), curves(case, 100, "mean", insert=True)
    np.testing.assert_allclose(out.shares, np.arange(37) / 36, atol=1e-6)  # no more steps than pixels
    for found, ends in ((out, (whole, empty)), (back, (empty, whole))):
        np.testing.assert_allclose(found.probabilities[:, [0, -1]], np.stack(ends, axis=1), atol=1e-6)
    half = curves(case, 4, "mean")
    np.testing.assert_allclose(half.probabilities, out.probabilities[:, ::9], atol=1e-6)


@pytest.mark.parametrize("filling", ["mean", "black"])
def test_the_exact_contributions_of_a_linear_score_are_perfect(filling: str) -> None:
    clf, weights = a_line()
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 1), dtype=np.uint8)
    empty = images.mean(axis=(1, 2, 3), keepdims=True) if filling == "mean" else 0
    exact = ((images - empty)[..., 0] * weights).astype(np.float32)
    measures = {name: {"filling": filling} for name in BY_PARTS}
    found = measure(case_of(clf, images, exact, 1), measures).values
    np.testing.assert_allclose(found["faithfulness_correlation"], 1, atol=1e-5)
    np.testing.assert_allclose(found["sensitivity_n"], 1, atol=1e-5)
    np.testing.assert_allclose(found["infidelity"], 0, atol=1e-5)
    unscaled = {"infidelity": {"filling": filling, "scaled": False}}
    np.testing.assert_allclose(measure(case_of(clf, images, exact, 1), unscaled).values["infidelity"], 0, atol=1e-8)
    wrong = measure(case_of(clf, images, -exact, 1), measures).values
    np.testing.assert_allclose(wrong["faithfulness_correlation"], -1, atol=1e-5)
    np.testing.assert_allclose(wrong["infidelity"], 1)


def test_infidelity_by_hand() -> None:
    clf, weights = a_line()
    image = np.full((1, 6, 6, 1), 100, np.uint8)
    heatmap = np.zeros((1, 6, 6), np.float32)
    heatmap[0, 0, 0] = 2
    # One square, all of the image: the score falls by 100 times the weights' sum, and the heatmap says 2.
    fallen = 100 * float(weights.sum())
    given = {"infidelity": {"squares": 1, "smallest": 1, "largest": 1, "filling": "black", "scaled": False}}
    found = measure(case_of(clf, image, heatmap, 1), given).values["infidelity"]
    np.testing.assert_allclose(found, (2 - fallen) ** 2, rtol=1e-5)


# Quantus 0.6.0 (the network above as a tf.keras model on Keras 3.15, pixels divided by 255, `normalise=False`,
# `perturb_baseline=0.0`), November 2026.


def test_curves_are_those_of_quantus() -> None:
    # PixelFlipping(features_in_step=4, softmax=True); it leaves out the image as it is.
    expected = [
        [0.452591, 0.422015, 0.417026, 0.369104, 0.349281, 0.382339, 0.398253, 0.422512, 0.33],
        [0.484151, 0.457369, 0.419024, 0.408456, 0.427869, 0.436922, 0.422854, 0.390996, 0.400602],
        [0.339429, 0.355318, 0.23165, 0.194809, 0.242665, 0.229836, 0.221322, 0.3223, 0.269398],
    ]
    np.testing.assert_allclose(curves(formula_case(), 9, "black").probabilities[:, 1:], expected, atol=2e-6)


@pytest.mark.parametrize(
    ("of_ranks", "expected"),
    [(False, [0.051539, 0.286884, -0.115226]), (True, [-0.015385, 0.209381, -0.116886])],
)
def test_faithfulness_correlation_is_that_of_quantus(of_ranks: bool, expected: list[float]) -> None:
    # FaithfulnessCorrelation(nr_runs=40, subset_size=7, softmax=False) with the sets of pixels that ours draws for the
    # seed 5, the same for each image; similarity_func correlation_pearson or correlation_spearman.
    given = {"parts": 40, "cells": 0, "share": 7 / 36, "filling": "black", "ranks": of_ranks}
    found = measure(formula_case(), {"faithfulness_correlation": given}).values["faithfulness_correlation"]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_infidelity_is_that_of_quantus() -> None:
    # Infidelity(perturb_patch_sizes=[6], n_perturb_samples=1, softmax=False); it multiplies by the pixels itself.
    given = {"infidelity": {"squares": 1, "smallest": 1, "largest": 1, "filling": "black", "scaled": False}}
    case = case_of(convolutional(), IMAGES, HEATMAPS * (IMAGES[..., 0] / np.float32(255)), TARGETS)
    np.testing.assert_allclose(measure(case, given).values["infidelity"], [0.010387, 0.003181, 0.000482], atol=2e-6)


# Laws.


@some
@given(st.integers(0, 99), st.floats(0.01, 100), st.floats(-5, 5))
def test_what_a_heatmap_is_multiplied_by_does_not_count(seed: int, factor: float, offset: float) -> None:
    heatmaps = np.random.default_rng(seed).permutation(108).reshape(3, 6, 6).astype(np.float32)
    first = measure(case_of(convolutional(), IMAGES, heatmaps, TARGETS), FAITHFULNESS).values
    changed = measure(case_of(convolutional(), IMAGES, heatmaps * np.float32(factor), TARGETS), FAITHFULNESS).values
    for name in FAITHFULNESS:
        np.testing.assert_allclose(changed[name], first[name], atol=1e-5)
    # Only the order counts for curves; what is added to all pixels doesn't count where sets have the same size.
    bent = measure(case_of(convolutional(), IMAGES, np.exp(heatmaps / 20), TARGETS), FAITHFULNESS[:2]).values
    moved = measure(case_of(convolutional(), IMAGES, heatmaps + np.float32(offset), TARGETS), FAITHFULNESS).values
    for name in FAITHFULNESS[:2]:
        np.testing.assert_array_equal(bent[name], first[name])
    np.testing.assert_allclose(moved["sensitivity_n"], first["sensitivity_n"], atol=1e-4)


@some
@given(st.integers(0, 99), st.sampled_from([1, 2, 5, 100]))
def test_what_is_deleted_is_what_the_reverse_map_inserts(seed: int, steps: int) -> None:
    heatmaps = np.random.default_rng(seed).permutation(108).reshape(3, 6, 6).astype(np.float32)
    given = {"steps": steps, "filling": "blurred"}
    out = curves(case_of(convolutional(), IMAGES, heatmaps, TARGETS), **given)
    back = curves(case_of(convolutional(), IMAGES, -heatmaps, TARGETS), **given, insert=True)
    np.testing.assert_allclose(back.probabilities[:, ::-1], out.probabilities, atol=1e-6)
    np.testing.assert_allclose(out.area(), back.area(), atol=1e-6)


def test_an_images_numbers_are_its_own_and_the_seeds() -> None:
    clf = convolutional()
    together = measure(formula_case(), FAITHFULNESS).values
    again = measure(formula_case(), FAITHFULNESS).values
    other = measure(formula_case(seed=6), FAITHFULNESS).values
    parts._kept.pop(clf)
    alone = measure(case_of(clf, IMAGES[1:2], HEATMAPS[1:2], TARGETS[1:2], seed=5), FAITHFULNESS).values
    as_floats = measure(case_of(clf, IMAGES.astype(np.float32), HEATMAPS, TARGETS, seed=5), FAITHFULNESS).values
    for name in FAITHFULNESS:
        np.testing.assert_array_equal(again[name], together[name])
        np.testing.assert_allclose(alone[name], together[name][1:2], atol=1e-4)
        np.testing.assert_allclose(as_floats[name], together[name], atol=1e-4)
    assert all((other[name] != together[name]).any() for name in BY_PARTS)


def test_equal_values_come_in_a_drawn_order_that_is_the_same_for_all_images() -> None:
    heatmaps = np.zeros((2, 8, 8), np.float32)
    heatmaps[:, 2:4] = 1
    places = ranks(heatmaps, 3)
    assert sorted(places[0, 2:4].ravel()) == list(range(16))
    np.testing.assert_array_equal(places[0], places[1])
    np.testing.assert_array_equal(places, ranks(heatmaps, 3))
    assert (places != ranks(heatmaps, 4)).any()
    assert (np.diff(places[0, 4:].ravel()) != 1).any()


def test_a_second_heatmap_of_the_same_images_costs_no_pass() -> None:
    clf, told = convolutional(), []
    parts._kept.pop(clf, None)

    def passes(heatmaps: np.ndarray) -> int:
        told.clear()
        with progress.reporting(lambda done, total: told.append((done, total))):
            measure(case_of(clf, IMAGES, heatmaps, TARGETS), BY_PARTS)
        assert told[-1][0] == told[-1][1]
        assert all(earlier[0] * later[1] <= later[0] * earlier[1] for earlier, later in itertools.pairwise(told))
        return len(told)

    assert passes(HEATMAPS) > len(BY_PARTS)
    assert passes(-HEATMAPS) == len(BY_PARTS)  # each only tells that it is over


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_KEPT", 10)
    kept = parts._Kept()
    for number in range(5):
        kept.put((number,), np.zeros(4))
    assert [number for number in range(5) if kept.get((number,)) is not None] == [3, 4]


# Maps and scores that say nothing, and what can't be asked.


def test_maps_that_are_flat_or_not_finite_give_nan_and_leave_the_others_alone() -> None:
    images = np.concatenate([IMAGES, IMAGES, IMAGES[:1]])
    heatmaps = np.concatenate([HEATMAPS, HEATMAPS, HEATMAPS[:1]])
    heatmaps[1], heatmaps[3, 2, 2], heatmaps[5, 0, 0], heatmaps[6] = 7, np.nan, np.inf, 0
    targets = np.concatenate([TARGETS, TARGETS, TARGETS[:1]])
    found = measure(case_of(convolutional(), images, heatmaps, targets, seed=5), FAITHFULNESS).values
    expected = measure(formula_case(), FAITHFULNESS).values
    for name in FAITHFULNESS:
        assert np.isnan(found[name][[1, 3, 5, 6]]).all()
        np.testing.assert_allclose(found[name][[0, 2, 4]], expected[name][[0, 2, 1]], atol=1e-4)
    flat = measure(case_of(convolutional(), IMAGES, 0 * HEATMAPS, TARGETS), FAITHFULNESS).values
    assert all(np.isnan(values).all() and values.shape == (3,) for values in flat.values())


def test_a_score_that_does_not_change_says_nothing() -> None:
    clf = linear(np.zeros((4, 4), np.float32), (0, 1))
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1), dtype=np.uint8)
    heatmaps = np.random.default_rng(1).normal(size=(2, 4, 4)).astype(np.float32)
    found = measure(case_of(clf, images, heatmaps, 1), FAITHFULNESS).values
    for name in BY_PARTS:
        assert np.isnan(found[name]).all()
    np.testing.assert_allclose(found["deletion"], 1 / (1 + np.exp(-1)), atol=1e-6)


def test_the_score_is_what_was_explained() -> None:
    case = case_of(convolutional(), IMAGES, "input_times_gradient", 1, output="probabilities")
    given = {"infidelity": {"output": "probabilities"}}
    as_explained, asked = measure(case, ["infidelity"]).values, measure(case, given).values
    np.testing.assert_array_equal(as_explained["infidelity"], asked["infidelity"])
    elsewhere = measure(case_of(convolutional(), IMAGES, case.heatmaps, 1), ["infidelity"]).values["infidelity"]
    logits = measure(case, {"infidelity": {"output": "logits"}}).values["infidelity"]
    np.testing.assert_array_equal(elsewhere, logits)
    assert (logits != asked["infidelity"]).any()


@pytest.mark.parametrize("name", ["infidelity", "sensitivity_n"])
def test_a_smallest_above_the_largest_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="smallest be no more than largest"):
        measure(formula_case(), {name: {"smallest": 0.6, "largest": 0.5}})


@pytest.mark.parametrize("name", ["faithfulness_correlation", "sensitivity_n"])
def test_parts_are_never_the_whole_image(name: str) -> None:
    given = {"faithfulness_correlation": {"share": 1.0}, "sensitivity_n": {"smallest": 1.0, "largest": 1.0}}[name]
    assert np.isfinite(measure(formula_case(), {name: given}).values[name]).all()


def test_each_says_what_is_better_and_its_family() -> None:
    for name in FAITHFULNESS:
        assert "faithfulness" in MEASURES[name].traits
        better = {"higher is better", "lower is better"} & MEASURES[name].traits
        assert better == {f"{'lower' if name in ('deletion', 'infidelity') else 'higher'} is better"}
