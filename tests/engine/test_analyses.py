"""The kinds of job with real classifiers: the engine's answers are those of the functions called directly."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.index import index, index_key, load_index
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request, Row
from nnvis_dash.errors import NNVisError, NotFound, ParameterError, StateError
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard, ModelCard
from tests.engine.conftest import await_true, engine_workers


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """900 grey images of 12 × 12 in three classes that differ in where they are bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(900) % 3
    images = rng.integers(0, 90, (900, 12, 12, 1))
    for label in range(3):
        images[labels == label, 4 * label : 4 * label + 4] += 120
    card, _ = engine.workspace.add_dataset(
        images.astype(np.uint8), name="bands", labels=labels, class_names=["top", "middle", "bottom"]
    )
    return card


def small_net(seed: int, units: int = 8) -> Any:
    """Return a small untrained CNN."""
    import keras

    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.layers.Input((12, 12, 1)),
            keras.layers.Conv2D(units, 3, activation="relu", name="conv1"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(2 * units, 3, activation="relu", name="conv2"),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu", name="dense"),
            keras.layers.Dense(3, activation="softmax", name="classes"),
        ]
    )


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A classifier that the workspace holds, opened in this process too."""
    return opened(engine, tmp_path_factory.mktemp("net"), 1)


def stored(engine: Engine, folder: Path, seed: int) -> ModelCard:
    """Store a small net in the workspace and return its card."""
    from nnvis_dash.analysis.classifier import load_classifier

    path = folder / f"net{seed}-{folder.name}.keras"  # the workspace is shared: a name of its own
    small_net(seed).save(path)
    card, _ = engine.workspace.store_model(path, load_classifier(path, "unit").card)
    return card


def opened(engine: Engine, folder: Path, seed: int) -> Any:
    """Store a small net in the workspace and open it as the engine does."""
    from nnvis_dash.analysis.classifier import open_classifier

    return open_classifier(engine.workspace, stored(engine, folder, seed).fingerprint)


def index_request(model: ModelCard, dataset: DatasetCard, precision: str = "float32") -> Request:
    return Request("index", {"model": model.fingerprint, "dataset": dataset.fingerprint, "precision": precision})


def test_the_index_is_that_of_one_direct_pass(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    request = index_request(classifier.card, dataset)
    assert request.key == index_key(classifier.card.fingerprint, dataset.fingerprint)
    seen: list[Row] = []
    found = load_index(engine.result(request, on_progress=seen.append))
    direct = index(classifier, engine.workspace.dataset("bands"))
    for name in ("probabilities", "features", "unit_activations", "unit_means"):
        np.testing.assert_allclose(getattr(found, name), getattr(direct, name), rtol=1e-4, atol=1e-5, err_msg=name)
    assert found.units == direct.units
    assert found.precision == "float32"
    assert seen[-1].title == f"{classifier.card.name} over bands"
    assert not engine.workspace.artifacts.parts(request.key).names()  # nothing is kept twice


def test_an_index_survives_killed_workers(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    """The workers are killed when the first chunks are there; the result equals an undisturbed one."""
    images = np.random.default_rng(3).integers(0, 256, (60_000, 12, 12, 1)).astype(np.uint8)
    large, _ = engine.workspace.add_dataset(images, name="large")
    request = index_request(classifier.card, large)
    parts = engine.workspace.artifacts.parts(engine.submit(request))
    await_true(lambda: any(name.startswith("chunk") for name in parts.names()))
    for worker in engine_workers():
        worker.kill()
    found = load_index(engine.result(request))
    ids = np.arange(0, 60_000, 97)
    np.testing.assert_allclose(found.probabilities[ids], classifier.predict(images[ids]), rtol=1e-4, atol=1e-5)
    row = engine.row(request.key)
    assert row is not None
    assert row.starts == 2


def test_an_index_in_bfloat16_says_what_it_was_computed_in(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    request = index_request(classifier.card, dataset, "bfloat16")
    found = load_index(engine.result(request))
    assert found.precision in ("bfloat16", "float32")
    assert (found.note == "") == (found.precision == "bfloat16")
    exact = load_index(engine.result(index_request(classifier.card, dataset)))
    np.testing.assert_allclose(found.probabilities, exact.probabilities, atol=0.05)


def test_an_attribution_is_that_of_a_direct_call(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    from nnvis_dash.analysis.attribution import attribute

    parameters = {
        "dataset": dataset.fingerprint,
        "samples": [5, 8],
        "model": classifier.card.fingerprint,
        "method": "grad_cam",
        "layer": "conv1",
        "target": 2,
    }
    artifact = engine.result(Request("attribution", parameters))
    image = engine.workspace.dataset("bands").batch([5, 8], classifier.card.input_shape)
    direct = attribute(classifier, image, "grad_cam", layer="conv1", target=2)
    np.testing.assert_allclose(artifact.array("heatmap"), direct.heatmap(), rtol=1e-4, atol=1e-6)
    assert artifact.array("heatmap").shape == (2, 12, 12)
    assert (artifact.card["layer"], artifact.array("target").tolist()) == ("conv1", [2, 2])
    np.testing.assert_allclose(artifact.array("probability"), classifier.predict(image)[:, 2], atol=1e-5)


def test_patterns_are_learned_once_and_kept(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    from nnvis_dash.analysis.attribution import attribute
    from nnvis_dash.analysis.relevance.patterns import Patterns, learn_patterns

    given = {"dataset": dataset.fingerprint, "samples": [3], "model": classifier.card.fingerprint}
    found = engine.result(Request("attribution", {**given, "method": "pattern_net"}))
    learned = Request("patterns", {"model": classifier.card.fingerprint, "dataset": dataset.fingerprint})
    kept = Patterns.from_artifact(engine.workspace.artifacts.load(learned.key))
    direct = learn_patterns(classifier, engine.workspace.dataset("bands"))
    assert list(kept.kernels) == list(direct.kernels)
    for name, kernel in direct.kernels.items():
        np.testing.assert_allclose(kept.kernels[name], kernel, rtol=1e-3, atol=1e-4)
    images = engine.workspace.dataset("bands").batch([3], classifier.card.input_shape)
    expected = attribute(classifier, images, "pattern_net", patterns=kept).values
    np.testing.assert_allclose(found.array("values"), expected, rtol=1e-3, atol=1e-5)
    engine.result(Request("attribution", {**given, "method": "pattern_attribution"}))
    assert engine.row(learned.key) is not None


def test_a_long_attribution_says_how_far_it_is(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    request = Request(
        "attribution",
        {
            "dataset": dataset.fingerprint,
            "samples": [4, 5],
            "model": classifier.card.fingerprint,
            "method": "rise",
            "parameters": {"masks": 20_000},
        },
    )
    seen: list[Row] = []
    engine.result(request, on_progress=seen.append)
    shares = [row.done / row.total for row in seen if row.total]
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)


def test_an_attribution_chooses_layer_and_target(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    artifact = engine.result(
        Request("attribution", {"dataset": dataset.fingerprint, "samples": [7], "model": classifier.card.fingerprint})
    )
    image = engine.workspace.dataset("bands").batch([7], classifier.card.input_shape)
    assert artifact.card["layer"] == "conv2"
    assert artifact.array("target").tolist() == classifier.predict(image).argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"samples": [1, 900]}, ParameterError, "no sample 900 in bands. It has samples 0 to 899"),
        ({"samples": [-1]}, StateError, "The sample is -1"),
        ({"samples": ["x"]}, StateError, "The image is 'x'"),
        ({"samples": ["d" + "0" * 32]}, NotFound, "no derived sample"),
        ({"samples": [Reference(0, "", (Edit("warp"),)).plain]}, NotFound, "warp"),
        ({"samples": []}, ParameterError, "no images"),
        ({"unit": 0}, ParameterError, "of no layer"),
        ({"explained": "conv1"}, ParameterError, "all units of conv1"),
        ({"layer": "nowhere"}, NNVisError, "nowhere"),
        ({"target": 3}, ParameterError, "3"),
        ({"method": "grad_came"}, NotFound, "grad_came"),
        ({"model": "ffffffffffff"}, NotFound, "ffffffffffff"),
        ({"dataset": "ffffffffffff"}, NotFound, "ffffffffffff"),
        ({"parameters": {"wrong": 1}}, ParameterError, "wrong"),
    ],
)
def test_what_an_attribution_cannot_take_is_named(
    engine: Engine, dataset: DatasetCard, classifier: Any, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    parameters = {"dataset": dataset.fingerprint, "samples": [1], "model": classifier.card.fingerprint, **change}
    with pytest.raises(error, match=words):
        engine.result(Request("attribution", parameters))


def test_a_warm_classifier_is_ready(engine: Engine, dataset: DatasetCard, tmp_path: Path) -> None:
    card = stored(engine, tmp_path, 2)
    request = Request("warm", {"model": card.fingerprint})
    engine.warm(card.fingerprint)
    await_true(lambda: (row := engine.row(request.key)) is not None and row.state == "done")
    request = Request("attribution", {"dataset": dataset.fingerprint, "samples": [1], "model": card.fingerprint})
    assert np.isfinite(engine.result(request).array("heatmap")).all()


def projection(dataset: DatasetCard, classifier: Any, **more: Any) -> dict[str, Any]:
    model = None if classifier is None else classifier.card.fingerprint
    return {"dataset": dataset.fingerprint, "model": model, "n_samples": 120, **more}


def test_a_projection_brings_its_index_and_keeps_its_frames(
    engine: Engine, dataset: DatasetCard, tmp_path: Path
) -> None:
    from nnvis_dash.analysis.classifier import open_classifier
    from nnvis_dash.analysis.projections import project

    classifier = open_classifier(engine.workspace, stored(engine, tmp_path, 4).fingerprint)
    parameters = projection(dataset, classifier, seed=3, parameters={"iterations": 100})
    request = Request("projection", parameters)
    seen: list[Row] = []
    artifact = engine.result(request, on_progress=seen.append)
    ids = artifact.array("sample_ids")
    labels = engine.workspace.dataset("bands").labels
    assert len(ids) == 120
    assert sorted(ids.tolist()) == ids.tolist()
    assert np.bincount(labels[ids]).tolist() == [40, 40, 40]
    index_key_ = index_request(classifier.card, dataset).key
    features = load_index(engine.workspace.artifacts.load(index_key_)).features[ids]
    direct = project(features, "tsne", seed=3, iterations=100)
    np.testing.assert_allclose(artifact.array("coordinates"), direct.coordinates, rtol=1e-3, atol=1e-3)
    parts = engine.workspace.artifacts.parts(request.key)
    frames = sorted(name for name in parts.names() if name.startswith("frame-"))
    assert 20 <= len(frames) <= 100
    assert frames[0] == "frame-000000"
    assert frames[-1] == "frame-000350"
    assert np.abs(parts.load(frames[0])["coordinates"]).max() < 0.01  # the start, before the first iteration
    np.testing.assert_array_equal(parts.load(frames[-1])["coordinates"], artifact.array("coordinates"))
    np.testing.assert_array_equal(parts.load("ids")["sample_ids"], ids)
    assert artifact.card["method"] == "tsne"
    assert {row.state for row in seen} >= {"running", "done"}


def test_a_projection_of_pixels_needs_no_classifier(engine: Engine, dataset: DatasetCard) -> None:
    parameters = projection(dataset, None, features="pixels", method="pca", n_samples=0)
    artifact = engine.result(Request("projection", parameters))
    assert artifact.array("sample_ids").tolist() == list(range(900))
    coordinates, labels = artifact.array("coordinates"), engine.workspace.dataset("bands").labels
    centres = [coordinates[labels == label].mean(axis=0) for label in range(3)]
    spread = max(coordinates[labels == label].std(axis=0).max() for label in range(3))
    assert min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2))) > 3 * spread


def test_a_projection_of_a_layer(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    parameters = projection(dataset, classifier, features="layer:conv1", method="pca")
    artifact = engine.result(Request("projection", parameters))
    means = load_index(engine.result(index_request(classifier.card, dataset))).layer("conv1")
    assert means.shape == (900, 8)
    assert artifact.array("mean").shape == (8,)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_samples_are_placed_on_the_map_that_is_there(
    engine: Engine, dataset: DatasetCard, classifier: Any, method: str
) -> None:
    parameters = projection(dataset, classifier, method=method)
    mapped = engine.result(Request("projection", parameters))
    ids = mapped.array("sample_ids")
    others = np.setdiff1d(np.arange(900), ids)[:5]
    samples = encode_ids([int(ids[3]), *others.tolist()])
    placed = engine.result(Request("placement", {**parameters, "samples": samples}))
    wanted = sorted([int(ids[3]), *others.tolist()])
    assert placed.array("sample_ids").tolist() == wanted
    place = placed.array("coordinates")[wanted.index(int(ids[3]))]
    width = np.ptp(mapped.array("coordinates"), axis=0).max()
    assert np.linalg.norm(place - mapped.array("coordinates")[3]) < 0.1 * width
    assert placed.array("coordinates").shape == (6, 2)


def test_a_map_goes_on_from_another_and_says_how_far_it_can_be_believed(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    parameters = projection(dataset, classifier)
    first = Request("projection", parameters)
    before = engine.result(first).array("coordinates")
    request = Request("projection", {**parameters, "parameters": {"perplexity": 15}, "start": first.key})
    after = engine.result(request).array("coordinates")
    frames = engine.workspace.artifacts.parts(request.key)
    begun = frames.load("frame-000000")["coordinates"]
    np.testing.assert_allclose(begun, before - before.mean(axis=0), atol=1e-3)
    assert max(frames.names() - {"ids"}) == "frame-000250"
    assert not np.allclose(after, before, atol=0.1)
    found = engine.result(Request("honesty", {"map": request.key}))
    assert found.card["n_neighbours"] == 10
    for name in ("trustworthiness", "continuity"):
        values = found.array(name)
        assert values.shape == (120,) and values.dtype == np.float32
        assert 0.5 < found.card[name] <= 1
        assert found.card[name] == pytest.approx(float(values.mean()))
    with pytest.raises(ParameterError, match="is of other samples"):
        engine.result(Request("projection", {**parameters, "n_samples": 60, "start": first.key}))
    with pytest.raises(ParameterError, match=r"not kept any more\. Press “start anew”"):
        engine.result(Request("projection", {**parameters, "start": "0" * 32}))


def test_a_cancelled_projection_stops_between_two_frames(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    request = Request("projection", projection(dataset, classifier, n_samples=0, parameters={"iterations": 5000}))
    parts = engine.workspace.artifacts.parts(engine.submit(request))
    await_true(lambda: sum(name.startswith("frame") for name in parts.names()) >= 3)
    engine.cancel(request.key)
    time.sleep(1.0)
    kept = parts.names()
    time.sleep(0.7)
    assert parts.names() == kept
    assert not engine.workspace.artifacts.has(request.key)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": None}, ParameterError, "Choose a classifier"),
        ({"features": "layers:conv1"}, ParameterError, "no features 'layers:conv1'"),
        ({"features": "layer:conv9"}, NotFound, "conv9"),
        ({"method": "tsme"}, NotFound, "tsme"),
        ({"parameters": {"perplexity": -1}}, ParameterError, "perplexity"),
    ],
)
def test_what_a_projection_cannot_take_is_named(
    engine: Engine, dataset: DatasetCard, classifier: Any, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        engine.result(Request("projection", {**projection(dataset, classifier), **change}))


def test_the_index_command(
    engine: Engine, dataset: DatasetCard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nnvis_dash.commands import main

    name = stored(engine, tmp_path, 5).name
    command = ["index", name, "bands", "--workspace", str(engine.workspace.path)]
    assert main([*command, "--scheduler", engine.address, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert engine.workspace.artifacts.has(record["key"])
    assert (record["n_samples"], record["known"]) == (900, False)
    assert main(command) == 0  # known: no engine is started
    assert "has indexed bands already" in capsys.readouterr().out
    assert main(["index", "net99", "bands", "--workspace", str(engine.workspace.path)]) == 1
    assert "net99" in capsys.readouterr().err
