"""What a window reaches of a map, and how windows are grouped, by hand and by trying everything."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from nnvis_dash.analysis.incremental.moves import Move, move_of
from nnvis_dash.analysis.incremental.reach import Reach, buckets, placed, reach


def step(number, *given):
    return SimpleNamespace(inputs=given, outputs=(number,))


def window_move(extent, pace=1, before=0):
    return Move("window", lambda inputs: inputs[0], (extent, 1), (pace, 1), (before, 0))


def test_a_convolution_reaches_half_a_kernel_further():
    found = reach([step(1, 0)], {1: window_move(3, 1, 1)}, {0: 8, 1: 8}, 2, 0)
    assert found.low[1].tolist() == [0, 0, 1, 2, 3, 4, 5]
    assert found.high[1].tolist() == [3, 4, 5, 6, 7, 8, 8]


def test_a_stride_halves_what_is_reached():
    found = reach([step(1, 0)], {1: window_move(2, 2)}, {0: 8, 1: 4}, 2, 0)
    assert list(zip(found.low[1].tolist(), found.high[1].tolist(), strict=True)) == [
        *((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
    ]


def test_only_its_own_axis_counts():
    found = reach([step(1, 0)], {1: window_move(3, 1, 1)}, {0: 8, 1: 8}, 2, 1)
    assert found.low[1].tolist() == found.low[0].tolist()
    assert found.high[1].tolist() == found.high[0].tolist()


def test_a_join_reaches_what_any_of_its_maps_does():
    moves = {1: window_move(3, 1, 1), 2: window_move(5, 1, 2), 3: Move("join", lambda inputs: inputs[0])}
    found = reach([step(1, 0), step(2, 0), step(3, 1, 2)], moves, dict.fromkeys(range(4), 10), 1, 0)
    assert found.low[3].tolist() == found.low[2].tolist()
    assert (found.high[3][4], found.low[3][4]) == (7, 2)


def test_behind_an_unknown_layer_nothing_is_known():
    moves = {1: window_move(3, 1, 1), 3: window_move(3, 1, 1)}
    found = reach([step(1, 0), step(2, 1), step(3, 2)], moves, dict.fromkeys(range(4), 10), 1, 0)
    assert sorted(found.low) == [0, 1]


def test_what_is_cut_away_or_never_read_still_has_a_place():
    """A window in a cropped border reaches nothing; its patch is one position, which stays as it is."""
    found = reach([step(1, 0)], {1: window_move(1, 1, -3)}, {0: 8, 1: 4}, 1, 0)
    assert found.low[1].tolist() == [0, 0, 0, 0, 1, 2, 3, 3]
    assert (found.high[1] - found.low[1]).tolist() == [1] * 8


def _cost(ordered, weight, cuts):
    total = 0.0
    for first, stop in itertools.pairwise(cuts):
        total += (stop - first) * float(weight @ (ordered[:, first:stop].max(axis=1).astype(float) ** 2))
    return total


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n_buckets", [1, 2, 3, 4])
def test_the_groups_cost_no_more_than_any_other_cuts(seed, n_buckets):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    widths = rng.integers(1, 9, (3, n))
    found = Reach({0: np.zeros(n, int), 1: np.zeros(n, int), 2: np.zeros(n, int)}, dict(enumerate(widths)), {})
    costs = {0: 0.0, 1: float(rng.uniform(0.1, 5)), 2: float(rng.uniform(0.1, 5))}
    weight = np.array([costs[slot] for slot in range(3)])
    made = buckets(found, costs, n_buckets)
    assert 1 <= len(made) <= n_buckets
    assert sorted(np.concatenate([bucket.starts for bucket in made]).tolist()) == list(range(n))
    taken = 0.0
    for bucket in made:
        for slot in range(3):
            assert bucket.extent[slot] == widths[slot][bucket.starts].max()
        taken += len(bucket.starts) * sum(costs[slot] * bucket.extent[slot] ** 2 for slot in range(3))
    ordered = widths[:, np.argsort(weight @ widths.astype(float) ** 2, kind="stable")]
    least = min(
        _cost(ordered, weight, (0, *cuts, n))
        for count in range(min(n_buckets, n))
        for cuts in itertools.combinations(range(1, n), count)
    )
    assert taken == pytest.approx(least)


def test_patches_are_shifted_inside_the_map():
    found = Reach({0: np.array([0, 3, 6])}, {0: np.array([4, 7, 8])}, {0: 8})
    (bucket,) = buckets(found, {0: 1.0}, 1)
    assert bucket.extent == {0: 4}
    assert placed(found, bucket, np.array([0, 1, 2]))[0].tolist() == [0, 3, 4]


def test_moves_of_layers_with_options_that_change_everything_are_not_known():
    from keras import layers

    from nnvis_dash.analysis.graph import Graph
    from tests.unit.analysis.incremental.graphs import network

    def kinds(*made, shape=(8, 8, 4)):
        def body(_, x):
            for layer in made:
                x = layer(x)
            return x

        steps = [entry for entry in Graph(network(body, shape)).steps if entry.kind not in ("Flatten", "Dense")]
        return [move_of(entry, [shape]) for entry in steps]

    assert kinds(layers.BatchNormalization(axis=1)) == [None]
    assert kinds(layers.Softmax(axis=1)) == [None]
    assert kinds(layers.PReLU(shared_axes=[1])) == [None]
    (batch,) = kinds(layers.BatchNormalization())
    assert batch is not None
    assert batch.kind == "point"
    (conv,) = kinds(layers.Conv2D(5, (3, 2), strides=2, dilation_rate=1, padding="same"))
    assert conv is not None
    assert (conv.reach, conv.stride, conv.before) == ((3, 2), (2, 2), (0, 0))
    (pool,) = kinds(layers.MaxPooling2D(3, strides=1, padding="same"))
    assert pool is not None
    assert (pool.before, pool.pads_lowest, pool.counts) == ((1, 1), True, False)
    (mean,) = kinds(layers.AveragePooling2D(3, strides=2, padding="same"))
    assert mean is not None
    assert (mean.before, mean.pads_lowest, mean.counts) == ((0, 0), False, True)
