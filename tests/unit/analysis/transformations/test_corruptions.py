"""The nineteen corruptions: published constants, hand-worked pixels, and laws that hold for each of them."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import pytest

from nnvis_dash.analysis.corrupting.filters import disk, streak, zoomed
from nnvis_dash.analysis.corrupting.severity import Published
from nnvis_dash.analysis.corrupting.weather import frosted_pane, plasma, smoothed
from nnvis_dash.analysis.transformations import GROUPS, TRANSFORMATIONS, identity_of, transform, transformations
from nnvis_dash.analysis.transformations.elastic_transform import sampled_at
from nnvis_dash.analysis.transformations.glass_blur import exchanged
from nnvis_dash.analysis.transformations.shot_noise import poisson
from nnvis_dash.errors import ParameterError

# severity 1..5 at 224 and at 32 pixels, as the paper's programs have them; one column each
CONSTANTS = {
    "gaussian_noise": ((0.08, 0.12, 0.18, 0.26, 0.38), (0.04, 0.06, 0.08, 0.09, 0.10)),
    "impulse_noise": ((0.03, 0.06, 0.09, 0.17, 0.27), (0.01, 0.02, 0.03, 0.05, 0.07)),
    "speckle_noise": ((0.15, 0.2, 0.35, 0.45, 0.6), (0.06, 0.1, 0.12, 0.16, 0.2)),
    "gaussian_blur": ((1, 2, 3, 4, 6), (0.4, 0.6, 0.7, 0.8, 1)),
    "defocus_blur": ((3, 4, 6, 8, 10), (0.3, 0.4, 0.5, 1, 1.5)),
    "glass_blur": ((0.7, 0.9, 1, 1.1, 1.5), (0.05, 0.25, 0.4, 0.25, 0.4)),
    "motion_blur": ((10, 15, 15, 15, 20), (6, 6, 6, 8, 9)),
    "fog": ((1.5, 2, 2.5, 2.5, 3), (0.2, 0.5, 0.75, 1, 1.5)),
    "frost": ((1, 0.8, 0.7, 0.65, 0.6), (1, 1, 0.9, 0.85, 0.75)),
    "brightness_corruption": ((0.1, 0.2, 0.3, 0.4, 0.5), (0.05, 0.1, 0.15, 0.2, 0.3)),
    "contrast_corruption": ((0.4, 0.3, 0.2, 0.1, 0.05), (0.75, 0.5, 0.4, 0.3, 0.15)),
    "saturate": ((0.3, 0.1, 2, 5, 20), (0.3, 0.1, 1.5, 2, 2.5)),
    "pixelate_corruption": ((0.6, 0.5, 0.4, 0.3, 0.25), (0.95, 0.9, 0.85, 0.75, 0.65)),
    "jpeg_compression": ((25, 18, 15, 10, 7), (80, 65, 58, 50, 40)),
    "zoom_blur": ((0.10, 0.15, 0.20, 0.24, 0.30), (0.05, 0.10, 0.15, 0.20, 0.25)),
    "elastic_transform": ((488, 488, 12.2, 17.08, 29.28), (0, 1.6, 2.56, 3.2, 3.2)),
    "snow": ((0.1, 0.2, 0.55, 0.55, 0.55), (0.1, 0.1, 0.15, 0.25, 0.3)),
    "shot_noise": (
        (60**-0.5, 25**-0.5, 12**-0.5, 5**-0.5, 3**-0.5),
        (500**-0.5, 250**-0.5, 100**-0.5, 75**-0.5, 50**-0.5),
    ),
    "spatter": ((4, 3, 2, 1, 1), (0.7, 0.8, 1, 0.7, 0.5)),
}
NAMES = sorted(CONSTANTS)
# Those whose published severities don't go by the distance in pixels: what they do differs from one to the next.
UNEVEN = {"elastic_transform", "glass_blur", "saturate", "spatter"}
COLOURED = {"frost", "spatter"}
SIZES = ((28, 28, 1), (32, 32, 3), (23, 41, 3), (1, 1, 3), (1, 1, 1), (1, 9, 3), (7, 2, 1), (3, 3, 3))


def scene(n: int = 2, height: int = 32, width: int = 32, channels: int = 3) -> np.ndarray:
    """Return images that have coarse and fine detail, colours, dark and bright parts."""
    rng = np.random.default_rng(5)
    images = np.stack(
        [
            np.stack([smoothed(rng.normal(size=(height, width)).astype(np.float32), 2.0) for _ in range(channels)], -1)
            for _ in range(n)
        ]
    )
    images = 128 + 60 * images / max(float(images.std()), 1e-6) + rng.normal(0, 8, images.shape)
    return np.clip(images, 0, 255).astype(np.uint8)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(((a.astype(np.float64) - b) ** 2).mean()))


def published(name: str) -> Published:
    return importlib.import_module(f"nnvis_dash.analysis.transformations.{name}").PUBLISHED


def test_all_nineteen_are_there_in_a_group_of_their_own():
    found = {name for name, entry in TRANSFORMATIONS.items() if "corruption" in entry.traits}
    assert found == set(NAMES) and len(found) == 19
    for name in NAMES:
        known = transformations()[name]
        assert known.group == GROUPS[-1] and "1903.12261" in known.reference
        assert "orruption" not in known.title and known.summary.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_whole_severities_have_the_published_constants(name: str):
    imagenet, cifar = CONSTANTS[name]
    for severity in range(1, 6):
        assert published(name).at(severity, 224, 300)[0] == pytest.approx(imagenet[severity - 1])
        assert published(name).at(severity, 40, 32)[0] == pytest.approx(cifar[severity - 1])


def test_between_severities_constants_are_linear_and_0_is_harmless():
    table = published("contrast_corruption")
    assert table.at(0, 32, 32) == (1.0,)
    assert table.at(0.5, 32, 32)[0] == pytest.approx((1 + 0.75) / 2)
    assert table.at(4.25, 32, 32)[0] == pytest.approx(0.75 * 0.3 + 0.25 * 0.15)
    # None: as at severity 1, here the length of the streak
    assert published("motion_blur").at(0.5, 32, 32) == pytest.approx((6, 0.5))


def test_lengths_grow_with_the_image_and_sizes_between_lie_between():
    table = published("gaussian_blur")
    assert table.at(5, 448, 448)[0] == pytest.approx(12)
    assert table.at(5, 16, 99)[0] == pytest.approx(0.5)
    half_way = (32 * 224) ** 0.5  # by the logarithm
    assert table.at(5, half_way, half_way)[0] == pytest.approx(half_way * (6 / 224 + 1 / 32) / 2)
    assert published("gaussian_noise").at(5, half_way, half_way)[0] == pytest.approx((0.38 + 0.10) / 2)
    assert published("gaussian_noise").at(5, 900, 900)[0] == pytest.approx(0.38)


@pytest.mark.parametrize("name", NAMES)
def test_severity_0_changes_nothing_and_almost_0_next_to_nothing(name: str):
    images = scene()
    assert identity_of(TRANSFORMATIONS[name]) == 0
    np.testing.assert_array_equal(transform(images, name, 0), images)
    if name not in {"jpeg_compression", "pixelate_corruption"}:  # whole steps: quality 100, one pixel less
        assert distance(transform(images, name, 1e-4), images) < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_severity_5_damages_but_leaves_something(name: str):
    images = scene()
    worst = transform(images, name, 5)
    assert distance(worst, images) > 5
    here, there = images.astype(float).ravel(), worst.astype(float).ravel()
    assert np.corrcoef(here, there)[0, 1] > 0.3
    assert worst.std() > 5


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNEVEN])
@pytest.mark.parametrize("side", [32, 64])
def test_the_distance_grows_with_the_severity(name: str, side: int):
    images = scene(1, side, side)
    found = [distance(transform(images, name, severity), images) for severity in (0.5, 1, 2, 3, 4, 5)]
    # Published frost lets the image shine through more at one severity than at the next: 15 % are allowed for it.
    assert all(later >= 0.85 * earlier for earlier, later in itertools.pairwise(found)), found
    assert found[-1] > found[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES)
def test_any_size_and_grey(name: str, size: tuple[int, int, int]):
    images = scene(2, *size)
    for severity in (0.3, 2.5, 5):
        found = transform(images, name, severity)
        assert found.shape == images.shape and found.dtype == np.uint8
        np.testing.assert_array_equal(found[1], transform(images[1], name, severity))


# Noise is drawn for each channel, water and ice have a colour.
@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("noise") and name not in COLOURED])
def test_an_image_of_grey_as_rgb_is_changed_as_its_grey_one(name: str):
    grey = scene(1, 32, 32, 1)
    as_rgb = transform(np.repeat(grey, 3, axis=3), name, 4)
    assert np.abs(as_rgb.astype(int) - transform(grey, name, 4)).max() <= (3 if name == "jpeg_compression" else 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_what_is_drawn_and_nothing_else(name: str):
    images = scene(1)
    np.testing.assert_array_equal(transform(images, name, 4), transform(images, name, 4))
    if "seed" not in TRANSFORMATIONS[name].parameters.__dataclass_fields__:
        with pytest.raises(ParameterError, match="no parameter 'seed'"):
            transform(images, name, 4, seed=1)
        return
    assert distance(transform(images, name, 4, seed=1), transform(images, name, 4)) > 1


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "impulse_noise", "snow", "fog", "frost"])
def test_what_is_drawn_stays_in_place_as_the_severity_grows(name: str):
    images = np.full((1, 32, 32, 3), 110, np.uint8)
    a, b = (transform(images, name, severity).astype(float) for severity in (4, 4.05))
    assert distance(a, b) < 0.35 * distance(a, images)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("severity", [-1, 5.5, "much", None, float("nan")])
def test_other_severities_are_refused(severity: object):
    with pytest.raises(ParameterError, match="degree is"):
        TRANSFORMATIONS["fog"].read({"degree": severity})


# One by one


def test_gaussian_noise_has_its_deviation():
    found = transform(np.full((1, 100, 100, 1), 128, np.uint8), "gaussian_noise", 1).astype(float)
    side = np.log(100 / 32) / np.log(7)
    assert found.std() == pytest.approx(255 * (side * 0.08 + (1 - side) * 0.04), rel=0.03)
    assert abs(found.mean() - 128) < 0.6


def test_speckle_leaves_black_alone_and_grows_with_the_value():
    images = np.zeros((1, 64, 64, 1), np.uint8)
    images[:, 32:] = 100
    found = transform(images, "speckle_noise", 3).astype(float)[0, :, :, 0]
    share = np.log(2) / np.log(7)
    assert not found[:32].any()
    assert found[32:].std() == pytest.approx(100 * (share * 0.35 + (1 - share) * 0.12), rel=0.05)


def test_impulses_hit_the_published_share_half_of_them_white():
    images = np.full((1, 32, 32, 3), 100, np.uint8)
    small, large = (transform(images, "impulse_noise", severity) for severity in (3, 5))
    assert set(np.unique(large)) == {0, 100, 255}
    assert (large != 100).mean() == pytest.approx(0.07, abs=0.015)
    assert (large == 255).sum() == pytest.approx((large == 0).sum(), rel=0.3)
    assert ((small != 100) <= (large != 100)).all()  # more severe: the same values and others


@pytest.mark.parametrize("photons", [3.0, 60.0, 5000.0])
def test_photon_counts_are_poisson(photons: float):
    chance = (np.arange(20_000) + 0.5) / 20_000
    for value in (255, 64):
        counts = poisson(np.full(20_000, value, np.uint8), chance, photons)
        mean = photons * value / 255
        assert counts.mean() == pytest.approx(mean, rel=0.01)
        assert counts.var() == pytest.approx(mean, rel=0.02)
        assert (counts == np.floor(counts)).all() and (np.diff(counts) >= 0).all()
    assert (poisson(np.zeros(5, np.uint8), np.linspace(0, 0.999, 5), photons) == 0).all()


def test_photon_counts_by_hand():
    # mean 3: P(0) = 0.0498, P(<= 1) = 0.1991, P(<= 2) = 0.4232, P(<= 3) = 0.6472
    chance = np.array([0.0, 0.049, 0.051, 0.198, 0.2, 0.42, 0.43, 0.64])
    assert poisson(np.full(8, 255, np.uint8), chance, 3.0).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_contrast_by_hand():
    images = np.array([[[[100, 0, 10]], [[200, 0, 30]]]], np.uint8)  # (1, 2, 1, 3)
    found = transform(np.repeat(images, 32, axis=2).repeat(16, axis=1), "contrast_corruption", 2)
    assert found[0, 0, 0].tolist() == [125, 0, 15]  # 150 - 25, 0, 20 - 5
    assert found[0, -1, 0].tolist() == [175, 0, 25]


@pytest.mark.parametrize(("name", "severity"), [("brightness_corruption", 3), ("saturate", 1), ("saturate", 5)])
def test_colours_are_changed_as_in_hsv(name: str, severity: int):
    from skimage.color import hsv2rgb, rgb2hsv

    images = scene(1)
    hsv = rgb2hsv(images[0])
    if name == "saturate":
        factor, added = {1: (0.3, 0), 5: (2.5, 0.2)}[severity]
        hsv[..., 1] = np.clip(hsv[..., 1] * factor + added, 0, 1)
    else:
        hsv[..., 2] = np.clip(hsv[..., 2] + 0.15, 0, 1)
    expected = hsv2rgb(hsv) * 255
    assert np.abs(transform(images, name, severity)[0] - expected).max() < 0.51


def test_black_gets_brighter_and_grey_stays_grey():
    assert (transform(np.zeros((1, 32, 32, 3), np.uint8), "brightness_corruption", 2) == 26).all()
    grey = np.full((1, 32, 32, 3), 90, np.uint8)
    np.testing.assert_array_equal(transform(grey, "saturate", 5), grey)


def test_the_gaussian_is_scikit_images():
    from skimage.filters import gaussian

    image = scene(1, 48, 40)[0]
    sigma = published("gaussian_blur").at(5, 48, 40)[0]
    expected = gaussian(image / 255, sigma, mode="nearest", truncate=4, channel_axis=-1) * 255
    assert np.abs(transform(image, "gaussian_blur", 5) - expected).max() < 0.51


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_fields_are_smoothed_by_a_mirrored_gaussian(sigma: float):
    from scipy.ndimage import gaussian_filter

    field = np.random.default_rng(0).normal(size=(20, 31)).astype(np.float32)
    expected = gaussian_filter(field, sigma, mode="reflect", truncate=8)
    np.testing.assert_allclose(smoothed(field, sigma), expected, atol=1e-3)


def test_a_disk_is_even_and_as_wide_as_its_radius():
    kernel = disk(6, 0.1)
    middle = len(kernel) // 2
    assert kernel.sum() == pytest.approx(1)
    assert kernel[middle, middle] == pytest.approx(1 / (np.pi * 36), rel=0.02)
    assert kernel[middle, middle + 5] == pytest.approx(kernel[middle, middle])
    assert kernel[middle, middle + 6] == pytest.approx(kernel[middle, middle] / 2, rel=1e-3)  # half of it is inside
    assert kernel[middle, middle + 7] == pytest.approx(0, abs=1e-9)


def test_a_streak_is_half_a_gaussian_along_its_direction():
    kernel = streak(4, 2.0, 0.0)
    middle = len(kernel) // 2
    assert kernel.sum() == pytest.approx(1)
    assert kernel[middle].sum() == pytest.approx(1) and not kernel[:middle].any()
    assert kernel[middle, : middle - 1].sum() == 0
    assert kernel[middle, middle + 4] / kernel[middle, middle + 2] == pytest.approx(np.exp(-(16 - 4) / 8), rel=0.1)
    down = streak(4, 2.0, 90.0)
    np.testing.assert_allclose(down, kernel.T, atol=1e-6)


def test_zooming_keeps_the_middle_and_doubles_what_lies_around_it():
    ramp = np.broadcast_to(np.arange(9, dtype=np.float32)[:, None], (9, 9))[None, ..., None].copy()
    np.testing.assert_allclose(zoomed(ramp, 2.0)[0, :, 4, 0], 2 + np.arange(9) / 2, atol=0.02)
    np.testing.assert_allclose(zoomed(ramp, 1.0), ramp, atol=1e-6)


def test_zoom_blur_averages_the_enlargements():
    image = scene(1)
    fractions = image.astype(np.float32)
    factors = (1.0, 1.01, 1.02, 1.03, 1.04, 1.05)
    expected = (fractions + sum(zoomed(fractions, factor) for factor in factors)) / 7
    assert np.abs(transform(image, "zoom_blur", 1) - expected).max() < 0.51


def test_glass_moves_pixels_and_loses_none():
    source = exchanged(40, 30, 2.0, 2.0, 3)
    assert sorted(source) == list(range(1200))
    places = np.arange(1200)
    down, right = source // 30 - places // 30, source % 30 - places % 30
    assert (source != places).mean() > 0.8
    assert 0.5 < np.abs(down).mean() < 4 and 0.5 < np.abs(right).mean() < 4


def test_a_part_of_a_pass_moves_a_part_of_the_pixels():
    moved = [(exchanged(60, 60, 1.0, passes, 0) != np.arange(3600)).mean() for passes in (0, 0.1, 0.5, 1.0)]
    assert moved[0] == 0 and moved[1] < 0.25 and moved[1] < moved[2] < moved[3]


def test_glass_moves_pixels_as_far_as_the_published_loop_does():
    height = width = 48
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1)
    loop = places.copy()
    for row in range(height - 2, 2, -1):
        for column in range(width - 2, 2, -1):
            right, down = rng.integers(-2, 2, 2)
            here, there = (row, column), (row + down, column + right)
            loop[here], loop[there] = loop[there].copy(), loop[here].copy()
    ours = np.stack(np.divmod(exchanged(height, width, 2.0, 1.0, 0), width), -1).reshape(height, width, 2)
    far = [np.hypot(*(moved - places)[4:-4, 4:-4].reshape(-1, 2).T) for moved in (loop, ours)]
    assert np.median(far[1]) == pytest.approx(np.median(far[0]), rel=0.35)


@pytest.mark.parametrize("channels", [1, 3])
def test_fog_is_a_veil_over_a_dimmed_image(channels):
    image = np.random.default_rng(3).integers(0, 200, (20, 26, channels), dtype=np.uint8)
    decay, thickness = 1.75, 1.5
    fractions, brightest = image / 255, image.max() / 255
    expected = 255 * (fractions + thickness * plasma(0, 20, 26, decay)[..., None]) * brightest / (brightest + thickness)
    assert np.abs(transform(image, "fog", 5) - expected).max() < 0.501


def test_fog_keeps_the_brightest_value_and_leaves_black_black():
    image = scene(1)
    image[0, 0, 0] = 255
    dark = (image // 2).astype(np.uint8)
    assert transform(dark, "fog", 5).max() <= dark.max()
    dim = image < 40  # under the veil
    assert transform(image, "fog", 5)[dim].mean() > image[dim].mean() + 20
    assert not transform(np.zeros_like(image), "fog", 5).any()


def test_clouds_are_finer_the_smaller_their_decay():
    coarse, fine = (plasma(0, 64, 48, decay) for decay in (3.0, 1.2))
    for clouds in (coarse, fine):
        assert clouds.shape == (64, 48) and clouds.min() >= 0 and clouds.max() <= 1
    assert np.abs(np.diff(fine, axis=0)).mean() > 1.5 * np.abs(np.diff(coarse, axis=0)).mean()


def test_frost_is_bright_bluish_and_structured():
    ice = frosted_pane(0, 96, 128)
    assert ice.shape == (96, 128, 3) and ice.min() >= 0 and ice.max() <= 1
    assert 0.25 < ice.mean() < 0.65 and ice.std() > 0.1
    assert ice[..., 2].mean() > ice[..., 0].mean()


def test_frost_by_hand():
    image = np.full((1, 32, 32, 3), 100, np.uint8)
    expected = 0.9 * 100 + 0.4 * 255 * frosted_pane(0, 32, 32)
    np.testing.assert_allclose(transform(image, "frost", 3)[0], np.clip(expected, 0, 255), atol=0.51)


def test_snow_whitens_and_never_darkens():
    image = scene(1)
    found = transform(image, "snow", 3).astype(int)
    assert (found >= image.astype(int) - 1).all() and found.mean() > image.mean() + 10


def test_water_brightens_and_mud_is_brown():
    image = np.full((1, 64, 64, 3), 120, np.uint8)
    water, mud = (transform(image, "spatter", severity)[0].astype(int) for severity in (3, 5))
    assert (water >= 120).all() and (water > 130).mean() > 0.02
    dirty = mud[(mud < 119).any(axis=2)]
    assert len(dirty) > 20 and dirty[:, 0].mean() > dirty[:, 1].mean() > dirty[:, 2].mean()
    assert mud.min() < 70 and (mud == 120).all(axis=2).mean() > 0.2


def test_the_elastic_map_moves_three_points_and_bends_between_them():
    still = sampled_at(0, 30, 40, 0.0, 2.0, 0.0)
    np.testing.assert_allclose(still[0], np.arange(30)[:, None] + np.zeros(40), atol=1e-4)
    np.testing.assert_allclose(still[1], np.arange(40) + np.zeros((30, 1)), atol=1e-4)
    moves = np.random.default_rng(7).uniform(-1, 1, (3, 2)) * 1.5
    rows, columns = sampled_at(7, 30, 40, 0.0, 2.0, 1.5)
    for (row, column), move in zip([(25, 30), (25, 10), (5, 10)], moves, strict=True):
        assert (rows[row, column], columns[row, column]) == pytest.approx((row + move[0], column + move[1]), abs=1e-3)
    bent = sampled_at(0, 30, 40, 5.0, 1.0, 0.0)[0] - still[0]
    assert bent.std() == pytest.approx(5 * 3**-0.5 / (2 * np.pi**0.5), rel=0.15)


def test_pixelation_leaves_so_many_pixels():
    image = scene(1, 32, 32)
    found = transform(image, "pixelate_corruption", 5)[0]  # int(32 * 0.65) = 20
    rows = 1 + (np.abs(np.diff(found.astype(int), axis=0)).sum(axis=(1, 2)) > 0).sum()
    assert rows == 20
    blocks = transform(scene(1, 224, 224), "pixelate_corruption", 5)[0]  # 56: blocks of 4 by 4
    expected = scene(1, 224, 224)[0].reshape(56, 4, 56, 4, 3).mean(axis=(1, 3))
    assert np.abs(blocks[::4, ::4] - expected).max() < 0.51


def test_jpeg_has_the_published_quality():
    from nnvis_dash.analysis.transformations.jpeg import Jpeg, jpeg

    images = scene(2, 224, 224)
    np.testing.assert_array_equal(transform(images, "jpeg_compression", 2), jpeg(images, Jpeg(100 - 18)))
