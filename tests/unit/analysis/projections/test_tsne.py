from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.projections import Projection, neighbours, project
from nnvis_dash.analysis.projections.field import repulsion
from nnvis_dash.analysis.projections.field.threads import Threads
from nnvis_dash.analysis.projections.neighbours import nearest
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats
from tests.unit.analysis.projections.conftest import Frame

QUICK: dict[str, Any] = {"iterations": 20, "early_exaggeration_iterations": 20}
Run = tuple[Projection, list[Frame]]


def accuracy(coordinates: Floats, known: Any, labels: Any, own: bool = False) -> float:
    """Return how often the nearest neighbour on the map has the same label."""
    order = nearest(coordinates, coordinates[: len(known)] if own else known, 1, Threads(1), own)[0][:, 0]
    return float((labels[order] == labels[: len(coordinates)]).mean())


def test_digits_separate(run: Run, digits: tuple[Any, Any]) -> None:
    found, frames = run
    labels = digits[1][:300]
    assert accuracy(found.coordinates, found.coordinates, labels, own=True) > 0.9
    assert accuracy(frames[0][2], frames[0][2], labels, own=True) < 0.7  # the plane of PCA


def test_frames_go_from_the_start_to_the_result(run: Run) -> None:
    found, frames = run
    iterations = [iteration for iteration, _, _ in frames]
    assert iterations == list(range(751))
    assert {total for _, total, _ in frames} == {750}
    np.testing.assert_array_equal(frames[-1][2], found.coordinates)
    assert all(frame.dtype == np.float32 and frame.shape == (300, 2) for _, _, frame in frames)
    assert len({frame.tobytes() for _, _, frame in frames}) == len(frames)  # copies, and it moves


def test_the_start_depends_on_the_seed_alone(run: Run, digits: tuple[Any, Any]) -> None:
    frames: list[Frame] = []
    shuffled: dict[str, Any] = {"initialization": "random", **QUICK}
    project(digits[0][:300] * 2, seed=3, on_frame=lambda *frame: frames.append(frame), **shuffled)
    again: list[Frame] = []
    project(digits[0][:300], seed=3, on_frame=lambda *frame: again.append(frame), **shuffled)
    np.testing.assert_array_equal(frames[0][2], again[0][2])
    assert accuracy(again[0][2], again[0][2], digits[1][:300], own=True) < 0.25  # ten classes, shuffled
    other: list[Frame] = []
    project(digits[0][:300], seed=4, on_frame=lambda *frame: other.append(frame), **shuffled)
    assert not np.allclose(other[0][2], frames[0][2])


def test_drawing_makes_no_difference(run: Run, digits: tuple[Any, Any]) -> None:
    np.testing.assert_array_equal(project(digits[0][:300], seed=3).coordinates, run[0].coordinates)


def test_what_drawing_raises_ends_the_run(digits: tuple[Any, Any]) -> None:
    class Enough(Exception):
        pass

    seen = []

    def stop(iteration: int, total: int, coordinates: Floats) -> None:
        seen.append(iteration)
        if iteration >= 9:
            raise Enough

    with pytest.raises(Enough):
        project(digits[0][:100], on_frame=stop)
    assert seen == list(range(10))


def test_twins_land_on_their_originals(run: Run, digits: tuple[Any, Any]) -> None:
    found = run[0]
    apart = np.linalg.norm(found.place(digits[0][:60]) - found.coordinates[:60], axis=1)
    assert apart.max() < 0.005 * np.ptp(found.coordinates, axis=0).max()


def test_new_digits_land_among_their_own(run: Run, digits: tuple[Any, Any]) -> None:
    found = run[0]
    placed = found.place(digits[0][300:])
    neighbours = nearest(placed, found.coordinates, 1, Threads(1))[0][:, 0]
    assert (digits[1][neighbours] == digits[1][300:360]).mean() > 0.8
    np.testing.assert_array_less(np.abs(placed), 2 * np.abs(found.coordinates).max())


def test_a_sample_is_placed_by_itself(run: Run, digits: tuple[Any, Any]) -> None:
    found = run[0]
    together = found.place(digits[0][300:310])
    np.testing.assert_array_equal(found.place(digits[0][304:305])[0], together[4])


def test_placing_leaves_the_map_alone(run: Run, digits: tuple[Any, Any]) -> None:
    before = run[0].coordinates.copy()
    run[0].place(digits[0][300:303])
    np.testing.assert_array_equal(run[0].coordinates, before)


def test_a_map_that_is_not_centred_is_not_shifted(run: Run, digits: tuple[Any, Any]) -> None:
    from dataclasses import replace

    shifted = replace(run[0], coordinates=run[0].coordinates + np.float32(100))
    difference = shifted.place(digits[0][300:303]) - run[0].place(digits[0][300:303])
    np.testing.assert_allclose(difference, 100, atol=0.05)


def test_the_field_separates_digits_too(digits: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repulsion, "EXACT_UP_TO", 0)
    found = project(digits[0][:120], iterations=100, early_exaggeration_iterations=100)
    assert accuracy(found.coordinates, found.coordinates, digits[1][:120], own=True) > 0.7


def test_perplexity_is_lowered_to_a_third_of_a_small_sample(digits: tuple[Any, Any]) -> None:
    assert "from 30 to 9.67 for 30 samples" in project(digits[0][:30], **QUICK).notes
    assert project(digits[0][:30], perplexity=9, **QUICK).notes == ""


@pytest.mark.parametrize("n", [4, 5, 12, 30])
def test_small_samples_leave_their_start(digits: tuple[Any, Any], n: int) -> None:
    found = project(digits[0][:n]).coordinates
    assert found.shape == (n, 2)
    assert np.isfinite(found).all()
    assert found.std() > 0.5  # at a learning rate of n / 12 they stay at 1e-4


def test_the_angle_alone_counts_in_cosine(digits: tuple[Any, Any]) -> None:
    features = digits[0][:60]
    strength = np.linspace(0.5, 3, 60, dtype=np.float32)[:, None]
    alike = [project(rows, metric="cosine", **QUICK).reference for rows in (features, features * strength)]
    np.testing.assert_allclose(alike[0], alike[1], atol=1e-5)
    plain = project(features * strength, **QUICK)
    assert not np.allclose(plain.reference, alike[0], atol=0.1)
    found = project(features, metric="cosine")
    twins = found.place(features[:5] * 7)  # also where the sample is stronger than its twin on the map
    assert np.linalg.norm(twins - found.coordinates[:5], axis=1).max() < 0.05 * np.ptp(found.coordinates)


def test_starting_from_pca_is_the_same_whatever_the_seed_but_for_a_hundredth(digits: tuple[Any, Any]) -> None:
    starts = []
    for seed in (0, 1):
        frames: list[Frame] = []
        project(
            digits[0][:80],
            seed=seed,
            initialization="pca",
            on_frame=lambda *frame, to=frames: to.append(frame),
            **QUICK,
        )
        starts.append(frames[0][2])
    assert starts[0][:, 0].std() == pytest.approx(1e-4, rel=0.05)
    np.testing.assert_allclose(starts[0], starts[1], atol=1e-5)


def test_many_features_are_reduced_to_50() -> None:
    wide = np.random.default_rng(0).normal(size=(90, 400)).astype(np.float32)
    found = project(wide, **QUICK)
    assert found.reference.shape == (90, 50)
    assert found.place(wide[:2]).shape == (2, 2)


def test_no_iterations_leave_the_start(digits: tuple[Any, Any]) -> None:
    frames: list[Frame] = []
    found = project(
        digits[0][:20],
        iterations=0,
        early_exaggeration_iterations=0,
        on_frame=lambda *frame: frames.append(frame),
    )
    assert [iteration for iteration, _, _ in frames] == [0]
    np.testing.assert_array_equal(found.coordinates, frames[0][2])


def test_repeated_samples_stay_finite_and_together() -> None:
    rows = np.repeat(np.eye(4, 10, dtype=np.float32), 25, axis=0)
    found = project(rows).coordinates.reshape(4, 25, 2)
    assert np.isfinite(found).all()
    within = np.linalg.norm(found - found.mean(axis=1, keepdims=True), axis=2).mean()
    centres = found.mean(axis=1)
    between = min(np.linalg.norm(centres[i] - centres[j]) for i in range(4) for j in range(i))
    assert between > 2 * within


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"perplexity": 1}, "from 2 to 100"),
        ({"perplexity": float("nan")}, "perplexity is nan"),
        ({"learning_rate": "fast"}, 'number, or "auto"'),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"iterations": -1}, "from 0 to 5000"),
        ({"metric": "manhattan"}, "euclidean, cosine"),
        ({"steps": 5}, "no parameter 'steps'"),
    ],
)
def test_parameters_are_checked(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError) as error:
        project(np.eye(9), **given)
    assert says in str(error.value)


def test_a_map_goes_on_from_another(run: Run, digits: tuple[Any, Any]) -> None:
    frames: list[Frame] = []
    before = run[0].coordinates
    found = project(
        digits[0][:300], start=before + 7, perplexity=12, exaggeration=1.5, on_frame=lambda *f: frames.append(f)
    )
    assert frames[-1][0] == 250  # no early iterations, and fewer of the others
    np.testing.assert_allclose(frames[0][2], before - before.mean(axis=0), atol=1e-4)
    shift = np.linalg.norm(found.coordinates - before, axis=1)
    assert 0 < np.median(shift) < 0.2 * np.ptp(before)  # it moves, and the groups stay where they are
    np.testing.assert_array_equal(run[0].coordinates, before)


def test_exaggeration_draws_groups_tighter(run: Run, digits: tuple[Any, Any]) -> None:
    found = project(digits[0][:300], seed=3, exaggeration=4)
    assert np.ptp(found.coordinates) < 0.6 * np.ptp(run[0].coordinates)
    assert accuracy(found.coordinates, found.coordinates, digits[1][:300], own=True) > 0.9


@pytest.mark.parametrize(
    ("method", "start", "says"),
    [
        ("tsne", np.zeros((5, 2)), r"shape \(5, 2\)"),
        ("tsne", np.full((9, 2), np.nan), "finite numbers"),
        ("pca", np.zeros((9, 2)), "PCA can't continue"),
    ],
)
def test_a_start_is_a_map_of_the_same_samples(method: str, start: Any, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        project(np.eye(9), method, start=start)


def test_searching_neighbours_tells_how_far_it_is_and_can_be_stopped(
    digits: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "COMPARED", 300 * 100)
    heard: list[tuple[int, int]] = []
    with progress.reporting(lambda *how_far: heard.append(how_far)):
        project(digits[0][:300], **QUICK)
    assert heard == [(100, 300), (200, 300), (300, 300)]

    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), progress.reporting(stop):
        project(digits[0][:300], **QUICK)
