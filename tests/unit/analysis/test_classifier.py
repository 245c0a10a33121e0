"""Images in, probabilities out: the model's own numbers, whatever the sizes, batches and kinds of output."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier, load_classifier, read_model
from nnvis_dash.errors import ModelError, ParameterError
from nnvis_dash.types import PREPROCESSINGS
from nnvis_dash.workspace.pixels import fit_batch
from tests import networks


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


def _softmax(z):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", networks.ALL)
def test_probabilities_are_the_models_own(name):
    model = networks.ALL[name]()
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = networks.images(6, clf.card.input_shape)
    raw = model(images.astype("float32") / 255, training=False).numpy()
    expected = {"one_sigmoid": lambda: np.concatenate([1 - raw, raw], axis=1), "logits": lambda: _softmax(raw)}
    probabilities = clf.predict(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected.get(name, lambda: raw)(), atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", networks.ALL)
def test_a_batch_is_its_images_one_by_one_and_repeats_bit_by_bit(name):
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(5, clf.card.input_shape)
    together = clf.predict(images)
    np.testing.assert_array_equal(together, clf.predict(images))
    np.testing.assert_allclose(together, np.concatenate([clf.predict(image[None]) for image in images]), atol=1e-6)


@pytest.mark.parametrize("name", networks.ALL)
def test_logits_belong_to_the_probabilities(name):
    clf = Classifier.from_keras(networks.ALL[name](), preprocessing="unit")
    images = networks.images(4, clf.card.input_shape)
    logits = clf.logits(images)
    expected = 1 / (1 + np.exp(-logits)) if name == "one_sigmoid" else _softmax(logits)
    np.testing.assert_allclose(expected, clf.predict(images), atol=1e-6)


def test_one_sigmoid_gives_opposite_log_odds():
    clf = Classifier.from_keras(networks.one_sigmoid())
    logits = clf.logits(networks.images(3, (8, 8, 1)))
    np.testing.assert_array_equal(logits[:, 0], -logits[:, 1])


def test_several_sigmoids_stay_as_they_are():
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((2, 2, 1)), layers.Flatten(), layers.Dense(3, activation="sigmoid")])
    clf = Classifier.from_keras(model)
    images = networks.images(4, (2, 2, 1))
    assert clf.card.output == "sigmoid"
    assert clf.card.n_classes == 3
    np.testing.assert_allclose(clf.predict(images), model(images.astype("float32")), atol=1e-6)


def test_an_ending_that_cannot_be_taken_off_gives_logarithms():
    import keras
    from keras import layers

    inputs = keras.Input((2, 2, 1))
    x = layers.Dense(3, activation="softmax")(layers.Flatten()(inputs))
    clf = Classifier.from_keras(keras.Model(inputs, x * 1.0), output="softmax")
    images = networks.images(3, (2, 2, 1)) // 64
    np.testing.assert_allclose(clf.logits(images), np.log(clf.predict(images)), atol=1e-5)


@pytest.mark.parametrize("name", PREPROCESSINGS)
def test_preprocessing_by_hand(name):
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((1, 1, 3)), layers.Flatten(), layers.Dense(3)])
    model.layers[-1].set_weights([np.eye(3), np.zeros(3)])  # puts its input out
    clf = Classifier.from_keras(model, preprocessing=name)
    pixel = np.array([[[[255, 0, 51]]]], dtype=np.uint8)
    expected = {
        "raw": [255, 0, 51],
        "unit": [1, 0, 0.2],
        "symmetric": [1, -1, -0.6],
        "imagenet": [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225],
        "caffe": [51 - 103.939, -116.779, 255 - 123.68],
    }[name]
    np.testing.assert_allclose(clf.logits(pixel)[0], expected, rtol=1e-5, atol=1e-6)


def test_floats_and_whole_numbers_of_any_type_are_the_same(clf):
    images = networks.images(3, (12, 10, 3))
    expected = clf.predict(images)
    for kind in ("float32", "float64", "int64", "uint16"):
        np.testing.assert_allclose(clf.predict(images.astype(kind)), expected, atol=1e-6)


@pytest.mark.parametrize("resize", ["squash", "crop"])
def test_other_sizes_are_fitted(resize):
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit", resize=resize)
    images = networks.images(2, (30, 20, 3))
    np.testing.assert_array_equal(clf.predict(images), clf.predict(fit_batch(images, (12, 10, 3), resize)))
    mixed = [images[0], images[1, :15], images[0, :, :, :1]]
    each = np.concatenate([clf.predict(image[None]) for image in mixed])
    np.testing.assert_allclose(clf.predict(mixed), each, atol=1e-6)


def test_grey_images_may_leave_their_channel_out():
    clf = Classifier.from_keras(networks.one_sigmoid())
    images = networks.images(3, (8, 8, 1))
    np.testing.assert_array_equal(clf.predict(images[..., 0]), clf.predict(images))


def test_no_images_give_no_rows(clf):
    assert clf.predict(np.empty((0, 12, 10, 3), np.uint8)).shape == (0, 5)
    assert clf.predict([]).shape == (0, 5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((12, 10, 3), np.uint8), r"shape \(12, 10, 3\)\. Give \(N, height, width, 3\); for one image"),
        (np.zeros((2, 12, 10, 4), np.uint8), "4 channels; the classifier 'sequential' takes 3"),
        (np.zeros((2, 0, 10, 3), np.uint8), r"shape \(2, 0, 10, 3\)"),
        (np.full((2, 12, 10, 3), np.nan), "Image 0 holds NaN or infinity"),
        (np.full((2, 12, 10, 3), 300), "pixels from 300 to 300"),
        (np.zeros((2, 12, 10, 3), bool), "true or false"),
        (np.full((2, 12, 10, 3), "a"), "of type <U1"),
        (np.full((1, 9, 9, 3), 0.5), "9 × 9 × 3 with fractions"),
    ],
)
def test_images_that_do_not_fit_are_refused(clf, images, message):
    with pytest.raises(ParameterError, match=message) as caught:
        clf.predict(images)
    assert caught.value.mend


def test_nan_weights_are_reported_with_their_layer():
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((4, 4, 1)),
            layers.Conv2D(2, 3, name="first"),
            layers.Conv2D(2, 1, name="broken"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax", name="head"),
        ],
        name="poisoned",
    )
    model.get_layer("broken").bias.assign([np.nan, 0.0])
    clf = Classifier.from_keras(model)
    with pytest.raises(ModelError, match="'poisoned' gives NaN or infinity for 4 of 4 images, first in the layer 'bro"):
        clf.predict(networks.images(4, (4, 4, 1)))


def test_compiled_is_built_once_by_many_threads(clf):
    built = []
    start = threading.Barrier(8)

    def ask():
        start.wait()
        clf.compiled("once", lambda: built.append(1) or "value")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]
    assert clf.compiled("once", lambda: "another") == "value"


def test_threads_may_predict_with_a_cold_classifier():
    images = networks.images(3, (16, 16, 3))
    expected = Classifier.from_keras(networks.nested()).predict(images)
    clf = Classifier.from_keras(networks.nested())
    results = []
    threads = [threading.Thread(target=lambda: results.append(clf.predict(images))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_the_users_model_is_untouched():
    model = networks.residual()
    weights, config = model.get_weights(), model.to_json()
    clf = Classifier.from_keras(model, preprocessing="unit")
    clf.predict(networks.images(2, clf.card.input_shape))
    clf.logits(networks.images(2, clf.card.input_shape))
    assert model.to_json() == config
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_saved_model_is_loaded_with_its_notes(tmp_path):
    path = tmp_path / "mine.keras"
    model = networks.nested()
    model.save(path)
    clf = load_classifier(path)
    images = networks.images(3, clf.card.input_shape)
    assert clf.card.name == "mine"
    assert clf.card.preprocessing.name == "raw"
    assert "Rescaling" in clf.card.notes["preprocessing"]
    np.testing.assert_allclose(clf.predict(images), model(images.astype("float32"), training=False), atol=1e-6)


def test_files_that_are_no_model_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no model file 'nothing\.keras'"):
        load_classifier(tmp_path / "nothing.keras")
    junk = tmp_path / "junk.keras"
    junk.write_bytes(b"PK not a model")
    with pytest.raises(ModelError):
        load_classifier(junk)
    with pytest.raises(ModelError, match=r"can't load the model file 'junk\.keras'"):
        read_model(junk)


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "accuracy"), [("lenet1", 0.979), ("lenet4", 0.985)])
def test_foreign_models_reach_their_accuracy(shared_data, name, accuracy):
    import nnvis_dash as nnvis

    images = next((shared_data / "mnist").glob("*images*"))
    data = nnvis.load_dataset(images).take(range(2000))
    clf = nnvis.load_classifier(shared_data / "models" / "mnist" / f"{name}.keras")
    found = (clf.predict(data.images).argmax(axis=1) == data.labels).mean()
    assert abs(found - accuracy) < 0.02
