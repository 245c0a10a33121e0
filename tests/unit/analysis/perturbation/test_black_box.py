"""Occlusion, RISE, LIME and Shapley values against numbers worked by hand, on a network that adds pixels up."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.attribution.rise import RISE, random_mask
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.perturbation import coalitions, kernel_shap, regions
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit

SIDE = 6


def adding(weights: np.ndarray) -> Classifier:
    """Return a classifier whose first logit is the sum of weights (H, W) × pixels / 255; the second is 0."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((SIDE, SIDE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="scores"),
            keras.layers.Softmax(),
        ]
    )
    kernel = np.stack([weights.ravel(), np.zeros(SIDE * SIDE)], axis=1)
    model.set_weights([kernel.astype(np.float32), np.zeros(2, np.float32)])
    return Classifier.from_keras(model, preprocessing="unit")


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(SIDE, SIDE))


@pytest.fixture(scope="module")
def clf(weights: np.ndarray) -> Classifier:
    return adding(weights)


WHITE = np.full((1, SIDE, SIDE, 1), 255, np.uint8)


def explain(clf: Classifier, method: str, images: np.ndarray = WHITE, **given: Any) -> np.ndarray:
    return attribute(clf, images, method, target=0, **given).values


def test_occlusion_of_single_pixels_gives_their_weights(clf: Classifier, weights: np.ndarray):
    found = explain(clf, "occlusion", window=1, stride=1, baseline="black")
    np.testing.assert_allclose(found[0], weights, atol=1e-5)


def test_each_pixel_gets_the_mean_of_the_windows_that_cover_it(clf: Classifier, weights: np.ndarray):
    found = explain(clf, "occlusion", window=4, stride=2, baseline="black")[0]
    falls = {
        (top, left): weights[top : top + 4, left : left + 4].sum() for top, left in itertools.product((0, 2), repeat=2)
    }
    assert found[0, 0] == pytest.approx(falls[0, 0], abs=1e-5)
    assert found[3, 3] == pytest.approx(np.mean(list(falls.values())), abs=1e-5)
    assert found[0, 3] == pytest.approx((falls[0, 0] + falls[0, 2]) / 2, abs=1e-5)


@pytest.mark.parametrize(("window", "stride"), [(5, 3), (100, 1), (2, 5), (1, 4)])
def test_windows_reach_the_far_border(clf: Classifier, window: int, stride: int):
    found = explain(clf, "occlusion", window=window, stride=stride, baseline="black")[0]
    assert np.isfinite(found).all()
    if stride <= window:
        assert (found != 0).all()


def test_rise_finds_the_pixels_that_count():
    weights = np.zeros((SIDE, SIDE))
    weights[1, 4], weights[4, 1] = 2.0, -2.0
    found = explain(adding(weights), "rise", masks=4000, cells=SIDE)[0]
    assert np.unravel_index(found.argmax(), found.shape) == (1, 4)
    assert np.unravel_index(found.argmin(), found.shape) == (4, 1)
    assert abs(found.mean()) < 0.05 * found.max()


def test_a_mask_of_rise_depends_on_seed_and_number_only():
    given = RISE(seed=3)
    np.testing.assert_array_equal(random_mask(given, 5, (9, 7)), random_mask(RISE(seed=3, masks=10), 5, (9, 7)))
    assert (random_mask(given, 5, (9, 7)) != random_mask(given, 6, (9, 7))).any()
    many = np.mean([random_mask(given, number, (16, 16)) for number in range(600)]) / 255
    assert many == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("estimate", ["orders", "kernel"])
def test_shapley_values_of_a_sum_are_its_terms(clf: Classifier, weights: np.ndarray, estimate: str):
    given = {"regions": "grid", "n_regions": 9, "baseline": "black", "estimate": estimate, "samples": 100}
    found = explain(clf, "shapley", **given)[0]
    for row, column in itertools.product(range(0, SIDE, 2), repeat=2):
        block = np.s_[row : row + 2, column : column + 2]
        np.testing.assert_allclose(found[block], weights[block].sum() / 4, atol=1e-5)


def test_lime_gives_the_terms_of_a_sum_but_for_its_ridge(clf: Classifier, weights: np.ndarray):
    found = explain(clf, "lime", regions="grid", n_regions=9, baseline="black", samples=2000)[0]
    blocks = weights.reshape(3, 2, 3, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(found[::2, ::2], blocks, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("estimate", ["orders", "kernel"])
@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_shapley_values_add_up_to_the_difference_from_the_baseline(estimate: str, output: str):
    from tests import networks

    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(2, clf.card.input_shape)
    found = attribute(clf, images, "shapley", target=2, output=output, estimate=estimate, samples=40, n_regions=6)
    means = np.round(images.astype(np.float32).mean(axis=(1, 2), keepdims=True)) * np.ones_like(images, np.float32)
    scores = [clf.logits(part) if output == "logits" else clf.predict(part) for part in (images, means)]
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)), (scores[0] - scores[1])[:, 2], rtol=0.02, atol=2e-3)


def game(n: int, seed: int) -> Any:
    """Return a game: a value for every coalition of n players."""
    values = np.random.default_rng(seed).normal(size=2**n)
    return lambda kept: values[(np.asarray(kept, int) << np.arange(n)).sum(axis=-1)]


def exact(value: Any, n: int) -> np.ndarray:
    """Return the Shapley values of a game by their definition."""
    found = np.zeros(n)
    for player in range(n):
        others = [other for other in range(n) if other != player]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for chosen in itertools.combinations(others, size):
                kept = np.isin(np.arange(n), chosen)
                with_player = kept.copy()
                with_player[player] = True
                found[player] += weight * (value(with_player) - value(kept))
    return found


def test_kernel_shap_with_every_coalition_is_exact():
    value = game(5, 1)
    kept, importance = kernel_shap.coalitions_for(5, 32, seed=0)
    assert len(kept) == 32 and not kept[0].any() and kept[1].all()
    np.testing.assert_allclose(kernel_shap.solve(kept, importance, value(kept)), exact(value, 5), atol=1e-5)


def test_random_orders_come_near_the_exact_values():
    value = game(4, 2)
    kept, orders = coalitions.growing(4, 20_000, seed=0)
    gains = np.diff(value(kept).reshape(-1, 5), axis=1)
    found = np.zeros(4)
    np.add.at(found, orders, gains)
    np.testing.assert_allclose(found / len(orders), exact(value, 4), atol=0.03)
    np.testing.assert_array_equal(orders[1], orders[0][::-1])


@pytest.mark.parametrize("kind", regions.REGIONS)
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (7, 40, 3), (1, 1, 3)])
def test_regions_cover_the_image_without_gaps_in_their_numbers(kind: str, shape: tuple[int, int, int]):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    numbers = regions.regions(image, kind, 12)
    assert numbers.shape == shape[:2] and numbers.dtype == np.int32
    np.testing.assert_array_equal(np.unique(numbers), np.arange(numbers.max() + 1))
    values = np.arange(numbers.max() + 1, dtype=np.float32)
    np.testing.assert_allclose(regions.spread(values, numbers).sum(), values.sum(), rtol=1e-5)


def test_superpixels_follow_an_edge():
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, 13:] = 250
    numbers = regions.regions(image, "superpixels", 16)
    assert not set(numbers[:, :13].ravel()) & set(numbers[:, 13:].ravel())


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("occlusion", {"baseline": "green"}),
        ("lime", {"regions": "squares"}),
        ("shapley", {"estimate": "exact"}),
        ("rise", {"share": 0.0}),
        ("occlusion", {"window": -1}),
    ],
)
def test_what_can_not_be_is_named(clf: Classifier, method: str, given: dict[str, Any]):
    with pytest.raises(ParameterError):
        explain(clf, method, **given)


def test_an_activation_is_the_layers_own_map():
    from tests import networks

    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = networks.images(3, clf.card.input_shape)
    seen: dict[str, Any] = {}
    clf.scores(images, lambda name, tensor: seen.setdefault(name, tensor))
    maps = seen["conv2"].numpy()
    one = attribute(clf, images, "activation", unit=Unit("conv2", 4))
    assert one.layer == "conv2"
    np.testing.assert_allclose(one.values, maps[..., 4], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        attribute(clf, images, "activation", layer="conv2").values, maps.mean(axis=-1), rtol=1e-4, atol=1e-5
    )
    neuron = attribute(clf, images, "activation", unit=Unit("hidden", 2)).values
    np.testing.assert_allclose(neuron, seen["hidden"].numpy()[:, 2, None, None], rtol=1e-5, atol=1e-6)
