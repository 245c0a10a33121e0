"""Regions of any shape: as windows where they fit, and nothing but the region changes."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question
from nnvis_dash.analysis.prediction_difference.region import (
    checked_region,
    erase,
    region_from_other_images,
    region_given_surroundings,
)
from nnvis_dash.errors import ParameterError
from tests.unit.analysis.prediction_difference.scenes import (
    SHAPE,
    bits,
    conditional,
    patch_corner,
    small,
    smooth,
    unbounded,
)

OUTER = 6


@pytest.fixture(scope="module")
def clf():
    return small()


@pytest.fixture(scope="module")
def pictures():
    return smooth(60)


@pytest.fixture(scope="module")
def image():
    return smooth(1, seed=9)[0]


def rectangle(top, left, height, width):
    mask = np.zeros(SHAPE[:2], bool)
    mask[top : top + height, left : left + width] = True
    return mask


@pytest.mark.parametrize("corner", [(4, 3), (0, 0), (8, 7), (0, 4), (5, 0)])
@pytest.mark.parametrize("per_channel", [False, True])
def test_a_small_rectangle_is_drawn_as_a_window_is(pictures, image, corner, per_channel):
    """Rectangles that fit a tile have one patch around them."""
    model = unbounded(PatchModel.fit(pictures, OUTER, per_channel))
    filled = region_given_surroundings(model, image, rectangle(*corner, 2, 2), 6000, seed=1)
    draws = filled[:, corner[0] : corner[0] + 2, corner[1] : corner[1] + 2].astype(np.float64)
    patch = patch_corner(corner, 2, OUTER, SHAPE[:2])
    mean, covariance = conditional(model, image, corner, patch, 2)
    np.testing.assert_allclose(draws.mean(axis=0), mean, rtol=0, atol=2e-3)
    np.testing.assert_allclose(draws[::2] + draws[1::2], np.broadcast_to(2 * mean, (3000, 2, 2, 3)), atol=5e-3)
    away = (draws - mean).reshape(6000, -1)
    deviation = np.sqrt(np.diag(covariance))
    scale = np.outer(deviation, deviation)
    np.testing.assert_allclose(away.T @ away / 6000 / scale, covariance / scale, atol=0.1)


@pytest.mark.parametrize("corner", [(3, 3), (2, 5), (0, 0), (7, 6)])
def test_a_rectangle_as_large_as_a_tile_is_drawn_as_a_window_is(pictures, image, corner):
    model = unbounded(PatchModel.fit(pictures, OUTER))
    filled = region_given_surroundings(model, image, rectangle(*corner, 3, 3), 2, seed=1)
    mean, _ = conditional(model, image, corner, patch_corner(corner, 3, OUTER, SHAPE[:2]), 3)
    found = filled[:, corner[0] : corner[0] + 3, corner[1] : corner[1] + 3].mean(axis=0)
    np.testing.assert_allclose(found, mean, rtol=0, atol=5e-3)


def test_one_pair_has_an_error_too(clf, pictures, image):
    found = erase(clf, image, rectangle(2, 2, 2, 2), PatchModel.fit(pictures, OUTER), [0], Question(1, OUTER, 2))
    assert np.isfinite(found.error).all()


def test_its_evidence_is_that_of_the_window(clf, pictures, image):
    from nnvis_dash.analysis.prediction_difference import prediction_difference

    model = PatchModel.fit(pictures, OUTER)
    window = prediction_difference(clf, image, [0, 2], 2, OUTER, 2000, "conditional", model, stride=4)
    at = (1, 1)
    corner = int(window.rows[1]), int(window.columns[1])
    question = Question(2, OUTER, 2000, seed=8)
    found = erase(clf, image, rectangle(*corner, 2, 2), model, [0, 2], question)
    error = np.hypot(found.error, window.window_errors[at][:2])
    assert (np.abs(found.evidence - window.window_values[at][:2]) < 5 * error).all()
    assert (found.error < 0.2 * np.abs(found.evidence).max()).all()


@pytest.mark.parametrize("marginal", [False, True])
def test_evidence_is_of_the_mean_probability_over_the_samples_shown(clf, pictures, image, marginal):
    mask = rectangle(2, 1, 5, 6)
    mask[3, 3] = False
    source = pictures if marginal else PatchModel.fit(pictures, OUTER)
    question = Question(1, OUTER, 10, "marginal" if marginal else "conditional", seed=3)
    found = erase(clf, image, mask, source, [2, 0], question)
    assert found.filled.shape == (10, *SHAPE)
    p, before = clf.predict(found.filled).astype(np.float64), clf.predict(image[None])[0]
    without = p.mean(axis=0)[[2, 0]]
    np.testing.assert_allclose(found.without, without, atol=1e-5)
    np.testing.assert_allclose(found.probability, before[[2, 0]], atol=1e-5)
    np.testing.assert_allclose(found.evidence, bits(before[[2, 0]], 3) - bits(without, 3), atol=1e-4)
    assert found.targets.tolist() == [2, 0]
    assert (found.error > 0).all()


def test_errors_are_the_spread_over_seeds(clf, pictures, image):
    model = PatchModel.fit(pictures, OUTER)
    mask = rectangle(2, 2, 5, 4)
    found = [erase(clf, image, mask, model, [0, 1, 2], Question(1, OUTER, 20, seed=seed)) for seed in range(40)]
    spread = np.stack([one.evidence for one in found]).std(axis=0, ddof=1)
    told = np.sqrt(np.mean([one.error**2 for one in found], axis=0))
    assert (told / spread > 0.5).all()
    assert (told / spread < 2.0).all()


def _shapes():
    row, column = np.indices(SHAPE[:2])
    yield "a line", row == 4
    yield "two corners", rectangle(0, 0, 2, 3) | rectangle(7, 6, 3, 3)
    yield "a chess board", (row + column) % 2 == 0
    yield "all but a pixel", ~rectangle(5, 5, 1, 1)
    yield "half", column >= 4
    yield "a pixel", rectangle(9, 8, 1, 1)


SHAPES = dict(_shapes())


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("source", ["conditional", "per channel", "marginal"])
def test_only_the_region_changes_and_stays_in_range(pictures, image, name, source):
    mask = SHAPES[name]
    if source == "marginal":
        filled, other = (region_from_other_images(pictures, image, mask, 7, seed) for seed in (1, 2))
        again = region_from_other_images(pictures, image, mask, 7, 1)
    else:
        model = PatchModel.fit(pictures, OUTER, source == "per channel", n_patches=4000)
        filled, other = (region_given_surroundings(model, image, mask, 7, seed) for seed in (1, 2))
        again = region_given_surroundings(model, image, mask, 7, 1)
    assert filled.shape == (7, *SHAPE)
    np.testing.assert_array_equal(filled, again)
    assert (filled != other).any()
    np.testing.assert_array_equal(filled[:, ~mask], np.broadcast_to(image[~mask], (7, (~mask).sum(), 3)))
    assert filled[:, mask].min() >= pictures.min()
    assert filled[:, mask].max() <= pictures.max()
    assert (filled[:, mask].std(axis=0) > 0).any()


def test_a_large_region_looks_like_the_images(pictures, image):
    """Tile by tile, neighbours stay alike: the steps between pixels are those of the images."""
    model = PatchModel.fit(pictures, OUTER)
    filled = region_given_surroundings(model, image, SHAPES["half"], 100, 0)[:, :, 4:]
    step = np.abs(np.diff(filled, axis=2)).mean()
    natural = np.abs(np.diff(pictures.astype(float), axis=2)).mean()
    assert 0.6 * natural < step < 1.6 * natural
    spread = filled.std(axis=(0, 1, 2))
    assert (spread > 0.4 * pictures.std(axis=(0, 1, 2))).all()


def test_marginal_regions_are_of_one_image_each(pictures, image):
    mask = SHAPES["a chess board"]
    filled = region_from_other_images(pictures, image, mask, 12, 0)
    for one in filled:
        assert any((one[mask] == picture[mask]).all() for picture in pictures)


def test_the_most_probable_classes_where_none_is_said(clf, pictures, image):
    found = erase(clf, image, rectangle(2, 2, 2, 2), pictures, [], Question(1, OUTER, 4, "marginal"))
    assert found.targets.tolist() == np.argsort(-clf.predict(image[None])[0]).tolist()[:3]


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros(SHAPE[:2], bool), r"region holds nothing.*Choose a part of the image"),
        (np.ones(SHAPE[:2], bool), r"region holds the whole image.*Choose a part"),
        (np.ones((4, 4), bool), r"shape \(4, 4\).*Give 10 × 9 values"),
        (np.ones(SHAPE[:2], np.uint8), r"type uint8.*true or false"),
        (np.ones(SHAPE, bool), r"shape \(10, 9, 3\)"),
    ],
)
def test_what_is_no_region_is_refused(mask, words):
    with pytest.raises(ParameterError, match=words):
        checked_region(mask, SHAPE[:2])


@pytest.mark.parametrize("target", [3, -1, True, "x"])
def test_a_class_that_is_not_there_is_named(clf, pictures, image, target):
    with pytest.raises(ParameterError, match=rf"no class {target!r}.*0 to 2"):
        erase(clf, image, rectangle(2, 2, 2, 2), pictures, [target], Question(1, OUTER, 4, "marginal"))


def test_too_few_images_are_named(clf, image):
    with pytest.raises(ParameterError, match=r"There are 3 images to draw 20 samples.*Give 20"):
        erase(clf, image, rectangle(2, 2, 2, 2), smooth(3), [0], Question(1, OUTER, 20, "marginal"))
