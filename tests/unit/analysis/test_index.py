"""One pass gives what a keras sub-model for every layer, reduced in numpy, gives."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis import index as indexing
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import (
    Index,
    choose_precision,
    index,
    index_arrays,
    index_chunk,
    index_key,
    load_index,
    merge_chunks,
)
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.datasets import load_dataset
from tests import networks


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.residual(), preprocessing="unit")


@pytest.fixture(scope="module")
def images():
    return networks.images(7, (12, 12, 1))


@pytest.fixture(scope="module")
def whole(clf, images):
    return index(clf, images)


@pytest.mark.parametrize("name", ["sequential", "residual"])
def test_equals_sub_models_reduced_in_numpy(name):
    import keras

    model = networks.ALL[name]()
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = networks.images(6, clf.card.input_shape)
    found = index(clf, images)
    x = images.astype("float32") / 255
    np.testing.assert_allclose(found.probabilities, model(x, training=False), atol=1e-6)
    feature_layer = model.get_layer(clf.card.feature_layer)
    np.testing.assert_allclose(
        found.features, keras.Model(model.inputs[0], feature_layer.output)(x), rtol=1e-4, atol=1e-5
    )
    for layer in clf.card.layers:
        if not layer.n_units:
            continue
        output = keras.Model(model.inputs[0], model.get_layer(layer.name).output)(x, training=False).numpy()
        flat = output.reshape(len(x), -1, layer.n_units)
        columns = [column for column, unit in enumerate(found.units) if unit.layer == layer.name]
        assert len(columns) == layer.n_units
        np.testing.assert_allclose(found.unit_activations[:, columns], flat.max(axis=1), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.unit_means[:, columns], flat.mean(axis=1), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.layer(layer.name), flat.mean(axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", networks.ALL)
def test_every_kind_of_network(name):
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(4, clf.card.input_shape)
    found = index(clf, images)
    np.testing.assert_allclose(found.probabilities, clf.predict(images), atol=1e-5)
    assert found.features.shape[0] == 4
    assert found.features.shape[1] >= 2
    assert found.unit_activations.shape == found.unit_means.shape == (4, len(found.units))
    assert (found.unit_activations >= found.unit_means - 1e-5).all()
    for array in (found.probabilities, found.features, found.unit_activations, found.unit_means):
        assert array.dtype == np.float32


def test_features_of_a_map_are_averaged(monkeypatch):
    from nnvis_dash.analysis import card

    monkeypatch.setattr(card, "FEATURE_LIMIT", 10)
    model = networks.one_sigmoid()
    found = index(Classifier.from_keras(model), networks.images(3, (8, 8, 1)))
    np.testing.assert_allclose(found.features, found.layer("conv"), rtol=1e-6)


def test_chunks_do_not_matter(clf, images, whole, monkeypatch):
    monkeypatch.setattr(indexing, "chunk_size", lambda card: 3)
    done = []
    pieces = index(clf, images, on_progress=lambda *progress: done.append(progress))
    assert done == [(3, 7), (6, 7), (7, 7)]
    for name in indexing.ARRAYS:
        np.testing.assert_allclose(getattr(pieces, name), getattr(whole, name), rtol=1e-5, atol=1e-6)
    assert pieces.units == whole.units


def test_merged_with_or_without_their_number(clf, images, whole):
    chunks = [index_chunk(clf, images[:4]), index_chunk(clf, images[4:])]
    for merged in (merge_chunks(clf.card, chunks), merge_chunks(clf.card, iter(chunks), 7)):
        np.testing.assert_allclose(merged.unit_activations, whole.unit_activations, rtol=1e-5, atol=1e-6)
    with pytest.raises(ParameterError, match="4 of 7"):
        merge_chunks(clf.card, chunks[:1], 7)


def test_a_dataset_of_another_size_is_fitted(clf):
    data = load_dataset(networks.images(5, (20, 16, 3)), labels=[0, 1, 0, 1, 0])
    found = index(clf, data)
    np.testing.assert_allclose(found.probabilities, clf.predict(np.asarray(data.images)), atol=1e-5)
    assert len(found) == 5


def test_stored_and_loaded(tmp_path, whole):
    artifacts = Artifacts(tmp_path)
    artifacts.save(key := index_key("m", "d"), index_arrays(whole), {})
    loaded = load_index(artifacts.load(key))
    for name in indexing.ARRAYS:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(whole, name))
    assert loaded.units == whole.units
    assert (loaded.precision, loaded.note) == ("float32", "")


def test_key_names_what_matters():
    keys = {index_key("m", "d"), index_key("n", "d"), index_key("m", "e"), index_key("m", "d", "bfloat16")}
    assert len(keys) == 4
    assert index_key("m", "d") == index_key("m", "d", "float32")


def test_bfloat16_is_close_and_leaves_the_model_alone():
    model = networks.residual()
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = networks.images(8, (12, 12, 1))
    weights, exact = model.get_weights(), index(clf, images)
    rough = index_chunk(clf, images, "bfloat16")
    assert not np.array_equal(rough["unit_means"], exact.unit_means)
    np.testing.assert_allclose(rough["probabilities"], exact.probabilities, atol=0.02)
    np.testing.assert_allclose(rough["unit_means"], exact.unit_means, rtol=0.1, atol=0.05)
    np.testing.assert_array_equal(index(clf, images).probabilities, exact.probabilities)
    assert {str(layer.compute_dtype) for layer in model.layers} == {"float32"}
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", networks.ALL)
def test_bfloat16_runs_every_kind_of_network(name):
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(3, clf.card.input_shape)
    rough = index_chunk(clf, images, "bfloat16")
    assert rough["probabilities"].dtype == np.float32
    np.testing.assert_allclose(rough["probabilities"], clf.predict(images), atol=0.05)


def test_bfloat16_that_disagrees_falls_back_and_says_so(clf, images, monkeypatch):
    original = indexing.index_chunk

    def rolled(clf, images, precision="float32"):
        found = original(clf, images)
        if precision == "bfloat16":
            found["probabilities"] = np.roll(found["probabilities"], 1, axis=1)
        return found

    monkeypatch.setattr(indexing, "index_chunk", rolled)
    assert choose_precision(clf, images, "bfloat16") == (
        "float32",
        "bfloat16 predicts the same class for only 0.0% of 7 images; float32 was used",
    )
    found = index(clf, images, "bfloat16")
    assert found.precision == "float32"
    assert "0.0%" in found.note


def test_bfloat16_that_agrees_is_taken(clf, images):
    found = index(clf, images, "bfloat16")
    assert (found.precision, found.note) == ("bfloat16", "")


def test_what_cannot_be_indexed_is_refused(clf, images, whole):
    with pytest.raises(ParameterError, match="no images"):
        index(clf, images[:0])
    with pytest.raises(ParameterError, match="no precision 'float16'"):
        index(clf, images, "float16")
    with pytest.raises(NotFound, match=r"layer with units 'sum'.*stem, depthwise, separable, scores"):
        whole.layer("sum")
    assert isinstance(whole, Index)


def test_large_maps_are_averaged_exactly_enough():
    """Pooling over 200 × 200 positions must not lose digits, as adding one by one in float32 would."""
    from nnvis_dash.analysis.lean import greatest_and_mean

    maps = np.random.default_rng(0).uniform(0, 1, (2, 200, 200, 5)).astype("float32")
    greatest, mean = (tensor.numpy() for tensor in greatest_and_mean(maps))
    np.testing.assert_array_equal(greatest, maps.max(axis=(1, 2)))
    np.testing.assert_allclose(mean, maps.mean(axis=(1, 2), dtype="float64"), rtol=1e-5)
