"""What the dots of units ask: responses and top images, equal to the analysis over the same arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.activation_area import activation_area
from nnvis_dash.analysis.index import Index, load_index
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.questions.top_images import outline
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard
from tests.engine.test_analyses import index_request, stored
from tests.engine.test_analyses import opened as opened_net

LABELS = np.arange(60) % 3


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """60 grey images of 12 × 12 in three classes that differ in where they are bright."""
    rng = np.random.default_rng(4)
    images = rng.integers(0, 90, (60, 12, 12, 1))
    for label in range(3):
        images[label == LABELS, 4 * label : 4 * label + 4] += 120
    return engine.workspace.add_dataset(
        images.astype(np.uint8), name="a few bands", labels=LABELS, class_names=["top", "middle", "bottom"]
    )[0]


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("dots"), 11)


@pytest.fixture(scope="module")
def indexed(engine: Engine, dataset: DatasetCard, classifier: Any) -> Index:
    return load_index(engine.result(index_request(classifier.card, dataset)))


@pytest.fixture
def named(dataset: DatasetCard, classifier: Any) -> dict[str, Any]:
    return {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint}


def responses(engine: Engine, named: dict[str, Any], **more: Any) -> np.ndarray:
    return np.asarray(engine.ask("unit_responses", {**named, **more})["values"])


def test_responses_to_a_selection_are_means_maxima_and_differences_of_the_index(
    engine: Engine, indexed: Index, named: dict[str, Any]
) -> None:
    chosen = np.arange(5, 17)
    table, text = np.asarray(indexed.unit_activations), encode_ids(chosen.tolist())
    mean = table[chosen].mean(axis=0)
    np.testing.assert_allclose(responses(engine, named, samples=text), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(responses(engine, named), table.mean(axis=0), rtol=1e-5, atol=1e-6)
    strongest = responses(engine, named, samples=text, measure="max", by="mean")
    np.testing.assert_allclose(strongest, np.asarray(indexed.unit_means)[chosen].max(axis=0), rtol=1e-5, atol=1e-6)
    rest = np.delete(table, chosen, axis=0).mean(axis=0)
    found = engine.ask("unit_responses", {**named, "samples": text, "measure": "difference"})
    np.testing.assert_allclose(found["values"], mean - rest, rtol=1e-4, atol=1e-5)
    assert found["of"] == [12, 48]


def test_two_classes_are_compared_by_their_images(engine: Engine, indexed: Index, named: dict[str, Any]) -> None:
    first, second = (encode_ids(np.flatnonzero(label == LABELS).tolist()) for label in (0, 2))
    table = np.asarray(indexed.unit_activations)
    found = responses(engine, named, measure="difference", samples=first, against=second)
    expected = table[LABELS == 0].mean(axis=0) - table[LABELS == 2].mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    deviation = table.std(axis=0, dtype=np.float64)
    scaled = responses(engine, named, measure="difference", samples=first, against=second, standardised=True)
    expected = np.divide(expected, deviation, out=np.zeros_like(expected), where=deviation > 0)
    np.testing.assert_allclose(scaled, expected, rtol=1e-3, atol=1e-4)


def test_two_images_are_compared_as_the_classifier_sees_them_edited_ones_too(
    engine: Engine, indexed: Index, named: dict[str, Any]
) -> None:
    table = np.asarray(indexed.unit_activations)
    plain = responses(engine, named, measure="pair", images=[7, 31])
    np.testing.assert_allclose(plain, table[7] - table[31], rtol=1e-4, atol=1e-5)
    flipped = Reference(7, "", (Edit("flip_horizontal", (("degree", 1),)),)).plain
    turned = responses(engine, named, measure="pair", images=[flipped, 7])
    assert np.abs(turned).max() > 1e-3
    twice = responses(engine, named, measure="pair", images=[7, flipped])
    np.testing.assert_allclose(turned, -twice, atol=1e-6)


def test_dead_units_are_those_that_are_0_on_every_image(engine: Engine, indexed: Index, named: dict[str, Any]) -> None:
    found = engine.ask("unit_responses", {**named, "measure": "nothing"})
    assert not np.any(found["values"])
    np.testing.assert_array_equal(found["dead"], (np.asarray(indexed.unit_activations) == 0).all(axis=0))


def test_top_images_come_with_values_classes_and_where_in_them(
    engine: Engine, indexed: Index, named: dict[str, Any], classifier: Any
) -> None:
    column = next(
        i for i, unit in enumerate(indexed.units) if unit.layer == "conv2" and indexed.unit_activations[:, i].any()
    )
    unit = indexed.units[column]
    values = np.asarray(indexed.unit_activations)[:, column]
    found = engine.ask(
        "top_images", {**named, "layer": unit.layer, "channel": unit.channel, "n": 4, "most": 20, "areas": True}
    )
    active = np.flatnonzero(values)
    expected = active[np.lexsort((active, -values[active]))]
    assert found["ids"] == expected[:20].tolist()
    assert [image["id"] for image in found["images"]] == expected[:4].tolist()
    np.testing.assert_allclose([image["value"] for image in found["images"]], values[expected[:4]], rtol=1e-6)
    assert found["classes"] == np.bincount(LABELS[expected[:20]], minlength=3).tolist()
    assert found["active"] == len(active) / 60
    assert [image["label"] for image in found["images"]] == LABELS[expected[:4]].tolist()
    images = engine.workspace.dataset("a few bands").batch(expected[:4].tolist(), (12, 12, 1), "squash")
    areas = activation_area(classifier, images, unit)
    for image, mask, box in zip(found["images"], areas.mask, areas.boxes, strict=True):
        top, left, bottom, right = box
        np.testing.assert_allclose(image["box"], np.array([left, top, right - left, bottom - top]) / 12, atol=1e-4)
        np.testing.assert_array_equal(filled(image["outline"], 12), mask)


def test_a_neuron_is_nowhere_in_the_image_and_a_dead_unit_has_no_images(
    engine: Engine, indexed: Index, named: dict[str, Any]
) -> None:
    found = engine.ask("top_images", {**named, "layer": "classes", "channel": 1, "n": 2, "areas": True})
    assert [(image["box"], image["outline"]) for image in found["images"]] == [(None, ""), (None, "")]
    dead = np.flatnonzero((np.asarray(indexed.unit_activations) == 0).all(axis=0))
    for column in dead[:1]:
        unit = indexed.units[column]
        found = engine.ask("top_images", {**named, "layer": unit.layer, "channel": unit.channel, "areas": True})
        assert (found["images"], found["ids"], found["active"]) == ([], [], 0.0)


def test_what_cannot_be_answered_says_why(engine: Engine, indexed: Index, named: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="no unit 16 in the layer 'conv2'"):
        engine.ask("top_images", {**named, "layer": "conv2", "channel": 16})
    with pytest.raises(NotFound, match="layer with units 'flatten'"):
        engine.ask("top_images", {**named, "layer": "flatten", "channel": 0})
    with pytest.raises(ParameterError, match="All images are selected"):
        engine.ask("unit_responses", {**named, "samples": "0-59", "measure": "difference"})
    with pytest.raises(ParameterError, match="no image 60"):
        engine.ask("unit_responses", {**named, "samples": "3,60"})
    with pytest.raises(ParameterError, match="Give two"):
        engine.ask("unit_responses", {**named, "measure": "pair", "images": [1]})


def test_before_there_is_an_index_two_images_are_compared_and_nothing_else(
    engine: Engine, dataset: DatasetCard, tmp_path_factory: pytest.TempPathFactory
) -> None:
    card = stored(engine, tmp_path_factory.mktemp("new"), 12)
    named = {"dataset": dataset.fingerprint, "model": card.fingerprint}
    with pytest.raises(NotFound, match="not been run over this dataset"):
        engine.ask("unit_responses", named)
    with pytest.raises(NotFound, match="not been run over this dataset"):
        engine.ask("top_images", {**named, "layer": "conv1", "channel": 0})
    found = engine.ask("unit_responses", {**named, "measure": "pair", "images": [0, 1]})
    assert len(found["values"]) == 8 + 16 + 16 + 3 and not np.any(found["dead"])


def filled(path: str, side: int) -> np.ndarray:
    """Return (side, side) bool: which pixels' middles lie inside an SVG path, by the even-odd rule."""
    from skimage.measure import points_in_poly

    middles = np.stack(np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5), axis=-1).reshape(-1, 2) / side
    inside = np.zeros(side * side, bool)
    for part in path.removesuffix("Z").split("Z"):
        corners = np.array([step.split() for step in part.removeprefix("M").split("L")], float)
        inside ^= points_in_poly(middles, corners)
    return inside.reshape(side, side)


def test_an_outline_goes_around_the_area_and_its_holes() -> None:
    mask = np.zeros((12, 12), bool)
    mask[2:9, 3:11] = True
    mask[4:6, 5:8] = False
    mask[10:, :2] = True
    path = outline(mask)
    assert path.count("M") == path.count("Z") == 3
    np.testing.assert_array_equal(filled(path, 12), mask)


def test_an_outline_of_a_large_area_takes_few_points_and_is_off_by_less_than_a_pixel() -> None:
    rows, columns = np.mgrid[:224, :224]
    mask = (rows - 100) ** 2 + (columns - 120) ** 2 < 60**2
    path = outline(mask)
    assert path.count("L") < 80
    wrong = filled(path, 224) != mask
    assert wrong.sum() < 2 * np.pi * 60
