"""Sums over samples and what is told by them; which windows come next."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference.lattice import Lattice
from nnvis_dash.analysis.prediction_difference.schedule import Aim, Task, next_tasks, pieces
from nnvis_dash.analysis.prediction_difference.tally import Scale, Tally, summed
from tests.unit.analysis.prediction_difference.scenes import bits

ACTIVATIONS = Scale(False, 3, 100)
CLASSES = Scale(True, 3, 100_000)


def tally_of(shape=(4, 5), scale=ACTIVATIONS, original=(0.0,)):
    return Tally(Lattice(shape, (1, 1)), original, scale)


def test_a_pair_counts_as_one_draw():
    tally = tally_of()
    tally.add(np.array([0, 19]), np.array([[[1.0], [3.0]], [[5.0], [5.0]]]), 2)
    assert (tally.counts[0, 0], tally.draws[0, 0], tally.counts[3, 4], tally.counts.sum()) == (2, 1, 2, 4)
    assert tally.without()[0, 0, 0] == 2
    assert tally.evidence()[3, 4, 0] == -5
    assert tally.known.sum() == 2
    assert np.isnan(tally.without()[1, 1]).all()


def test_samples_in_parts_are_samples_at_once():
    read = np.random.default_rng(0).normal(size=(3, 8, 2))
    places = np.array([2, 7, 11])
    parts, whole = (tally_of(original=(0.0, 1.0)) for _ in range(2))
    whole.add(places, read, 2)
    for start in range(0, 8, 2):
        parts.add(places[::-1], read[::-1, start : start + 2], 2)
    for name, values in whole.arrays().items():
        np.testing.assert_allclose(parts.arrays()[name], values, rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(whole.without().reshape(20, 2)[places], read.mean(axis=1))


@pytest.mark.parametrize("step", [1, 2])
def test_variances_of_many_draws_are_the_textbooks(step):
    """Each window has its own spread; its neighbours count little where it has many draws."""
    rng = np.random.default_rng(1)
    spread = rng.uniform(1, 2, (20, 1, 1))
    read = rng.normal(size=(20, 2000, 1)) * spread
    tally = tally_of()
    tally.add(np.arange(20), read, step)
    draws = read.reshape(20, -1, step).mean(axis=2)
    expected = draws.var(axis=1, ddof=1) / draws.shape[1]
    np.testing.assert_allclose(tally.variances().ravel(), expected, rtol=0.02)


def test_the_variance_of_evidence_is_that_of_the_probability_by_the_slope():
    rng = np.random.default_rng(2)
    p = rng.beta(30, 10, (20, 4000, 1))
    read = np.concatenate([p, 1 - p, np.log(p / (1 - p))], axis=2)
    tally = tally_of(scale=CLASSES, original=(0.9, 0.1, 2.0))
    tally.add(np.arange(20), read, 1)
    told = np.sqrt(tally.variances().reshape(20, 2).mean(axis=0))
    many = np.stack([bits(p[:, part::40].mean(axis=1), 3) for part in range(40)])  # means of 100 draws
    np.testing.assert_allclose(told[0], many.std(axis=0).mean() / np.sqrt(40), rtol=0.1)
    np.testing.assert_allclose(told[1], read[..., 2].std() / np.sqrt(4000), rtol=0.05)


def test_one_draw_has_the_spread_of_its_neighbours():
    tally = tally_of()
    values = np.arange(20.0)[:, None, None]
    tally.add(np.arange(20), values, 1)
    assert np.isfinite(tally.variances()).all()
    assert (tally.variances() > 0).all()
    flat = tally_of()
    flat.add(np.arange(20), np.ones((20, 1, 1)), 1)
    np.testing.assert_allclose(flat.variances(), 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (4, 5)])
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_variances_are_finite_whatever_is_known(shape, samples):
    tally = tally_of(shape)
    rng = np.random.default_rng(3)
    places = np.arange(0, shape[0] * shape[1], 2)
    tally.add(places, rng.normal(size=(len(places), samples, 1)), 1)
    found = tally.variances().ravel()
    assert np.isfinite(found[places]).all()
    assert (found[places] >= 0).all()
    assert np.isnan(np.delete(found, places)).all()


def test_what_is_restored_goes_on_as_it_was():
    rng = np.random.default_rng(4)
    one, two = tally_of(), tally_of()
    one.add(np.arange(20), rng.normal(size=(20, 6, 1)), 2)
    kept = {name: np.array(values) for name, values in one.arrays().items()}
    two.restore(kept)
    read = rng.normal(size=(20, 2, 1))
    one.add(np.arange(20), read, 2)
    two.add(np.arange(20), read, 2)
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(two.arrays()[name], values, err_msg=name)
    assert kept["counts"].max() == 6  # what was kept isn't written to


def test_sums_by_hand():
    found = summed(np.array([[[1.0], [3.0], [2.0], [6.0]]]), 2)
    assert (found.sums.tolist(), found.squares.tolist()) == ([[6.0]], [[20.0]])
    assert (found.singles.tolist(), found.n_samples, found.n_draws) == ([[50.0]], 4, 2)


def test_the_first_tasks_are_every_window_or_the_coarsest_level():
    tally = Tally(Lattice((20, 20), (8, 8)), (0.0,), ACTIVATIONS)
    (whole,) = next_tasks(tally, Aim(10, 2, coarse=False))
    assert (whole.places.tolist(), whole.start, whole.stop) == (list(range(169)), 0, 10)
    (coarse,) = next_tasks(tally, Aim(10, 2, coarse=True))
    assert coarse.places.tolist() == [row * 13 + column for row in (0, 4, 8, 12) for column in (0, 4, 8, 12)]
    assert (coarse.start, coarse.stop, coarse.n_samples) == (0, 2, 32)


def test_after_the_coarse_map_comes_what_changes():
    """Evidence lies in one corner only: the next windows are there."""
    tally = Tally(Lattice((40, 40), (8, 8)), (0.0,), ACTIVATIONS)
    (coarse,) = next_tasks(tally, Aim(10, 2))
    rows, columns = tally.lattice.corners(coarse.places)
    tally.add(coarse.places, np.where((rows >= 20) & (columns >= 20), 5.0, 0.0)[:, None, None].repeat(2, axis=1), 2)
    (finer,) = next_tasks(tally, Aim(10, 2))
    rows, columns = tally.lattice.corners(finer.places[:10])
    assert (np.maximum(rows, columns) >= 16).all()
    assert not set(finer.places) & set(coarse.places)


def test_pieces_are_whole_windows_and_all_of_them():
    task = Task(np.arange(100, 117), 4, 8)
    for n in (1, 4, 10, 16, 1000):
        some = list(pieces(task, n))
        assert np.concatenate([piece.places for piece in some]).tolist() == task.places.tolist()
        assert {(piece.start, piece.stop) for piece in some} == {(4, 8)}
        assert all(piece.n_samples <= max(n, 4) for piece in some)
