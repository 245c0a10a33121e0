"""Breaking points: flips worked by hand, and equality with a dense search of every degree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.simulation.breaking import BreakingPoints, assembled, breaking_points, tolerance_of
from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.analysis.simulation.distribution import distribution
from nnvis_dash.analysis.simulation.sweep import sweep
from nnvis_dash.analysis.transformations import transform
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.workspace.datasets import load_dataset
from tests import networks
from tests.unit.analysis.simulation import lamps
from tests.unit.analysis.simulation.lamps import flat, made


@pytest.fixture(scope="module")
def lamp() -> Classifier:
    return lamps.lamp()


@pytest.fixture(scope="module")
def dimmer() -> Classifier:
    return lamps.dimmer()


def brute_force(clf: Classifier, images: np.ndarray, name: str, degrees: np.ndarray, identity: float) -> np.ndarray:
    """Return for each image the distance of the nearest of many degrees that flips; infinite where none does."""
    clean = clf.predict(images).argmax(axis=1)
    found = np.full(len(images), np.inf)
    for degree in degrees:
        flips = clf.predict(transform(images, name, float(degree))).argmax(axis=1) != clean
        found[flips] = np.minimum(found[flips], abs(degree - identity))
    return found


# Single points


def test_points_by_hand(lamp: Classifier) -> None:
    # the mean crosses 100.5 between 98 and +3, 110 and −10, 101 and −1; 0 never does within 40
    points = breaking_points(lamp, flat(98, 110, 101, 0), "brightness", [-40, -20, 0, 20, 40], tolerance=0.1)
    order = np.argsort(points.ids)
    degree = points.degree[order]
    assert 2.4 <= degree[0] <= 3.1 and -10.1 <= degree[1] <= -9.4 and -1.1 <= degree[2] <= -0.4
    assert math.isnan(degree[3]) and math.isinf(points.distance[order][3])
    assert points.side[order].tolist() == [1, -1, -1, 0]
    assert points.prediction_after[order].tolist() == [1, 0, 0, -1]
    assert points.name == "brightness" and points.identity == 0 and points.tolerance == 0.1


def test_the_degree_flips_and_the_one_before_it_does_not(lamp: Classifier) -> None:
    images = flat(60, 77, 99, 102, 130)
    points = breaking_points(lamp, images, "brightness", [-64, 0, 64], tolerance=0.5)
    for row, sample in enumerate(points.ids):
        degree, side = points.degree[row], points.side[row]
        clean = points.clean_prediction[row]
        at = lamp.predict(transform(images[sample][None], "brightness", degree)).argmax()
        before = lamp.predict(transform(images[sample][None], "brightness", degree - 0.5 * side)).argmax()
        assert at == points.prediction_after[row] != clean == before


@settings(max_examples=15, deadline=None)
@given(
    values=st.lists(st.integers(60, 140), min_size=1, max_size=6),
    degrees=st.lists(st.integers(-40, 40), min_size=1, max_size=5, unique=True),
    tolerance=st.sampled_from([0.25, 1.0, 3.0]),
)
def test_points_equal_a_dense_search_to_the_tolerance(
    dimmer: Classifier, values: list[int], degrees: list[int], tolerance: float
) -> None:
    images = flat(*values)
    points = breaking_points(dimmer, images, "brightness", degrees, tolerance=tolerance)
    reached = [0, *degrees]
    dense = np.arange(min(reached), max(reached) + 0.01, 0.05)
    expected = brute_force(dimmer, images, "brightness", dense, 0.0)[points.ids]
    np.testing.assert_array_equal(np.isinf(points.distance), np.isinf(expected))
    finite = np.isfinite(expected)
    late = points.distance[finite] - expected[finite]
    assert (late >= -0.051).all() and (late <= tolerance + 0.051).all()


def test_of_two_sides_the_nearer_one_counts(dimmer: Classifier) -> None:
    # 97 leaves the middle below by 6.5, above by 13.5; 104 the other way round; both sides flip at the first degree
    points = breaking_points(dimmer, flat(97, 104), "brightness", [-40, 0, 40], tolerance=0.1)
    order = np.argsort(points.ids)
    np.testing.assert_allclose(points.degree[order], [-6.6, 6.6], atol=0.6)
    assert points.prediction_after[order].tolist() == [0, 2]


def test_changes_by_whole_numbers_stop_at_neighbours() -> None:
    # the first square's mean is 90 + 50 / side²: 102.5 at 2, 95.6 at 3
    images = flat(90)
    images[0, 0, 0] = 140
    points = breaking_points(lamps.corner(), images, "pixelate", [1, 4], tolerance=0.01)
    assert points.degree.tolist() == [3] and points.tolerance == 1
    assert points.evaluations == 2 + 2  # the sweep asks at 1 and 4, then 2 and 3


@pytest.mark.parametrize("name", ["adversarial", "fgsm"])
def test_an_attacks_epsilon_is_found_in_pixel_values(lamp: Classifier, name: str) -> None:
    # each step of epsilon moves the mean by 1: 104 is dark at 100, 96 bright at 101; 150 not by 16
    points = breaking_points(lamp, flat(104, 96, 150), name, [0, 16])
    order = np.argsort(points.ids)
    assert points.degree[order][:2].tolist() == [4, 5] and math.isnan(points.degree[order][2])
    assert points.side[order].tolist() == [1, 1, 0]


def test_a_finished_sweep_costs_nothing(lamp: Classifier) -> None:
    images = flat(*range(60, 141, 4))
    scan = sweep(lamp, images, change("brightness", np.arange(-64, 65, 16)))
    own = breaking_points(lamp, images, "brightness", np.arange(-64, 65, 16))
    given = breaking_points(lamp, images, "brightness", scan=scan)
    np.testing.assert_array_equal(own.degree, given.degree)
    assert own.evaluations - given.evaluations == scan.prediction.size
    # 16 wide brackets, one side each, to 128 / 256
    assert given.tolerance == 0.5 and given.evaluations <= 5 * len(images)
    some = breaking_points(lamp, images, scan.change, scan=scan, samples=[3, 5])
    assert sorted(some.ids.tolist()) == [3, 5]
    np.testing.assert_array_equal(some.degree, given.degree[np.isin(given.ids, [3, 5])])


def test_images_of_several_sizes_are_changed_in_their_own() -> None:
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    images = [networks.images(1, size, seed=3 + number)[0] for number, size in enumerate([(20, 16, 3), (9, 8, 3)] * 2)]
    data = load_dataset(images)
    points = breaking_points(clf, data, "rotation", [-90, -40, 0, 40, 90], tolerance=2)
    for row, sample in enumerate(points.ids):
        if points.side[row]:
            said = clf.predict(transform(images[sample], "rotation", points.degree[row])[None]).argmax()
            assert said == points.prediction_after[row] != points.clean_prediction[row]


def test_images_that_are_wrong_unchanged_are_marked(lamp: Classifier) -> None:
    points = breaking_points(lamp, flat(98, 110, 104), "brightness", [0, 20], labels=[1, 1, -1], tolerance=1)
    order = np.argsort(points.ids)
    assert points.wrong_clean[order].tolist() == [True, False, False] and points.against == "labels"
    assert points.side[order].tolist() == [1, 0, 0]  # the flip counts from the prediction, not from the label
    unlabelled = breaking_points(lamp, flat(98, 110), "brightness", [0, 20], tolerance=1)
    assert unlabelled.against == "predictions" and "agreement" in unlabelled.note
    assert not unlabelled.wrong_clean.any()


def test_default_tolerances() -> None:
    assert tolerance_of(change("rotation", [-30, 0, 34])) == 64 / 256
    assert tolerance_of(change("blur", [5.12])) == 5.12 / 256  # the identity counts as scanned
    assert tolerance_of(change("jpeg", [0, 50])) == 1 and tolerance_of(change("jpeg"), 7) == 7
    assert tolerance_of(change("pgd"), 0.1) == 1


def test_bad_input_is_named(lamp: Classifier) -> None:
    images = flat(98, 110)
    scan = sweep(lamp, images, change("brightness", [0, 20]))
    with pytest.raises(ParameterError, match="tolerance is 0"):
        breaking_points(lamp, images, "brightness", tolerance=0)
    with pytest.raises(NotFound, match="melting"):
        breaking_points(lamp, images, "melting")
    with pytest.raises(ParameterError, match="scan is of brightness"):
        breaking_points(lamp, images, "contrast", scan=scan)
    with pytest.raises(ParameterError, match="scan is of brightness"):
        breaking_points(lamp, images, "brightness", [0, 30], scan=scan)
    with pytest.raises(ParameterError, match="no sample 7"):
        breaking_points(lamp, images, "brightness", scan=scan, samples=[1, 7])


# Distributions


def points_at(degrees: list[float], labels: list[int]) -> BreakingPoints:
    """Return breaking points of a scan at -20..20 that were found at these degrees."""
    n = len(degrees)
    scan = made(np.zeros((n, 5), int), labels, [-20, -10, 0, 10, 20])
    where = np.array(degrees, float)
    rows = {
        "degree": where,
        "side": np.sign(np.nan_to_num(where)).astype(np.int8),
        "prediction_after": np.where(np.isnan(where), -1, 1).astype(np.int32),
        "evaluations": np.zeros(n, np.int32),
    }
    return assembled(scan, rows, 0.5, 0)


def test_a_distribution_by_hand() -> None:
    nan = math.nan
    found = distribution(points_at([4, -6, 12, nan, -19, nan, nan], [0, 0, 0, 0, 1, 1, -1]), [0, 1, 2])
    assert found.names == ("cat", "dog", "bird", "all images") and found.counts.tolist() == [4, 2, 0, 7]
    assert found.quantiles[0].tolist() == [4, 4, 6, 12, math.inf]  # of 4, 6, 12 and never
    assert found.median[1] == 19 and np.isnan(found.quantiles[2]).all() and found.median[3] == 19
    np.testing.assert_allclose(found.never, [1 / 4, 1 / 2, nan, 3 / 7])
    assert found.distances.tolist() == [0, 10, 20]
    np.testing.assert_allclose(found.survival[:2], [[1, 0.5, 0.25], [1, 1, 0.5]])
    assert (found.survival_low[0] <= found.survival[0]).all() and (found.survival_high[0] >= found.survival[0]).all()


def test_the_interval_of_a_median_is_that_of_the_ranks() -> None:
    # of 20 values the 6th and the 15th hold the median with 95.86 %: the table of the sign test
    found = distribution(points_at([float(value) for value in range(1, 21)], [0] * 20), [0])
    assert (found.median_low[0], found.median[0], found.median_high[0]) == (6, 10, 15)
    few = distribution(points_at([3.0, 5.0], [0, 0]), [0])
    assert (few.median_low[0], few.median_high[0]) == (0, math.inf)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(ParameterError, match="no class 3"):
        distribution(points_at([1.0], [0]), [3])
