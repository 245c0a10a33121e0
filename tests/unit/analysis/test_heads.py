"""One head of several is chosen, and models that don't classify are refused with what they seem to be."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.card import describe
from nnvis_dash.analysis.classifier import Classifier, load_classifier, open_classifier
from nnvis_dash.analysis.heads import choose_head, content_of, output_names
from nnvis_dash.analysis.intake import add_model
from nnvis_dash.errors import ModelError, NotFound, ParameterError
from nnvis_dash.workspace.store import Workspace
from tests.networks import images


def two_heads():
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    boxes = layers.Dense(4, name="boxes")(layers.Flatten(name="flat")(x))
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, [boxes, layers.Dense(5, activation="softmax", name="classes")(x)], name="both")


@pytest.mark.parametrize("head", ["classes", 1, "1"])
def test_a_head_is_cut_out_with_what_it_needs(head):
    model = two_heads()
    chosen, name = choose_head(model, head)
    assert name == "classes" and output_names(model) == ["boxes", "classes"]
    assert "boxes" not in [layer.name for layer in chosen.layers] and "flat" not in [
        layer.name for layer in chosen.layers
    ]
    given = images(3, (8, 8, 3))
    expected = model(given.astype(np.float32))[1].numpy()
    np.testing.assert_allclose(Classifier.from_keras(chosen).predict(given), expected, atol=1e-6)
    assert len(model.outputs) == 2


def test_without_a_choice_the_heads_are_listed():
    with pytest.raises(ModelError) as caught:
        choose_head(two_heads(), None)
    assert "2 outputs: boxes (4), classes (5)" in caught.value.what and "--head boxes" in caught.value.mend


@pytest.mark.parametrize(
    ("head", "error", "message"),
    [
        ("ages", NotFound, "no head 'ages'.*boxes, classes"),
        (2, NotFound, "no head '2'"),
        (True, ParameterError, "True"),
    ],
)
def test_a_head_that_is_not_there(head, error, message):
    with pytest.raises(error, match=message):
        choose_head(two_heads(), head)


def test_one_output_needs_no_choice():
    model, _ = choose_head(two_heads(), "classes")
    assert choose_head(model, None) == (model, "")
    assert choose_head(model, 0) == (model, "") and choose_head(model, "classes") == (model, "")
    with pytest.raises(NotFound, match="'boxes'"):
        choose_head(model, "boxes")


def test_each_head_of_a_file_is_another_classifier():
    assert content_of("file", "") == "file"
    assert len({content_of("file", ""), content_of("file", "a"), content_of("file", "b")}) == 3


def test_a_detector_is_named():
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    x = layers.Reshape((16, 4))(layers.Conv2D(1, 1)(inputs))
    model = keras.Model(inputs, [x, layers.Dense(3)(x)])
    with pytest.raises(ModelError, match=r"16 × 4.*detector or a segmentation"):
        choose_head(model, None)


def _ending(build):
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, build(layers, layers.Conv2D(4, 3, padding="same")(inputs)), name="other")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda layers, x: layers.Softmax()(x), r"\(8, 8, 4\).*labels every pixel \(a segmentation network\)"),
        (lambda layers, x: x, r"\(8, 8, 4\).*labels every pixel, or makes an image"),
        (lambda layers, x: layers.MaxPooling2D()(x), r"\(4, 4, 4\).*head is missing \(include_top=False\)"),
        (lambda layers, x: layers.Reshape((64, 4))(x), r"\(64, 4\).*detectors"),
        (lambda layers, x: layers.UnitNormalization()(layers.Dense(9)(layers.Flatten()(x))), "9 numbers.*embedding"),
    ],
)
def test_outputs_that_are_no_class_scores_are_refused_with_the_reason(build, message):
    with pytest.raises(ModelError, match=message) as caught:
        describe(_ending(build))
    assert caught.value.mend


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8, 8, 4), "4 channels, and images have 1"),
        ((3, 32, 32), "its channels come first"),
        ((4, 8, 8, 3), "several images or a volume"),
        ((64,), "no image with channels"),
    ],
)
def test_inputs_that_are_no_image_are_refused_with_the_reason(shape, message):
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ModelError, match=message):
        describe(model)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_images_go_into_colour_models_and_the_other_way_round(channels):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((6, 6, channels)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    clf = Classifier.from_keras(model, "unit")
    given = images(4, (6, 6, 4 - channels))
    if channels == 3:
        expected = np.repeat(given, 3, axis=3)
    else:  # ITU-R 601, as Pillow rounds it
        expected = np.rint(given @ np.array([0.299, 0.587, 0.114]))[..., None].astype(np.uint8)
    np.testing.assert_allclose(clf.predict(given), clf.predict(expected), atol=0.02)
    assert clf.prepare(given).shape == (4, 6, 6, channels)


def test_a_file_with_two_heads_is_added_by_head_and_of_any_size_by_size(tmp_path):
    import keras
    from keras import layers

    inputs = keras.Input((None, None, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(inputs))
    heads = [layers.Dense(4, name="boxes")(x), layers.Dense(5, activation="softmax", name="classes")(x)]
    keras.Model(inputs, heads, name="both").save(tmp_path / "both.keras")
    workspace = Workspace(tmp_path / "workspace")
    with pytest.raises(ModelError, match=r"2 outputs: boxes \(4\), classes \(5\)"):
        add_model(workspace, tmp_path / "both.keras")
    assert workspace.models() == []
    card, _ = add_model(workspace, tmp_path / "both.keras", head="classes", input_size=(20, 30))
    assert (card.n_classes, card.output, card.input_shape) == (5, "softmax", (20, 30, 3))
    assert card.notes["head"] == "classes" and "input size" not in card.notes
    stored = open_classifier(workspace, card.fingerprint)
    assert len(stored.model.outputs) == 1 and stored.predict(images(2, (40, 30, 3))).shape == (2, 5)
    loaded = load_classifier(tmp_path / "both.keras", head=1, input_size=(20, 30))
    assert loaded.card.fingerprint == card.fingerprint
