"""The whole of it against a plain loop over windows, against closed forms, and its promises."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference import maps, prediction_difference
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question
from nnvis_dash.types import Unit
from tests.unit.analysis.prediction_difference.scenes import (
    SHAPE,
    bits,
    conditional,
    linear,
    patch_corner,
    small,
    smooth,
    starts,
    unbounded,
)

SAMPLERS = ("conditional", "conditional per channel", "marginal")


@pytest.fixture(scope="module")
def clf():
    return small()


@pytest.fixture(scope="module")
def pictures():
    return smooth(60)


@pytest.fixture(scope="module")
def learned(pictures):
    """Patches of 6 × 6 pixels."""
    return PatchModel.fit(pictures, 6)


@pytest.fixture(scope="module")
def image(pictures):
    return smooth(1, seed=7)[0]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_plain_loop_over_windows_gives_the_same(clf, pictures, image, sampler, stride):
    window, outer, samples = 3, 6, 4
    found = prediction_difference(clf, image, [2, 0], window, outer, samples, sampler, pictures, stride, seed=5)
    question = Question(window, outer, samples, sampler, stride, 5)
    source = pictures if sampler == "marginal" else PatchModel.fit(pictures, outer, "per" in sampler)
    draw = question.make_sampler(source, image).draw
    before, logits_before = clf.predict(image[None])[0], clf.logits(image[None])[0]
    rows, columns = (starts(size, window, stride) for size in SHAPE[:2])
    total, cover = np.zeros((4, *SHAPE[:2])), np.zeros(SHAPE[:2])
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            drawn = draw(np.array([row]), np.array([column]), 0, samples)[0]
            changed = np.repeat(image[None].astype(np.float32), samples, axis=0)
            changed[:, row : row + window, column : column + window] = drawn
            p, z = clf.predict(changed).astype(np.float64).mean(axis=0), clf.logits(changed).mean(axis=0)
            expected = np.concatenate([(bits(before, 3) - bits(p, 3))[[2, 0]], (logits_before - z)[[2, 0]]])
            np.testing.assert_allclose(found.window_values[i, j], expected, rtol=0, atol=1e-4)
            np.testing.assert_allclose(found.without[i, j], [p[2], p[0], z[2], z[0]], rtol=0, atol=1e-4)
            total[:, row : row + window, column : column + window] += expected[:, None, None]
            cover[row : row + window, column : column + window] += 1
    np.testing.assert_allclose(found.maps, total / cover, rtol=0, atol=1e-4)
    assert (found.rows.tolist(), found.columns.tolist()) == (rows, columns)
    assert (found.counts == samples).all()
    assert found.forwards == samples * len(rows) * len(columns)
    np.testing.assert_allclose(found.original, [*before[[2, 0]], *logits_before[[2, 0]]], rtol=1e-4, atol=1e-5)
    assert np.abs(found.maps[0]).max() > 0.01  # something was found


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_a_plain_loop_over_windows_of_a_hidden_layers_channels(clf, learned, image, reduce):
    import keras

    found = prediction_difference(
        clf, image, None, 3, 6, 2, "conditional", learned, 3, layer="conv", unit=[3, 1], reduce=reduce
    )
    draw = Question(3, 6, 2).make_sampler(learned, image).draw
    part = keras.Model(clf.model.input, clf.model.get_layer("conv").output)

    def read(images):
        values = np.asarray(part(np.asarray(images, np.float32) / 255))[..., [3, 1]]
        return getattr(values, reduce)(axis=(1, 2))

    np.testing.assert_allclose(found.original, read(image[None])[0], rtol=1e-4)
    for i, row in enumerate(found.rows):
        for j, column in enumerate(found.columns):
            changed = np.repeat(image[None].astype(np.float32), 2, axis=0)
            changed[:, row : row + 3, column : column + 3] = draw(np.array([row]), np.array([column]), 0, 2)[0]
            expected = read(image[None])[0] - read(changed).mean(axis=0)
            np.testing.assert_allclose(found.window_values[i, j], expected, rtol=0, atol=1e-4)
    assert found.values.shape == SHAPE[:2]


def test_what_is_chosen_when_nothing_is_said(clf, pictures, image):
    given = {"window": 3, "outer": 5, "samples": 2, "patches": pictures, "stride": 4}
    predicted = int(clf.predict(image[None])[0].argmax())
    assert prediction_difference(clf, image, **given).chosen.tolist() == [predicted]
    assert prediction_difference(clf, image, 1, **given).chosen.tolist() == [1]
    assert prediction_difference(clf, image, **given, unit=Unit("conv", 2)).chosen.tolist() == [2]
    strongest = prediction_difference(clf, image, **given, layer="conv")
    assert len(strongest.chosen) == 4
    assert (np.diff(strongest.original) <= 0).all()


def test_values_are_the_map_that_was_asked_for(clf, pictures, image):
    given = {"window": 3, "outer": 5, "samples": 2, "patches": pictures, "stride": 2, "target": [1, 2]}
    of_p = prediction_difference(clf, image, **given)
    of_z = prediction_difference(clf, image, **given, output="logits")
    np.testing.assert_array_equal(of_p.values, of_p.maps[0])
    np.testing.assert_array_equal(of_z.values, of_p.maps[2])
    np.testing.assert_array_equal(of_p.heatmap(), of_p.values[None])
    card = of_p.card()
    assert (card["window"], card["sampler"], card["chosen"]) == (3, "conditional", [1, 2])


def _as_window(weights, row, column, k):
    return weights[row : row + k, column : column + k]


@pytest.mark.parametrize("window", [1, 3])
def test_of_a_linear_model_given_the_surroundings_it_is_the_closed_form(window):
    """Mirror images of the noise cancel in what is linear: exact with two samples already."""
    shape = (8, 7, 3)
    clf, weights = linear(shape)
    pictures, picture = smooth(40, shape), smooth(1, shape, seed=9)[0]
    for per_channel in (False, True):
        model = unbounded(PatchModel.fit(pictures, 5, per_channel))
        sampler = "conditional per channel" if per_channel else "conditional"
        found = prediction_difference(clf, picture, [0, 1, 2], window, 5, 2, sampler, model, output="logits")
        for i, row in enumerate(found.rows):
            for j, column in enumerate(found.columns):
                patch = patch_corner((row, column), window, 5, shape[:2])
                mean, _ = conditional(model, picture, (row, column), patch, window)
                x = picture[row : row + window, column : column + window].astype(np.float64)
                expected = np.tensordot(x - mean, _as_window(weights, row, column, window), 3)
                np.testing.assert_allclose(found.window_values[i, j, 3:], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("window", [1, 3])
def test_of_a_linear_model_without_the_surroundings_it_is_the_closed_form(window):
    """Other images at the same place: w · (x − their mean), as closely as the standard errors say."""
    shape = (8, 7, 3)
    clf, weights = linear(shape)
    pictures, picture = smooth(400, shape), smooth(1, shape, seed=9)[0]
    found = prediction_difference(
        clf, picture, [0, 1, 2], window, 5, 300, "marginal", pictures, stride=2, output="logits"
    )
    away = picture - pictures.mean(axis=0)
    expected = np.array(
        [
            [
                np.tensordot(_as_window(away, row, column, window), _as_window(weights, row, column, window), 3)
                for column in found.columns
            ]
            for row in found.rows
        ]
    )
    z = (found.window_values[..., 3:] - expected) / found.window_errors[..., 3:]
    assert np.abs(z).max() < 5
    assert 0.7 < z.std() < 1.4
    assert np.abs(expected).max() > 10 * np.median(found.window_errors[..., 3:])


def test_pixels_that_their_neighbours_tell_are_no_evidence_given_these():
    """Every pixel copies its left neighbour, so nothing is lost with one of them; of other images all is."""
    rng = np.random.default_rng(0)
    pictures = np.repeat(rng.integers(20, 235, (200, 9, 1, 1)), 9, axis=2).astype(np.uint8)
    clf = small((9, 9, 1))
    given = {"window": 1, "outer": 3, "samples": 20, "patches": pictures}
    found = {sampler: prediction_difference(clf, pictures[3], sampler=sampler, **given) for sampler in SAMPLERS[::2]}
    strength = {sampler: np.abs(one.maps).mean() for sampler, one in found.items()}
    assert strength["conditional"] < 0.02 * strength["marginal"]


def test_a_smooth_field_is_less_evidence_given_its_surroundings(clf):
    pictures = smooth(200, sigma=2.5)
    strength = {}
    for sampler in ("conditional", "marginal"):
        found = prediction_difference(clf, pictures[5], None, 2, 6, 20, sampler, pictures)
        strength[sampler] = np.abs(found.maps[0]).mean()
    assert strength["conditional"] < 0.5 * strength["marginal"]


def _same(one, two):
    np.testing.assert_array_equal(one.counts, two.counts)
    for name in ("maps", "errors", "window_values", "without"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("sampler", ["conditional", "marginal"])
def test_the_seed_alone_decides(clf, pictures, image, sampler, monkeypatch):
    from nnvis_dash.analysis.incremental.inference import incremental
    from nnvis_dash.analysis.incremental.readouts import Readout

    given = {"window": 4, "outer": 6, "samples": 6, "sampler": sampler, "patches": pictures}
    one = prediction_difference(clf, image, **given, seed=3)
    again = prediction_difference(clf, image, **given, seed=3)
    np.testing.assert_array_equal(one.maps, again.maps)
    coarse = prediction_difference(clf, image, **given, seed=3, coarse=True)
    _same(one, coarse)
    other = prediction_difference(clf, image, **given, seed=4)
    assert np.abs(other.maps - one.maps).max() > 1e-3
    monkeypatch.setattr(maps, "PIECE", 7)
    _same(one, prediction_difference(clf, image, **given, seed=3))
    monkeypatch.setattr(
        Question, "plan", lambda self, clf: incremental(clf, (4, 4), Readout(), n_buckets=1, memory=8_000)
    )
    _same(one, prediction_difference(clf, image, **given, seed=3))


def test_odd_samples_are_rounded_up_to_pairs(clf, pictures, learned, image):
    given = {"window": 3, "outer": 6, "patches": learned, "stride": 3}
    assert (prediction_difference(clf, image, samples=5, **given).counts == 6).all()
    assert (prediction_difference(clf, image, samples=5, antithetic=False, **given).counts == 5).all()
    assert (
        prediction_difference(clf, image, samples=5, sampler="marginal", **{**given, "patches": pictures}).counts == 5
    ).all()
    one = prediction_difference(clf, image, samples=1, antithetic=False, **given)
    assert np.isfinite(one.errors).all()


def test_pairs_need_fewer_samples(clf, learned, image):
    given = {"window": 3, "outer": 6, "samples": 20, "patches": learned, "stride": 3}
    pairs, single = (prediction_difference(clf, image, **given, antithetic=antithetic) for antithetic in (True, False))
    assert np.sqrt((pairs.window_errors**2).mean()) < 0.5 * np.sqrt((single.window_errors**2).mean())


@pytest.mark.parametrize(
    ("sampler", "more"),
    [
        ("conditional", {}),
        ("conditional", {"antithetic": False}),
        ("marginal", {}),
        ("conditional", {"adaptive": True, "coarse": True}),
    ],
    ids=str,
)
def test_standard_errors_are_the_spread_over_seeds(clf, pictures, learned, image, sampler, more):
    model = pictures if sampler == "marginal" else learned
    given = {"window": 3, "outer": 6, "samples": 8, "sampler": sampler, "patches": model, "stride": 2}
    found = [prediction_difference(clf, image, 0, seed=seed, **more, **given) for seed in range(40)]
    for values, errors in (("window_values", "window_errors"), ("maps", "errors")):
        spread = np.stack([getattr(one, values) for one in found]).std(axis=0, ddof=1)
        told = np.sqrt(np.mean([getattr(one, errors).astype(np.float64) ** 2 for one in found], axis=0))
        axes = tuple(range(spread.ndim - 1)) if values == "window_values" else (1, 2)
        ratio = np.sqrt((told**2).mean(axis=axes) / (spread**2).mean(axis=axes))
        assert (ratio > 0.5).all()
        assert (ratio < 2.0).all()


def test_precision_stops_sampling_where_enough_is_known(clf, pictures, image):
    given = {"window": 3, "outer": 6, "samples": 64, "sampler": "marginal", "patches": smooth(80, seed=2)}
    whole = prediction_difference(clf, image, 0, **given)
    wanted = 2.0 * float(np.median(whole.window_errors[..., 0]))
    found = prediction_difference(clf, image, 0, **given, precision=wanted)
    assert found.forwards < 0.8 * whole.forwards
    assert found.counts.min() >= 2
    assert found.counts.max() <= 64
    assert (found.window_errors[..., 0][found.counts < 64] <= wanted * (1 + 1e-6)).all()
    rough = prediction_difference(clf, image, 0, **given, precision=1e6)
    assert (rough.counts == 2).all()


def test_adaptive_maps_are_as_precise_with_fewer_samples(clf, learned, image):
    given = {"window": 3, "outer": 6, "samples": 30, "patches": learned, "seed": 2}
    plain = prediction_difference(clf, image, 0, **given, antithetic=False)
    adaptive = prediction_difference(clf, image, 0, **given, adaptive=True)
    assert adaptive.forwards < 0.5 * plain.forwards
    assert (adaptive.counts >= 2).all()
    exact = prediction_difference(clf, image, 0, **{**given, "samples": 1000, "seed": 3})
    away = [np.sqrt(((one.maps[0] - exact.maps[0]) ** 2).mean()) for one in (adaptive, plain)]
    assert away[0] < 1.3 * away[1]
    again = prediction_difference(clf, image, 0, **given, adaptive=True)
    np.testing.assert_allclose(again.maps, adaptive.maps, rtol=1e-3, atol=1e-3 * np.abs(adaptive.maps).max())


def test_a_time_limit_leaves_a_map_without_holes(clf, learned, image):
    given = {"window": 4, "outer": 6, "samples": 50, "patches": learned, "coarse": True}
    found = prediction_difference(clf, image, 0, **given, seconds=1e-6)
    assert (found.counts == 0).any()
    assert (found.counts > 0).any()
    assert np.isnan(found.window_values[found.counts == 0]).all()
    assert np.isfinite(found.maps).all()
    assert np.isfinite(found.errors).all()


def test_what_was_computed_is_counted_in_forward_passes(clf, pictures, image):
    found = prediction_difference(clf, image, 0, 2, 4, 4, patches=pictures)
    assert found.forwards == 9 * 8 * 4
    assert 0 < found.equivalents <= found.forwards


def test_a_dataset_may_give_the_images(clf, pictures, image):
    from nnvis_dash.workspace.datasets import load_dataset

    given = {"window": 3, "outer": 6, "samples": 2, "stride": 3}
    one = prediction_difference(clf, image, 0, patches=load_dataset(pictures, labels=np.zeros(60, int)), **given)
    two = prediction_difference(clf, image, 0, patches=pictures, **given)
    np.testing.assert_array_equal(one.maps, two.maps)


def test_an_image_may_have_a_batch_axis_or_another_size(clf, learned, image):
    given = {"window": 3, "outer": 6, "samples": 2, "stride": 3, "patches": learned}
    one = prediction_difference(clf, image, 0, **given)
    np.testing.assert_array_equal(prediction_difference(clf, image[None], 0, **given).maps, one.maps)
    twice = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    np.testing.assert_array_equal(prediction_difference(clf, twice, 0, **given).maps.shape, one.maps.shape)
    grey = small((8, 8, 1))
    flat = prediction_difference(grey, image[:8, :8, 0], 0, **{**given, "patches": smooth(40, (8, 8, 1))})
    assert flat.maps.shape == (2, 8, 8)
