"""What every projection in the registry promises, whatever it is."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.projections import PROJECTIONS, Projection, available, project

ROWS = np.random.default_rng(7).normal(size=(48, 9)).astype(np.float32)
ROWS[:24] += 12  # two groups
QUICK: dict[str, dict[str, Any]] = {"tsne": {"iterations": 120, "early_exaggeration_iterations": 60}}
_known: dict[str, Projection] = {}


@pytest.fixture(params=[name for name in PROJECTIONS if available(name)])  # umap: where umap-learn is installed
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(method: str) -> Projection:
    if method not in _known:
        _known[method] = project(ROWS, method, seed=2, **QUICK.get(method, {}))
    return _known[method]


def test_one_finite_point_a_sample(method: str) -> None:
    found = made(method)
    assert found.coordinates.shape == (48, 2)
    assert found.coordinates.dtype == np.float32
    assert np.isfinite(found.coordinates).all()
    assert (found.method, found.seed) == (method, 2)
    assert len(found.reference) == 48


def test_the_same_again_gives_the_same(method: str) -> None:
    again = project(ROWS, method, seed=2, **QUICK.get(method, {}))
    np.testing.assert_array_equal(again.coordinates, made(method).coordinates)


def test_the_features_given_are_left_alone(method: str) -> None:
    given = ROWS.copy()
    project(given, method, seed=2, **QUICK.get(method, {}))
    np.testing.assert_array_equal(given, ROWS)


def test_groups_far_apart_stay_apart(method: str) -> None:
    first, second = made(method).coordinates[:24], made(method).coordinates[24:]
    between = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    spread = max(np.linalg.norm(group - group.mean(axis=0), axis=1).mean() for group in (first, second))
    assert between > 2 * spread


def test_frames_end_in_the_result(method: str) -> None:
    frames: list[Any] = []
    found = project(ROWS, method, seed=2, on_frame=lambda *frame: frames.append(frame), **QUICK.get(method, {}))
    assert frames
    iteration, total, last = frames[-1]
    assert iteration == total > 0
    np.testing.assert_array_equal(last, found.coordinates)


def test_what_drawing_raises_comes_through(method: str) -> None:
    def stop(iteration: int, total: int, coordinates: Any) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        project(ROWS, method, on_frame=stop, **QUICK.get(method, {}))


def test_twins_are_placed_on_their_originals(method: str) -> None:
    found = made(method)
    placed = found.place(ROWS[::6])
    assert placed.shape == (8, 2)
    assert placed.dtype == np.float32
    apart = np.linalg.norm(placed - found.coordinates[::6], axis=1)
    assert apart.max() < 0.15 * np.ptp(found.coordinates)  # UMAP's own transform: 0.12
    np.testing.assert_array_equal(found.place(ROWS[::6]), placed)
    assert found.place(ROWS[:0]).shape == (0, 2)


def test_arrays_hold_the_map(method: str) -> None:
    found = made(method)
    arrays = found.arrays()
    assert not any(array.dtype.hasobject for array in arrays.values())

    class Artifact:
        def array(self, name: str) -> Any:
            return arrays[name]

    again = Projection.from_artifact(Artifact())
    np.testing.assert_array_equal(again.coordinates, found.coordinates)
    np.testing.assert_allclose(again.place(ROWS[:3]), found.place(ROWS[:3]))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_few_samples_have_an_answer(method: str, n: int) -> None:
    found = project(ROWS[:n], method, **QUICK.get(method, {}))
    assert found.coordinates.shape == (n, 2)
    assert np.isfinite(found.coordinates).all()
    assert np.isfinite(found.place(ROWS[:2])).all()


def test_constant_features_have_an_answer(method: str) -> None:
    found = project(np.ones((12, 5)), method)
    assert (found.coordinates == 0).all()
    assert found.notes


def test_one_feature_has_an_answer(method: str) -> None:
    found = project(np.arange(30.0)[:, None], method, **QUICK.get(method, {}))
    assert found.coordinates.shape == (30, 2)
    assert np.isfinite(found.coordinates).all()


@pytest.mark.parametrize("method", list(PROJECTIONS))
def test_it_is_documented(method: str) -> None:
    entry = PROJECTIONS[method]
    assert entry.title
    assert re.search(r"(19|20)\d\d|arXiv", entry.reference)
    assert entry.summary.endswith(".") and len(entry.summary) < 130
    text = inspect.getdoc(entry.function) or ""
    assert "Parameters\n---" in text and "Returns\n---" in text
    for parameter in entry.form():
        assert parameter.help
        assert parameter.choices or parameter.low is not None
