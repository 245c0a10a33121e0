"""The attacks beside FGSM's family, against classifiers whose boundary is a plane, so that the answer is known."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import Goal, attack, proposals
from nnvis_dash.analysis.attacks.boundary import plain_and_noise, starting_points
from nnvis_dash.analysis.attacks.jsma import JSMA, best_pair, jsma
from nnvis_dash.analysis.attacks.one_pixel import OnePixel, changed, first_members, three_others
from nnvis_dash.analysis.attacks.spatial import Spatial, grid, moved
from nnvis_dash.analysis.attacks.square import share, square_side
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import Cancelled, ParameterError

SHAPE = (6, 5, 1)
QUICK = {
    "boundary": {"steps": 20},
    "carlini_wagner": {"steps": 15, "binary_search_steps": 2},
    "deepfool": {"steps": 10},
    "jsma": {"gamma": 0.5},
    "one_pixel": {"population": 20, "generations": 3},
    "spatial": {"angles": 5, "shifts": 3},
    "square": {"queries": 40},
}


def plane(weights: np.ndarray, bias: float | np.ndarray = 0.0) -> Classifier:
    """Return a classifier whose logits are the weighted sums of the raw pixels; weights (h, w, c) or (h, w, c, K)."""
    import keras
    from keras import layers

    weights = np.asarray(weights, np.float32)
    shape, n = weights.shape[:3], weights.shape[3] if weights.ndim == 4 else 1
    head = layers.Dense(n, activation="softmax" if n > 1 else "sigmoid")
    model = keras.Sequential([layers.Input(shape), layers.Flatten(), head])
    head.set_weights([weights.reshape(-1, n), np.broadcast_to(np.asarray(bias, np.float32), (n,))])
    return Classifier.from_keras(model)


def grey(n: int = 3, seed: int = 0) -> np.ndarray:
    """Return n images (6, 5, 1) far from black and white."""
    return np.random.default_rng(seed).integers(100, 156, (n, *SHAPE), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(3).normal(0, 0.1, SHAPE)


@pytest.fixture(scope="module")
def two(weights):
    """Two classes, with the boundary 60 pixel values from mid-grey."""
    bias = -float((128 * weights).sum()) + 60 * float(np.linalg.norm(weights))
    return plane(weights, bias)


@pytest.fixture(scope="module")
def three():
    return plane(np.random.default_rng(4).normal(0, 0.1, (*SHAPE, 3)))


@pytest.fixture(scope="module")
def deaf():
    """Sees nothing: no change of an image changes its answer."""
    return plane(np.zeros((*SHAPE, 3)), np.array([0.0, 1.0, 0.5]))


def distances(clf: Classifier, weights: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return how far images are from the plane: |f(x)| / ‖w‖."""
    return np.abs(clf.logits(images)[:, 1]) / np.linalg.norm(weights)


def towards(clf: Classifier, images: np.ndarray, targets: np.ndarray | None = None) -> Goal:
    labels = clf.predict(images).argmax(axis=1).astype(np.int32)
    return Goal(labels, None if targets is None else np.asarray(targets, np.int32), float("inf"))


def test_deepfool_goes_the_shortest_way_to_a_plane(two, weights):
    images = grey()
    found = attack(two, images, method="deepfool")
    assert found.success.all()
    np.testing.assert_allclose(found.l2, distances(two, weights, images), rtol=0.05)


def test_carlini_wagner_goes_nearly_the_shortest_way_to_a_plane(two, weights):
    images = grey()
    found = attack(two, images, method="carlini_wagner", steps=60, binary_search_steps=4)
    assert found.success.all()
    shortest = distances(two, weights, images)
    assert (found.l2 >= 0.98 * shortest).all()
    assert (found.l2 <= 1.1 * shortest).all()


def test_the_boundary_attack_walks_to_near_the_shortest_way_by_decisions_alone(two, weights):
    images = grey()
    shortest = distances(two, weights, images)
    near = attack(two, images, method="boundary", steps=400)
    far = attack(two, images, method="boundary", steps=1)
    assert near.success.all() and far.success.all()
    assert (near.l2 >= 0.98 * shortest).all()
    assert (near.l2 <= 1.5 * shortest).all()
    assert near.l2.sum() < far.l2.sum()


def test_carlini_wagner_leads_by_the_confidence_that_is_asked_for(three):
    images = grey()
    found = attack(three, images, method="carlini_wagner", steps=60, binary_search_steps=5, confidence=2.0)
    logits = three.logits(found.images)
    lead = np.sort(logits, axis=1)[:, -1] - logits[np.arange(3), found.labels]
    assert found.success.all()
    assert (lead > 1.5).all()  # rounding may take a little


def test_carlini_wagner_moves_black_and_white_pixels_too(weights):
    images = np.where(weights > 0, 0, 255).astype(np.uint8)[None]  # each value can only move one way: the right one
    score = float((images[0] * weights).sum())
    clf = plane(weights, -score - 60 * float(np.linalg.norm(weights)))
    found = attack(clf, images, method="carlini_wagner", steps=60, binary_search_steps=4)
    assert found.success.all()
    assert 59 <= found.l2.item() <= 100


def test_a_black_image_is_not_taken_for_a_success():
    clf = plane(np.ones(SHAPE), -100.0)  # black is the other class, but it takes more than one small step to get there
    found = attack(clf, grey(), method="carlini_wagner", steps=1, binary_search_steps=1, step_size=1e-5)
    np.testing.assert_array_equal(found.images, grey())
    assert not found.success.any() and not found.success_before_rounding.any()


@pytest.mark.parametrize("method", QUICK)
def test_where_nothing_helps_the_image_stays_as_it_was(method, deaf):
    found = attack(deaf, grey(), method=method, **QUICK[method])
    assert not found.success.any() and not found.success_before_rounding.any()
    np.testing.assert_array_equal(found.images, grey())


@pytest.mark.parametrize("method", QUICK)
def test_an_image_that_is_wrong_already_stays_as_it_was(method, two):
    labels = 1 - two.predict(grey()).argmax(axis=1)
    found = attack(two, grey(), labels, method=method, **QUICK[method])
    assert found.success.all()
    np.testing.assert_array_equal(found.images, grey())


@pytest.mark.parametrize("method", [name for name in QUICK if name != "deepfool"])
def test_a_target_is_reached_where_the_boundary_allows(method, three):
    images = np.random.default_rng(5).integers(60, 200, (6, *SHAPE), dtype=np.uint8)
    target = np.argsort(three.logits(images), axis=1)[:, 0]  # the unlikeliest
    cheap = {**QUICK[method], "carlini_wagner": {}}.get(method, QUICK[method])
    more = {"square": {"epsilon": 0.3}, "one_pixel": {"pixels": 5}, "carlini_wagner": {"steps": 60}}.get(method, {})
    found = attack(three, images, method=method, target=target, **{**cheap, **more})
    np.testing.assert_array_equal(found.success, three.predict(found.images).argmax(axis=1) == target)
    if method != "spatial":
        assert found.success.any()


@pytest.mark.parametrize("method", QUICK)
def test_progress_never_goes_back_and_a_cancelled_attack_stops(method, deaf):
    told: list[tuple[int, int]] = []
    with progress.reporting(lambda done, total: told.append((done, total))):
        attack(deaf, grey(), method=method, **QUICK[method])
    parts = [done / total for done, total in told]
    assert parts == sorted(parts) and parts[-1] == 1.0

    def stop(done: int, total: int) -> None:
        raise Cancelled("enough")

    with progress.reporting(stop), pytest.raises(Cancelled):
        attack(deaf, grey(), method=method, **QUICK[method])


@pytest.mark.parametrize("method", ["carlini_wagner", "deepfool", "jsma"])
def test_where_no_gradient_flows_the_attacks_that_need_none_are_named(method):
    import keras
    from keras import layers

    inputs = keras.Input(SHAPE)
    clf = Classifier.from_keras(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(keras.ops.round(inputs)))))
    with pytest.raises(ParameterError, match=r"No gradient flows.*boundary.*square"):
        attack(clf, grey(), method=method)


@pytest.mark.parametrize("method", ["boundary", "one_pixel", "square"])
def test_a_seed_gives_the_same_image_and_another_seed_another_one(method, two):
    def images(seed: int) -> np.ndarray:
        return attack(two, grey(), method=method, seed=seed, **QUICK[method]).images

    before = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(images(1), images(1))
    assert (images(1) != images(2)).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.just(2), st.integers(2, 12)), elements=st.integers(-3, 3).map(float)),
)
def test_the_best_pair_is_that_of_all_pairs(values):
    rises, falls = values
    products = [
        (rises[p] + rises[q]) * (falls[p] + falls[q])
        for p, q in itertools.combinations(range(len(rises)), 2)
        if rises[p] + rises[q] > 0 and falls[p] + falls[q] > 0
    ]
    found = best_pair(rises, falls)
    if not products:
        assert found is None
        return
    p, q = found
    assert p != q
    assert (rises[p] + rises[q]) * (falls[p] + falls[q]) == max(products)


def test_jsma_whitens_the_two_values_that_the_saliency_map_names():
    weights = np.zeros((*SHAPE, 2))
    weights[..., 0] = 0.01
    weights[1, 2, 0] = [-0.5, 0.5]
    weights[4, 4, 0] = [-0.4, 0.4]
    weights[3, 3, 0] = [0.9, 0.9]  # raises both
    clf = plane(weights, np.array([0.0, -400.0]))
    images = grey(1).astype(np.float32)
    goal = towards(clf, images, [1])
    found = jsma(clf, images, goal, JSMA(gamma=2 / 30))
    assert sorted(zip(*np.nonzero((found != images)[0, ..., 0]), strict=True)) == [(1, 2), (4, 4)]
    assert found[0, 1, 2, 0] == found[0, 4, 4, 0] == 255


@pytest.mark.parametrize(("others", "places"), [("weighted", [(0, 0), (1, 1)]), ("all", [(4, 4), (5, 0)])])
def test_jsma_lowers_what_is_in_the_way_or_all_other_classes_alike(others, places):
    weights = np.zeros((*SHAPE, 3))
    weights[[0, 1], [0, 1], 0] = [-0.3, 0.3, 0.0]  # down with the label
    weights[[4, 5], [4, 0], 0] = [0.0, 0.3, -0.9]  # down with a class that is hopeless anyway
    clf = plane(weights, np.array([500.0, 0.0, -900.0]))
    images = grey(1).astype(np.float32)
    found = jsma(clf, images, towards(clf, images, [1]), JSMA(gamma=2 / 30, others=others))
    assert sorted(zip(*np.nonzero((found != images)[0, ..., 0]), strict=True)) == places


@pytest.mark.parametrize("theta", [0.1, -0.1, 1.0, -1.0])
def test_jsma_keeps_within_gamma_and_moves_one_way_in_whole_steps(theta, three):
    images = grey(4)
    target = np.argsort(three.logits(images), axis=1)[:, 0]
    found = attack(three, images, method="jsma", target=target, theta=theta, gamma=0.2)
    change = found.images.astype(int) - images
    assert found.changed.max() <= 6  # a fifth of 30 values
    assert (np.sign(theta) * change >= 0).all() and change.any()
    if abs(theta) == 0.1:
        assert (change % 26 == 0).all()  # rint(25.5)


def test_jsma_refuses_to_stand_still(three):
    with pytest.raises(ParameterError, match="theta is 0"):
        attack(three, grey(), method="jsma", theta=0.0)


@pytest.mark.parametrize("pixels", [1, 3])
def test_one_pixel_changes_no_more_pixels_than_allowed(pixels, three):
    found = attack(three, grey(), method="one_pixel", pixels=pixels, population=20, generations=4)
    assert (found.changed <= pixels).all() and found.changed.any()


def test_one_pixel_finds_the_pixel_that_decides():
    weights = np.full(SHAPE, 0.01)
    weights[2, 3] = 2.0
    clf = plane(weights, -400.0)  # no other pixel can make up for the 150 or so that are missing
    found = attack(clf, grey(2), method="one_pixel", population=60, generations=20)
    assert found.success.all()
    assert ((found.images != grey(2)).nonzero()[1] == 2).all()
    assert ((found.images != grey(2)).nonzero()[2] == 3).all()


def test_members_of_the_evolution_are_crossed_with_three_others_and_stay_in_the_image():
    rng = np.random.default_rng(0)
    others = three_others(rng, 9)
    assert all(len({*column, number}) == 4 for number, column in enumerate(others.T))
    members = first_members(rng, (4, 5, 3), OnePixel(population=50, pixels=2))
    assert members.shape == (50, 2, 5)
    image = np.zeros((4, 5, 3), np.uint8)
    outside = np.array([[[-3.0, 9.0, 300.0, -5.0, 12.4]]])
    assert changed(image, outside)[0, 0, 4].tolist() == [255, 0, 12]


def test_square_moves_every_value_to_the_edge_of_what_is_allowed(three):
    images = np.concatenate([grey(2), np.full((1, *SHAPE), 253, np.uint8)])
    found = attack(three, images, method="square", epsilon=0.05, queries=30)  # floor(12.75)
    change = found.images.astype(int) - images
    moved_ = found.linf > 0
    assert moved_.any()
    assert set(np.unique(np.abs(change[:2][moved_[:2]]))) <= {12}
    assert set(np.unique(change[2])) <= {0, -12, 2}
    assert (found.linf <= 12).all()


def test_square_goes_up_with_its_queries_and_stays_where_epsilon_is_less_than_a_step(three):
    images = grey(4)
    target = np.argsort(three.logits(images), axis=1)[:, 0].astype(np.int32)
    goal = towards(three, images, target)

    def margin(queries: int) -> np.ndarray:
        found = attack(three, images, method="square", target=target, epsilon=4 / 255, queries=queries)
        return proposals.margins(three.logits(found.images), goal)

    assert (margin(60) >= margin(5)).all() and (margin(60) > margin(1)).any()
    assert (attack(three, images, method="square", epsilon=0.9 / 255, queries=5).images == images).all()


def test_squares_shrink_as_the_queries_are_used_up():
    assert [share(0.8, query, 10_000) for query in (10, 11, 51, 201, 501)] == [0.8, 0.4, 0.2, 0.1, 0.05]
    assert share(0.8, 10_000, 10_000) == pytest.approx(0.8 / 512)
    assert share(0.8, 6, 1000) == share(0.8, 60, 10_000)
    assert square_side(0.25, 32, 32) == 16
    assert square_side(0.8, 10, 40) == 10  # √320 is 18, more than there are rows
    assert square_side(0.0001, 8, 8) == 1


def test_the_grid_begins_with_standing_still_and_ends_in_its_corners():
    moves = grid(Spatial(angle=30, shift=10, angles=3, shifts=3), 20, 40)
    assert len(moves) == len(set(moves)) == 27
    assert moves[0] == (0.0, 0.0, 0.0)
    assert {(abs(a), abs(b), abs(c)) for a, b, c in moves[-8:]} == {(30.0, 4.0, 2.0)}
    assert grid(Spatial(angles=1, shifts=1), 20, 40) == [(0.0, 0.0, 0.0)]
    assert len(grid(Spatial(angle=0, shift=10, angles=9, shifts=3), 20, 40)) == 9


def test_a_move_shifts_whole_pixels_and_turns_counter_clockwise():
    images = grey(2)
    right = moved(images, (0.0, 2.0, 1.0), "black")
    np.testing.assert_array_equal(right[:, 1:, 2:], images[:, :-1, :-2])
    assert not right[:, 0].any() and not right[:, :, :2].any()
    square = images[:, :5]
    np.testing.assert_array_equal(moved(square, (90.0, 0.0, 0.0), "edge"), np.rot90(square, axes=(1, 2)))


def test_spatial_finds_the_smallest_move_that_is_enough_and_the_worst():
    weights = np.zeros(SHAPE)
    weights[:, 2:] = 1.0
    clf = plane(weights, -6 * 255 * 0.9)  # class 1 where about a whole column beyond the second is white
    image = np.zeros((1, *SHAPE), np.uint8)
    image[:, :, :2] = 255
    given_ = {"angle": 0.0, "shift": 40.0, "shifts": 5}  # −2, −1, 0, 1, 2 pixels to the right
    smallest = attack(clf, image, method="spatial", choice="smallest", **given_)
    worst = attack(clf, image, method="spatial", choice="worst", **given_)
    assert smallest.success.all() and worst.success.all()
    assert np.array_equal(smallest.images[0, :, :, 0] > 0, np.broadcast_to([True, True, True, False, False], SHAPE[:2]))
    assert np.array_equal(worst.images[0, :, :, 0] > 0, np.broadcast_to([True, True, True, True, False], SHAPE[:2]))


def test_margins_are_those_between_the_class_and_the_best_other():
    logits = np.array([[1.0, 4.0, 2.0], [5.0, 0.0, 3.0]], np.float32)
    labels = np.array([1, 0], np.int32)
    np.testing.assert_array_equal(proposals.margins(logits, Goal(labels, None, 1.0)), [-2.0, -2.0])
    targets = np.array([2, 2], np.int32)
    np.testing.assert_array_equal(proposals.margins(logits, Goal(labels, targets, 1.0)), [-2.0, -2.0])
    np.testing.assert_array_equal(proposals.margins(logits, Goal(targets, None, 1.0)), [2.0, 2.0])


def test_a_change_that_rounding_would_undo_is_kept_as_long_or_stretched():
    clf = plane(np.ones(SHAPE), -30 * 100 - 4.0)  # class 1 above a sum of 3004
    images = np.full((1, *SHAPE), 100, np.float32)
    goal = towards(clf, images)
    proposed = images + np.float32(0.2)  # the sum is 3006, but rounds back to 3000
    kept = proposals.outliving_rounding(clf, images, proposed, goal)
    np.testing.assert_array_equal(kept, np.rint(kept))
    assert clf.predict(kept).argmax() == 1
    assert np.linalg.norm(kept - images) <= 3 * np.linalg.norm(proposed - images)


def test_proposals_that_fail_or_hold_no_numbers_are_dropped(two):
    images = grey(3).astype(np.float32)
    proposed = images.copy()
    proposed[0] = np.nan
    proposed[1] += 1
    np.testing.assert_array_equal(proposals.outliving_rounding(two, images, proposed, towards(two, images)), images)


def test_starting_points_are_on_the_far_side_and_near_the_boundary(two, weights):
    images = grey(4).astype(np.float32)
    goal = towards(two, images)
    starts, found = starting_points(two, images, goal, plain_and_noise(SHAPE, 0), 0)
    assert found.all() and goal.reached(two.predict(starts)).all()
    middle = images + 0.99 * (starts - images)
    assert not goal.reached(two.predict(middle)).any()


def test_foolbox_loads_where_no_git_is_installed():
    code = "from nnvis_dash.analysis.attacks.through_foolbox import foolbox; foolbox().attacks.L2DeepFoolAttack()"
    done = subprocess.run([sys.executable, "-c", code], env={"PATH": "/nowhere"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
