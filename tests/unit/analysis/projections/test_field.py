"""The parts of the field-based t-SNE against sums by hand, and the whole against openTSNE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.projections.field import repulsion
from nnvis_dash.analysis.projections.field.optimise import Phase, optimise
from nnvis_dash.analysis.projections.field.repulsion import Exact, Field
from nnvis_dash.analysis.projections.field.threads import Threads
from nnvis_dash.analysis.projections.neighbours import nearest, ranks, scaled
from nnvis_dash.analysis.projections.tsne import affinities

rng = np.random.default_rng(0)


def summed(places: Any, at: Any) -> Any:
    """Return S and V at places (M, 2) of a map (N, 2), in float64."""
    apart = at[:, None].astype(np.float64) - places[None]
    near = 1 / (1 + np.square(apart).sum(axis=2))
    return np.stack([near.sum(axis=1), *np.einsum("mn,mnc->cm", near**2, apart)])


def divergence(joint: Any, places: Any) -> float:
    """Return the exact Kullback-Leibler divergence of a map (N, 2), nats."""
    places = np.asarray(places, np.float64)
    total = summed(places, places)[0].sum() - len(places)
    pairs = joint.tocoo()
    q = 1 / (1 + np.square(places[pairs.row] - places[pairs.col]).sum(axis=1)) / total
    return float((pairs.data * np.log(np.maximum(pairs.data, 1e-30) / q)).sum())


def groups(n: int) -> Any:
    """Return features (n, 20) float32 in six groups of different width."""
    rows = rng.normal(size=(n, 20)) * rng.uniform(0.3, 1.5, 6)[np.arange(n) % 6][:, None]
    return (rows + 4 * rng.normal(size=(6, 20))[np.arange(n) % 6]).astype(np.float32)


@pytest.mark.parametrize("width", [1e-4, 3.0, 60.0])
def test_the_field_is_the_sum_over_all_samples(width: float) -> None:
    places = (rng.normal(size=(700, 2)) * width / 5).astype(np.float32)
    exact = summed(places, places)
    held = np.ascontiguousarray(places.T)
    np.testing.assert_allclose(Exact(700, Threads(1))(held), exact, rtol=2e-4, atol=1e-4 * np.abs(exact[1]).max())
    found = Field(700, Threads(1))(held)
    np.testing.assert_allclose(found[0], exact[0], rtol=0.02)
    strength = np.abs(exact[1:]).max()
    assert np.abs(found[1:] - exact[1:]).max() < 0.06 * strength
    assert np.sqrt(np.square(found[1:] - exact[1:]).mean()) < 0.02 * strength


def test_a_map_that_flies_apart_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repulsion, "MOST", 100)
    field = Field(4, Threads(1))
    field.spread(np.array([[0, 1e5, 5, 0], [0, 10, 5, 1]], np.float32))
    assert field.values.shape[1] < 150
    assert np.isfinite(field.values).all()


def test_affinities_are_opentsnes() -> None:
    from openTSNE.affinity import PerplexityBasedNN

    features = groups(400)
    found = affinities(features, 30, Threads(1))
    theirs = PerplexityBasedNN(scaled(features), perplexity=30, method="exact").P
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert abs(found - theirs).max() < 1e-3 * theirs.max()
    assert abs(found - found.T).max() == 0


@pytest.mark.parametrize(("n", "exact_up_to"), [(300, 5000), (1000, 5000), (1000, 0)])
def test_the_divergence_is_opentsnes(n: int, exact_up_to: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities

    monkeypatch.setattr(repulsion, "EXACT_UP_TO", exact_up_to)
    features = groups(n)
    joint = affinities(features, 30, Threads(1))
    start = (features[:, :2] - features[:, :2].mean(axis=0)) * np.float32(1e-4 / features[:, 0].std())
    phases = [Phase(150, 12, max(50, n / 12), 0.8), Phase(250, 1, n, 0.8)]
    found = optimise(joint, start, phases, Threads(1), lambda coordinates: None)
    theirs = TSNEEmbedding(
        start.astype(np.float64), PrecomputedAffinities(joint.astype(np.float64), normalize=False), n_jobs=1
    )
    for phase in phases:
        theirs.optimize(
            phase.iterations,
            exaggeration=phase.exaggeration,
            learning_rate=phase.learning_rate,
            momentum=phase.momentum,
            negative_gradient_method="bh",
            inplace=True,
        )
    assert divergence(joint, found) <= 1.005 * divergence(joint, np.asarray(theirs))


@pytest.mark.parametrize("exact_up_to", [0, 5000])
def test_the_number_of_threads_makes_no_difference(exact_up_to: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repulsion, "EXACT_UP_TO", exact_up_to)
    features = groups(2100)
    found = []
    for count in (1, 3):
        held = Threads(count)
        joint = affinities(features, 10, held)
        found.append(optimise(joint, features[:, :2], [Phase(30, 4, 500, 0.8)], held, lambda coordinates: None))
        held.close()
    np.testing.assert_array_equal(found[0], found[1])


def test_neighbours_by_hand() -> None:
    reference = np.array([[0, 0], [3, 4], [6, 8], [0, 1]], np.float32)
    found, squared = nearest(np.array([[0, 0], [6, 8]], np.float32), reference, 3, Threads(1))
    assert found.tolist() == [[0, 3, 1], [2, 1, 3]]
    np.testing.assert_allclose(squared, [[0, 1, 25], [0, 25, 85]])
    assert nearest(reference, reference, 3, Threads(1), own=True)[0].tolist()[0] == [3, 1, 2]


def test_neighbours_at_the_same_distance_come_by_number() -> None:
    cross = np.array([[1, 0], [0, 1], [-1, 0], [0, 0]], np.float32)
    assert nearest(np.zeros((1, 2), np.float32), cross, 4, Threads(1))[0].tolist() == [[3, 0, 1, 2]]
    assert (
        nearest(np.zeros((3000, 2), np.float32)[:9], np.zeros((3000, 2), np.float32), 3, Threads(2))[0].tolist()
        == [[0, 1, 2]] * 9
    )


def test_neighbours_and_ranks_are_those_of_all_distances() -> None:
    rows = np.random.default_rng(3).normal(size=(1203, 7)).astype(np.float32)
    order = np.argsort(np.square(rows[:, None].astype(np.float64) - rows[None]).sum(axis=2), axis=1)
    held = Threads(2)
    found, _ = nearest(rows, rows, 12, held, own=True)
    np.testing.assert_array_equal(found, order[:, 1:13])
    asked = order[:, [40, 1, 1202]].astype(np.int32)
    np.testing.assert_array_equal(ranks(rows, asked, held), [[40, 1, 1202]] * 1203)


def test_a_tight_group_far_away_keeps_its_neighbours() -> None:
    """Distances of 1e-4 beside lengths of 1, which products of float32 would round away."""
    rows = np.concatenate([rng.normal(size=(50, 8)) * 1e-4 + 1, rng.normal(size=(50, 8)) - 3]).astype(np.float32)
    exact = np.square(rows[:, None].astype(np.float64) - rows[None]).sum(axis=2)
    np.fill_diagonal(exact, np.inf)
    np.testing.assert_array_equal(nearest(rows, rows, 1, Threads(1), own=True)[0][:, 0], exact.argmin(axis=1))


def test_places_where_nothing_can_be_kept(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An install that can't be written, with no cache folder either, compiles for itself."""
    from nnvis_dash.analysis.projections.field import kernels

    calls: list[dict[str, Any]] = []

    def njit(signature: Any, **settings: Any) -> Any:
        calls.append(settings)
        if settings.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(kernels.numba, "njit", njit)
    assert kernels._compiled()(len) is len
    assert [settings.get("cache") for settings in calls] == [True, None]
