"""The path of an edited or attacked image across a map: its ends are where these images are placed by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.index import index, load_index
from nnvis_dash.analysis.projections import Projection
from nnvis_dash.analysis.references import image_of
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError, NotFound, ParameterError, StateError
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard
from nnvis_dash.workspace.artifacts import Artifact
from nnvis_dash.workspace.pixels import fit
from tests.engine.test_analyses import opened as opened_net

SAMPLE = 7
EDITED = Reference(SAMPLE, "", (Edit("rotation", (("degree", 40.0),)), Edit("contrast", (("degree", 0.5),))))


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """150 grey images of 16 × 14, larger than the classifier's input, brighter in one of three bands."""
    rng = np.random.default_rng(11)
    labels = np.arange(150) % 3
    pixels = rng.integers(0, 90, (150, 16, 14, 1))
    for label in range(3):
        pixels[labels == label, 5 * label : 5 * label + 5] += 120
    card, _ = engine.workspace.add_dataset(pixels.astype(np.uint8), name="wide", labels=labels)
    return card


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("net"), 6)


def asked(dataset: DatasetCard, classifier: Any, **more: Any) -> dict[str, Any]:
    model = None if classifier is None else classifier.card.fingerprint
    return {"dataset": dataset.fingerprint, "model": model, "n_samples": 100, "method": "pca", **more}


def path(engine: Engine, parameters: dict[str, Any], reference: Reference, **more: Any) -> Artifact:
    return engine.result(Request("trajectory", {**parameters, "sample": reference.plain, **more}))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"method": "tsne", "parameters": {"iterations": 100}},
        {"features": "layer:conv1"},
    ],
)
def test_the_path_runs_from_the_original_to_the_edited_image(
    engine: Engine, dataset: DatasetCard, classifier: Any, more: dict[str, Any]
) -> None:
    parameters = asked(dataset, classifier, **more)
    found = path(engine, parameters, EDITED)
    places = found.array("coordinates")
    assert (places.shape, places.dtype) == ((9, 2), np.float32)
    np.testing.assert_allclose(found.array("degrees"), np.arange(9) / 8)
    assert found.card["origin"] == SAMPLE

    projection = Projection.from_artifact(engine.result(Request("projection", parameters)))
    width = np.ptp(projection.coordinates, axis=0).max()
    placed = engine.result(Request("placement", {**parameters, "samples": encode_ids([SAMPLE])}))
    np.testing.assert_allclose(places[0], placed.array("coordinates")[0], atol=1e-3 * width)

    whole = engine.workspace.dataset("wide")
    last = fit(image_of(EDITED, whole, engine.workspace.derived), *classifier.card.input_shape)
    seen = index(classifier, last[None])
    features = seen.layer("conv1") if more.get("features") else seen.features
    np.testing.assert_allclose(places[-1], projection.place(features)[0], atol=1e-3 * width)
    predictions = found.array("predictions")
    assert predictions.dtype == np.int32
    assert predictions[-1] == classifier.predict(last[None])[0].argmax()
    assert np.linalg.norm(places[-1] - places[0]) > 0.01 * width


def test_on_a_map_of_pixels_the_path_needs_no_classifier_but_one_may_predict(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    parameters = asked(dataset, None, features="pixels")
    alone = path(engine, parameters, EDITED, steps=4)
    watched = path(engine, parameters, EDITED, steps=4, classifier=classifier.card.fingerprint)
    np.testing.assert_array_equal(alone.array("coordinates"), watched.array("coordinates"))
    assert alone.array("predictions").tolist() == [-1] * 4
    before = load_index(
        engine.result(Request("index", {"model": classifier.card.fingerprint, "dataset": dataset.fingerprint}))
    )
    assert watched.array("predictions")[0] == before.probabilities[SAMPLE].argmax()
    placed = engine.result(Request("placement", {**parameters, "samples": encode_ids([SAMPLE])}))
    np.testing.assert_allclose(alone.array("coordinates")[0], placed.array("coordinates")[0], atol=1e-5)


def test_an_edit_that_changes_nothing_does_not_move(engine: Engine, dataset: DatasetCard, classifier: Any) -> None:
    still = Reference(SAMPLE, "", (Edit("rotation", (("degree", 0.0),)),))
    places = path(engine, asked(dataset, classifier), still).array("coordinates")
    np.testing.assert_allclose(places, np.repeat(places[:1], 9, axis=0), atol=1e-6)


def test_a_perturbed_sample_comes_from_its_parent_and_an_uploaded_one_from_nowhere(
    engine: Engine, dataset: DatasetCard, classifier: Any
) -> None:
    clean = engine.workspace.dataset("wide").image(SAMPLE)
    noise = np.random.default_rng(2).integers(-30, 31, clean.shape)
    image = np.clip(clean + noise, 0, 255).astype(np.uint8)
    about = {"dataset": dataset.fingerprint, "parent": SAMPLE}
    attacked = engine.workspace.derived.save(image, "adversarial", "attacked", **about)
    found = path(engine, asked(dataset, classifier), Reference(None, attacked.fingerprint))
    assert found.card["origin"] == SAMPLE
    unchanged = path(engine, asked(dataset, classifier), EDITED).array("coordinates")[0]
    np.testing.assert_allclose(found.array("coordinates")[0], unchanged, atol=1e-5)

    uploaded = engine.workspace.derived.save(image, "uploaded", "mine", dataset=dataset.fingerprint)
    alone = path(engine, asked(dataset, classifier), Reference(None, uploaded.fingerprint))
    assert (alone.array("coordinates").shape, alone.card["origin"]) == ((1, 2), None)
    np.testing.assert_allclose(alone.array("coordinates")[0], found.array("coordinates")[-1], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"sample": 150}, ParameterError, "no sample 150 in wide"),
        ({"sample": "x"}, StateError, "The image is 'x'"),
        ({"sample": "d" + "0" * 32}, NotFound, "no derived sample"),
        ({"steps": 1}, ParameterError, "A path of 1 images"),
        ({"model": None}, ParameterError, "none was chosen"),
        ({"features": "layer:nowhere"}, NNVisError, "nowhere"),
    ],
)
def test_a_path_that_can_not_be_placed_is_an_error_in_words(
    engine: Engine, dataset: DatasetCard, classifier: Any, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        engine.result(Request("trajectory", {**asked(dataset, classifier), "sample": SAMPLE, **change}))
