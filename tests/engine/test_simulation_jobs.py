"""Simulations in the engine: the numbers of a plain loop, several classifiers, cancelling, a killed worker, curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.simulation.sweep import load_sweep
from nnvis_dash.analysis.transformations import transform
from nnvis_dash.engine.chunks import part_interval
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds.simulation import wanted_sweeps
from nnvis_dash.errors import NNVisError, NotFound, ParameterError
from nnvis_dash.types import DatasetCard
from tests import networks
from tests.engine.conftest import await_true, engine_workers
from tests.engine.test_analyses import stored

SHAPE = (12, 12, 1)
TURN = {"name": "rotation", "degrees": [-30, 0, 30]}
BRIGHT = {"name": "brightness", "degrees": [0, 60]}


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """180 images of noise with three classes."""
    card, _ = engine.workspace.add_dataset(
        networks.images(180, SHAPE, seed=19), name="swept-noise", labels=np.arange(180) % 3
    )
    return card


@pytest.fixture(scope="module")
def models(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [stored(engine, tmp_path_factory.mktemp(f"swept{seed}"), seed).fingerprint for seed in (51, 52)]


def request(dataset: DatasetCard, models: list[str], *changes: Any, **more: Any) -> Request:
    return Request("simulation", {"dataset": dataset.fingerprint, "models": models, "changes": list(changes), **more})


def sweeps(engine: Engine, wanted: Request) -> dict[tuple[str, str], Any]:
    engine.result(wanted)
    from nnvis_dash.analysis.simulation.change import read_changes

    return {
        (sweep.model, sweep.change.name): load_sweep(engine.workspace.artifacts.load(sweep.key))
        for change in read_changes(wanted.read.changes)
        for sweep in wanted_sweeps(wanted.read, change)
    }


def test_a_simulation_gives_the_numbers_of_a_plain_loop_for_every_classifier(
    engine: Engine, dataset: DatasetCard, models: list[str]
) -> None:
    from nnvis_dash.analysis.classifier import open_classifier

    found = sweeps(engine, request(dataset, models, TURN, BRIGHT))
    data = engine.workspace.dataset("swept-noise")
    for (model, name), sweep in found.items():
        clf = open_classifier(engine.workspace, model)
        assert sorted(sweep.ids.tolist()) == list(range(180)) and sweep.against == "labels"
        np.testing.assert_array_equal(sweep.labels, data.labels[sweep.ids])
        for number, degree in enumerate(sweep.degrees):
            plain = np.concatenate(
                [
                    clf.predict(transform(data.image(int(sample))[None], name, float(degree)))
                    for sample in sweep.ids[:40]
                ]
            )
            np.testing.assert_allclose(sweep.probabilities[:40, number], plain, atol=2e-6)
    assert not any(engine.workspace.artifacts.parts(wanted.key).names() for wanted in all_wanted(dataset, models))


def all_wanted(dataset: DatasetCard, models: list[str]) -> list[Any]:
    from nnvis_dash.analysis.simulation.change import read_changes

    wanted = request(dataset, models, TURN, BRIGHT)
    return [sweep for change in read_changes([TURN, BRIGHT]) for sweep in wanted_sweeps(wanted.read, change)]


def test_a_sweep_that_is_known_is_not_computed_again(engine: Engine, dataset: DatasetCard, models: list[str]) -> None:
    first = engine.result(request(dataset, models[:1], TURN, samples="0-59"))
    both = request(dataset, models, TURN, samples="0-59")
    engine.result(both)
    again = request(dataset, models, {**TURN, "degrees": [30, 0, -30]}, samples="0-59")  # said in another order
    engine.result(again)
    assert first.card["sweeps"][0][0] == engine.workspace.artifacts.load(both.key).card["sweeps"][0][0]
    row = next(row for row in engine.rows() if row.key == again.key)
    assert row.state == "done" and row.total == 0, "there was nothing to do"


def test_a_simulation_survives_a_cancel_and_a_killed_worker(
    engine: Engine, dataset: DatasetCard, models: list[str]
) -> None:
    wanted = request(dataset, models[:1], {"name": "elastic_transform", "degrees": np.linspace(0, 5, 60).tolist()})
    (sweep,) = wanted_sweeps(wanted.read, _only(wanted))
    parts = engine.workspace.artifacts.parts(sweep.key)
    engine.submit(wanted)
    await_true(lambda: len(parts.names()) >= 2, 60)
    engine.cancel(wanted.key)
    await_true(lambda: next(row for row in engine.rows() if row.key == wanted.key).state == "cancelled")
    kept = {name for name in parts.names() if part_interval(name)}
    assert kept, "what was computed is kept"
    engine.submit(wanted)
    await_true(lambda: len(parts.names()) > len(kept) or engine.workspace.artifacts.has(wanted.key), 60)
    for worker in engine_workers():
        worker.kill()
    found = load_sweep(engine.workspace.artifacts.load(engine.result(wanted).card["sweeps"][0][0]))
    assert len(found) == 180 and sorted(found.ids.tolist()) == list(range(180))


def _only(wanted: Request) -> Any:
    from nnvis_dash.analysis.simulation.change import read_changes

    return read_changes(wanted.read.changes)[0]


def test_curves_come_of_parts_and_then_of_the_whole_and_of_a_selection(
    engine: Engine, dataset: DatasetCard, models: list[str]
) -> None:
    engine.result(request(dataset, models, TURN, BRIGHT))
    asked = {"dataset": dataset.fingerprint, "models": models, "change": TURN}
    found = engine.ask("class_curves", {**asked, "rows": "0-89"})
    assert found["degrees"] == [-30, 0, 30] and found["identity"] == 0 and found["unit"]
    one = found["models"][0]
    assert one["n"] == one["total"] == 180 and one["whole"]["counts"] == [60, 60, 60]
    assert one["inside"]["counts"] == one["rest"]["counts"] == [30, 30, 30]
    for number in range(3):
        for degree in range(3):
            halves = (one["inside"]["mean"][number][degree] + one["rest"]["mean"][number][degree]) / 2
            assert abs(one["whole"]["mean"][number][degree] - halves) < 2e-4
            assert one["whole"]["low"][number][degree] <= one["whole"]["mean"][number][degree] + 1e-4
    assert found["spread"] is None and all(isinstance(text, str) for text in one["whole"]["said"])
    bright = engine.ask("class_curves", {**asked, "change": BRIGHT})
    assert bright["spread"]["n"] == 180 and bright["spread"]["quantiles"][2] == 0
    unknown = engine.ask("class_curves", {**asked, "change": {"name": "blur"}})
    assert unknown["models"][0]["whole"] is None and unknown["models"][0]["total"] == 180


def test_examples_are_of_the_class_and_flips_are_wrong_where_they_say(
    engine: Engine, dataset: DatasetCard, models: list[str]
) -> None:
    sweep = sweeps(engine, request(dataset, models, TURN))[models[0], "rotation"]
    asked = {"dataset": dataset.fingerprint, "model": models[0], "change": TURN, "n": 6}
    found = engine.ask("curve_examples", {**asked, "number": 1, "degree": 2})
    shown = [entry["probability"] for entry in found["typical"]]
    assert shown == sorted(shown, reverse=True) and all(entry["id"] % 3 == 1 for entry in found["typical"])
    own = sweep.take(np.flatnonzero(sweep.labels == 1)).probabilities
    assert own is not None and found["others_are"] == "mean probability"
    expected = np.asarray(own[:, 2], np.float64).mean(axis=0)
    assert [number for number, _ in found["others"]] == np.argsort(-expected, kind="stable").tolist()
    assert all(abs(value - expected[number]) < 1e-4 for number, value in found["others"])
    every = engine.ask("curve_examples", {**asked, "number": -1, "degree": 0, "n": 64})
    for flip in every["flips"]:
        row = int(np.flatnonzero(sweep.ids == flip["id"])[0])
        at = int(np.flatnonzero(sweep.degrees == flip["degree"])[0])
        assert sweep.prediction[row, at] == flip["prediction"] != sweep.labels[row] == sweep.clean_prediction[row]
    with pytest.raises(NotFound):
        engine.ask("curve_examples", {**asked, "number": 1, "degree": 3})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"changes": []}, "no change"),
        ({"changes": [{"name": "melt"}]}, "melt"),
        ({"changes": [{"name": "rotation", "degrees": [9999]}]}, "9999"),
        ({"models": []}, "0 classifiers"),
        ({"samples": "170-190"}, "190"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_words(
    engine: Engine, dataset: DatasetCard, models: list[str], changed: dict[str, Any], says: str
) -> None:
    given = {"dataset": dataset.fingerprint, "models": models, "changes": [TURN], **changed}
    with pytest.raises((ParameterError, NotFound, NNVisError), match=says):
        engine.result(Request("simulation", given))


@pytest.mark.shared_data
def test_ten_thousand_images_under_five_changes_survive_a_cancel_and_a_killed_worker(
    engine: Engine, shared_data: Path
) -> None:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.intake import add_model
    from nnvis_dash.analysis.simulation.change import read_changes

    workspace = engine.workspace
    data, _ = workspace.add_dataset(next((shared_data / "mnist").glob("*images*")), name="mnist-swept")
    card = add_model(workspace, shared_data / "models" / "mnist" / "lenet1.keras", preprocessing="unit")[0]
    ends = {"rotation": (-70, 70), "brightness": (-105, 105), "blur": (0, 7), "noise": (0, 70), "shear": (-42, 42)}
    wanted = request(
        data,
        [card.fingerprint],
        *({"name": name, "degrees": np.linspace(low, high, 7).tolist()} for name, (low, high) in ends.items()),
    )
    total = 5 * 10_000
    engine.submit(wanted)
    await_true(lambda: _row(engine, wanted).done > 2000, 120)
    engine.cancel(wanted.key)
    await_true(lambda: _row(engine, wanted).state == "cancelled")
    kept = _row(engine, wanted).done
    engine.submit(wanted)
    await_true(lambda: _row(engine, wanted).done > kept + 2000, 120)
    for worker in engine_workers():
        worker.kill()
    seen: list[int] = []
    engine.result(wanted, on_progress=lambda row: seen.append(row.done))
    assert seen == sorted(seen) and seen[0] >= kept and _row(engine, wanted).done == total
    clf, images = open_classifier(workspace, card.fingerprint), workspace.dataset("mnist-swept")
    for change in read_changes(wanted.read.changes):
        (sweep,) = wanted_sweeps(wanted.read, change)
        found = load_sweep(workspace.artifacts.load(sweep.key))
        assert len(found) == 10_000 and found.right.shape == (10_000, 7)
        rows = np.linspace(0, 9_999, 12).astype(int)
        for number, degree in enumerate(found.degrees):
            changed = [transform(images.image(int(found.ids[row])), change.name, float(degree)) for row in rows]
            np.testing.assert_allclose(found.probabilities[rows, number], clf.predict(np.stack(changed)), atol=1e-5)


def _row(engine: Engine, wanted: Request) -> Any:
    return next(row for row in engine.rows() if row.key == wanted.key)
