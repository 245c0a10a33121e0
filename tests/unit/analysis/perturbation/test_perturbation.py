"""Methods that cover parts of an image, on networks whose answer is known: a linear one, and one of products."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import attribute, scores
from nnvis_dash.analysis.attribution.baselines import baseline
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.perturbation.regions import regions
from nnvis_dash.errors import Cancelled, ParameterError
from nnvis_dash.types import Unit
from tests import networks

SHAPE = (6, 8, 3)
KERNEL = np.random.default_rng(5).normal(size=(math.prod(SHAPE), 2)) / 100
SLOW = {
    "occlusion": {},
    "rise": {"masks": 20},
    "lime": {"samples": 20, "n_regions": 6},
    "shapley": {"samples": 20, "n_regions": 6},
}


def _dense(kernel: np.ndarray, shape: tuple[int, int, int], activation: str | None = None) -> Classifier:
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(kernel.shape[1], activation)])
    model.layers[1].set_weights([kernel, np.full(kernel.shape[1], 0.25)])
    return Classifier.from_keras(model, preprocessing="raw")


@pytest.fixture(scope="module")
def linear():
    return _dense(KERNEL, SHAPE)


@pytest.fixture(scope="module")
def sequential():
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


@pytest.fixture(scope="module")
def images():
    return networks.images(2, SHAPE)


def _parts(images: np.ndarray, kind: str) -> np.ndarray:
    """Return what each pixel adds to score 1 of the linear network, beyond the baseline."""
    beyond = images.astype(float) - baseline(images, kind)
    return (beyond * KERNEL[:, 1].reshape(SHAPE)).sum(axis=-1)


@pytest.mark.parametrize("kind", ["black", "mean", "white"])
def test_occlusion_pixel_by_pixel_is_what_each_pixel_adds(kind, linear, images):
    found = attribute(linear, images, "occlusion", target=1, window=1, stride=1, baseline=kind)
    np.testing.assert_allclose(found.values, _parts(images, kind), atol=1e-3)


def test_occlusion_gives_a_pixel_the_mean_of_its_windows(linear, images):
    found = attribute(linear, images, "occlusion", target=1, window=3, stride=2, baseline="black").values
    parts = _parts(images, "black")
    rows, columns = (0, 2, 3), (0, 2, 4, 5)  # the last of each ends with the image
    falls = {(r, c): parts[:, r : r + 3, c : c + 3].sum(axis=(1, 2)) for r in rows for c in columns}
    np.testing.assert_allclose(found[:, 0, 0], falls[0, 0], atol=1e-3)
    np.testing.assert_allclose(found[:, 3, 2], np.mean([falls[r, c] for r in (2, 3) for c in (0, 2)], 0), atol=1e-3)
    np.testing.assert_allclose(found[:, 5, 7], falls[3, 5], atol=1e-3)


def test_occlusion_of_all_and_with_gaps(linear, images):
    parts = _parts(images, "black")
    whole = attribute(linear, images, "occlusion", target=1, window=99, baseline="black").values
    np.testing.assert_allclose(whole, np.broadcast_to(parts.sum((1, 2))[:, None, None], whole.shape), atol=1e-3)
    gaps = attribute(linear, images, "occlusion", target=1, window=1, stride=3, baseline="black").values
    expected = np.zeros_like(parts)
    expected[:, ::3, ::3] = parts[:, ::3, ::3]
    np.testing.assert_allclose(gaps, expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["orders", "kernel"])
@pytest.mark.parametrize("n_regions", [2, 12, 48])
def test_shapley_values_of_a_linear_network_are_what_each_region_adds(kind, n_regions, linear, images):
    given = {"regions": "grid", "n_regions": n_regions, "baseline": "black", "samples": 300}
    found = attribute(linear, images, "shapley", target=1, estimate=kind, **given).values
    numbers = regions(images[0], "grid", n_regions)
    parts = _parts(images, "black")
    for region in range(numbers.max() + 1):
        inside = numbers == region
        mean = parts[:, inside].mean(axis=1)[:, None]
        np.testing.assert_allclose(found[:, inside], np.broadcast_to(mean, (2, inside.sum())), atol=2e-3)


def test_shapley_values_of_products_are_those_of_all_orders():
    rng = np.random.default_rng(0)
    shape = (2, 2, 1)
    kernel = rng.normal(size=(4, 3)) / 50
    clf = _dense(kernel, shape, "softmax")
    image = rng.integers(0, 256, (1, *shape), dtype=np.uint8)

    def value(kept: set[int]) -> float:
        pixels = np.array([image.ravel()[i] if i in kept else 0.0 for i in range(4)])
        powers = np.exp(pixels @ kernel + 0.25)
        return float(powers[2] / powers.sum())

    expected = np.zeros(4)
    for order in itertools.permutations(range(4)):
        for place, pixel in enumerate(order):
            expected[pixel] += value({*order[: place + 1]}) - value({*order[:place]})
    expected /= math.factorial(4)
    given = {"target": 2, "output": "probabilities", "regions": "grid", "n_regions": 4, "baseline": "black"}
    kernel_shap = attribute(clf, image, "shapley", estimate="kernel", samples=16, **given).values.ravel()
    np.testing.assert_allclose(kernel_shap, expected, atol=1e-5)
    orders = attribute(clf, image, "shapley", estimate="orders", samples=2000, **given).values.ravel()
    np.testing.assert_allclose(orders, expected, atol=0.03)


@pytest.mark.parametrize("kind", ["orders", "kernel"])
@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_shapley_values_add_up_to_the_score_beyond_the_baseline(kind, output, sequential):
    images = networks.images(2, (12, 10, 3), seed=4)
    found = attribute(sequential, images, "shapley", target=3, output=output, samples=40, n_regions=7, estimate=kind)
    for image, values in zip(images, found.values, strict=True):
        pair = np.concatenate([image[None].astype(np.float32), baseline(image[None], "mean")])
        score, nothing = _scores(sequential, pair, output)
        np.testing.assert_allclose(values.sum(), score - nothing, atol=1e-4)


def _scores(clf: Classifier, pixels: np.ndarray, output: str) -> np.ndarray:
    probabilities = np.asarray(clf.predict(pixels))
    if output == "probabilities":
        return probabilities[:, 3]
    import keras

    head = clf.model.get_layer("head")
    features = keras.Model(clf.model.inputs, head.input)([pixels / 255.0])
    return np.asarray(features @ head.kernel + head.bias)[:, 3]


def test_lime_finds_the_weights_of_a_linear_network(linear, images):
    given = {"regions": "grid", "n_regions": 12, "baseline": "black", "samples": 4000}
    found = attribute(linear, images, "lime", target=1, **given).values
    numbers = regions(images[0], "grid", 12)
    parts = _parts(images, "black")
    for place in range(2):
        expected = np.bincount(numbers.ravel(), parts[place].ravel())[numbers]
        assert np.corrcoef(found[place].ravel(), expected.ravel())[0, 1] > 0.999
        assert np.polyfit(expected.ravel(), found[place].ravel(), 1)[0] == pytest.approx(1, abs=0.1)


def test_rise_finds_the_only_place_that_matters():
    shape = (16, 16, 1)
    kernel = np.zeros(shape)
    kernel[3:6, 9:12] = 1
    clf = _dense(np.stack([kernel.ravel(), -kernel.ravel()], axis=1) / 255, shape)
    image = np.full((1, *shape), 255, np.uint8)
    for target, sign in ((0, 1), (1, -1)):
        found = sign * attribute(clf, image, "rise", target=target, masks=1000, cells=5).values[0]
        row, column = np.unravel_index(found.argmax(), found.shape)
        assert 3 <= row < 6
        assert 9 <= column < 12
        assert found[12:, :4].mean() < 0.2 * found.max()  # far away is next to nothing


@pytest.mark.parametrize("method", SLOW)
def test_chunks_and_neighbours_change_nothing(method, sequential, monkeypatch):
    images = networks.images(3, (12, 10, 3), seed=6)
    at_once = attribute(sequential, images, method, target=1, **SLOW[method]).values
    monkeypatch.setattr(scores, "room", lambda clf, n: 3)
    chunked = attribute(sequential, images, method, target=1, **SLOW[method]).values
    np.testing.assert_allclose(chunked, at_once, rtol=1e-3, atol=1e-5)
    backwards = attribute(sequential, images[::-1], method, target=1, **SLOW[method]).values[::-1]
    np.testing.assert_allclose(backwards, at_once, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", ["rise", "lime", "shapley"])
def test_the_seed_matters(method, sequential):
    images = networks.images(1, (12, 10, 3))
    maps = [attribute(sequential, images, method, target=1, seed=seed, **SLOW[method]).values for seed in (0, 1, 1)]
    assert not np.array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[1], maps[2])


@pytest.mark.parametrize("method", SLOW)
@pytest.mark.parametrize("level", [0, 200])
def test_an_image_that_is_its_own_baseline_is_flat(method, level, sequential):
    images = np.full((1, 12, 10, 3), level, np.uint8)
    found = attribute(sequential, images, method, **{**SLOW[method], "baseline": "mean"}).values
    assert not found.any()


@pytest.mark.parametrize("method", SLOW)
def test_progress_grows_to_its_end_and_can_be_cancelled(method, sequential, monkeypatch):
    images = networks.images(2, (12, 10, 3))
    monkeypatch.setattr(scores, "room", lambda clf, n: 5)
    told: list[float] = []
    with progress.reporting(lambda done, total: told.append(done / total)):
        attribute(sequential, images, method, **SLOW[method])
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == 1

    def cancel(done: int, total: int) -> None:
        raise Cancelled("cancelled")

    with progress.reporting(cancel), pytest.raises(Cancelled):
        attribute(sequential, images, method, **SLOW[method])


@pytest.mark.parametrize("method", SLOW)
def test_float_images_and_colours_are_read_the_same(method, sequential):
    images = networks.images(1, (12, 10, 3))
    whole = attribute(sequential, images, method, target=0, **SLOW[method]).values
    floats = attribute(sequential, images.astype(np.float32), method, target=0, **SLOW[method]).values
    np.testing.assert_allclose(floats, whole, rtol=1e-3, atol=1e-5)


def test_what_does_not_fit_is_refused(sequential):
    images = networks.images(1, (12, 10, 3))
    for method, parameters, words in (
        ("occlusion", {"baseline": "pink"}, "black"),
        ("occlusion", {"window": -1}, "0"),
        ("lime", {"regions": "hexagons"}, "superpixels"),
        ("shapley", {"estimate": "guess"}, "kernel"),
        ("rise", {"share": 2.0}, "0.99"),
    ):
        with pytest.raises(ParameterError, match=words):
            attribute(sequential, images, method, **parameters)


def test_activation_is_the_layers_output(sequential):
    import keras

    images = networks.images(2, (12, 10, 3))
    inputs = sequential.model.inputs
    maps, hidden = (
        np.asarray(keras.Model(inputs, sequential.model.get_layer(name).output)([images / np.float32(255)]))
        for name in ("conv1", "hidden")
    )
    mean = attribute(sequential, images, "activation", layer="conv1")
    np.testing.assert_allclose(mean.values, maps.mean(axis=-1), rtol=1e-5, atol=1e-6)
    assert mean.layer == "conv1"
    unit = attribute(sequential, images, "activation", unit=Unit("conv1", 2))
    np.testing.assert_allclose(unit.values, maps[..., 2], rtol=1e-5, atol=1e-6)
    assert attribute(sequential, images, "activation").layer == "conv2"
    neuron = attribute(sequential, images, "activation", unit=Unit("hidden", 5)).heatmap()
    assert neuron.shape == (2, 12, 10)
    np.testing.assert_allclose(neuron, np.broadcast_to(hidden[:, 5, None, None], neuron.shape), rtol=1e-4, atol=1e-6)
