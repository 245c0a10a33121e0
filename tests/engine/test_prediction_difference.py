"""Prediction difference as a job: the map of a direct call, readable from the start, paused and taken up again."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference import prediction_difference
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.stored import Stored, sampler_of
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request, Row
from nnvis_dash.errors import Cancelled, NNVisError, NotFound, ParameterError, StateError
from nnvis_dash.types import DatasetCard
from tests.engine.conftest import await_true
from tests.unit.analysis.prediction_difference.scenes import small, smooth

SHAPE = (12, 11, 1)
SAMPLE = 7


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """300 grey images of smooth fields."""
    card, _ = engine.workspace.add_dataset(
        smooth(300, SHAPE), name="fields", labels=np.arange(300) % 3, class_names=["a", "b", "c"]
    )
    return card


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A classifier that the workspace holds, opened in this process too."""
    from nnvis_dash.analysis.classifier import load_classifier, open_classifier

    path = tmp_path_factory.mktemp("net") / "fields.keras"
    small(SHAPE).model.save(path)
    card, _ = engine.workspace.store_model(path, load_classifier(path, "unit").card)
    return open_classifier(engine.workspace, card.fingerprint)


@pytest.fixture(scope="module")
def ask(dataset: DatasetCard, classifier: Any) -> Any:
    """Return a request of the kind with parameters that differ from these."""

    def make(kind: str = "prediction_difference", **more: Any) -> Request:
        given = {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint, "sample": SAMPLE}
        if kind != "erased_region":
            given |= {"window": 4, "outer": 7}
        return Request(kind, {**given, **more})

    return make


@pytest.fixture(scope="module")
def direct(engine: Engine, dataset: DatasetCard, classifier: Any) -> Any:
    """Return the same map from a call of the function."""
    data = engine.workspace.dataset("fields")
    image = data.batch([SAMPLE], SHAPE)[0]

    def compute(target: Any, **more: Any) -> Any:
        return prediction_difference(classifier, image, target, **{"window": 4, "outer": 7, "patches": data, **more})

    return compute


def opened(engine: Engine, request: Request) -> Stored:
    found = Stored.open(engine.workspace.artifacts, request.key)
    assert found is not None
    return found


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("sampler", ["conditional", "marginal"])
def test_a_map_is_that_of_a_direct_call(engine: Engine, ask: Any, direct: Any, live: bool, sampler: str) -> None:
    request = ask(targets=[2, 0], samples=8, sampler=sampler, live=live, adaptive=False, seed=3)
    rows: list[Row] = []
    assert Stored.open(engine.workspace.artifacts, request.key) is None
    engine.result(request, on_progress=rows.append)
    found, expected = opened(engine, request), direct([2, 0], samples=8, sampler=sampler, seed=3)
    for name in ("maps", "errors"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-4, err_msg=name)
    for name in ("window_values", "window_errors", "without"):
        values = np.moveaxis(getattr(expected, name), -1, 0)
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-3, atol=1e-4, err_msg=name)
    assert found.complete
    assert (found.done, found.total) == (72 * 8, 72 * 8)
    assert (found.counts == 8).all()
    assert (found.rows.tolist(), found.cols.tolist()) == (list(range(9)), list(range(8)))
    assert (found.maps.shape, found.maps.dtype, found.errors.shape) == ((4, 12, 11), np.float32, (4, 12, 11))
    assert found.window_values.shape == found.window_errors.shape == found.without.shape == (4, 9, 8)
    kinds = [(entry["kind"], entry["target"], entry["layer"], entry["channel"]) for entry in found.readouts]
    assert kinds == [(kind, target, None, None) for kind in ("evidence", "logit") for target in (2, 0)]
    np.testing.assert_allclose([entry["value"] for entry in found.readouts], expected.original, rtol=1e-4)
    card = found.card
    assert card["size"] == [12, 11]
    assert (card["forwards"], card["window"], card["sampler"], card["seed"]) == (72 * 8, 4, sampler, 3)
    assert 0 < card["equivalents"] <= 72 * 8
    assert card["estimate"]["seconds"] == 0
    assert card["estimate"]["bytes"] > 0
    assert (card["patch_model"] is None) == (sampler == "marginal")
    assert found.seconds > 0
    assert {row.state for row in rows} >= {"done"}
    assert rows[-1].title == "prediction difference of sample 7 in fields"


def test_by_default_it_is_of_the_three_most_probable_classes_and_adaptive(
    engine: Engine, ask: Any, direct: Any, classifier: Any
) -> None:
    request = ask()
    engine.result(request)
    found = opened(engine, request)
    p = classifier.predict(engine.workspace.dataset("fields").batch([SAMPLE], SHAPE))[0]
    targets = np.argsort(-p).tolist()
    assert [entry["target"] for entry in found.readouts[:3]] == targets
    assert found.complete
    assert found.done == found.counts.sum() < found.total == 72 * 20
    patches = PatchModel.fit(engine.workspace.dataset("fields").images, 7)
    exact = direct(targets, samples=600, seed=11, patches=patches)
    away = np.sqrt(((found.maps - exact.maps)[:3] ** 2).mean(axis=(1, 2)))
    told = np.sqrt((found.errors[:3] ** 2).mean(axis=(1, 2)))
    assert (away < 4 * told).all()
    assert (told < 4 * away).all()


def test_what_stood_in_a_window_can_be_drawn_again(engine: Engine, ask: Any, classifier: Any) -> None:
    """Pages show the samples: from the card alone, the numbers that the map came from."""
    for sampler in ("conditional per channel", "marginal"):
        request = ask(targets=[1], samples=6, sampler=sampler, live=False, adaptive=False)
        engine.result(request)
        found = opened(engine, request)
        drawn = sampler_of(engine.workspace, found.card).draw(np.array([3]), np.array([5]), 0, 6)[0]
        image = engine.workspace.dataset("fields").batch([SAMPLE], SHAPE)[0].astype(np.float32)
        changed = np.repeat(image[None], 6, axis=0)
        changed[:, 3:7, 5:9] = drawn
        assert classifier.predict(changed)[:, 1].mean() == pytest.approx(found.without[0, 3, 5], abs=1e-5)


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_a_map_of_a_hidden_layers_channels(engine: Engine, ask: Any, direct: Any, reduce: str) -> None:
    request = ask(layer="conv", units=[3, 1], reduce=reduce, samples=4, adaptive=False)
    engine.result(request)
    found = opened(engine, request)
    expected = direct(None, layer="conv", unit=[3, 1], reduce=reduce, samples=4)
    np.testing.assert_allclose(found.maps, expected.maps, rtol=1e-3, atol=1e-5)
    assert [(entry["kind"], entry["layer"], entry["channel"]) for entry in found.readouts] == [
        ("activation", "conv", 3),
        ("activation", "conv", 1),
    ]
    np.testing.assert_allclose([entry["value"] for entry in found.readouts], expected.original, rtol=1e-4)


def test_the_strongest_channels_where_none_is_said(engine: Engine, ask: Any) -> None:
    request = ask(layer="conv", samples=2, stride=4)
    engine.result(request)
    found = opened(engine, request)
    assert sorted(entry["channel"] for entry in found.readouts) == [0, 1, 2, 3]
    values = [entry["value"] for entry in found.readouts]
    assert values == sorted(values, reverse=True)


LONG = 6000  # samples of a window: some seconds


def _seen(engine: Engine, request: Request, until: Any, seconds: float = 240.0) -> list[Stored]:
    """Read what is known again and again until that is so; return every state once."""
    seen: list[Stored] = []
    end = time.monotonic() + seconds
    while not (seen and until(seen[-1])):
        assert time.monotonic() < end, "it did not come true in time"
        state = Stored.open(engine.workspace.artifacts, request.key)
        if state is not None and (not seen or state.round != seen[-1].round):
            seen.append(state)
        time.sleep(0.02)
    return seen


def _grows(states: list[Stored]) -> None:
    """Hold that nothing is lost from state to state, and that each can be shown."""
    for before, after in itertools.pairwise(states):
        assert (after.counts >= before.counts).all()
        assert after.round > before.round
        assert after.done >= before.done
        assert after.seconds >= before.seconds
        assert after.card["forwards"] >= before.card["forwards"]
    for state in states:
        assert state.done == state.counts.sum() <= state.total
        assert np.isfinite(state.maps).all()
        assert np.isfinite(state.errors).all()
        np.testing.assert_array_equal(np.isnan(state.window_values[0]), state.counts == 0)
        assert state.card["estimate"]["seconds"] >= 0
        assert len(state.readouts) == len(state.maps)


@pytest.mark.parametrize("live", [True, False])
def test_a_paused_map_keeps_what_it_has_and_goes_on(engine: Engine, ask: Any, direct: Any, live: bool) -> None:
    """The states while it runs, after it was cancelled twice, and the end, which is that of an undisturbed map."""
    request = ask(targets=[1], samples=LONG, live=live, adaptive=False, seed=21)
    states: list[Stored] = []
    for share in (0.1, 0.4) if live else (0.2,):
        engine.submit(request)
        states += _seen(engine, request, lambda state, share=share: state.done > share * state.total)
        assert not states[-1].complete
        engine.cancel(request.key)
        await_true(lambda: (row := engine.row(request.key)) is not None and row.state == "cancelled")
        time.sleep(0.6)
        states.append(opened(engine, request))
        time.sleep(0.4)
        still = opened(engine, request)
        assert (still.round, still.done) == (states[-1].round, states[-1].done)  # nothing goes on
        assert not engine.workspace.artifacts.has(request.key)
    engine.result(request)
    states.append(opened(engine, request))
    unique = [state for number, state in enumerate(states) if not number or state.round != states[number - 1].round]
    assert len(unique) >= 3
    _grows(unique)
    final = states[-1]
    assert final.complete
    assert (final.counts == LONG).all()
    assert final.card["forwards"] == final.total  # nothing was computed twice
    expected = direct([1], samples=LONG, seed=21)
    np.testing.assert_allclose(final.maps, expected.maps, rtol=1e-3, atol=2e-5)
    np.testing.assert_allclose(final.errors, expected.errors, rtol=0.01, atol=1e-6)


def test_a_live_map_is_coarse_at_first(engine: Engine, ask: Any) -> None:
    request = ask(targets=[0], samples=LONG, adaptive=False, seed=22)
    coarse = np.zeros((9, 8), bool)
    coarse[np.ix_([0, 2, 4, 6, 8], [0, 2, 4, 6, 7])] = True
    engine.submit(request)
    try:
        states = _seen(engine, request, lambda state: (state.counts[coarse] > 0).all())
        for state in states:  # a state may be written before its round is whole
            counts = state.counts
            assert (counts[coarse] > 0).all() or not counts[~coarse].any()
            assert counts.max() <= 2 or (counts > 0).all()
    finally:
        engine.cancel(request.key)


def test_one_who_waits_hears_that_it_was_cancelled(engine: Engine, ask: Any) -> None:
    request = ask(targets=[0], samples=LONG, adaptive=False, seed=23)
    with pytest.raises(Cancelled):
        engine.result(request, cancelled=lambda: Stored.open(engine.workspace.artifacts, request.key) is not None)
    await_true(lambda: (row := engine.row(request.key)) is not None and row.state == "cancelled")


def test_a_map_within_a_time(engine: Engine, ask: Any) -> None:
    request = ask(targets=[0], samples=100_000, seconds=1.0, adaptive=False, seed=24)
    began = time.monotonic()
    engine.result(request)
    assert time.monotonic() - began < 15
    found = opened(engine, request)
    assert found.complete
    assert found.done < found.total
    assert np.isfinite(found.maps).all()


def test_a_map_of_enough_precision(engine: Engine, ask: Any) -> None:
    request = ask(targets=[0], samples=300, precision=0.05, adaptive=False, sampler="marginal")
    engine.result(request)
    found = opened(engine, request)
    assert found.done < found.total
    assert (found.window_errors[0][found.counts < 300] <= 0.05 * (1 + 1e-6)).all()


def test_a_preview_in_bfloat16_is_close(engine: Engine, ask: Any) -> None:
    exact, rough = (ask(targets=[0], samples=4, adaptive=False, numbers=name) for name in ("float32", "bfloat16"))
    maps = []
    for request in (exact, rough):
        engine.result(request)
        maps.append(opened(engine, request).maps[0])
    assert 0 < np.abs(maps[0] - maps[1]).max() < 0.3 * np.abs(maps[0]).max()


def test_patches_are_learned_once(engine: Engine, ask: Any, dataset: DatasetCard, classifier: Any) -> None:
    request = Request(
        "patch_model",
        {"model": classifier.card.fingerprint, "dataset": dataset.fingerprint, "outer": 5, "per_channel": False},
    )
    found = PatchModel.from_artifact(engine.result(request))
    expected = PatchModel.fit(engine.workspace.dataset("fields").images, 5)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(found.cholesky, expected.cholesky, rtol=1e-9)
    for seed in (0, 9):
        one = ask(targets=[0], outer=5, window=2, samples=2, stride=5, seed=seed)
        engine.result(one)
        assert opened(engine, one).card["patch_model"] == request.key
    row = engine.row(request.key)
    assert row is not None
    assert row.attempt == 1


def test_what_a_map_costs_is_known_before(engine: Engine, ask: Any) -> None:
    cost = engine.result(ask("difference_cost", samples=9)).card
    assert (cost["windows"], cost["forwards"]) == (72, 72 * 10)
    assert 0 < cost["equivalents"] <= cost["forwards"]
    assert cost["bytes"] > 0
    assert cost["seconds"] > 0
    request = ask(samples=9, adaptive=False, live=False)
    engine.result(request)
    assert opened(engine, request).card["equivalents"] == pytest.approx(cost["equivalents"])


def _runs(top: int, left: int, height: int, width: int) -> list[list[int]]:
    return [[row, left, left + width] for row in range(top, top + height)]


@pytest.mark.parametrize("sampler", ["conditional", "marginal"])
def test_a_region_is_that_of_a_direct_call(engine: Engine, ask: Any, classifier: Any, sampler: str) -> None:
    from nnvis_dash.analysis.prediction_difference.question import Question
    from nnvis_dash.analysis.prediction_difference.region import erase

    given = {"samples": 12, "outer": 6, "sampler": sampler, "seed": 4}
    found = engine.result(ask("erased_region", runs=_runs(3, 2, 4, 5), targets=[2, 1], **given))
    data = engine.workspace.dataset("fields")
    image = data.batch([SAMPLE], SHAPE)[0]
    mask = np.zeros(SHAPE[:2], bool)
    mask[3:7, 2:7] = True
    source = data.images if sampler == "marginal" else PatchModel.fit(data.images, 6)
    expected = erase(classifier, image, mask, source, [2, 1], Question(1, 6, 12, sampler, seed=4))
    for name in ("evidence", "error", "probability", "without"):
        np.testing.assert_allclose(found.array(name), getattr(expected, name), rtol=1e-3, atol=1e-4, err_msg=name)
    assert found.array("targets").tolist() == [2, 1]
    filled = found.array("filled")
    assert (filled.shape, filled.dtype) == ((3, *SHAPE), np.uint8)
    np.testing.assert_array_equal(filled[:, ~mask], np.broadcast_to(image[~mask], filled[:, ~mask].shape))
    np.testing.assert_allclose(filled[:, mask], expected.filled[:3][:, mask], atol=1)
    assert found.card["runs"] == _runs(3, 2, 4, 5)
    assert found.card["sampler"] == sampler


BAD = [
    ({"window": 11}, ParameterError, "window is 11.*from 1 to 10"),
    ({"window": 7}, ParameterError, "outer window has 7 pixels, the window 7"),
    ({"outer": 13}, ParameterError, "outer window has 13 pixels.*from 5 to 11"),
    ({"stride": 0}, ParameterError, "stride is 0"),
    ({"samples": 0}, ParameterError, "samples is 0"),
    ({"laplace": 0}, ParameterError, "laplace is 0"),
    ({"sampler": "normal"}, ParameterError, "no sampler 'normal'"),
    ({"targets": [3]}, ParameterError, "no class 3 in the classifier with 3 classes"),
    ({"layer": "conv9"}, NNVisError, "conv9"),
    ({"layer": "conv", "units": [4]}, ParameterError, "no unit 4 in the layer 'conv'"),
    ({"layer": "conv", "reduce": "sum"}, ParameterError, "'sum'"),
    ({"sample": 300}, ParameterError, "no sample 300 in fields. It has samples 0 to 299"),
    ({"sample": -1}, StateError, "The sample is -1"),
    ({"sample": "x"}, StateError, "The image is 'x'"),
    ({"numbers": "float16"}, ParameterError, "no numbers 'float16'"),
    ({"seconds": -1.0}, ParameterError, "seconds is -1"),
    ({"precision": -1.0}, ParameterError, "precision is -1"),
    ({"seed": -1}, ParameterError, "seed is -1"),
    ({"model": "ffffffffffff"}, NotFound, "ffffffffffff"),
    ({"dataset": "ffffffffffff"}, NotFound, "ffffffffffff"),
    ({"wrong": 1}, ParameterError, "wrong"),
]


@pytest.mark.parametrize(("change", "error", "words"), BAD, ids=[str(entry[0]) for entry in BAD])
def test_what_a_map_cannot_take_is_named(
    engine: Engine, ask: Any, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        engine.result(ask(**change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"runs": []}, "region holds nothing"),
        ({"runs": [[row, 0, 11] for row in range(12)]}, "whole image"),
        ({"runs": [[12, 0, 3]]}, r"\[12, 0, 3\].*inside 11 × 12 pixels"),
        ({"runs": [[0, 5, 5]]}, r"\[0, 5, 5\]"),
        ({"runs": [[0, 5, 12]]}, r"\[0, 5, 12\]"),
        ({"runs": [[0, 1]]}, r"\[0, 1\]"),
        ({"runs": ["x"]}, "'x'"),
        ({"targets": [3]}, "no class 3"),
        ({"outer": 12}, "outer window has 12"),
        ({"samples": 0}, "samples is 0"),
        ({"sampler": "normal"}, "no sampler 'normal'"),
        ({"samples": 301, "sampler": "marginal"}, "There are 300 images to draw 301"),
        ({"sample": 300}, "no sample 300"),
    ],
    ids=str,
)
def test_what_is_no_region_is_named(engine: Engine, ask: Any, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        engine.result(ask("erased_region", **{"runs": _runs(2, 2, 3, 3), **change}))


def test_too_few_images_are_named(engine: Engine, ask: Any) -> None:
    few, _ = engine.workspace.add_dataset(smooth(9, SHAPE, seed=5), name="few", labels=np.zeros(9, int))
    with pytest.raises(ParameterError, match=r"There are 9 images to learn patches from.*marginal"):
        engine.result(ask(dataset=few.fingerprint))
    with pytest.raises(ParameterError, match=r"There are 9 images to draw 20 samples from.*Give 20"):
        engine.result(ask(dataset=few.fingerprint, sampler="marginal"))
