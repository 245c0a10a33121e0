"""Laws of sampling and of the schedule that hold whatever is asked and whenever it is interrupted."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.prediction_difference.evidence import log_odds, weight_of_evidence
from nnvis_dash.analysis.prediction_difference.lattice import Lattice
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.samplers import ConditionalSampler, MarginalSampler
from nnvis_dash.analysis.prediction_difference.schedule import Aim, next_tasks, pieces
from nnvis_dash.analysis.prediction_difference.tally import Scale, Tally

some = settings(max_examples=40, deadline=None)
_MOST = 5  # times the samples asked for that an adaptive map may give a window


@st.composite
def _lattices(draw: st.DrawFn, largest: int = 16) -> Lattice:
    window = draw(st.integers(1, 6))
    sides = st.integers(window, largest)
    return Lattice((draw(sides), draw(sides)), (window, window), draw(st.integers(1, 4)))


@st.composite
def _aims(draw: st.DrawFn) -> Aim:
    step = draw(st.integers(1, 2))
    return Aim(
        step * draw(st.integers(1, 8)),
        step,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from([0.0, 0.0, 0.05, 0.5])),
    )


def _read(tally: Tally, places: Any, start: int, stop: int) -> Any:
    """Return what a classifier would say: a bump, and noise that is a function of the window and the sample."""
    rows, columns = tally.lattice.corners(places)
    bump = 0.6 * np.exp(-((rows - 4.0) ** 2 + (columns - 3.0) ** 2) / 8)
    noise = np.stack([np.random.default_rng(int(place)).normal(size=64 * _MOST)[start:stop] for place in places])
    p = 1 / (1 + np.exp(-(1 - 3 * bump[:, None] + (0.2 + bump[:, None]) * noise)))
    return np.stack([p, 1 - p, np.log(p / (1 - p))], axis=2).astype(np.float32)


def _fresh(lattice: Lattice) -> Tally:
    return Tally(lattice, (0.73, 0.27, 1.0), Scale(True, 3, 1000))


def _run(tally: Tally, aim: Aim, at_once: int, rounds: int = 100_000) -> bool:
    """Go on for some rounds, each one piece of the first task; return whether the aim is reached."""
    for _ in range(rounds):
        tasks = next_tasks(tally, aim)
        if not tasks:
            return True
        piece = next(pieces(tasks[0], at_once))
        assert len(piece.places)
        assert len(set(piece.places.tolist())) == len(piece.places)
        assert (tally.counts.ravel()[piece.places] == piece.start).all()
        assert piece.stop > piece.start
        assert (piece.stop - piece.start) % aim.step == 0
        tally.add(piece.places, _read(tally, piece.places, piece.start, piece.stop), aim.step)
    return False


@some
@given(_lattices(), _aims(), st.sampled_from([7, 40, 10_000]))
def test_a_schedule_ends_with_every_window(lattice, aim, at_once):
    tally = _fresh(lattice)
    assert _run(tally, aim, at_once)
    most = aim.samples * (_MOST if aim.adaptive else 1)
    assert tally.counts.min() >= 1
    assert tally.counts.max() <= max(most, aim.step)
    assert (tally.draws * aim.step == tally.counts).all()
    if not aim.precision and not aim.adaptive:
        assert (tally.counts == aim.samples).all()
    elif aim.precision and not aim.adaptive:
        errors = np.sqrt(tally.variances()[..., 0])
        assert (errors[tally.counts < aim.samples] <= aim.precision).all()


@some
@given(_lattices(), _aims(), st.integers(5, 60), st.lists(st.integers(0, 12), max_size=4))
def test_an_interrupted_schedule_goes_on_as_if_it_had_not_been(lattice, aim, at_once, stops):
    """What comes next is a function of what is known alone."""
    whole, tally = _fresh(lattice), _fresh(lattice)
    _run(whole, aim, at_once)
    for rounds in stops:
        _run(tally, aim, at_once, rounds)
        kept = {name: np.array(values) for name, values in tally.arrays().items()}
        tally = _fresh(lattice)
        tally.restore(kept)
    _run(tally, aim, at_once)
    for name, values in whole.arrays().items():
        np.testing.assert_array_equal(tally.arrays()[name], values, err_msg=name)


@some
@given(_lattices(), st.integers(1, 4), st.integers(1, 2), st.integers(5, 60))
def test_coarse_or_not_all_samples_give_one_map(lattice, draws, step, at_once):
    found = []
    for coarse in (True, False):
        tally = _fresh(lattice)
        _run(tally, Aim(draws * step, step, coarse), at_once)
        found.append(tally)
    np.testing.assert_array_equal(found[0].counts, found[1].counts)
    np.testing.assert_allclose(found[0].evidence(), found[1].evidence(), rtol=0, atol=1e-9)


@some
@given(_lattices(), st.integers(0, 99), st.floats(0, 1))
def test_maps_have_no_holes_whatever_is_known(lattice, seed, share):
    rng = np.random.default_rng(seed)
    values = np.where(rng.uniform(size=(*lattice.shape, 1)) < share, rng.normal(size=(*lattice.shape, 2)), np.nan)
    filled = lattice.filled(values)
    assert np.isfinite(filled).all()
    known = np.isfinite(values)
    np.testing.assert_array_equal(filled[known], values[known])
    assert np.abs(filled).max() <= np.abs(np.nan_to_num(values)).max() + 1e-12
    pixels = lattice.pixels(filled)
    assert pixels.shape == (2, *lattice.size)
    assert np.abs(pixels).max() <= np.abs(filled).max() + 1e-12


@some
@given(st.integers(0, 2**32), st.integers(1, 3), st.booleans(), st.booleans(), st.data())
def test_draws_are_functions_of_seed_window_and_number(seed, window, per_channel, antithetic, data):
    rng = np.random.default_rng(seed)
    shape = (9, 8, 2)
    pictures = rng.integers(0, 256, (20, *shape)).astype(np.uint8)
    corner = st.tuples(st.integers(0, 9 - window), st.integers(0, 8 - window))
    corners = np.array(data.draw(st.lists(corner, min_size=2, max_size=6)))
    model = PatchModel.fit(pictures, 4, per_channel, n_patches=500)
    for sampler in (
        ConditionalSampler(model, pictures[0], (window, window), seed, antithetic),
        MarginalSampler(pictures, (window, window), 20, seed),
    ):
        drawn = sampler.draw(corners[:, 0], corners[:, 1], 0, 8)
        assert drawn.shape == (len(corners), 8, window, window, 2)
        assert drawn.min() >= pictures.min()
        assert drawn.max() <= pictures.max()
        start = 2 * data.draw(st.integers(0, 2))
        one = data.draw(st.integers(0, len(corners) - 1))
        alone = sampler.draw(corners[one : one + 1, 0], corners[one : one + 1, 1], start, start + 4)
        np.testing.assert_allclose(alone[0], drawn[one, start : start + 4], rtol=1e-5, atol=1e-3)


_p = st.floats(0, 1)


@some
@given(_p, _p, st.integers(2, 1000), st.integers(1, 10**9))
def test_evidence_is_finite_turns_with_its_sign_and_grows_with_what_is_lost(p, without, k, laplace):
    found = weight_of_evidence(p, 1 - p, without, 1 - without, k, laplace)
    back = weight_of_evidence(without, 1 - without, p, 1 - p, k, laplace)
    assert np.isfinite(found)
    assert found == -back
    assert (found > 0) == (p > without) or abs(p - without) * laplace < 1e-6
    # no more than the odds that the correction leaves between certain and impossible
    most = log_odds(1.0, 0.0, k, laplace) - log_odds(0.0, 1.0, k, laplace)
    assert abs(found) <= most + 1e-9
