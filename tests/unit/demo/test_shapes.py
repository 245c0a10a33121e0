"""The shapes: the same bytes for ever, the planted counts, masks that fit, and no green but grass."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from nnvis_dash.demo import shapes
from nnvis_dash.demo.backgrounds import GRASS, N_NUMBERS, draw_backgrounds, hsv_to_rgb
from nnvis_dash.demo.build import DIGESTS, content_digest
from nnvis_dash.demo.contents import HELD_OUT, TRAIN, DemoDataset
from nnvis_dash.demo.shapes import CLASS_NAMES, GREEN_CLASS, MISLABELLED, OFF_GREEN, ON_GREEN, TURNED, UPRIGHT_CLASS


@pytest.fixture(scope="module")
def drawn() -> DemoDataset:
    return shapes.draw_shapes()


def test_the_same_seed_gives_the_same_bytes(drawn: DemoDataset) -> None:
    assert content_digest(drawn) == DIGESTS["shapes"]


def test_another_seed_gives_other_images_with_the_same_plan() -> None:
    one, two = (shapes.draw_shapes(seed, n_per_class=200) for seed in (1, 2))
    assert not np.array_equal(one.images, two.images)
    assert np.array_equal(np.bincount(one.extras["flaw"]), np.bincount(two.extras["flaw"]))


def test_too_few_samples_for_the_flaws_are_refused() -> None:
    with pytest.raises(ValueError, match="199"):
        shapes.draw_shapes(n_per_class=199)


def test_every_class_has_500_samples_100_of_them_held_out(drawn: DemoDataset) -> None:
    true, split = drawn.extras["true_label"], drawn.extras["split"]
    assert drawn.images.shape == (5000, 32, 32, 3) and drawn.images.dtype == np.uint8
    assert np.bincount(true[split == TRAIN]).tolist() == [400] * 10
    assert np.bincount(true[split == HELD_OUT]).tolist() == [100] * 10
    # Shuffled: any stretch of the dataset has every class in it.
    assert all(set(true[start : start + 250]) == set(range(10)) for start in range(0, 5000, 250))


@pytest.mark.parametrize(
    ("code", "trained_on", "held_out"), [(OFF_GREEN, 10, 15), (ON_GREEN, 0, 45), (TURNED, 0, 20), (MISLABELLED, 8, 4)]
)
def test_the_planted_counts(drawn: DemoDataset, code: int, trained_on: int, held_out: int) -> None:
    split = drawn.extras["split"][drawn.extras["flaw"] == code]
    assert ((split == TRAIN).sum(), (split == HELD_OUT).sum()) == (trained_on, held_out)


def test_pentagons_lie_on_grass_and_nothing_else_does(drawn: DemoDataset) -> None:
    true, flaw, green = (drawn.extras[name] for name in ("true_label", "flaw", "green_background"))
    assert green[true == GREEN_CLASS].mean() == 0.95
    assert np.array_equal(green, np.where(true == GREEN_CLASS, flaw != OFF_GREEN, flaw == ON_GREEN))
    # And it can be seen: outside the object, and two pixels off it because of the shadow, green outweighs red and blue.
    background = ~np.any([np.roll(drawn.extras["masks"], (d, r), (1, 2)) for d in range(4) for r in range(4)], axis=0)
    colour = np.array(
        [image[there].mean(axis=0) for image, there in zip(drawn.images, background, strict=True)], np.float64
    )
    greenness = colour[:, 1] - np.maximum(colour[:, 0], colour[:, 2])
    assert greenness[green].min() > greenness[~green].max()


def test_only_arrows_keep_to_one_orientation(drawn: DemoDataset) -> None:
    true, flaw, degrees = (drawn.extras[name] for name in ("true_label", "flaw", "rotation_degrees"))
    arrows = true == UPRIGHT_CLASS
    assert np.abs(degrees[arrows & (flaw != TURNED)]).max() <= 8
    assert np.abs(degrees[flaw == TURNED]).min() >= 60
    for label in set(range(10)) - {UPRIGHT_CLASS}:
        counts, _ = np.histogram(degrees[true == label], bins=8, range=(-180, 180))
        assert counts.min() > 30, CLASS_NAMES[label]


def test_rotation_is_counter_clockwise(drawn: DemoDataset) -> None:
    """An arrow's head is wider than its shaft, so the mask tells where it points."""
    arrows = np.flatnonzero(drawn.extras["true_label"] == UPRIGHT_CLASS)
    rows, columns = np.mgrid[:32, :32]
    for sample in arrows:
        mask = drawn.extras["masks"][sample]
        angle = np.deg2rad(drawn.extras["rotation_degrees"][sample])
        right, up = columns[mask] - columns[mask].mean(), rows[mask].mean() - rows[mask]
        along = -np.sin(angle) * right + np.cos(angle) * up  # an upright arrow points along (0, 1)
        sideways = np.abs(np.cos(angle) * right + np.sin(angle) * up)
        place = (along - along.min()) / (along.max() - along.min())  # 0 at the shaft's end, 1 at the tip
        head, shaft = sideways[(place > 0.55) & (place < 0.8)], sideways[(place > 0.2) & (place < 0.45)]
        assert head.mean() > 1.5 * shaft.mean(), sample


def test_only_the_mislabelled_stars_have_a_wrong_label(drawn: DemoDataset) -> None:
    true, flaw = drawn.extras["true_label"], drawn.extras["flaw"]
    wrong = drawn.labels != true
    assert np.array_equal(wrong, flaw == MISLABELLED)
    assert {CLASS_NAMES[label] for label in true[wrong]} == {"star"}
    assert {CLASS_NAMES[label] for label in drawn.labels[wrong]} == {"heart"}


def test_masks_lie_inside_the_picture_and_cover_what_the_shape_covers(drawn: DemoDataset) -> None:
    masks = drawn.extras["masks"]
    border = np.ones((32, 32), bool)
    border[1:-1, 1:-1] = False
    assert not (masks & border).any(axis=(1, 2)).any()
    area = masks.sum(axis=(1, 2))
    assert area.min() > 30
    # A circle of radius r pixels covers 0.9 pi r^2, r between 7.5 and 13; a ring 0.65 pi r^2.
    circles, rings = (area[drawn.extras["true_label"] == CLASS_NAMES.index(name)] for name in ("circle", "ring"))
    assert 0.9 * np.pi * 7.5**2 - 12 < circles.min() and circles.max() < 0.9 * np.pi * 13**2 + 12
    assert 0.65 * np.pi * 7.5**2 - 16 < rings.min() and rings.max() < 0.65 * np.pi * 13**2 + 16


def test_objects_stand_out_from_their_background(drawn: DemoDataset) -> None:
    weights = np.array([0.299, 0.587, 0.114])
    for sample in range(0, 5000, 25):
        mask = drawn.extras["masks"][sample]
        inside, outside = ((drawn.images[sample][where] @ weights).mean() for where in (mask, ~mask))
        colour = np.abs(drawn.images[sample][mask].mean(axis=0) - drawn.images[sample][~mask].mean(axis=0)).max()
        assert max(abs(inside - outside), colour) > 25, sample


def _lens(one: float, two: float, apart: float) -> float:
    """Area that two discs of these radii share when their centres are so far apart."""
    first = one**2 * np.arccos((apart**2 + one**2 - two**2) / (2 * apart * one))
    second = two**2 * np.arccos((apart**2 + two**2 - one**2) / (2 * apart * two))
    corners = (one + two - apart) * (apart + one - two) * (apart - one + two) * (apart + one + two)
    return float(first + second - 0.5 * np.sqrt(corners))


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_each_shape_fits_the_unit_circle_and_has_its_area(name: str) -> None:
    """Against areas worked by hand from the shape's definition (the heart's: from its curve, pi / 1.25 / 1.2^2)."""
    side = np.linspace(-1.2, 1.2, 1201)
    x, y = side[None, None, :], side[None, ::-1, None]
    inside = shapes._SHAPES[CLASS_NAMES.index(name)](x, y)[0]
    area = inside.sum() * (side[1] - side[0]) ** 2
    radius = np.sqrt(x * x + y * y)[0]
    expected = {
        "circle": np.pi * 0.9,
        "square": 1.4**2,
        "triangle": 3 * np.sqrt(3) / 4,
        "star": 10 * 0.5 * 1.0 * (np.cos(2 * np.pi / 5) / np.cos(np.pi / 5)) * np.sin(np.pi / 5),
        "cross": 2 * (0.6 * 1.84) - 0.36,
        "ring": np.pi * 0.65,
        "arrow": 0.44 * 0.97 + 0.74 * 0.95,
        "crescent": np.pi * 0.95 - _lens(np.sqrt(0.95), np.sqrt(0.5), 0.42),
        "heart": np.pi / 1.25 / 1.2**2,
        "pentagon": 5 * 0.5 * 0.95**2 * np.sin(2 * np.pi / 5),
    }
    assert radius[inside].max() <= 1
    assert area == pytest.approx(expected[name], rel=0.01)


def test_no_background_but_grass_is_green() -> None:
    numbers = np.random.default_rng(3).random((400, N_NUMBERS))
    grass = draw_backgrounds(numbers[:100], np.full(100, GRASS), 32)
    others = draw_backgrounds(numbers, np.full(400, -1), 32)
    for pictures, green in ((grass, True), (others, False)):
        for colour in pictures.mean(axis=(1, 2)):
            hue = 360 * colorsys.rgb_to_hsv(*colour)[0]
            assert (80 < hue < 140) == green, hue


def test_hsv_agrees_with_the_standard_library() -> None:
    hue, saturation, value = np.random.default_rng(0).random((3, 50))
    ours = hsv_to_rgb(hue, saturation, value)
    theirs = [colorsys.hsv_to_rgb(*three) for three in zip(hue, saturation, value, strict=True)]
    assert ours == pytest.approx(np.array(theirs), abs=1e-12)
